"""From the inbox to articles: nothing lost, nothing twice, and what was read does not stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from threading import Event

from sqlalchemy import func, select

from ingest.files import Record
from pipeline.inbox_source import InboxSource
from pipeline.parts import keep_working
from pipeline.store import inbox, positions, tables
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.summary import stats
from pipeline.worker import Worker
from tests.fakes import MONDAY, ManualClock, classify, link

NOW = MONDAY + timedelta(days=1)


def line(number: int) -> bytes:
    at = (MONDAY + timedelta(minutes=number)).isoformat()
    return json.dumps(
        {"source": "wire", "id": f"a{number}", "title": f"Macro {number}", "published_at": at}
    ).encode()


def hand_in(db: Database, numbers: Sequence[int]) -> None:
    inbox.put(db, [line(number) for number in numbers], at=NOW)


def make(db: Database, source: InboxSource | None = None, name: str = "w") -> Worker:
    return Worker(
        db,
        source or InboxSource(db, until_idle=True, max_records=4),
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=ManualClock(NOW),
        name=name,
    )


def work(db: Database) -> None:
    keep_working(make(db), Event(), lambda _: None)


def rows(db: Database) -> list[int]:
    return [record.offset for record in inbox.read(db, 0, 1_000)]


def queued(db: Database) -> int:
    """How often an article was stored."""
    with db.read() as connection:
        query = select(func.count()).select_from(tables.changed)
        return connection.execute(query).scalar_one()


def test_what_was_handed_in_is_stored_once_with_its_time_and_its_bad_records(db: Database) -> None:
    hand_in(db, range(6))
    inbox.put(db, [b"\xff", line(6)], at=NOW)
    work(db)
    assert (stats(db).articles, dict(stats(db).dead_letters)) == (7, {"not_utf8": 1})
    with db.read() as connection:
        received = connection.execute(select(tables.article.c.received_at).distinct()).scalars()
        assert received.all() == [NOW]
    (report,) = positions.reports(db)
    assert (report.topic, report.position, report.end, report.finished) == ("inbox", 8, 8, True)


def test_next_start_goes_on_and_removes_what_a_killed_reader_left(db: Database) -> None:
    hand_in(db, range(10))
    killed = make(db)
    killed.start()
    killed.step(0.0)
    killed.step(0.0)
    assert inbox.position(db) == 8
    assert rows(db)[-2:] == [8, 9]
    assert rows(db)[0] < 8  # committed, and not yet forgotten
    hand_in(db, range(10, 12))
    work(db)
    assert (stats(db).articles, queued(db)) == (12, 12)
    source = InboxSource(db, until_idle=True)
    source.seek({inbox.PARTITION: inbox.position(db)})
    assert (source.poll(0.0), rows(db)) == ([], [])


def test_rows_stay_until_the_position_is_past_them(db: Database) -> None:
    hand_in(db, range(6))
    positions.claim(db, {inbox.PARTITION: None}, now=NOW, worker="w")
    source = InboxSource(db, max_records=2)
    source.seek({inbox.PARTITION: 0})
    offsets = [record.offset for _ in range(4) for record in source.poll(0.0)]
    assert offsets == rows(db) == list(range(6))


def test_of_two_readers_the_one_that_is_behind_is_refused_and_goes_on(db: Database) -> None:
    hand_in(db, range(12))
    late = make(db, name="late")
    late.start()
    late._take(0.0)  # read, but not committed, when the other one reads all
    work(db)
    assert late.step(0.0).refused
    hand_in(db, range(12, 15))
    keep_working(late, Event(), lambda _: None)
    assert (stats(db).articles, queued(db)) == (15, 15)


def test_reader_waits_for_what_is_handed_in_later(db: Database) -> None:
    source = InboxSource(db)
    source.seek({inbox.PARTITION: 0})
    assert source.poll(0.0) == []
    assert not source.finished
    hand_in(db, [0])
    assert [record.offset for record in source.poll(5.0)] == [0]


class Gone(InboxSource):
    """Its database does not answer the numbered polls."""

    def __init__(self, db: Database, away: set[int]) -> None:
        super().__init__(db, until_idle=True, max_records=4)
        self._away = away
        self._polls = 0

    def poll(self, timeout_s: float) -> Sequence[Record]:
        self._polls += 1
        if self._polls in self._away:
            raise DatabaseAway("gone")
        return super().poll(timeout_s)


def test_database_that_does_not_answer_a_poll_loses_nothing(db: Database) -> None:
    hand_in(db, range(12))
    failures: list[object] = []
    keep_working(make(db, Gone(db, {2, 3, 5})), Event(), failures.append)
    assert failures.count(None) == 3
    assert (stats(db).articles, queued(db)) == (12, 12)
