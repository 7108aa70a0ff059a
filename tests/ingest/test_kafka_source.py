"""What a source makes of what its consumer says; the consumer is a fake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka import errors as theirs

from ingest.files import Record
from ingest.kafka.consumer import Listener
from ingest.kafka.errors import Forbidden, NoTopic, Unreadable
from ingest.kafka.gap import Gap
from ingest.kafka.overheard import Overheard
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.source import (
    DIVIDED_AGAIN_S,
    HEARD_WITHIN_S,
    NO_PARTITION_FOR_S,
    KafkaSource,
)
from tests.fakes import MONDAY, ManualClock
from tests.ingest.test_kafka_overheard import said

P0, P1 = TopicPartition("news.raw", 0), TopicPartition("news.raw", 1)
SETTINGS = KafkaSettings(servers=("localhost:1",))

Polled = Any
"""dict of partitions and offsets, an exception of kafka-python's, or something to be done."""


class FakeConsumer:
    """Plays a script: what each poll gives, raises, or does to the assignment."""

    def __init__(self) -> None:
        self.script: list[Polled] = []
        self.listener: Listener | None = None
        self.mine: set[TopicPartition] = set()
        self.paused: set[TopicPartition] = set()
        self.at: dict[TopicPartition, int] = {}
        self.first: dict[TopicPartition, int] = {P0: 0, P1: 0}
        self.end: dict[TopicPartition, int] | None = {P0: 10, P1: 10}
        self.asked: list[int] = []
        self.closed = False

    def subscribe(self, topics: list[str], *, listener: object) -> None:
        assert isinstance(listener, Listener)
        self.listener = listener

    def assign(self, *partitions: TopicPartition) -> Callable[[], None]:
        def now() -> None:
            assert self.listener is not None
            self.mine |= set(partitions)
            self.listener.on_partitions_assigned(partitions)

        return now

    def revoke(self, *partitions: TopicPartition) -> Callable[[], None]:
        def now() -> None:
            assert self.listener is not None
            self.mine -= set(partitions)
            self.listener.on_partitions_revoked(partitions)

        return now

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        self.asked.append(max_records)
        todo = self.script.pop(0) if self.script else {}
        if isinstance(todo, theirs.KafkaError):
            raise todo
        if not isinstance(todo, dict):
            todo()
            return {}
        for tp, offsets in todo.items():
            assert tp not in self.paused, "records of a paused partition"
            self.at[tp] = offsets[-1] + 1
        return {tp: [found(tp, offset) for offset in offsets] for tp, offsets in todo.items()}

    def assignment(self) -> set[TopicPartition]:
        return set(self.mine)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if partition not in self.mine:
            raise ValueError("Unassigned partition")  # as the real one says it
        self.at[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int | None:
        return self.at[partition]

    def pause(self, *partitions: TopicPartition) -> None:
        self._must_be_mine(partitions)
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._must_be_mine(partitions)
        self.paused -= set(partitions)

    def lose(self, *partitions: TopicPartition) -> None:
        """As its own thread does when the group knows it no longer: the listener is told later."""
        self.mine -= set(partitions)

    def _must_be_mine(self, partitions: tuple[TopicPartition, ...]) -> None:
        for tp in partitions:
            if tp not in self.mine:
                raise KeyError(tp)

    def beginning_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {tp: self.first[tp] for tp in partitions}

    def end_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        if self.end is None:
            raise theirs.KafkaTimeoutError
        return {tp: self.end[tp] for tp in partitions}

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:
        assert not autocommit
        self.closed = True


def found(tp: TopicPartition, offset: int, value: bytes | None = b"{}", at: int = 1_000) -> Any:
    return SimpleNamespace(
        topic=tp.topic, partition=tp.partition, offset=offset, value=value, timestamp=at
    )


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0
        self.overheard: Overheard | None = None

    def __call__(self) -> float:
        return self.now


def overheard(seconds: Seconds) -> Overheard:
    """The one that a source made with these seconds asks."""
    seconds.overheard = seconds.overheard or Overheard(seconds)
    return seconds.overheard


@pytest.fixture
def fake() -> FakeConsumer:
    return FakeConsumer()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def make(
    fake: FakeConsumer,
    seconds: Seconds,
    at: dict[TopicPartition, int] | None = None,
    *,
    until_idle: bool = False,
) -> KafkaSource:
    """A source; with ``at`` these partitions are assigned and sought."""
    source = KafkaSource(
        SETTINGS,
        clock=ManualClock(),
        monotonic=seconds,
        until_idle=until_idle,
        connect=lambda _: fake,
        overheard=overheard(seconds),
    )
    if at:
        fake.script = [fake.assign(*at)]
        assert source.poll(0.0) == []
        assert source.reassigned
        source.seek({(tp.topic, tp.partition): offset for tp, offset in at.items()})
    return source


def offsets(polled: Iterable[Record | Gap]) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) for one in polled if isinstance(one, Record)]


def trouble(source: KafkaSource) -> str:
    return source.trouble or ""


def corrupt(tp: TopicPartition) -> theirs.CorruptRecordError:
    return theirs.CorruptRecordError(f"Record batch for partition {tp} at offset 1 failed crc")


def test_assigned_partition_stays_silent_until_it_is_sought(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    fake.script = [fake.assign(P0)]
    assert source.poll(0.0) == []
    assert (source.reassigned, fake.paused) == (True, {P0})
    source.seek({("news.raw", 0): 7})
    assert (source.reassigned, fake.paused, fake.at[P0]) == (False, set(), 7)
    fake.script = [{P0: [7, 8]}]
    assert offsets(source.poll(0.0)) == [(0, 7), (0, 8)]


def test_partition_left_out_of_a_seek_keeps_the_source_reassigned(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    fake.script = [fake.assign(P0, P1)]
    source.poll(0.0)
    source.seek({("news.raw", 0): 7})
    assert (source.reassigned, fake.paused) == (True, {P1})


def test_same_partitions_given_back_in_one_poll_have_to_be_sought_again(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 3})

    def rebalance() -> None:
        fake.revoke(P0)()
        fake.assign(P0)()

    fake.script = [rebalance]
    assert source.poll(0.0) == []
    assert source.reassigned
    assert source.partitions() == {("news.raw", 0): None}


def test_revoked_partition_is_forgotten(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, {P0: 3, P1: 4})
    fake.script = [fake.revoke(P1)]
    source.poll(0.0)
    assert (source.reassigned, list(source.partitions())) == (True, [("news.raw", 0)])


def test_partition_that_the_consumers_own_thread_has_lost_is_not_ours_any_more(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    fake.script = [fake.assign(P0, P1)]
    source.poll(0.0)
    fake.lose(P0)
    source.seek({("news.raw", 0): 3, ("news.raw", 1): 4})
    assert source.partitions() == {("news.raw", 1): None}
    assert source.reassigned
    source.seek({("news.raw", 1): 4})
    assert (source.reassigned, fake.at[P1]) == (False, 4)


@pytest.mark.parametrize("paused", [False, True])
def test_partition_lost_while_nothing_is_wanted_is_forgotten_at_once(
    fake: FakeConsumer, seconds: Seconds, paused: bool
) -> None:
    source = make(fake, seconds, {P0: 3})
    fake.script = [{P0: [3]}]
    source.hold()  # reads one ahead
    if paused:
        source.hold()
    fake.lose(P0)
    if not paused:
        source.hold()
    assert source.poll(0.0) == []
    assert (source.reassigned, source.partitions()) == (True, {})


def test_records_read_before_a_reassignment_was_known_are_not_delivered(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 3, P1: 4})
    fake.script = [{P0: [3]}, fake.revoke(P1)]
    source.hold()
    source.hold()
    assert source.reassigned
    assert source.poll(0.0) == []


def test_record_without_value_or_usable_time_is_still_delivered(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 0})
    odd = [found(P0, 0, None, 1_000), found(P0, 1, b"x", -1), found(P0, 2, b"x", 1 << 62)]
    fake.poll = lambda timeout_ms, max_records: {P0: odd}  # type: ignore[method-assign]
    records = [one for one in source.poll(0.0) if isinstance(one, Record)]
    assert [one.value for one in records] == [b"", b"x", b"x"]
    assert [one.timestamp.year for one in records] == [1970, MONDAY.year, MONDAY.year]


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (20, 30, Gap("news.raw", 0, 15, 20, "deleted")),
        (15, 30, None),  # in range after all: it was only asked of a lagging replica
        (0, 15, None),
        (0, 14, Gap("news.raw", 0, 15, 0, "truncated")),
        (5, 9, Gap("news.raw", 0, 15, 5, "truncated")),
    ],
)
def test_position_out_of_range_is_a_gap_or_goes_back_to_what_is_there(
    fake: FakeConsumer, seconds: Seconds, first: int, end: int, expected: Gap | None
) -> None:
    source = make(fake, seconds, {P0: 15})
    fake.first[P0], fake.end = first, {P0: end}
    fake.script = [theirs.OffsetOutOfRangeError({P0: 15})]
    assert source.poll(0.0) == ([expected] if expected else [])
    assert not source.reassigned
    assert fake.at[P0] == (expected.resume if expected else 15)


@pytest.mark.parametrize(
    ("known", "resume"),
    [(SimpleNamespace(offset=9), 9), (SimpleNamespace(offset=2), 4), (None, 4)],
)
def test_truncated_log_is_read_from_where_it_differs_or_from_its_beginning(
    fake: FakeConsumer, seconds: Seconds, known: object, resume: int
) -> None:
    source = make(fake, seconds, {P0: 15})
    fake.first[P0], fake.end = 4, {P0: 40}
    fake.script = [theirs.LogTruncationError({P0: known})]
    assert source.poll(0.0) == [Gap("news.raw", 0, 15, resume, "truncated")]
    assert fake.at[P0] == resume


def test_corrupt_batch_is_stepped_over_and_is_one_gap_before_what_follows(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 5, P1: 0})
    fake.script = [corrupt(P0), corrupt(P0), corrupt(P0), {P0: [8], P1: [0]}]
    gap, *records = source.poll(0.0)
    assert gap == Gap("news.raw", 0, 5, 8, "corrupt")
    assert offsets(records) == [(0, 8), (1, 0)]


def test_corrupt_batch_does_not_hold_up_a_poll_for_ever(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 5})

    def late() -> None:
        seconds.now += 1.5
        raise corrupt(P0)

    fake.script = [late] * 10
    assert source.poll(0.0) == [Gap("news.raw", 0, 5, 7, "corrupt")]


def test_seek_behind_a_corrupt_batch_that_was_not_passed_joins_anew(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    # A consumer told to go back to the place of the damage would never return from its poll.
    source = make(fake, seconds, {P0: 5})
    fake.script = [{P0: [5]}, corrupt(P0)]
    source.hold()
    source.hold()
    source.seek({("news.raw", 0): 5})
    assert fake.closed
    assert source.partitions() == {}
    fake.script = [fake.assign(P0)]
    source.poll(0.0)
    assert source.reassigned


def test_damage_of_unknown_place_is_not_passed_over(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, {P0: 5})
    fake.script = [theirs.CorruptRecordError("somewhere")]
    with pytest.raises(Unreadable):
        source.poll(0.0)


def test_error_that_may_pass_forgets_every_position(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, {P0: 5})
    fake.script = [theirs.NoOffsetForPartitionError("?")]
    assert source.poll(0.0) == []
    assert (source.reassigned, fake.paused) == (True, {P0})


def test_missing_right_is_told_and_not_tried_again(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, {P0: 5})
    fake.script = [theirs.TopicAuthorizationFailedError({"news.raw"})]
    with pytest.raises(Forbidden, match="rights"):
        source.poll(0.0)


def test_holding_reads_one_record_ahead_then_pauses_and_loses_nothing(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 5})
    fake.asked.clear()
    fake.script = [{P0: [5]}, {}, {}, {P0: [6, 7]}]
    source.hold()
    assert fake.paused == set()
    source.hold()
    source.hold()
    assert (fake.paused, fake.asked) == ({P0}, [1, 1, 1])
    assert offsets(source.poll(0.0)) == [(0, 5), (0, 6), (0, 7)]
    assert fake.paused == set()


def test_end_is_absent_while_no_broker_tells_it(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, {P0: 5})
    assert (source.ends(), source.answering) == ({("news.raw", 0): 10}, True)
    fake.end = None
    seconds.now += 1
    assert (source.ends(), source.answering) == ({}, False)
    fake.end = {P0: 11}
    seconds.now += 1
    assert source.ends() == {}  # it is not asked again at once
    seconds.now += 3
    assert source.ends() == {("news.raw", 0): 11}


def test_marks_of_transactions_behind_the_last_record_leave_nothing_to_read(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 5})
    fake.script = [{P0: [5, 6]}]
    source.poll(0.0)
    fake.end = {P0: 8}
    seconds.now += 1
    assert source.ends() == {("news.raw", 0): 8}
    fake.at[P0] = 8  # the consumer has read the mark at 7
    seconds.now += 1
    assert source.ends() == {("news.raw", 0): 7}


def test_source_ends_when_idle_only_after_the_last_record_was_delivered(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 8}, until_idle=True)
    assert not source.finished
    fake.script = [{P0: [8]}, {P0: [9]}]
    source.poll(0.0)
    source.hold()  # reads 9 ahead
    seconds.now += 1
    assert not source.finished
    source.poll(0.0)
    assert source.finished


def test_source_is_not_idle_while_no_broker_tells_the_end(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, {P0: 10}, until_idle=True)
    fake.end = None
    seconds.now += 1
    assert not source.finished


def test_member_without_partitions_ends_after_it_has_had_none_for_a_while(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds, until_idle=True)
    seconds.now += 100
    assert not source.finished  # it has not joined
    fake.script = [fake.assign()]
    source.poll(0.0)
    assert not source.finished
    seconds.now += NO_PARTITION_FOR_S
    assert source.finished


def test_trouble_is_that_no_broker_answers_until_one_does_and_again_afterwards(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    assert trouble(source)
    source = make(fake, seconds, {P0: 5})
    source.ends()
    assert not trouble(source)
    fake.end = None
    seconds.now += 1
    source.ends()
    assert trouble(source) == "no broker answers; check the address"
    seconds.now += 3
    said(overheard(seconds), "kafka.net.manager", "%s", theirs.SaslAuthenticationFailedError("no"))
    source.ends()
    assert "password" in trouble(source)
    fake.end = {P0: 5}
    seconds.now += 3
    source.ends()
    assert not trouble(source)  # what answers now counts, not what failed before


def test_member_without_partitions_is_in_trouble_only_while_connections_fail(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    fake.script = [fake.assign()]
    source.poll(0.0)
    source.ends()
    assert not trouble(source)
    seconds.now += 1
    said(overheard(seconds), "kafka.net.manager", "%s", theirs.KafkaConnectionError("111"))
    source.ends()
    assert "no answer" in trouble(source)
    seconds.now += HEARD_WITHIN_S + 1
    source.ends()
    assert not trouble(source)


def test_missing_topic_is_trouble_and_not_an_end(fake: FakeConsumer, seconds: Seconds) -> None:
    source = make(fake, seconds, until_idle=True)
    fake.script = [fake.assign()]
    source.poll(0.0)
    seconds.now += NO_PARTITION_FOR_S
    missing = "Topic %s not found in cluster metadata"
    said(overheard(seconds), "kafka.cluster", missing, SETTINGS.raw_topic)
    source.ends()
    assert "create-topics" in trouble(source)
    with pytest.raises(NoTopic, match="create-topics"):
        assert source.finished
    seconds.now += HEARD_WITHIN_S + 1
    assert source.finished


def left(fake: FakeConsumer) -> bool:
    return fake.closed


# kafka-python divides once, with what it knows in that moment, and is content with nothing.
def test_member_that_divided_partitions_it_did_not_know_joins_anew(
    fake: FakeConsumer, seconds: Seconds
) -> None:
    source = make(fake, seconds)
    said(overheard(seconds), "kafka.coordinator", "No partition metadata for topic %s", "news.raw")
    fake.script = [fake.assign()]
    source.poll(0.0)
    seconds.now += DIVIDED_AGAIN_S - 1
    source.poll(0.0)
    assert not left(fake)  # metadata may still come
    seconds.now += 1
    fake.script = [fake.assign(P0)]
    source.poll(0.0)
    assert left(fake)
    assert source.partitions() == {("news.raw", 0): None}
    assert source.reassigned


@pytest.mark.parametrize("missing", [True, False])
def test_member_that_is_one_too_many_or_has_no_topic_stays(
    fake: FakeConsumer, seconds: Seconds, missing: bool
) -> None:
    source = make(fake, seconds)
    if missing:
        said(
            overheard(seconds),
            "kafka.coordinator",
            "No partition metadata for topic %s",
            "news.raw",
        )
    fake.script = [fake.assign()]
    source.poll(0.0)
    for _ in range(20):
        seconds.now += 5
        if missing:
            said(
                overheard(seconds),
                "kafka.cluster",
                "Topic %s not found in cluster metadata",
                "news.raw",
            )
        source.poll(0.0)
    assert not left(fake)
