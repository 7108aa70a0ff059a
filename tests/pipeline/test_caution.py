"""Who is blamed when a process ends: the record that was alone in hand, three times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, select

from ingest.files import Record
from models.prediction import Prediction
from pipeline.caution import Attempts, Caution, claimed, condemned
from pipeline.sources import Source
from pipeline.step import Move, Submit, Tracker
from pipeline.store import attempts, positions, tables
from pipeline.store.database import Database
from pipeline.store.summary import stats
from pipeline.worker import Worker
from tests.fakes import MONDAY, ListSource, ManualClock, classify, link

POISON = "poisonous"


class Killed(Exception):
    """Stands for the end of the process: the worker that raised it is used no more."""


def deadly(texts: Sequence[str]) -> Future[list[Prediction]]:
    if any(POISON in text for text in texts):
        raise Killed
    return classify(texts)


def line(number: int, word: str = "calm") -> bytes:
    at = (MONDAY + timedelta(minutes=number)).isoformat()
    fields = {"source": "wire", "id": f"a{number}", "title": f"Macro {word} {number}"}
    return json.dumps(fields | {"published_at": at}).encode()


def new(
    db: Database, source: Source, classify: Submit = deadly, stop: Event | None = None
) -> Worker:
    """As a program that starts: always under the same name."""
    return Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=ManualClock(MONDAY + timedelta(days=1)),
        name="w",
        stop=stop,
        poll_records=4,
    )


def partitions(*values: Sequence[bytes]) -> ListSource:
    clock = ManualClock(MONDAY + timedelta(days=1))
    return ListSource(dict(enumerate(values)), clock=clock, max_records=4)


def live(db: Database, source: Source, steps: int = 1_000) -> bool:
    """One life of a worker; False when it was killed."""
    worker = new(db, source)
    try:
        worker.start()
        for _ in range(steps):
            worker.step(0.0)
            if worker.finished:
                worker.close()
                return True
    except Killed:
        pass
    return False


def dead(db: Database) -> list[tuple[int, int, str]]:
    table = tables.dead_letter.c
    with db.read() as connection:
        rows = connection.execute(
            select(table.partition, table.offset, table.reason).order_by("partition", "offset")
        )
        return [tuple(row) for row in rows]


# Claims follow each other; each row: what was remembered, the position, and what is now.
@pytest.mark.parametrize(
    ("before", "position", "after"),
    [
        # nobody was here before
        (None, 5, Attempts("me", 5)),
        # another was, and got on: its end tells nothing about the records here
        (Attempts("it", 5, claims=2), 6, Attempts("me", 6, claims=1)),
        # another was, and did not get on: once is bad luck
        (Attempts("it", 5), 5, Attempts("me", 5, claims=2)),
        # twice is suspicious, as far as the lost work can have reached
        (Attempts("it", 5, claims=2), 5, Attempts("me", 5, claims=3, careful_until=13)),
        # it let go in good order
        (Attempts(None, 5, claims=2), 5, Attempts("me", 5, claims=1)),
        # it was me: a rebalance, or the database was away
        (Attempts("me", 5, claims=2), 5, Attempts("me", 5, claims=2)),
        # ... and what I had in hand has not killed me
        (Attempts("me", 5, 3, 13, in_hand=5), 5, Attempts("me", 5, 3, 13)),
        # a record was alone in hand when another ended
        (Attempts("it", 6, 1, 13, in_hand=6), 6, Attempts("me", 6, 2, 13, None, 6, 1)),
        # the same record again
        (Attempts("it", 6, 1, 13, 6, 6, 2), 6, Attempts("me", 6, 2, 13, None, 6, 3)),
        # another record: the count begins anew
        (Attempts("it", 7, 1, 13, 7, 6, 2), 7, Attempts("me", 7, 2, 13, None, 7, 1)),
        # it was stored before the end came
        (Attempts("it", 6, 1, 13, in_hand=6), 7, Attempts("me", 7, 1, 13)),
        # nothing was in hand: blame stays where it was
        (Attempts("it", 6, 1, 13, None, 6, 2), 6, Attempts("me", 6, 2, 13, None, 6, 2)),
    ],
)
def test_claim_after_a_claim(before: Attempts | None, position: int, after: Attempts) -> None:
    assert claimed(before, position, run="me", span=8) == after


def test_record_of_a_suspect_partition_comes_alone_and_others_together() -> None:
    caution = Caution()
    caution.set({("news", 0): Attempts("me", 1, 3, careful_until=3)})
    assert caution.needed
    caution.read(
        [Record("news", p, o, b"", MONDAY) for p, o in [(1, 0), (1, 1), (0, 1), (0, 2), (0, 3)]]
    )
    taken = []
    while portion := caution.portion():
        taken.append([(one.partition, one.offset) for one in portion if isinstance(one, Record)])
    # The partition is careful up to offset 3, which is the first that is not.
    assert taken == [[(1, 0), (1, 1)], [(0, 1)], [(0, 2)], [(0, 3)]]
    for position, needed in ((2, True), (3, False)):
        caution.stored({("news", 0): position})
        assert caution.needed == needed
    passed = Caution()
    passed.set({("news", 0): Attempts("me", 3, 3, careful_until=3)})
    assert not passed.needed


def test_nothing_else_is_in_flight_with_a_record_that_may_kill(db: Database) -> None:
    values = [line(n) for n in range(6)]
    for _ in range(3):
        new(db, partitions(values)).start()
    asked: list[Sequence[str]] = []

    def silent(texts: Sequence[str]) -> Future[list[Prediction]]:
        asked.append(texts)
        return Future()

    stop = Event()
    stop.set()
    worker = new(db, partitions(values), silent, stop)
    worker.start()
    worker.step(0.0)
    assert [len(texts) for texts in asked] == [1]


def test_record_that_is_passed_over_moves_the_position_and_no_time() -> None:
    tracker = Tracker(timedelta(minutes=10))
    tracker.set({("news", 0): (3, MONDAY)})
    record = Record("news", 0, 5, line(9), MONDAY)
    parsed = tracker.bury(record, condemned(record))
    assert parsed.moves == (Move("news", 0, 3, 6, MONDAY),)
    assert [(d.origin.offset, d.rejected.raw) for d in parsed.dead] == [(5, line(9))]
    assert tracker.next == {("news", 0): 6}


def test_killing_records_of_two_partitions_are_found_and_all_others_stored(db: Database) -> None:
    first = [line(0, POISON), line(1), line(2), line(3), line(4), line(5, POISON)]
    second = [line(n + 10) for n in range(9)]
    deaths = 0
    while not live(db, partitions(first, second)):
        deaths += 1
        assert deaths < 20
    assert deaths == 2 + 3 + 3
    assert dead(db) == [(0, 0, "kills_process"), (0, 5, "kills_process")]
    assert stats(db).articles == 4 + 9
    with db.read() as connection:
        assert len(connection.execute(select(tables.changed)).all()) == 4 + 9


def test_workers_that_end_in_good_order_make_nothing_suspect(db: Database) -> None:
    for _ in range(5):
        worker = new(db, partitions([line(0)]))
        worker.start()
        worker.close()
    with db.read() as connection:
        assert connection.execute(select(tables.attempt.c.claims)).scalar_one() == 1


def test_worker_that_loses_partitions_lets_them_go(db: Database) -> None:
    both, one = {("news", 0): 0, ("news", 1): 0}, {("news", 0): 0}

    def claim(run: str, of: dict[tuple[str, int], int], held: dict[tuple[str, int], int]) -> None:
        def also(connection: Connection, found: Mapping[tuple[str, int], int]) -> None:
            attempts.claim(connection, found, run=run, span=8, held=held)

        positions.claim(db, dict.fromkeys(of), now=MONDAY, worker=run, also=also)

    claim("a", both, {})
    claim("a", one, both)
    claim("b", both, {})
    with db.read() as connection:
        rows = connection.execute(select(tables.attempt).order_by("partition")).all()
    # Partition 0 was taken from one that had not let go of it, as from one that was killed.
    assert [(row.run, row.claims) for row in rows] == [("b", 2), ("b", 1)]
    claim("a", {}, both)
    attempts.let_go(db, both, run="a")
    assert not attempts.begin(db, ("news", 0), 0, run="a")
    assert attempts.begin(db, ("news", 0), 0, run="b")


def test_partition_at_its_end_is_suspect_no_longer(db: Database) -> None:
    source = partitions([line(0)])
    assert live(db, source)
    for _ in range(3):  # killed while there was nothing to do
        new(db, partitions([line(0)])).start()
    with db.read() as connection:
        assert connection.execute(select(tables.attempt.c.careful_until)).scalar_one() > 1
    assert live(db, partitions([line(0)]))
    with db.read() as connection:
        assert connection.execute(select(tables.attempt.c.careful_until)).scalar_one() == 0


def test_record_in_hand_when_its_worker_is_stopped_is_not_blamed(db: Database) -> None:
    for _ in range(3):
        new(db, partitions([line(0)])).start()
    for _ in range(4):
        worker = new(db, partitions([line(0)]))
        worker.start()
        worker._take(0.0)
        with db.read() as connection:
            assert connection.execute(select(tables.attempt.c.in_hand)).scalar_one() == 0
        worker.close()
    with db.read() as connection:
        row = connection.execute(select(tables.attempt)).one()
    assert (row.run, row.in_hand, row.deaths) == (None, None, 0)
    assert live(db, partitions([line(0)]))
    assert dead(db) == []
