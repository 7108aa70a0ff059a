"""One monitor is active: the others stand by, and one that wakes up late changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.monitor import Monitor, Tick, all_at_end
from pipeline.parts import Seat, keep_watching
from pipeline.settings import Settings
from pipeline.store import lease, positions, tables
from pipeline.store.counting import count_changed
from pipeline.store.database import Database
from pipeline.store.summary import stats
from pipeline.watermark import Report
from pipeline.worker import Worker
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, classify, link

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES))
KEEP = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


def store(db: Database, *names: str) -> None:
    values = [
        json.dumps(
            {"source": "wire", "id": n, "title": f"negative Energy {n}", "published_at": MONDAY},
            default=str,
        ).encode()
        for n in names
    ]
    clock = ManualClock(MONDAY)
    worker = Worker(
        db,
        ListSource({0: values}, clock=clock, topic=names[0]),
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=clock,
        name="test",
    )
    worker.start()
    while not worker.finished:
        worker.step(0.0)


def maker(db: Database, clock: Callable[[], datetime]) -> Callable[[int], Monitor]:
    def make(epoch: int) -> Monitor:
        return Monitor(
            db,
            keys=KEYS,
            detection=Detection(db, KEYS.tested(), Settings(), names={}, sinks=()),
            channels={},
            lateness=timedelta(minutes=10),
            fresh_for=timedelta(minutes=1),
            epoch=epoch,
            keep_for=KEEP,
            clock=clock,
        )

    return make


def holder(db: Database) -> Any:
    with db.read() as connection:
        return connection.execute(select(tables.monitor)).one()


def test_lease_is_free_when_it_has_run_out_and_not_a_moment_before(db: Database) -> None:
    assert lease.take_if_free(db, "one", now=MONDAY, keep_for=KEEP) == 1
    early = MONDAY + KEEP - timedelta(milliseconds=1)
    assert lease.take_if_free(db, "two", now=early, keep_for=KEEP) is None
    assert holder(db).holder == "one"
    assert lease.take_if_free(db, "two", now=MONDAY + KEEP, keep_for=KEEP) == 2
    assert (holder(db).holder, holder(db).lease_until) == ("two", MONDAY + 2 * KEEP)


def test_holder_itself_need_not_wait_and_fences_what_it_was(db: Database) -> None:
    assert lease.take_if_free(db, "one", now=MONDAY, keep_for=KEEP) == 1
    assert lease.take_if_free(db, "one", now=MONDAY, keep_for=KEEP) == 2
    with pytest.raises(lease.LeaseLost):
        lease.renew(db, 1, until=MONDAY + 2 * KEEP)
    assert holder(db).lease_until == MONDAY + KEEP


def test_one_process_takes_the_lease_whoever_holds_it(db: Database) -> None:
    lease.take(db, "one", now=MONDAY, keep_for=KEEP)
    assert lease.take(db, "two", now=MONDAY, keep_for=KEEP) == 2


def test_ticking_monitor_keeps_its_lease_and_a_released_one_is_free_at_once(db: Database) -> None:
    clock = ManualClock()
    epoch = lease.take_if_free(db, "one", now=clock(), keep_for=KEEP)
    assert epoch is not None
    active = maker(db, clock)(epoch)
    for _ in range(40):
        active.tick(clock())
        assert lease.take_if_free(db, "two", now=clock(), keep_for=KEEP) is None
        clock.move(3 * SECOND)
    active.release()
    assert lease.take_if_free(db, "two", now=clock(), keep_for=KEEP) == 2


def test_lease_is_renewed_in_the_midst_of_a_long_tick(db: Database) -> None:
    def slow() -> datetime:
        clock.move(4 * SECOND)  # each look at the clock: a count of 250 articles that took long
        return clock.at

    store(db, *[f"{n}" for n in range(2_600)])
    clock = ManualClock()
    epoch = lease.take(db, "one", now=clock(), keep_for=KEEP)
    maker(db, slow)(epoch).tick(clock())
    assert clock() - MONDAY > KEEP
    assert lease.take_if_free(db, "two", now=clock(), keep_for=KEEP) is None


def test_standby_takes_over_after_the_lease_and_the_old_one_then_stands_by(db: Database) -> None:
    clock, stop = ManualClock(), Event()
    old_epoch = lease.take_if_free(db, "old", now=clock(), keep_for=KEEP)
    assert old_epoch is not None
    old = maker(db, clock)(old_epoch)
    old.tick(clock())
    store(db, "a", "b")
    seen: list[tuple[float, bool]] = []

    def observe(monitor: Monitor | None, tick: Tick | None) -> None:
        seen.append(((clock() - MONDAY) / SECOND, monitor is not None))
        clock.move(10 * SECOND)
        if len(seen) == 5:
            stop.set()

    standby = Seat(db, "new", KEEP, clock)
    keep_watching(standby, maker(db, clock), no_wait(stop), observe, until_idle=False)
    assert seen == [(0, False), (10, False), (20, False), (30, True), (40, True)]
    with db.write() as connection:
        connection.execute(tables.changed.insert(), {"source": "wire", "id": "a"})
    with pytest.raises(lease.LeaseLost):
        old.tick(clock())
    with db.read() as connection:
        assert len(connection.execute(select(tables.changed)).all()) == 1


def test_monitor_that_lost_its_lease_stands_by_until_it_is_free_again(db: Database) -> None:
    clock, stop = ManualClock(), Event()
    states: list[bool] = []

    def observe(monitor: Monitor | None, tick: Tick | None) -> None:
        states.append(monitor is not None)
        if len(states) == 1:  # stopped for a minute; meanwhile another has taken over
            clock.move(2 * KEEP)
            lease.take_if_free(db, "other", now=clock(), keep_for=KEEP)
        if len(states) == 3:
            clock.move(KEEP)
        if len(states) == 4:
            stop.set()

    seat = Seat(db, "one", KEEP, clock)
    keep_watching(seat, maker(db, clock), no_wait(stop), observe, until_idle=False)
    assert states == [True, False, False, True]


def test_until_idle_ends_when_every_partition_is_read_and_counted(db: Database) -> None:
    store(db, "a", "b")
    ticks: list[Tick] = []
    clock = ManualClock()

    def observe(monitor: Monitor | None, tick: Tick | None) -> None:
        assert tick is not None
        ticks.append(tick)

    seat = Seat(db, "one", KEEP, clock)
    keep_watching(seat, maker(db, clock), no_wait(Event()), observe, until_idle=True)
    assert len(ticks[-1].counted) == 2
    assert stats(db).totals[0].articles == 2
    # Closed like a file's end: to the second bucket end after the newest event.
    assert ticks[-1].watermark.at == MONDAY + timedelta(minutes=10)
    assert holder(db).lease_until == clock()


def test_until_idle_waits_for_a_partition_that_has_records_left(db: Database) -> None:
    store(db, "a")
    partition = ("behind", 0)
    positions.claim(db, {partition: None}, now=MONDAY, worker="w")
    ticks: list[Tick] = []

    def observe(monitor: Monitor | None, tick: Tick | None) -> None:
        assert tick is not None
        ticks.append(tick)
        if len(ticks) == 2:
            positions.report(db, {partition: 0}, now=MONDAY, finished=True, worker="w")

    seat = Seat(db, "one", KEEP, ManualClock())
    keep_watching(seat, maker(db, ManualClock()), no_wait(Event()), observe, until_idle=True)
    assert [tick.ended for tick in ticks] == [False, False, True]


@pytest.mark.parametrize(
    ("position", "finished", "age_s", "at_end"),
    [
        (5, False, 0, True),
        (4, False, 0, False),  # a record is left
        (5, False, 61, False),  # nobody has looked for a minute
        (5, True, 61, True),
        (4, True, 61, False),
    ],
)
def test_partition_is_at_its_end_by_a_fresh_report_or_for_good(
    position: int, finished: bool, age_s: int, at_end: bool
) -> None:
    report = Report("t", 0, position, 5, MONDAY, MONDAY - age_s * SECOND, finished)
    assert all_at_end([report], MONDAY, timedelta(minutes=1)) is at_end


def test_nothing_read_at_all_is_no_end() -> None:
    assert not all_at_end([], MONDAY, timedelta(minutes=1))


def no_wait(stop: Event) -> Event:
    """A stop that is set by others only, and never waited for."""

    class Impatient(Event):
        def wait(self, timeout: float | None = None) -> bool:
            return stop.is_set()

        def is_set(self) -> bool:
            return stop.is_set()

    return Impatient()


def test_long_run_lets_the_lease_be_renewed_after_every_boundary(db: Database) -> None:
    # Between runs alone is too late: on a busy machine one run may outlast a lease, for ever.
    store(db, "a")
    epoch = lease.take(db, "one", now=MONDAY, keep_for=KEEP)
    count_changed(db, KEYS, epoch)
    detection = Detection(db, KEYS.tested(), Settings(), names={}, sinks=())
    detection.resume()
    renewed: list[datetime] = []
    until = MONDAY + timedelta(hours=2)
    runs = detection.run(until, epoch=epoch, now=MONDAY, alive=lambda: renewed.append(MONDAY))
    assert sum(run.evaluated for run in runs) == len(renewed) > 20
