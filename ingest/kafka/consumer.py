"""kafka-python's consumer, as far as it is used: its settings, its types, its records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka import errors as theirs

from ingest.files import Record
from ingest.kafka.settings import KafkaSettings

log = structlog.get_logger()

CLOSE_MS: Final = 5_000
LONGEST_BETWEEN_POLLS_MS: Final = 60_000
"""A member that has not polled for so long leaves the group."""

Partitions = Iterable[TopicPartition]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CORRUPT = re.compile(r"topic='([^']+)', partition=(\d+)")


class Consumer(Protocol):
    """What is used of a consumer of kafka-python, which has no types of its own."""

    def subscribe(self, topics: list[str], *, listener: object) -> None:
        """Join the group; ``listener`` is a :class:`Listener`."""

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Records by partition; also where the group's decisions are carried out."""

    def assignment(self) -> set[TopicPartition]:
        """Our partitions."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on there."""

    def position(self, partition: TopicPartition, timeout_ms: int) -> int | None:
        """Where it would go on."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Deliver nothing of these."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Deliver them again."""

    def beginning_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        """First offsets that the broker still has."""

    def end_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        """Offsets after the last records."""

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:
        """Leave the group."""


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    """Hands on what the group decides.

    Both are called on the consumer's own thread, but only while a poll or a close waits for it,
    so they may touch what the caller of poll uses.
    """

    def __init__(
        self, revoked: Callable[[Partitions], None], assigned: Callable[[Partitions], None]
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Partitions) -> None:
        """These are taken away, or are lost already."""
        self._revoked(revoked)

    def on_partitions_assigned(self, assigned: Partitions) -> None:
        """These are ours now, beside those that we kept; often none, at the first joining."""
        self._assigned(assigned)


def connect(settings: KafkaSettings) -> Consumer:
    """A consumer that has joined nothing yet. It does not wait for a broker."""
    session_ms = int(settings.session_timeout_seconds * 1000)
    found: Consumer = KafkaConsumer(
        **settings.connection(),
        group_id=settings.group,
        client_id="bearwatch-worker",
        enable_auto_commit=False,
        auto_offset_reset="none",
        allow_auto_create_topics=False,
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=min(1_000, session_ms // 3),
        max_poll_interval_ms=max(LONGEST_BETWEEN_POLLS_MS, session_ms),
        max_poll_records=2_000,
        fetch_max_bytes=settings.fetch_bytes,
    )
    return found


def disconnect(consumer: Consumer) -> None:
    """Leave the group and close, in bounded time."""
    try:
        consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
    except theirs.KafkaError as error:
        log.warning("Kafka was left without a farewell", error=type(error).__name__)


def record(found: Any, clock: Callable[[], datetime]) -> Record:  # noqa: ANN401 - see Consumer
    """A record as ours; without a usable time of its own it is from now."""
    try:
        at = _EPOCH + timedelta(milliseconds=found.timestamp)
    except OverflowError:
        at = _EPOCH
    if at <= _EPOCH:
        at = clock()
    return Record(found.topic, found.partition, found.offset, found.value or b"", at)


def corrupt_partition(error: theirs.CorruptRecordError) -> TopicPartition | None:
    """Where a batch is damaged; kafka-python says it in its text alone."""
    found = _CORRUPT.search(str(error))
    return TopicPartition(found[1], int(found[2])) if found else None
