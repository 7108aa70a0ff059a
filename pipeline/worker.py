"""The worker: poll, parse, classify, commit. Any number may run; the database keeps them apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from time import perf_counter

import structlog

from models.prediction import Prediction
from pipeline.sources import Source
from pipeline.step import Batch, Link, Parsed, Partition, Submit, Tracker, rows, submit
from pipeline.store import articles, positions
from pipeline.store.database import Database
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

    Args:
        classify: the engine's ``submit``; its answers are awaited in the order of the polls, so
            that positions move in order.
        stop: once set, a step returns soon, and what was not committed is read again next time.
        answer_within_s: bound on the wait for one poll's predictions.
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
        self._flight: deque[tuple[Parsed, Future[list[Prediction]]]] = deque()
        self._stored: dict[Partition, tuple[int, datetime | None]] = {}
        self._reported_finished = False
        self._parse_seconds = 0.0
        self._poll_seconds = 0.0

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

    def start(self) -> None:
        """Go to where the database says the source was left, forgetting what is in flight.

        Raises:
            StoreError: the source is not the one that was read before.
            IngestError: the source does not reach as far as it was read.
        """
        self.close()
        self._reported_finished = False
        stored = positions.claim(
            self._db, self._source.partitions(), now=self._clock(), worker=self._name
        )
        self._source.seek({partition: position for partition, (position, _) in stored.items()})
        self._tracker.set(stored)
        self._stored = stored

    def step(self, timeout_s: float) -> Done:
        """Keep the classifier busy and commit the oldest poll; waits for records when there are
        none.

        Call again and again; a call without records renews the report.
        """
        self._poll_seconds = self._parse_seconds = 0.0
        while len(self._flight) < IN_FLIGHT and self._take(0.0 if self._flight else timeout_s):
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
        """Give up what is in flight: it was never committed, so nothing is lost."""
        for _, answer in self._flight:
            answer.cancel()
        self._flight.clear()

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
            return batch
        log.warning("commit refused: another owner moved the position", worker=self._name)
        self.start()
        return None

    def _take(self, timeout_s: float) -> bool:
        begun = perf_counter()
        found = self._source.poll(timeout_s)
        polled = perf_counter()
        self._poll_seconds += polled - begun
        if self._source.reassigned:
            self.start()
            return False
        if not found:
            return False
        parsed = self._tracker.parse(found)
        self._parse_seconds += perf_counter() - polled
        self._flight.append((parsed, submit(parsed, self._classify)))
        return True

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
