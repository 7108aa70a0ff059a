"""Worker and monitor as programs: they outlive their database, and a standby keeps quiet."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, func, select

from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.key_metrics import READINGS, KeyReading, OpenIncident
from pipeline.metrics import NEWS, Metrics
from pipeline.monitor import Monitor
from pipeline.parts import Seat, keep_watching, keep_working
from pipeline.settings import Settings
from pipeline.store import tables
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.summary import stats
from pipeline.store.verify import verify
from pipeline.worker import Done, Worker
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, classify, link

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES))


class Flaky(Database):
    """A database that goes away at the numbered transactions: before or after their commit."""

    def __init__(self, db: Database, *, before: set[int], after: set[int]) -> None:
        super().__init__(db.engine)
        self._before = before
        self._after = after
        self.writes = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.writes += 1
        number = self.writes
        if number in self._before:
            raise DatabaseAway("gone before the transaction")
        with super().write() as connection:
            yield connection
        if number in self._after:
            raise DatabaseAway("stored, but the answer was lost")


def lines(number: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "source": "wire",
                "id": str(n),
                "title": f"negative Energy ACM {n}",
                "published_at": (MONDAY + timedelta(minutes=n)).isoformat(),
            }
        ).encode()
        for n in range(number)
    ]


def work(db: Database, observe: Callable[[Done | None], None] = lambda _: None) -> None:
    clock = ManualClock(MONDAY + timedelta(days=1))
    worker = Worker(
        db,
        ListSource({0: lines(60)}, clock=clock, max_records=10),
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=clock,
        name="test",
    )
    keep_working(worker, Event(), observe)


def watch(db: Database) -> None:
    clock = ManualClock(MONDAY + timedelta(days=1))
    keep = timedelta(seconds=30)

    def make(epoch: int) -> Monitor:
        return Monitor(
            db,
            keys=KEYS,
            detection=Detection(db, KEYS.tested(), Settings(), names={}, sinks=()),
            channels={},
            lateness=timedelta(minutes=10),
            fresh_for=timedelta(minutes=1),
            epoch=epoch,
            keep_for=keep,
            clock=clock,
        )

    seat = Seat(db, "test", keep, clock)
    keep_watching(seat, make, Event(), lambda *_: None, until_idle=True)


@pytest.mark.parametrize("seed", range(4))
def test_database_that_goes_away_at_any_commit_loses_nothing_and_doubles_nothing(
    db: Database, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a fixed sequence, not a secret
    broken = draw.sample(range(1, 12), 4)
    seen: list[Done | None] = []
    work(Flaky(db, before=set(broken[:2]), after=set(broken[2:])), seen.append)
    assert seen.count(None) == 4
    assert stats(db).articles == 60
    with db.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.changed)).scalar() == 60
    broken = draw.sample(range(1, 8), 3)
    watch(Flaky(db, before={broken[0]}, after=set(broken[1:])))
    assert {(t.kind, t.key): t.articles for t in stats(db).totals}["all", "all"] == 60
    assert verify(db, KEYS).differences == ()


def test_standby_exports_no_news_gauges_and_the_active_one_all_of_them() -> None:
    metrics = Metrics(
        program_version="1", topics=TOPICS, keys=KEYS.tested(), sinks=("log",), partitions=()
    )
    metrics.key("all", "all", KeyReading(**dict.fromkeys(READINGS, 1.0)))
    metrics.incidents_open([OpenIncident("all", "all", "negative_spike", "warn", MONDAY)])
    assert all(f"\n{name}" in metrics.exposition().decode() for name in NEWS)
    metrics.watching(False)
    page = metrics.exposition().decode()
    assert not any(name in page for name in NEWS)
    assert "\nbearwatch_monitor_active 0.0" in page
    metrics.watching(True)
    page = metrics.exposition().decode()
    assert "\nbearwatch_watermark_timestamp_seconds" in page
    # What a key's score was before another monitor took over is not what it is now.
    assert "\nbearwatch_spike_score{" not in page
    # Should it be the active one again, the same numbers are news again.
    metrics.key("all", "all", KeyReading(**dict.fromkeys(READINGS, 1.0)))
    assert "\nbearwatch_spike_score{" in metrics.exposition().decode()


def test_monitor_does_without_torch() -> None:
    program = "import sys, pipeline.parts; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
