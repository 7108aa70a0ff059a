"""Records from Kafka: a member of a consumer group that is told its positions, and commits none.

Positions are the database's. A partition that the group assigns is paused until somebody has said
by :meth:`KafkaSource.seek` where to read it from; nothing is delivered before, whatever Kafka
remembers. What the broker cannot deliver comes as a :class:`Gap` in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from kafka import TopicPartition
from kafka import errors as theirs

from ingest.files import Record
from ingest.kafka import consumer as consumers
from ingest.kafka.consumer import Consumer, Listener, Partitions
from ingest.kafka.errors import MAKE_IT, Forbidden, Unreadable, translated
from ingest.kafka.gap import Gap, merged, resume_at
from ingest.kafka.overheard import Overheard, listen, seam
from ingest.kafka.settings import KafkaSettings

log = structlog.get_logger()

OFFSETS_MS: Final = 2_000
"""Bound of a question for the first or the last offsets."""

ENDS_EVERY_S: Final = 0.5
ENDS_AGAIN_S: Final = 3.0
"""Pause before the next question for the ends when the last one got no answer."""

WAIT_AFTER_ERROR_S: Final = 0.5
SKIPPING_S: Final = 2.0
"""Least time that one poll goes on stepping through a corrupt batch, record by record."""

HEARD_WITHIN_S: Final = 10.0
"""What kafka-python's log said this long ago still holds: it connects, and asks for the topic,
several times meanwhile."""

NO_PARTITION_FOR_S: Final = 10.0
"""A member that has had no partition for so long takes it that there is none left for it."""

DIVIDED_AGAIN_S: Final = 5.0
"""Pause before the group is joined anew when this member divided its partitions knowing none."""


class KafkaSource:
    """One member of the group that reads the topic of raw articles. For one thread.

    Brokers that are absent are waited for, at the start and later, and so is the topic;
    :attr:`trouble` tells.

    Args:
        until_idle: whether to be finished once everything there is was delivered.
        connect: makes the consumer; tests give one of their own, and what is ``overheard``.

    Raises:
        BrokerError: the settings cannot be used, e.g. a certificate file that is not there.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        clock: Callable[[], datetime],
        max_records: int = 1024,
        until_idle: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[KafkaSettings], Consumer] = consumers.connect,
        overheard: Overheard | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._connect = connect
        self._overheard = overheard or listen()
        self._max_records = max_records
        self._until_idle = until_idle
        self._assigned: set[TopicPartition] = set()
        self._next: dict[TopicPartition, int] = {}  # only of partitions whose position is known
        self._ends: dict[TopicPartition, int] = {}
        self._ask_ends_at = monotonic()
        self._ahead: list[Record | Gap] = []
        self._failure: theirs.KafkaError | None = None
        self._held = False
        self._stuck = False
        self._reassigned = False
        self._empty_since: float | None = None
        self._joined_at = monotonic()
        self.answering = False
        self.trouble: str | None = "no broker has answered yet"
        """Why nothing can be read now; None when all is well. May be read from any thread."""
        self._consumer = self._join()

    @property
    def reassigned(self) -> bool:
        """The partitions are not those that were sought; seek them, and forget what is in hand."""
        return self._reassigned

    @property
    def finished(self) -> bool:
        """With ``until_idle``: all that there is in all of our partitions was delivered.

        Raises:
            NoTopic: there is nothing to wait for.
        """
        if not self._until_idle or self._reassigned or self._ahead:
            return False
        if not self._assigned:
            now, since = self._monotonic(), self._empty_since
            if since is None or now - since < NO_PARTITION_FOR_S:
                return False
            if self._no_topic(now):
                raise translated(theirs.UnknownTopicOrPartitionError(), self._settings.raw_topic)
            return True
        self.ends()
        return all(tp in self._ends and self._next[tp] >= self._ends[tp] for tp in self._assigned)

    def partitions(self) -> Mapping[tuple[str, int], str | None]:
        """The partitions that the group has assigned to us; they have no identity."""
        return {(tp.topic, tp.partition): None for tp in self._assigned}

    def seek(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Read these partitions from these offsets; those that are not ours any more are left.

        :attr:`reassigned` is false afterwards, unless one of ours was left out, or the group had
        to be joined anew.
        """
        self._ahead.clear()
        self._held = False
        if self._stuck:
            # The consumer would wait for ever at a damaged batch that it has not got past.
            self._rejoin()
            return
        self._reassigned = False
        with seam("seeking in Kafka"):
            for (topic, number), offset in positions.items():
                tp = TopicPartition(topic, number)
                if tp in self._assigned and self._go_to(tp, offset):
                    self._each(self._consumer.resume, [tp])
        self._reassigned |= not self._assigned <= self._next.keys()

    def poll(self, timeout_s: float) -> Sequence[Record | Gap]:
        """The next records of our partitions, in order within each, and gaps in their place.

        Nothing when the time is up, when no broker answers, or when :attr:`reassigned`.

        Raises:
            Forbidden: the brokers do not let us read.
            Unreadable: what they send cannot be decoded here.
        """
        if self._left_everybody_without():
            log.warning("the group's partitions were divided before they were known: joining anew")
            self._rejoin()
        if self._held:
            self._held = False
            self._each(self._consumer.resume, self._next)
        deadline = self._monotonic() + timeout_s
        until = max(deadline, self._monotonic() + SKIPPING_S)
        found, self._ahead = self._ahead, []
        failure, self._failure = self._failure, None
        while True:
            try:
                if failure is None:
                    found += self._fetch(deadline, self._max_records)
                    break
            except theirs.KafkaError as error:
                failure = error
            corrupt = isinstance(failure, theirs.CorruptRecordError)
            found = merged(found, self._around(failure, deadline))
            failure = None
            if self._reassigned or not corrupt or self._monotonic() >= until:
                break
        return [] if self._reassigned else found

    def hold(self) -> None:
        """Stay a member of the group while nothing more is wanted; to be called every few seconds.

        Reads one record ahead, then pauses. :attr:`reassigned` may become true. Raises as
        :meth:`poll`.
        """
        if self._ahead:
            # Not before: an exception that came after other records is kept by the consumer for
            # the next poll, a pause makes it forget it, and then it never gets past the place.
            # A poll for one record brings it out.
            self._held = True
            self._each(self._consumer.pause, self._assigned)
        try:
            self._ahead += self._fetch(self._monotonic(), 1)
        except theirs.KafkaError as error:
            self._ahead = merged(self._ahead, self._around(error, self._monotonic()))

    def ends(self) -> Mapping[tuple[str, int], int]:
        """Per partition the offset after its last record; absent while no broker says so."""
        now = self._monotonic()
        if now >= self._ask_ends_at:
            if self._assigned:
                self.answering = self._ask_ends()
            self._tell(self._find_trouble(now))
            self._ask_ends_at = now + (ENDS_EVERY_S if self.answering else ENDS_AGAIN_S)
        return {(tp.topic, tp.partition): end for tp, end in self._ends.items()}

    def close(self) -> None:
        """Leave the group, so that the others need not wait for the session's end."""
        consumers.disconnect(self._consumer)

    def _revoked(self, partitions: Partitions) -> None:
        for tp in partitions:
            self._assigned.discard(tp)
            self._next.pop(tp, None)
            self._ends.pop(tp, None)
            self._reassigned = True

    def _given(self, partitions: Partitions) -> None:
        for tp in partitions:
            self._assigned.add(tp)
            self._park(tp)
        self._ask_ends_at = self._monotonic()
        self._empty_since = None if self._assigned else self._monotonic()
        self.answering = True

    def _park(self, tp: TopicPartition) -> None:
        """Deliver nothing of a partition until it is sought."""
        if self._go_to(tp, 0):  # any position, lest the consumer look for one in Kafka
            self._each(self._consumer.pause, [tp])
        self._next.pop(tp, None)
        self._reassigned = True

    def _fetch(self, deadline: float, max_records: int) -> list[Record]:
        wait_ms = max(0, int((deadline - self._monotonic()) * 1000))
        fetched = self._consumer.poll(timeout_ms=wait_ms, max_records=max_records)
        self._stuck = False
        if self._reassigned:
            return []
        records: list[Record] = []
        for tp, found in fetched.items():
            if tp in self._next and found:
                records += [consumers.record(one, self._clock) for one in found]
                self._next[tp] = found[-1].offset + 1
        return records

    def _around(self, failure: theirs.KafkaError, deadline: float) -> list[Gap]:
        """Get past an exception of poll: by gaps where it names them, else by starting over."""
        try:
            if isinstance(failure, theirs.OffsetOutOfRangeError):
                return self._out_of_range(dict.fromkeys(failure.args[0]), truncated=False)
            if isinstance(failure, theirs.LogTruncationError):
                return self._out_of_range(failure.divergent_offsets, truncated=True)
            if isinstance(failure, theirs.CorruptRecordError):
                return self._step_over(failure)
        except theirs.KafkaError as error:
            failure = error
        ours = translated(failure, "reading from Kafka")
        if isinstance(ours, (Forbidden, Unreadable)):
            raise ours from failure
        log.warning("reading from Kafka failed; starting over", error=str(ours))
        self._assigned = set(self._consumer.assignment())
        self._ends.clear()
        for tp in self._assigned:
            self._park(tp)
        time.sleep(max(0.0, min(WAIT_AFTER_ERROR_S, deadline - self._monotonic())))
        return []

    def _out_of_range(
        self, divergent: Mapping[TopicPartition, Any], *, truncated: bool
    ) -> list[Gap]:
        gaps: list[Gap] = []
        for tp, known in divergent.items():
            if tp not in self._next:
                continue
            start = self._next[tp]
            resume, reason = resume_at(
                start,
                first=self._consumer.beginning_offsets([tp], OFFSETS_MS)[tp],
                end=self._consumer.end_offsets([tp], OFFSETS_MS)[tp],
                divergent=None if known is None else known.offset,
                truncated=truncated,
            )
            if self._go_to(tp, resume) and resume != start:
                gaps.append(Gap(tp.topic, tp.partition, start, resume, reason))
        return gaps

    def _step_over(self, failure: theirs.CorruptRecordError) -> list[Gap]:
        tp = consumers.corrupt_partition(failure)
        self._stuck = True
        if tp is None:
            raise Unreadable(f"Kafka sent a damaged batch of unknown origin: {failure}")
        if tp not in self._next:
            return []
        start = self._next[tp]
        resume = max(start, self._consumer.position(tp, OFFSETS_MS) or 0) + 1
        if not self._go_to(tp, resume):
            return []
        return [Gap(tp.topic, tp.partition, start, resume, "corrupt")]

    def _go_to(self, tp: TopicPartition, offset: int) -> bool:
        """Go on at ``offset``; False when the partition was lost in this very moment."""
        self._next[tp] = offset
        return self._each(lambda one: self._consumer.seek(one, offset), [tp])

    def _each(self, do: Callable[[TopicPartition], None], partitions: Partitions) -> bool:
        """``do`` it to each; False when one was lost meanwhile, which makes us reassigned.

        A member that the group no longer knows loses its partitions on the consumer's own thread,
        before it says so to the listener.
        """
        lost = []
        for tp in tuple(partitions):
            try:
                do(tp)
            except (ValueError, KeyError):  # both mean: not assigned
                lost.append(tp)
        self._revoked(lost)
        return not lost

    def _ask_ends(self) -> bool:
        try:
            ends = dict(self._consumer.end_offsets(list(self._assigned), OFFSETS_MS))
            for tp, offset in self._next.items():
                # Marks of transactions take offsets but are no records: at the end of the log
                # the consumer's position is behind them, and there is nothing left to deliver.
                if not self._ahead and offset < ends[tp]:
                    read = self._consumer.position(tp, OFFSETS_MS)
                    ends[tp] = offset if read == ends[tp] else ends[tp]
        except (theirs.OffsetOutOfRangeError, theirs.LogTruncationError) as error:
            self._failure = error
        except theirs.KafkaError:
            self._ends.clear()
            return False
        else:
            self._ends = ends
        return True

    def _find_trouble(self, now: float) -> str | None:
        failed = self._overheard.failure_since(now - HEARD_WITHIN_S)
        if self._assigned:
            fine = self.answering
        elif self._no_topic(now):
            return f"there is no topic {self._settings.raw_topic}; make it with " + MAKE_IT
        else:  # nobody is asked for the ends of no partitions
            fine = self.answering and failed is None
        if fine:
            return None
        return failed.advice if failed else "no broker answers; check the address"

    def _left_everybody_without(self) -> bool:
        """Whether this member gave nobody a partition, as it knew of none, and now could know."""
        now = self._monotonic()
        if (
            self._assigned
            or self._empty_since is None
            or now - self._empty_since < DIVIDED_AGAIN_S
        ):
            return False
        return self._overheard.undivided_since(self._joined_at) and not self._no_topic(now)

    def _no_topic(self, now: float) -> bool:
        topic = self._settings.raw_topic
        return self._overheard.missing_since(topic, now - HEARD_WITHIN_S)

    def _tell(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            if trouble is None:
                log.info("Kafka answers")
            else:
                log.warning("waiting for Kafka", reason=trouble)
        self.trouble = trouble

    def _join(self) -> Consumer:
        with seam("connecting to Kafka"):
            found = self._connect(self._settings)
            found.subscribe(
                [self._settings.raw_topic], listener=Listener(self._revoked, self._given)
            )
        return found

    def _rejoin(self) -> None:
        consumers.disconnect(self._consumer)
        for forgotten in (self._assigned, self._next, self._ends):
            forgotten.clear()
        self._failure, self._stuck, self._reassigned = None, False, False
        self._empty_since, self._joined_at = None, self._monotonic()
        self._consumer = self._join()
