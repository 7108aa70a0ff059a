"""Sinks on threads of their own: counting never waits, and nobody tells without the lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Final

import pytest

from alerts.channels import Channel, Notification
from pipeline.count import Keys
from pipeline.delivery import Policy
from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.post import Post
from pipeline.settings import Settings
from pipeline.store.database import Database
from pipeline.store.outbox import NO_SUCH_SINK
from tests.fakes import MONDAY, ManualClock
from tests.pipeline.messages import LEASE, Box, Teller, errors_of, publish, take

PATIENCE_S: Final = 30.0
DESK: Final = "apprise.desk"
HUNG: Final = "apprise.hung"


class HungBox(Box):
    """One that takes for ever, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Event()
        self.go = Event()

    def send(self, notification: Notification) -> None:
        self.asked.set()
        self.go.wait(PATIENCE_S)
        super().send(notification)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)


class Office:
    """Opens posts on one database, and closes them in the end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._opened: list[Post] = []
        self.let_go = 0

    def open(self, **channels: Channel) -> Post:
        named = {name.replace("_", "."): channel for name, channel in channels.items()}

        def close() -> None:
            self.let_go += 1

        post = Post(self._db, named, Policy(), clock=ManualClock(), look_every_s=0.01, close=close)
        post.start()
        self._opened.append(post)
        return post

    def close(self) -> None:
        for post in self._opened:
            post.close()


@pytest.fixture
def office(db: Database) -> Iterator[Office]:
    take(db)
    publish(db, MONDAY)
    found = Office(db)
    yield found
    found.close()


def test_nothing_is_told_before_this_process_is_the_active_monitor(
    db: Database, office: Office
) -> None:
    Teller(db, DESK).tell("i1", "opened", MONDAY)
    box = Box()
    post = office.open(apprise_desk=box)
    post.close()
    assert box.sent == []
    post = office.open(apprise_desk=box)
    post.begin(1, others=())
    until(lambda: bool(box.sent))
    until(lambda: post.take() == [(DESK, "delivered")])
    assert post.take() == []


def test_sink_that_hangs_holds_up_neither_the_others_nor_the_monitor(
    db: Database, office: Office
) -> None:
    Teller(db, DESK, HUNG).tell("i1", "opened", MONDAY)
    hung, box = HungBox(), Box()
    post = office.open(apprise_hung=hung, apprise_desk=box)
    keys = Keys(frozenset(), frozenset())
    monitor = Monitor(
        db,
        keys=keys,
        detection=Detection(db, keys.tested(), Settings(), names={}, sinks=post.sinks),
        channels={},
        lateness=LEASE,
        fresh_for=LEASE,
        epoch=1,
        keep_for=LEASE,
        clock=ManualClock(),
        post=post,
    )
    assert hung.asked.wait(PATIENCE_S)
    until(lambda: bool(box.sent))
    outcomes: list[tuple[str, str]] = []

    def ticked() -> bool:
        outcomes.extend(monitor.tick(MONDAY).deliveries)
        return bool(outcomes)

    until(ticked)
    assert outcomes == [(DESK, "delivered")]
    assert hung.sent == []
    hung.go.set()
    until(lambda: bool(hung.sent))


def test_process_that_lost_the_lease_tells_nothing_until_it_has_it_again(
    db: Database, office: Office
) -> None:
    box = Box()
    post = office.open(apprise_desk=box)
    post.begin(1, others=())
    take(db)
    teller = Teller(db, DESK)
    teller.tell("i1", "opened", MONDAY)
    other = Box()
    elsewhere = office.open(apprise_desk=other)
    elsewhere.begin(2, others=())
    until(lambda: bool(other.sent))
    assert take(db) == 3
    post.begin(3, others=())
    teller.tell("i2", "opened", MONDAY)
    until(lambda: bool(box.sent))
    assert box.heard == [("i2", 1, "opened")]
    assert other.heard == [("i1", 1, "opened")]


def test_what_is_due_at_the_end_is_told_and_connections_are_let_go(
    db: Database, office: Office
) -> None:
    box = Box()
    post = office.open(apprise_desk=box)
    post.begin(1, others=())
    Teller(db, DESK).tell("i1", "opened", MONDAY)
    post.close()
    assert box.heard == [("i1", 1, "opened")]
    assert office.let_go == 1


def test_sinks_that_nobody_knows_any_more_are_given_up_and_told_of(
    db: Database, office: Office
) -> None:
    Teller(db, "apprise.gone", "log").tell("i1", "opened", MONDAY)
    post = office.open(apprise_desk=Box())
    post.begin(1, others=("log",))
    assert errors_of(db, "apprise.gone") == [("i1", 1, NO_SUCH_SINK)]
    assert errors_of(db, "log") == [("i1", 1, None)]


def test_error_of_our_own_on_a_thread_ends_the_monitor(db: Database) -> None:
    def broken() -> object:
        raise ZeroDivisionError

    take(db)
    post = Post(db, {DESK: Box()}, Policy(), clock=broken, look_every_s=0.01)  # type: ignore[arg-type] # broken
    post.start()
    post.begin(1, others=())

    def raised() -> bool:
        try:
            post.take()
        except ZeroDivisionError:
            return True
        return False

    until(raised)
    post.close()
