"""The monitor: count what changed, move the watermark, evaluate, tell. One is active at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from time import perf_counter
from typing import Final, Protocol

import structlog

from alerts.channels import Channel
from alerts.incidents import Change
from pipeline.count import Keys
from pipeline.delivery import Delivery, Policy
from pipeline.detect import Detection
from pipeline.post import Post
from pipeline.retrying import Outcome as Outcome
from pipeline.store import counting, lease, positions, pruning
from pipeline.store.copies import Stored
from pipeline.store.database import Database
from pipeline.store.incidents import Incident
from pipeline.watermark import Hold, Report, Watermark, advance, stale

log = structlog.get_logger()

DEAD_SINK: Final = "dead_topic"
"""Name of Kafka's dead topic among the sinks; a label of metrics."""

RENEWALS = 6
"""Times that the lease is renewed before it would run out: a slow tick or two cost nothing."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one call of :meth:`Monitor.tick` did. Durations are in seconds."""

    counted: tuple[tuple[Stored, bool], ...]
    """Articles counted for the first time, each with whether it is a story."""
    watermark: Watermark
    evaluated: int
    changes: tuple[tuple[Incident, Change], ...]
    deliveries: tuple[tuple[str, Outcome], ...]
    """sink and outcome of each attempt: delivered, retried, gave_up."""
    count_seconds: float
    detect_seconds: float
    tell_seconds: float
    ended: bool = False
    """Every partition was at its end, and all of it has been counted."""
    unpublished: int | None = None
    """Dead letters that wait for the dead topic; None: they are not published."""


class DeadLetters(Protocol):
    """Where dead letters are told; see :class:`pipeline.dead_topic.DeadLetterTopic`."""

    def publish(self, now: datetime, *, epoch: int) -> Sequence[Outcome]:
        """Send what is due, in bounded time; an outcome per attempt."""

    def waiting(self) -> int:
        """How many have not been told yet."""


class Monitor:
    """Counts and watches one database. For one thread.

    Args:
        channels: told within the tick, so they must be quick, by the sink's name.
        epoch: of the lease that was taken for it: see :mod:`pipeline.store.lease`.
        keep_for: how long the lease lasts from each renewal.
        clock: asked in the midst of long ticks, to renew the lease in time.
        dead: where dead letters are told, if anywhere.
        post: tells all other sinks, on threads of its own, which have been started.
        stop: ends a tick early when it is set: a backlog may take minutes.

    ``detection`` tells what is being watched: newest scores and open incidents.
    """

    def __init__(
        self,
        db: Database,
        *,
        keys: Keys,
        detection: Detection,
        channels: Mapping[str, Channel],
        lateness: timedelta,
        fresh_for: timedelta,
        epoch: int,
        keep_for: timedelta,
        clock: Callable[[], datetime],
        dead: DeadLetters | None = None,
        post: Post | None = None,
        stop: Event | None = None,
    ) -> None:
        self._db = db
        self._keys = keys
        self.detection = detection
        policy = Policy() if post is None else post.policy
        self._deliveries = {
            sink: Delivery(db, sink, channel, policy, epoch=epoch)
            for sink, channel in channels.items()
        }
        self._post = post
        self._lateness = lateness
        self._fresh_for = fresh_for
        self._epoch = epoch
        self._keep_for = keep_for
        self._clock = clock
        self._dead = dead
        self._stop = stop or Event()
        self._renew_at = clock()
        self._watermark = lease.progress(db).watermark
        self._why: Hold | None = None
        detection.resume(self._keep_lease)
        if post is not None:
            post.begin(epoch, others=tuple(channels))

    def tick(self, now: datetime, *, closing: bool = False) -> Tick:
        """Bring counts, incidents and deliveries up to date with what the workers have stored.

        ``closing``: when every partition has been read to its end, that is taken for the end of
        the stream, as with files that are not followed.

        Once ``stop`` is set it ends after the transaction in hand: what it has not counted stays
        in the queue, what it has not evaluated behind the cursor, for whoever is next.

        Raises:
            LeaseLost: another monitor has taken over; make a new one, or stand by.
        """
        begun = perf_counter()
        # Reports are read before the queue is emptied: whatever they speak of is counted by then.
        reports = positions.reports(self._db)
        ended = all_at_end(reports, now, self._fresh_for)
        if ended and closing:
            reports = [replace(report, finished=True) for report in reports]
        self._keep_lease()
        counted = self._count()
        if self._stop.is_set():
            # Not moved: what the reports speak of may not be counted yet.
            watermark = Watermark(self._watermark, self._why or "no_reports")
        else:
            watermark = self._advance(reports, now)
        counting_ended = perf_counter()
        evaluated, changes = self._evaluate(watermark.at, now)
        detecting_ended = perf_counter()
        deliveries = [] if self._stop.is_set() else self._tell(now)
        return Tick(
            tuple(counted),
            watermark,
            evaluated,
            tuple(changes),
            tuple(deliveries),
            counting_ended - begun,
            detecting_ended - counting_ended,
            perf_counter() - detecting_ended,
            ended and not self._stop.is_set(),
            None if self._dead is None else self._dead.waiting(),
        )

    def release(self) -> None:
        """Give the lease back, so that a standby need not wait for it to run out.

        Raises:
            LeaseLost: another monitor has taken over already.
        """
        lease.renew(self._db, self._epoch, until=self._clock())

    def _count(self) -> list[tuple[Stored, bool]]:
        """Empty the queue, or as much of it as there is time for before ``stop``."""
        counted: list[tuple[Stored, bool]] = []
        while not self._stop.is_set():
            done = counting.count_changed(self._db, self._keys, self._epoch)
            if not done.taken:
                break
            counted += done.articles
            if done.redacted:
                self.detection.reread_incidents()
            self._keep_lease()
        return counted

    def _advance(self, reports: Sequence[Report], now: datetime) -> Watermark:
        """The new watermark, stored. The queue was empty after ``reports`` were read."""
        watermark = advance(
            self._watermark, reports, now=now, lateness=self._lateness, fresh_for=self._fresh_for
        )
        self._tell_hold(watermark, reports, now)
        if watermark.at is not None and watermark.at != self._watermark:
            lease.save_watermark(self._db, self._epoch, watermark.at)
            self._watermark = watermark.at
            pruning.prune(self._db, self._epoch, watermark.at)
        return watermark

    def _evaluate(
        self, watermark: datetime | None, now: datetime
    ) -> tuple[int, list[tuple[Incident, Change]]]:
        """Boundaries up to ``watermark``, run by run; how many, and what changed."""
        evaluated = 0
        changes: list[tuple[Incident, Change]] = []
        if watermark is None or self._stop.is_set():
            return evaluated, changes
        runs = self.detection.run(watermark, epoch=self._epoch, now=now, alive=self._keep_lease)
        for run in runs:
            evaluated += run.evaluated
            changes += run.changes
            self._keep_lease()
            if self._stop.is_set():
                break
        return evaluated, changes

    def _tell_hold(self, watermark: Watermark, reports: Sequence[Report], now: datetime) -> None:
        """One line in the log when the watermark begins to wait for a worker's report."""
        if watermark.why == "stale_report" != self._why:
            waits_for = stale(reports, now, self._fresh_for)
            log.warning(
                "the watermark waits: no worker reports on some partitions; start one, or look "
                "at its log",
                partitions=[f"{r.topic}/{r.partition}" for r in waits_for],
            )
        self._why = watermark.why

    def _keep_lease(self) -> None:
        now = self._clock()
        if now >= self._renew_at:
            lease.renew(self._db, self._epoch, until=now + self._keep_for)
            self._renew_at = now + self._keep_for / RENEWALS

    def _tell(self, now: datetime) -> list[tuple[str, Outcome]]:
        """Send what is due. At least once: a crash between sending and noting it sends again."""
        outcomes: list[tuple[str, Outcome]] = []
        for sink, delivery in self._deliveries.items():
            told: list[Outcome] = ["delivered"]
            while told and told[-1] != "retried":
                told = delivery.turn(now)
                outcomes += [(sink, outcome) for outcome in told]
                self._keep_lease()
        if self._post is not None:
            outcomes += self._post.take()
        if self._dead is not None:
            self._keep_lease()
            published = self._dead.publish(now, epoch=self._epoch)
            outcomes += [(DEAD_SINK, outcome) for outcome in published]
        return outcomes


def all_at_end(reports: Sequence[Report], now: datetime, fresh_for: timedelta) -> bool:
    """Whether every partition is known to be read to its end: by a fresh report, or for good."""
    return bool(reports) and all(
        r.idle and (r.finished or now - r.reported_at <= fresh_for) for r in reports
    )
