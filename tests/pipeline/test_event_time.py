"""Undated, future-dated and late articles, and workers that fall silent: record to counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ingest.files import Record
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor
from pipeline.observe import Observer
from pipeline.step import Tracker
from pipeline.store import positions, tables
from pipeline.store.database import Database
from pipeline.store.verify import verify
from pipeline.worker import Worker
from tests.fakes import MONDAY, TOPICS, ListSource, ManualClock, classify, link
from tests.pipeline.test_monitor import KEYS, LATENESS, Mailbox, monitor

NINE = MONDAY + timedelta(hours=9)
MINUTE = timedelta(minutes=1)
MS = timedelta(milliseconds=1)


def line(name: str, at: datetime | None, title: str = "negative Energy") -> bytes:
    article = {"source": "wire", "id": name, "title": title}
    return json.dumps(article | ({"published_at": at.isoformat()} if at else {})).encode()


class Desk:
    """Worker, monitor and metrics over one database; the clock stands at nine until moved."""

    def __init__(self, db: Database, partitions: dict[int, list[bytes]]) -> None:
        self.db = db
        self.clock = ManualClock(NINE)
        self.metrics = Metrics(program_version="0", topics=TOPICS, keys=KEYS.tested())
        self.observer = Observer(self.metrics, db, self.clock)
        self.source = ListSource(partitions, clock=self.clock, ends=False)
        self.worker = Worker(
            db,
            self.source,
            classify=classify,
            link=link,
            lateness=LATENESS,
            clock=self.clock,
            name="desk",
        )
        self.worker.start()
        self.monitor: Monitor = monitor(db, Mailbox(), NINE)

    def work(self, steps: int = 2) -> None:
        for _ in range(steps):
            self.observer.worked(self.worker, self.worker.step(0.0))

    def tick(self) -> datetime | None:
        tick = self.monitor.tick(self.clock())
        self.observer.ticked(self.monitor, tick)
        return tick.watermark.at

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"bearwatch_{name}", labels)

    def articles(self) -> int:
        with self.db.read() as connection:
            query = select(tables.bucket.c.articles).where(tables.bucket.c.kind == "all")
            return sum(connection.execute(query).scalars())


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (None, "missing"),
        (NINE + 5 * MINUTE, None),
        (NINE + 5 * MINUTE + MS, "future"),
        (datetime(2099, 1, 1, tzinfo=UTC), "future"),
        (datetime(1970, 1, 1, tzinfo=UTC), None),
        (datetime(1904, 2, 29, 23, 59, tzinfo=UTC), None),
    ],
)
def test_article_without_a_usable_time_is_stored_and_scored_and_never_counted(
    db: Database, at: datetime | None, why: str | None
) -> None:
    desk = Desk(db, {0: [line("a", at)]})
    desk.work()
    desk.tick()
    with db.read() as connection:
        row = connection.execute(select(tables.article)).one()
        newest = connection.execute(select(tables.source_position.c.newest_event)).scalar_one()
    assert (row.undated, row.topic, row.sentiment) == (why, "Energy", "negative")
    counted = why is None
    assert (row.published_at, newest) == ((at, at) if counted else (None, None))
    assert desk.articles() == counted
    assert desk.value("undated_total") == (not counted)
    assert verify(db, KEYS).total == 0


def test_future_is_reckoned_from_the_records_own_time_and_not_from_the_clock() -> None:
    # A record of last year that is read today: what it calls tomorrow was the future then.
    written = NINE - timedelta(days=365)
    raw = line("a", written + timedelta(days=1))
    parsed = Tracker(LATENESS, next={("news", 0): 0}).parse([Record("news", 0, 0, raw, written)])
    ((article, _, late),) = parsed.articles
    assert (article.undated, late) == ("future", False)


def test_article_of_the_future_makes_no_other_one_late(db: Database) -> None:
    lines = [line("a", NINE), line("b", datetime(2099, 1, 1, tzinfo=UTC)), line("c", NINE)]
    desk = Desk(db, {0: lines})
    desk.work()
    assert desk.tick() == NINE - LATENESS
    assert desk.value("late_total") == 0


def test_late_article_is_counted_as_late_and_corrects_its_bucket_at_any_age(
    db: Database,
) -> None:
    desk = Desk(db, {0: [line("a", NINE)]})
    desk.work()
    before = desk.tick()
    for number, age in enumerate((timedelta(minutes=11), timedelta(days=40), 50 * timedelta(365))):
        values = desk.source.values["news", 0]
        values.append(line(f"late{number}", NINE - age, f"negative Energy {number}"))
        desk.work()
        assert desk.tick() == before
        assert desk.value("late_total") == number + 1
        assert desk.articles() == number + 2
        assert verify(db, KEYS).total == 0


def test_worker_that_stops_reporting_holds_the_watermark_and_shows(db: Database) -> None:
    desk = Desk(db, {0: [line("a", NINE)], 1: [line("b", NINE)]})
    desk.work()
    assert desk.tick() == NINE - LATENESS
    assert desk.value("watermark_state", state="silent") == 1
    desk.clock.move(timedelta(minutes=30))
    assert desk.tick() == NINE - LATENESS
    assert desk.value("watermark_state", state="stale_report") == 1
    assert desk.value("watermark_state", state="silent") == 0
    desk.work()
    assert desk.tick() == NINE + 10 * MINUTE
    assert desk.value("watermark_state", state="stale_report") == 0
    desk.observer.stood_by()
    assert b"watermark_state{" not in desk.metrics.exposition()


def test_partition_counts_as_idle_only_from_a_report_that_saw_its_end(db: Database) -> None:
    desk = Desk(db, {0: [line("a", NINE)], 1: [line("b", NINE - 60 * MINUTE)]})
    desk.worker._take(0.0)
    # Between the poll and its commit another record comes.
    desk.source.values["news", 1].append(line("c", NINE - 59 * MINUTE))
    desk.work(1)
    assert {r.partition: r.idle for r in positions.reports(db)} == {0: True, 1: False}
    assert desk.tick() == NINE - 60 * MINUTE - LATENESS
    desk.work(1)
    assert desk.tick() == NINE - LATENESS
    assert desk.value("watermark_state", state="silent") == 1
