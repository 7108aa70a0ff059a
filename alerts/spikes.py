"""Spike tests over all keys at once: numbers in, numbers out.

Two questions are asked of the last 15, 60 and 180 minutes. Are there more negative stories than
usual for this hour of the week (a negative-binomial tail)? Is their share of all stories higher
than usual (a Beta-binomial tail)? A spike is both. ``score`` reads, ``learn`` writes, and the
caller decides which hours may teach: its learning delay keeps the newest ones out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.baseline import CountBaseline
from alerts.expectation import Expectation
from alerts.scores import HOUR_WINDOW, Reading, Scores, SpikeSettings, judge
from alerts.share import ShareBaseline
from alerts.tails import count_intervals
from alerts.usual import Usual
from alerts.windows import BUCKET, BUCKETS, HOUR, IntArray, span, windowed

__all__ = ["Reading", "Scores", "SpikeDetector", "SpikeSettings", "Usual"]

REMEMBERED: Final = timedelta(days=8)
"""Learned hours are kept as they were for so long, unclipped, in case their level is accepted:
8 bytes per key and hour, 1.5 kB per key."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An hour as it was learned; arrays are (keys,) and half as wide as those that came in."""

    hour: datetime
    negative: NDArray[np.int32]
    stories: NDArray[np.int32]


class SpikeDetector:
    """The baselines of all keys; its state is a pure function of the learn and accept calls.

    >>> from datetime import UTC, timedelta
    >>> detector = SpikeDetector([("company", "ACME")], SpikeSettings())
    >>> monday, one = datetime(2026, 1, 5, tzinfo=UTC), np.array([1])
    >>> for hour in range(14 * 24):
    ...     detector.learn(monday + timedelta(hours=hour), one * 0, one, one * 0, one * 0)
    >>> quiet, burst = np.zeros((1, 36), dtype=np.int64), np.zeros((1, 36), dtype=np.int64)
    >>> burst[0, -6:] = 2
    >>> at = monday + timedelta(days=15)
    >>> before, after = (detector.score(at, n, n).score[0] for n in (quiet, burst))
    >>> bool(before < 3 < after)
    True
    """

    def __init__(self, keys: Sequence[tuple[str, str]], settings: SpikeSettings) -> None:
        self.keys = tuple(keys)
        self.settings = settings
        kinds = sorted({kind for kind, _ in self.keys})
        groups = np.array([kinds.index(kind) for kind, _ in self.keys], dtype=np.int64)
        self._zone = ZoneInfo(settings.baseline.season.timezone)
        self._negative = CountBaseline(groups, settings.baseline)
        self._stories = CountBaseline(groups, settings.baseline)
        self._share = ShareBaseline(groups, settings.baseline)
        self._learned = 0
        self._newest: datetime | None = None
        self._lessons: deque[_Lesson] = deque()
        self._accepted: dict[int, datetime] = {}

    def score(self, at: datetime, negative: IntArray, stories: IntArray) -> Scores:
        """Test the 180 minutes that end at ``at``, a 5-minute boundary of event time.

        ``negative`` and ``stories`` are (keys, 36) counts per bucket, oldest first.

        Raises:
            ValueError: the arrays have another shape, or ``at`` is not a boundary.
        """
        if negative.shape != (len(self.keys), BUCKETS) or stories.shape != negative.shape:
            raise ValueError(f"counts must be ({len(self.keys)}, {BUCKETS}), oldest bucket first")
        if at.timestamp() % BUCKET.total_seconds():
            raise ValueError(f"{at.isoformat()} is not a boundary of buckets of {BUCKET}")
        over = span(at, self._zone)
        usual = self._stories.expected(over)
        share = self._share.expected(over, stories)
        expectation = Expectation(
            negative=self._negative.expected(over),
            variation=self._negative.variation,
            stories=usual,
            at_once=usual + self._stories.to_come(over),
            stories_variation=self._stories.variation,
            share=share,
            concentration=self._share.concentration(share),
            ready=self.ready,
            baseline_days=self._learned / 24.0,
        )
        observed, total = windowed(negative), windowed(stories)
        return judge(observed, total, negative[:, -1], stories[:, -1], expectation, self.settings)

    def learn(
        self,
        hour: datetime,
        n: IntArray,
        N: IntArray,  # noqa: N803 - n of N, as in the formulas
        n_last15: IntArray,
        N_last15: IntArray,  # noqa: N803
    ) -> None:
        """Teach the baselines one closed hour [hour, hour + 1 h): n negative of N stories.

        All arrays are (keys,). Hours come in order; one in which the whole stream was silent is
        left out by the caller, since no data is not a quiet hour.

        Raises:
            ValueError: ``hour`` is not a whole hour after the last one learned.
        """
        if hour.timestamp() % HOUR.total_seconds():
            raise ValueError(f"{hour.isoformat()} is not the beginning of an hour")
        if self._newest is not None and hour <= self._newest:
            raise ValueError(f"{hour.isoformat()} is not after {self._newest.isoformat()}")
        negative, stories = n.astype(np.float64), N.astype(np.float64)
        self._negative.learn(hour, negative, n_last15.astype(np.float64))
        believed = self._stories.learn(hour, stories, N_last15.astype(np.float64))
        self._share.learn(hour, negative, stories, believed)
        self._newest = hour
        self._learned += 1
        self._lessons.append(_Lesson(hour, n.astype(np.int32), N.astype(np.int32)))
        while self._lessons[0].hour <= hour - REMEMBERED:
            self._lessons.popleft()
        for row in [row for row, since in self._accepted.items() if hour >= since]:
            self.accept(row, self._accepted.pop(row))

    def accept(self, row: int, since: datetime) -> None:
        """Take the level since ``since`` as a key's new normal: an operator's decision.

        The key's counts and share forget what came before and follow the hours that have begun
        since then, as they were, of the last ``REMEMBERED`` at most; spread stays, and the season
        of the hours of the week that were not among them.
        While no such hour has been learned yet, the first one that is counts alone.

        Raises:
            IndexError: no such key.
        """
        if not 0 <= row < len(self.keys):
            raise IndexError(f"row {row} of {len(self.keys)} keys")
        since_then = [
            (lesson.hour, float(lesson.negative[row]), float(lesson.stories[row]))
            for lesson in self._lessons
            if lesson.hour >= since
        ]
        if not since_then:
            self._accepted[row] = since
            return
        self._negative.accept(row, [(hour, bad) for hour, bad, _ in since_then])
        self._stories.accept(row, [(hour, total) for hour, _, total in since_then])
        self._share.accept(row, [(bad, total) for _, bad, total in since_then])

    @property
    def ready(self) -> bool:
        """Whether enough hours have been learned to say what is usual."""
        return self._learned >= self.settings.baseline.warmup_hours

    def usual(self, row: int, times: Sequence[datetime]) -> Usual:
        """Say what is usual for a key in the 60 minutes before each time, by today's baselines.

        ``times`` are 5-minute boundaries, past or future. Some 0.1 ms per time.
        """
        return self.usuals([row], times)[0]

    def usuals(self, rows: Sequence[int], times: Sequence[datetime]) -> list[Usual]:
        """The same for several keys, for hardly more than one costs."""
        some = np.array(rows, dtype=np.int64)
        even = np.ones((len(some), BUCKETS), dtype=np.int64)
        over = [span(at, self._zone) for at in times]
        negative, stories, share = (
            np.array([found[:, HOUR_WINDOW] for found in each]).reshape(len(over), len(some)).T
            for each in (
                [self._negative.expected(where, some) for where in over],
                [self._stories.expected(where, some) for where in over],
                [self._share.expected(where, even, some) for where in over],
            )
        )
        return [
            Usual(
                tuple(times),
                negative[place],
                *count_intervals(negative[place], _varies(self._negative, row)),
                stories[place],
                *count_intervals(stories[place], _varies(self._stories, row)),
                share[place],
            )
            for place, row in enumerate(rows)
        ]


def _varies(baseline: CountBaseline, row: int) -> float:
    return float(baseline.variation[row, HOUR_WINDOW])
