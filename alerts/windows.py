"""The buckets and windows of event time that every test looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.season import FloatArray, cell

IntArray = NDArray[np.int64]
Rows = slice | IntArray
"""Which keys: a slice of them, or their numbers."""

WINDOWS: Final = (15, 60, 180)
"""Minutes; the last is also what one evaluation looks back on."""
BUCKET: Final = timedelta(minutes=5)
BUCKETS: Final = WINDOWS[-1] // 5
HOUR: Final = timedelta(hours=1)
PER_HOUR: Final = 12
"""Buckets of one hour."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How the windows ending at one minute of the hour lie over clock hours, oldest first.

    ``whole``, ``left`` and ``right`` are (3 windows, hours), in hours: the covered part of the
    hour, and how far that part leans towards the hour before and after it. ``buckets`` is
    (``BUCKETS``, 3 windows x hours): 1 where a bucket belongs to the window's part of the hour.
    ``early`` is (3 windows,): the part of the newest hour that is still to come, where the window
    holds the hour's beginning.
    """

    whole: FloatArray
    left: FloatArray
    right: FloatArray
    buckets: FloatArray
    early: FloatArray


@dataclass(frozen=True, slots=True)
class Span:
    """The clock hours that the windows ending at one moment touch, and how they weigh.

    ``cells`` are those hours' cells of the season, with one more hour on either side.
    """

    cells: tuple[int, ...]
    weights: Weights


def span(at: datetime, zone: ZoneInfo) -> Span:
    """Describe the ``BUCKETS`` buckets that end at ``at``, a boundary of event time."""
    first = at - BUCKETS * BUCKET
    start = first.replace(minute=0, second=0, microsecond=0)
    weights = _weights((first - start) // BUCKET)
    hours = range(-1, weights.whole.shape[1] + 1)
    return Span(tuple(cell(start + hour * HOUR, zone) for hour in hours), weights)


@cache
def _weights(skipped: int) -> Weights:
    """Weights for buckets that begin ``skipped`` buckets into the first hour, 0 to 11."""
    index = skipped + np.arange(BUCKETS)
    hours = index // PER_HOUR
    # Distance of a bucket's middle from the middle of its hour, in hours, negative before it.
    lean = (index % PER_HOUR + 0.5) / PER_HOUR - 0.5
    in_hour = hours[:, None] == np.arange(hours[-1] + 1)
    in_window = np.arange(BUCKETS)[:, None] >= BUCKETS - np.array(WINDOWS) // 5
    buckets = (in_window[:, :, None] & in_hour[:, None, :]).astype(np.float64)
    whole, left, right = (
        np.tensordot(weight, buckets, 1) / PER_HOUR
        for weight in (np.ones(BUCKETS), np.maximum(-lean, 0.0), np.maximum(lean, 0.0))
    )
    begun = int(index[-1]) % PER_HOUR + 1
    early = np.where(begun <= np.array(WINDOWS) // 5, 1.0 - begun / PER_HOUR, 0.0)
    return Weights(whole, left, right, buckets.reshape(BUCKETS, -1), early)


def windowed(buckets: IntArray) -> IntArray:
    """Sums over the last 15, 60 and 180 minutes: (keys, ``BUCKETS``) in, (keys, 3) out."""
    return np.stack([buckets[:, -minutes // 5 :].sum(axis=1) for minutes in WINDOWS], axis=1)
