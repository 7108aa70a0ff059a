"""A monitor that is asked to stop in the midst of a backlog ends soon, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import func, select

from alerts.channels import Unreachable
from pipeline.detect import Detection
from pipeline.monitor import Monitor, Tick
from pipeline.parts import Seat, keep_watching
from pipeline.settings import Settings
from pipeline.store import lease, tables
from pipeline.store.counting import CHUNK
from pipeline.store.database import Database, open_database
from pipeline.store.incidents import incidents
from pipeline.store.verify import verify
from tests.fakes import MONDAY, ListSource, ManualClock, store_all
from tests.pipeline.test_monitor import KEYS, LATENESS, Mailbox, essence, stream

NOW = MONDAY + timedelta(days=30)
KEEP = timedelta(seconds=30)


class Asking:
    """A clock that asks to stop when it is read for the ``last`` time; it stands still."""

    def __init__(self, last: int) -> None:
        self.stop = Event()
        self._left = last

    def __call__(self) -> datetime:
        self._left -= 1
        if self._left == 0:
            self.stop.set()
        return NOW


def waiting(db: Database) -> int:
    """Articles in the queue."""
    with db.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.changed)).scalar_one()


def filled(db: Database) -> Database:
    """A backlog of ten days: nearly a thousand articles, four transactions of counting."""
    store_all(db, ListSource({0: stream()}, clock=ManualClock(NOW), max_records=200), _at())
    assert waiting(db) > 3 * CHUNK
    return db


def _at() -> ManualClock:
    return ManualClock(NOW)


def make(db: Database, clock: Callable[[], datetime], stop: Event | None, box: Mailbox) -> Monitor:
    return Monitor(
        db,
        keys=KEYS,
        detection=Detection(db, KEYS.tested(), Settings(), names={"ACM": "Acme"}, sinks=("box",)),
        channels={"box": box},
        lateness=LATENESS,
        fresh_for=timedelta(minutes=1),
        epoch=lease.take(db, "test", now=NOW, keep_for=KEEP),
        keep_for=KEEP,
        clock=clock,
        stop=stop,
    )


def test_a_stop_in_the_midst_of_counting_leaves_the_rest_in_the_queue(db: Database) -> None:
    filled(db)
    before, box = waiting(db), Mailbox()
    watching = make(db, clock := Asking(10**9), clock.stop, box)
    clock._left = 3  # once at the tick's begin, then after each transaction
    tick = watching.tick(NOW)
    assert clock.stop.is_set()
    assert (before - waiting(db), len(tick.counted)) == (2 * CHUNK, 2 * CHUNK)
    # What was read is not yet counted: the watermark must not say so.
    assert (tick.watermark.at, tick.evaluated, tick.ended) == (None, 0, False)
    assert lease.progress(db).watermark is None
    assert box.sent == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, int]]:
    """What comes of it without a stop, and after how many evaluations; nobody was told."""
    db = filled(open_database(f"sqlite:///{tmp_path_factory.mktemp('whole')}/test.db"))
    away = Mailbox(*[Unreachable("away")] * 100)
    yield db, make(db, _at(), None, away).tick(NOW).evaluated
    db.close()


@pytest.mark.parametrize("calls", [3, 30, 700])
def test_whenever_it_is_stopped_the_next_monitor_ends_with_the_same_counts_and_incidents(
    whole: tuple[Database, int], tmp_path: Path, calls: int
) -> None:
    db = filled(open_database(f"sqlite:///{tmp_path}/test.db"))
    clock, box = Asking(10**9), Mailbox()
    watching = make(db, clock, clock.stop, box)
    clock._left = calls
    tick = watching.tick(NOW)
    assert clock.stop.is_set()
    assert not tick.ended
    assert tick.evaluated < whole[1] / 2
    assert box.sent == []
    assert make(db, _at(), None, Mailbox()).tick(NOW).evaluated == whole[1] - tick.evaluated
    assert essence(incidents(db)) == essence(incidents(whole[0]))
    assert len(incidents(db)) > 1
    assert waiting(db) == 0
    assert verify(db, KEYS).differences == ()
    db.close()


def test_who_is_to_be_told_is_told_by_the_next_monitor(whole: tuple[Database, int]) -> None:
    stop, box = Event(), Mailbox()
    watching = make(whole[0], _at(), stop, box)
    stop.set()
    watching.tick(NOW + timedelta(hours=1))
    assert box.sent == []
    make(whole[0], _at(), None, box).tick(NOW + timedelta(hours=1))
    assert box.sent != []


def test_a_program_that_is_asked_to_stop_leaves_its_backlog_and_gives_the_lease_back(
    db: Database,
) -> None:
    filled(db)
    clock = Asking(10**9)
    seen: list[Tick | None] = []

    def made(epoch: int) -> Monitor:
        watching = make(db, clock, clock.stop, Mailbox())
        clock._left = 3
        return watching

    seat = Seat(db, "test", KEEP, clock)
    keep_watching(seat, made, clock.stop, lambda _, tick: seen.append(tick), until_idle=True)
    assert len(seen) == 1
    assert waiting(db) > CHUNK
    assert seat.take_if_free() is not None
