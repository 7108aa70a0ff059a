"""The buckets and windows of event time that every test looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.season import FloatArray, cell

IntArray = NDArray[np.int64]

WINDOWS: Final = (15, 60, 180)
"""Minutes; the last is also what one evaluation looks back on."""
BUCKET: Final = timedelta(minutes=5)
BUCKETS: Final = WINDOWS[-1] // 5
HOUR: Final = timedelta(hours=1)
PER_HOUR: Final = 12
"""Buckets of one hour."""


@dataclass(frozen=True, slots=True)
class Span:
    """The clock hours that the windows ending at one moment touch, and how they weigh.

    ``cells`` has one entry per clock hour, oldest first, with one more hour on either side.
    ``whole``, ``left`` and ``right`` are (3 windows, inner hours), in hours: the covered part of
    the hour, and how far that part leans towards the hour before and after it.
    """

    cells: tuple[int, ...]
    hour_of_bucket: IntArray
    whole: FloatArray
    left: FloatArray
    right: FloatArray


def span(at: datetime, zone: ZoneInfo) -> Span:
    """Describe the ``BUCKETS`` buckets that end at ``at``, a boundary of event time."""
    first = at - BUCKETS * BUCKET
    start = first.replace(minute=0, second=0, microsecond=0)
    index = (first - start) // BUCKET + np.arange(BUCKETS)
    hours = index // PER_HOUR
    inner = int(hours[-1]) + 1
    # Distance of a bucket's middle from the middle of its hour, in hours, negative before it.
    lean = (index % PER_HOUR + 0.5) / PER_HOUR - 0.5
    whole, left, right = (np.zeros((len(WINDOWS), inner)) for _ in range(3))
    for row, minutes in enumerate(WINDOWS):
        recent = slice(BUCKETS - minutes // 5, None)
        for sums, weight in (
            (whole, np.ones(BUCKETS)),
            (left, np.maximum(-lean, 0.0)),
            (right, np.maximum(lean, 0.0)),
        ):
            sums[row] = np.bincount(hours[recent], weight[recent], inner) / PER_HOUR
    cells = tuple(cell(start + offset * HOUR, zone) for offset in range(-1, inner + 1))
    return Span(cells, hours, whole, left, right)


def windowed(buckets: IntArray) -> IntArray:
    """Sums over the last 15, 60 and 180 minutes: (keys, ``BUCKETS``) in, (keys, 3) out."""
    return np.stack([buckets[:, -minutes // 5 :].sum(axis=1) for minutes in WINDOWS], axis=1)
