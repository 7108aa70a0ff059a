"""Every push gets its own answer, though many are stored together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from threading import Event

import pytest

from pipeline.health import Health
from pipeline.web.outcomes import Refusal
from pipeline.web.publisher import Publisher, Refused
from pipeline.web.records import Incoming

PATIENCE_S = 30.0


class FakeStore:
    """Waits for ``go`` each time; refuses values that say so, breaks on one that says so."""

    def __init__(self) -> None:
        self.go = Event()
        self.asked = Event()
        self.writes: list[list[bytes]] = []
        self.closed = Event()

    def store(self, records: Sequence[Incoming]) -> Refused:
        self.asked.set()
        assert self.go.wait(PATIENCE_S)
        values = [record.value for record in records]
        self.writes.append(values)
        if b"break" in values:
            raise ConnectionError("gone")
        return {place: "too_large" for place, value in enumerate(values) if value == b"large"}

    def ready(self) -> Health:
        return Health(True, "ok")

    def close(self) -> None:
        self.closed.set()


def records(*values: bytes) -> list[Incoming]:
    return [Incoming("wire", str(n), value) for n, value in enumerate(values)]


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def publisher(store: FakeStore) -> Iterator[Publisher]:
    made = Publisher(store, most=4, beat=lambda: None)
    yield made
    store.go.set()
    made.close(PATIENCE_S)
    assert store.closed.is_set()


def test_what_waited_is_stored_together_and_each_learns_its_own(
    publisher: Publisher, store: FakeStore
) -> None:
    first = publisher.submit(records(b"one"))
    assert store.asked.wait(PATIENCE_S)
    second = publisher.submit(records(b"two", b"large"))
    third = publisher.submit(records(b"large", b"three"))
    assert not first.done()
    store.go.set()
    assert [f.result(PATIENCE_S) for f in (first, second, third)] == [
        {},
        {1: "too_large"},
        {0: "too_large"},
    ]
    assert store.writes == [[b"one"], [b"two", b"large", b"large", b"three"]]


def test_error_reaches_all_who_waited_and_the_next_is_stored(
    publisher: Publisher, store: FakeStore
) -> None:
    store.go.set()
    with pytest.raises(ConnectionError):
        publisher.submit(records(b"break")).result(PATIENCE_S)
    assert publisher.submit(records(b"one")).result(PATIENCE_S) == {}


def test_push_that_nobody_waits_for_is_not_begun(publisher: Publisher, store: FakeStore) -> None:
    first = publisher.submit(records(b"one"))
    assert store.asked.wait(PATIENCE_S)
    given_up = publisher.submit(records(b"two"))
    last = publisher.submit(records(b"three"))
    assert given_up.cancel()
    store.go.set()
    assert (first.result(PATIENCE_S), last.result(PATIENCE_S)) == ({}, {})
    with pytest.raises(CancelledError):
        given_up.result(0)
    assert store.writes == [[b"one"], [b"three"]]


def test_no_more_wait_than_may(publisher: Publisher, store: FakeStore) -> None:
    publisher.submit(records(b"one"))
    assert store.asked.wait(PATIENCE_S)
    for _ in range(4):
        publisher.submit(records(b"more"))
    with pytest.raises(Refusal) as refused:
        publisher.submit(records(b"too many"))
    assert (refused.value.outcome, refused.value.retry_after_s) == ("busy", 1)


def test_close_finishes_what_waits_and_takes_nothing_more() -> None:
    store = FakeStore()
    publisher = Publisher(store, most=4, beat=lambda: None)
    waiting = [publisher.submit(records(b"one")), publisher.submit(records(b"two"))]
    store.go.set()
    publisher.close(PATIENCE_S)
    assert [answer.result(0) for answer in waiting] == [{}, {}]
    with pytest.raises(Refusal):
        publisher.submit(records(b"late"))
