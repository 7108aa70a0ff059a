"""Whether what the classifier says has changed since its version was new.

Two questions, kept apart. *Mix*: are labels divided otherwise than in the days after the swap?
*Confidence*: is the classifier less sure of the same labels? A shift of the mix alone also moves
the mean confidence, as labels differ in how sure they are; so confidence is compared label by
label. Either number comes with a limit that chance passes once in 10,000 looks, given how much
days differ from each other in any case, and that is never lower than what is worth a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.store import buckets, drifting
from pipeline.store.buckets import HOUR, whole_hour
from pipeline.store.database import Database
from pipeline.store.drifting import Said
from pipeline.work_metrics import TASKS, Task

DAY: Final = timedelta(days=1)
REFERENCE_DAYS: Final = 14
"""After the swap, to compare with ..."""
LEAST_DAYS: Final = 7
"""... once so many of them are there: a week, since weekends are otherwise."""
LEAST_STORIES: Final = 100
"""Of a day that counts."""
HOURS_AT_ONCE: Final = 6
"""Read per look, so that a start or a backlog does not hold up the monitor."""

ALPHA: Final = 1e-4
LEAST_EXPECTED: Final = 5.0
"""Stories of a label in a day, for the chi-squared law to hold; rarer ones are put together."""
LEAST_MIX: Final = 0.01
"""Bits of Jensen-Shannon divergence: about one label in two going from 50 % to 62 %."""
LEAST_DROP: Final = 0.02
"""Of the mean probability of the chosen label."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far something has moved, and how far it may move by chance."""

    value: float
    limit: float

    @property
    def alarms(self) -> bool:
        """Whether it is more than chance, and worth a call."""
        return self.value > self.limit


@dataclass(frozen=True, slots=True)
class Drifted:
    """One task's answers; None while there is too little to compare."""

    mix: Moved | None
    confidence: Moved | None


def mix_shift(days: Array, recent: Array) -> Moved | None:
    """Compare how labels are divided: ``days`` is (days, labels) counts, ``recent`` (labels,).

    The value is the Jensen-Shannon divergence in bits, 0 to 1. The limit is that of a chi-squared
    test between the two, by an F law: its dispersion is how much days differ among themselves.
    """
    days, recent = _merged(days, recent)
    labels = len(recent)
    if labels < 2:
        return None
    before = days.sum(axis=0)
    shares = before / before.sum()
    known = shares > 0  # a label may be new
    expected = days.sum(axis=1, keepdims=True) * shares[known]
    freedom = (len(days) - 1) * max(1, int(known.sum()) - 1)
    apart = float(((days[:, known] - expected) ** 2 / expected).sum())
    dispersion = max(1.0, apart / freedom)
    rows = before.sum() * recent.sum() / (before.sum() + recent.sum())
    chance = float(stats.f.isf(ALPHA, labels - 1, freedom)) * (labels - 1) * dispersion
    # For small differences the divergence is chi-squared / (8 rows), in nats.
    limit = chance / (8 * rows * np.log(2))
    return Moved(_divergence(shares, recent / recent.sum()), max(LEAST_MIX, float(limit)))


def confidence_drop(days: Array, recent: Array) -> Moved | None:
    """Compare how sure the labels are: (days, 3, labels) and (3, labels) of counts, sums of the
    probabilities and sums of their squares.

    The value is the fall of the mean probability, label by label, weighted as precisely as each is
    known; the limit that of a t test with the dispersion of the days.
    """
    found = _drop(days.sum(axis=0), recent)
    if found is None:
        return None
    total = days.sum(axis=0)
    each = [_drop(total - day, day) for day in days]
    squares = [drop**2 / variance for drop, variance in filter(None, each)]
    if len(squares) < 2:
        return None
    dispersion = max(1.0, float(np.mean(squares)))
    drop, variance = found
    limit = float(stats.t.isf(ALPHA, len(squares) - 1)) * float(np.sqrt(dispersion * variance))
    return Moved(drop, max(LEAST_DROP, limit))


def _merged(days: Array, recent: Array) -> tuple[Array, Array]:
    """Rare labels put together, so that every column is expected often enough in a day."""
    pooled = days.sum(axis=0) + recent
    smallest = min(float(recent.sum()), float(days.sum(axis=1).min()))
    common = pooled / pooled.sum() * smallest >= LEAST_EXPECTED
    if common.all():
        return days, recent
    rest = np.append(recent[common], recent[~common].sum())
    return np.column_stack([days[:, common], days[:, ~common].sum(axis=1)]), rest


def _divergence(one: Array, other: Array) -> float:
    middle = (one + other) / 2
    terms = [
        np.sum(part[part > 0] * np.log2(part[part > 0] / middle[part > 0]))
        for part in (one, other)
    ]
    return max(0.0, float(sum(terms)) / 2)


def _drop(before: Array, after: Array) -> tuple[float, float] | None:
    """Fall of the mean and its variance, over the labels that both have; None without any."""
    both = (before[0] >= 2) & (after[0] >= 2)
    if not both.any():
        return None
    (n1, s1, q1), (n2, s2, q2) = before[:, both], after[:, both]
    weight = n1 * n2 / (n1 + n2)
    within = q1 - s1**2 / n1 + q2 - s2**2 / n2
    spread = np.maximum(within / np.maximum(n1 + n2 - 2, 1), 1e-6)
    drop = np.sum(weight * (s1 / n1 - s2 / n2)) / weight.sum()
    return float(drop), float(np.sum(weight * spread) / weight.sum() ** 2)


class Drift:
    """Compares the last 24 h of event time with the days after the last swap. For one thread.

    It reads each hour once, when it is past, and some hundred stories of it at most: more change
    nothing, and a busy stream costs no more than a quiet one.
    """

    def __init__(self, db: Database, languages: Sequence[str]) -> None:
        self._db = db
        self._languages = tuple(languages)
        self._hours: dict[datetime, Said] = {}
        self._looked: datetime | None = None

    def look(self, watermark: datetime) -> Mapping[Task, Drifted] | None:
        """What has moved up to the last whole hour; None: nothing new, or not all is read yet."""
        end = whole_hour(watermark)
        if self._looked == end:
            return None
        start = self._start()
        if start is None:
            return None
        wanted = _wanted(start, end)
        missing = [at for at in wanted if at not in self._hours]
        for at in missing[:HOURS_AT_ONCE]:
            self._hours[at] = drifting.said(self._db, at, at + HOUR, self._languages)
        if len(missing) > HOURS_AT_ONCE:
            return None
        self._hours = {at: self._hours[at] for at in wanted}
        self._looked = end
        return {task: self._compare(task, start, end) for task in TASKS}

    def _start(self) -> datetime | None:
        """The first whole hour by the present version: after the last swap, or of all."""
        since = drifting.last_swap(self._db) or buckets.first_bucket(self._db, None)
        return None if since is None else whole_hour(since + HOUR - timedelta(milliseconds=1))

    def _compare(self, task: Task, start: datetime, end: datetime) -> Drifted:
        days = [day for day in _days(start, end) if day + DAY <= end - DAY]
        recent, reference = self._sum(task, end - DAY), [self._sum(task, day) for day in days]
        labels = sorted({label for part in (recent, *reference) for label in part})
        full = [_array(day, labels) for day in reference]
        full = [day for day in full if day[0].sum() >= LEAST_STORIES]
        now = _array(recent, labels)
        if len(full) < LEAST_DAYS or now[0].sum() < LEAST_STORIES:
            return Drifted(None, None)
        before = np.array(full)
        return Drifted(mix_shift(before[:, 0], now[0]), confidence_drop(before, now))

    def _sum(self, task: Task, begin: datetime) -> dict[str, Array]:
        """Counts, sums and sums of squares by label, of the day that begins there."""
        found: dict[str, Array] = {}
        for hour in range(24):
            of_hour = self._hours.get(begin + hour * HOUR)
            for label, numbers in (of_hour.of(task) if of_hour else {}).items():
                found[label] = found.get(label, np.zeros(3)) + numbers
        return found


def _days(start: datetime, end: datetime) -> list[datetime]:
    days = min(REFERENCE_DAYS, max(0, (end - start) // DAY))
    return [start + number * DAY for number in range(days)]


def _wanted(start: datetime, end: datetime) -> list[datetime]:
    """The hours of the reference days and of the last 24 h, oldest first, each once."""
    reference = [day + hour * HOUR for day in _days(start, end) for hour in range(24)]
    recent = [end - DAY + hour * HOUR for hour in range(24)]
    return sorted({*reference, *recent})


def _array(of_label: Mapping[str, Array], labels: Sequence[str]) -> Array:
    """(3, labels)."""
    columns = [of_label.get(label, np.zeros(3)) for label in labels]
    return np.column_stack(columns) if columns else np.zeros((3, 0))
