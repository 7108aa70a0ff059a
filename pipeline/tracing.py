"""What the detector saw in a replay, hour by hour and for every key: for reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.scores import HOUR_WINDOW, Scores
from alerts.tails import count_intervals
from pipeline.pages.charts import Series
from pipeline.store.buckets import Key

POINTS: Final = 480
"""Of a picture; a longer replay shows of several hours the one that stands out most."""

_Column = NDArray[np.float32]


class Trace:
    """Keeps the 60 minutes before every whole hour: 20 bytes per key and hour."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self.evaluations = 0
        self.times: list[datetime] = []
        self._columns: list[tuple[_Column, ...]] = []

    def __call__(self, at: datetime, scores: Scores) -> None:
        """Take what an evaluation found."""
        self.evaluations += 1
        if at.minute:
            return
        usual = scores.expectation
        columns = (
            scores.observed[:, HOUR_WINDOW],
            scores.total[:, HOUR_WINDOW],
            usual.negative[:, HOUR_WINDOW],
            usual.variation[:, HOUR_WINDOW],
            usual.share[:, HOUR_WINDOW],
        )
        self.times.append(at)
        self._columns.append(tuple(column.astype(np.float32) for column in columns))

    def series(self, key: Key) -> Series | None:
        """The whole replay of one key, ``POINTS`` at most; None: too short for one."""
        if len(self.times) < 2:
            return None
        row = self.keys.index(key)
        found = np.array([[column[row] for column in columns] for columns in self._columns])
        negative, stories, expected, variation, share = found.T.astype(np.float64)
        spread = float(np.median(variation))
        low, high = count_intervals(np.maximum(expected, 1e-6), spread)
        picked = _picked(negative - high)
        return Series(
            times=[self.times[n] for n in picked],
            negative=[int(negative[n]) for n in picked],
            stories=[int(stories[n]) for n in picked],
            expected=[float(expected[n]) for n in picked],
            low=[int(low[n]) for n in picked],
            high=[int(high[n]) for n in picked],
            usual_share=[float(share[n]) for n in picked],
        )


def _picked(above: NDArray[np.float64]) -> list[int]:
    """Of every so many hours, the one furthest above the usual."""
    width = -(-len(above) // POINTS)
    return [
        begin + int(np.argmax(above[begin : begin + width]))
        for begin in range(0, len(above), width)
    ]
