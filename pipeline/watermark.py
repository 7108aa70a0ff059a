"""The watermark: up to which event time the counts are complete, as far as anyone can know.

It is computed from the workers' reports alone, each written in the transaction that stored the
records it speaks of, so it never runs ahead of what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.windows import BUCKET
from pipeline.count import bucket_start

Hold = Literal["moving", "no_reports", "stale_report", "silent", "finished"]
"""Why the watermark is where it is: the same word is logged, exported and tested."""


@dataclass(frozen=True, slots=True)
class Report:
    """A partition as its worker last described it.

    ``position`` is the next offset to read, ``end`` the offset after the last record known to
    exist, ``newest`` the newest event time stored (None: no dated article yet), ``finished`` that
    nothing will ever follow (a file that is not followed).
    """

    topic: str
    partition: int
    position: int
    end: int
    newest: datetime | None
    reported_at: datetime
    finished: bool = False

    @property
    def idle(self) -> bool:
        """Everything known to exist has been stored."""
        return self.position >= self.end


@dataclass(frozen=True, slots=True)
class Watermark:
    """``at`` is None until a dated article has been stored. It never moves back."""

    at: datetime | None
    why: Hold


def advance(
    previous: datetime | None,
    reports: Sequence[Report],
    *,
    now: datetime,
    lateness: timedelta,
    fresh_for: timedelta,
) -> Watermark:
    """The watermark after ``reports``, seen at wall-clock time ``now``.

    The minimum over partitions of newest event - ``lateness``; idle ones leave the minimum. A
    partition whose report is older than ``fresh_for`` holds the watermark where it is. When all
    are idle it follows the wall clock, but not past :func:`silence_limit`; when all are finished
    it goes straight there. A finished partition is never stale: nobody reports on it any more.
    """
    newest = max((r.newest for r in reports if r.newest is not None), default=None)
    if newest is None:
        return Watermark(previous, "no_reports")
    if stale(reports, now, fresh_for):
        return Watermark(previous, "stale_report")
    limit = silence_limit(newest)
    if all(r.finished and r.idle for r in reports):
        return Watermark(_later(previous, limit), "finished")
    busy = [r for r in reports if not r.idle]
    if not busy:
        return Watermark(_later(previous, min(now - lateness, limit)), "silent")
    if any(r.newest is None for r in busy):
        # It has records and none of them was dated yet: what comes next may be of any time.
        return Watermark(previous, "moving")
    slowest = min(r.newest for r in busy if r.newest is not None)
    return Watermark(_later(previous, slowest - lateness), "moving")


def stale(reports: Sequence[Report], now: datetime, fresh_for: timedelta) -> list[Report]:
    """Those that are too old to be believed. Of a finished partition there will be no others."""
    return [r for r in reports if not r.finished and now - r.reported_at > fresh_for]


def silence_limit(newest: datetime) -> datetime:
    """How far silence alone may carry the watermark: the second bucket end after ``newest``.

    A burst followed by silence is judged, and silence resolves nothing.
    """
    return bucket_start(newest) + 2 * BUCKET


def _later(previous: datetime | None, candidate: datetime) -> datetime:
    return candidate if previous is None else max(previous, candidate)
