"""The worker: poll, parse, classify, commit. Any number may run; the database keeps them apart."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from threading import Event
from time import perf_counter

import structlog

from ingest.files import IngestError, Record
from ingest.kafka.gap import Gap
from models.prediction import Prediction
from pipeline.caution import Attempts, Caution, condemned
from pipeline.sources import Source
from pipeline.step import Batch, Link, Parsed, Partition, Submit, Tracker, rows, submit
from pipeline.store import articles, attempts, positions
from pipeline.store.database import Database, DatabaseAway
from pipeline.watermark import Report

log = structlog.get_logger()

IN_FLIGHT = 2
"""Polls between parsing and commit: one being classified, the next waiting for the model."""

LOOK_AGAIN_S = 0.2
"""How often a wait for the classifier looks whether the worker is to stop."""

HOLD_EVERY_S = 1.0
"""How often the source is told meanwhile that it is still wanted."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one call of :meth:`Worker.step` did. ``batch`` is None when there was nothing to
    commit.

    Durations are in seconds; ``waited`` is for the classifier's answer, which runs beside the
    rest.
    """

    batch: Batch | None = None
    refused: bool = False
    poll_seconds: float = 0.0
    parse_seconds: float = 0.0
    waited_seconds: float = 0.0
    commit_seconds: float = 0.0


class Worker:
    """Moves one source's records into the database. For one thread.

    Positions are known from the database alone. Whenever that may have changed - partitions came
    or went, another owner moved a position - all that is in hand is forgotten, and read again from
    there. After an exception call :meth:`start` before the next step, for the same reason.

    What it claims it lets go of in :meth:`close`. Without that it counts as killed, and when that
    happens again at the same position, the next worker is careful: see :mod:`pipeline.caution`.

    Args:
        classify: the engine's ``submit``; its answers are awaited in the order of the polls, so
            that positions move in order.
        stop: once set, a step returns soon, and what was not committed is read again next time.
        answer_within_s: bound on the wait for one poll's predictions.
        poll_records: the most that the source gives at once: how far a lost batch can reach.
    """

    def __init__(
        self,
        db: Database,
        source: Source,
        *,
        classify: Submit,
        link: Link,
        lateness: timedelta,
        clock: Callable[[], datetime],
        name: str,
        stop: Event | None = None,
        answer_within_s: float = 600.0,
        poll_records: int = 1024,
    ) -> None:
        self._db = db
        self._source = source
        self._classify = classify
        self._link = link
        self._clock = clock
        self._name = name
        self._stop = stop or Event()
        self._answer_within_s = answer_within_s
        self._tracker = Tracker(lateness)
        self._caution = Caution()
        self._span = IN_FLIGHT * poll_records
        # Not the name: a container that starts again has the same host and process number.
        self._run = secrets.token_hex(16)
        self._flight: deque[tuple[Parsed, Future[list[Prediction]]]] = deque()
        self._stored: dict[Partition, tuple[int, datetime | None]] = {}
        self._reported_finished = False
        self._parse_seconds = 0.0
        self._poll_seconds = 0.0
        self._hold_at = 0.0

    @property
    def finished(self) -> bool:
        """Everything the source will ever have is stored, and reported as such."""
        return self._reported_finished

    def behind(self) -> dict[Partition, tuple[int, datetime | None]]:
        """Per partition: records known to exist but not stored, and the newest event stored."""
        ends = self._source.ends()
        return {
            partition: (max(0, ends.get(partition, stored) - stored), newest)
            for partition, (stored, newest) in self._stored.items()
        }

    def positions(self) -> dict[Partition, int]:
        """Next offset of each partition, as stored."""
        return {partition: stored for partition, (stored, _) in self._stored.items()}

    def start(self) -> None:
        """Go to where the database says the source was left, forgetting what is in flight.

        Raises:
            StoreError: the source is not the one that was read before.
            IngestError: the source does not reach as far as it was read.
        """
        self._forget()
        self._reported_finished = False
        noted: dict[Partition, Attempts] = {}
        stored = positions.claim(
            self._db,
            self._source.partitions(),
            now=self._clock(),
            worker=self._name,
            also=lambda connection, found: noted.update(
                attempts.claim(
                    connection, found, run=self._run, span=self._span, held=self._stored
                )
            ),
        )
        self._source.seek({partition: position for partition, (position, _) in stored.items()})
        self._tracker.set(stored)
        self._caution.set(noted)
        self._stored = stored
        for (topic, number), until in self._caution.suspected.items():
            log.warning(
                "records that may kill the process: taking them one at a time",
                topic=topic,
                partition=number,
                position=stored[topic, number][0],
                until=until,
                claims=noted[topic, number].claims,
            )

    def step(self, timeout_s: float) -> Done:
        """Keep the classifier busy and commit the oldest poll; waits for records when there are
        none.

        Call again and again; a call without records renews the report.

        Raises:
            IngestError: the source fails. The worker is closed: no record was the cause.
        """
        try:
            return self._step(timeout_s)
        except IngestError:
            self.close()
            raise

    def _step(self, timeout_s: float) -> Done:
        self._poll_seconds = self._parse_seconds = 0.0
        while self._has_room() and self._take(0.0 if self._flight else timeout_s):
            pass
        if not self._flight:
            self._report()
            return Done(poll_seconds=self._poll_seconds)
        begun = perf_counter()
        if not self._answered():
            return Done(poll_seconds=self._poll_seconds, parse_seconds=self._parse_seconds)
        parsed, answer = self._flight.popleft()
        predictions = answer.result(timeout=0)
        answered = perf_counter()
        stored = self._commit(rows(parsed, predictions, self._link))
        return Done(
            stored,
            refused=stored is None,
            poll_seconds=self._poll_seconds,
            parse_seconds=self._parse_seconds,
            waited_seconds=answered - begun,
            commit_seconds=perf_counter() - answered,
        )

    def hold(self) -> None:
        """Keep the source while nothing can be stored; to be called every few seconds."""
        self._source.hold()

    def close(self) -> None:
        """Give up what is in flight, which was never committed, and let go of the partitions.

        Not after an exception: nobody knows whether a record was the cause.
        """
        self._forget()
        try:
            attempts.let_go(self._db, self._stored, run=self._run)
        except DatabaseAway as error:
            log.info("the partitions were not let go", worker=self._name, reason=str(error))
        self._stored = {}

    def _forget(self) -> None:
        for _, answer in self._flight:
            answer.cancel()
        self._flight.clear()

    def _has_room(self) -> bool:
        return len(self._flight) < (1 if self._caution.needed else IN_FLIGHT)

    def _answered(self) -> bool:
        """Wait for the oldest poll's predictions; False when they are not wanted any more."""
        _, answer = self._flight[0]
        now = perf_counter()
        deadline, hold_at = now + self._answer_within_s, now + HOLD_EVERY_S
        while not wait([answer], timeout=LOOK_AGAIN_S).done:
            now = perf_counter()
            if self._stop.is_set():
                return False
            if now > deadline:
                raise TimeoutError(f"the classifier gave no answer in {self._answer_within_s} s")
            if now >= hold_at:
                hold_at = now + HOLD_EVERY_S
                self._source.hold()
            if self._source.reassigned:
                self.start()
                return False
        return True

    def _commit(self, batch: Batch) -> Batch | None:
        """Store the batch, or start again from the database when it is refused."""
        if articles.commit(self._db, batch, self._reports(batch), self._name):
            for m in batch.moves:
                self._stored[m.topic, m.partition] = (m.new, m.newest)
            self._caution.stored(self._tracker.next)
            return batch
        log.warning("commit refused: another owner moved the position", worker=self._name)
        self.start()
        return None

    def _take(self, timeout_s: float) -> bool:
        begun = perf_counter()
        found = self._look(timeout_s)
        polled = perf_counter()
        self._poll_seconds += polled - begun
        if self._source.reassigned:
            self.start()
            return False
        if self._caution.needed:
            return self._take_carefully()
        if not found:
            return False
        self._send(self._tracker.parse(found), since=polled)
        return True

    def _look(self, timeout_s: float) -> Sequence[Record | Gap]:
        """Poll, unless there is something that was read and not taken."""
        found: Sequence[Record | Gap] = ()
        if not self._caution.waiting:
            found = self._source.poll(timeout_s)
            if self._caution.needed and not self._source.reassigned:
                self._pass_ends(found)
                self._caution.read(found)
        elif perf_counter() >= self._hold_at:
            self._source.hold()
        else:
            return found
        self._hold_at = perf_counter() + HOLD_EVERY_S
        return found

    def _pass_ends(self, found: Sequence[Record | Gap]) -> None:
        """At its end, a partition has shown all that a process can have died of."""
        ends = self._source.ends()
        more = {(one.topic, one.partition) for one in found}
        passed = [
            partition
            for partition in self._caution.suspected
            if partition not in more and ends.get(partition, inf) <= self._tracker.next[partition]
        ]
        if passed:
            attempts.clear(self._db, passed, run=self._run)
            self._caution.clear(passed)

    def _take_carefully(self) -> bool:
        """One record of a suspect partition, written down before it is touched; or others."""
        begun = perf_counter()
        portion = self._caution.portion()
        match portion:
            case []:
                return False
            case [Record() as record] if self._caution.kills(record):
                log.error("a record kills the process: it is a dead letter", offset=record.offset)
                self._send(self._tracker.bury(record, condemned(record)), since=begun)
                return True
            case [Record() as record] if self._caution.alone(record):
                partition = (record.topic, record.partition)
                if not attempts.begin(self._db, partition, record.offset, run=self._run):
                    log.warning("a partition has another owner", worker=self._name)
                    self.start()
                    return False
        self._send(self._tracker.parse(portion), since=begun)
        return True

    def _send(self, parsed: Parsed, *, since: float) -> None:
        self._parse_seconds += perf_counter() - since
        self._flight.append((parsed, submit(parsed, self._classify)))

    def _reports(self, batch: Batch) -> dict[Partition, Report]:
        ends = self._source.ends()
        now = self._clock()
        return {
            (m.topic, m.partition): Report(
                m.topic,
                m.partition,
                m.new,
                # An end that nobody knows: there may be more, so the partition is not idle.
                ends.get((m.topic, m.partition), m.new + 1),
                m.newest,
                now,
            )
            for m in batch.moves
        }

    def _report(self) -> None:
        """Renew the reports. Only here is a source called finished: of all its partitions."""
        finished = self._source.finished
        ours = positions.report(
            self._db,
            self._source.ends(),
            now=self._clock(),
            finished=finished,
            worker=self._name,
        )
        if not ours:
            log.warning("report refused: a partition has another owner", worker=self._name)
            self.start()
            return
        self._reported_finished = finished
