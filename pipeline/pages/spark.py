"""Small pictures for pages with many: a line, what was usual, and where its newest point lies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Final

import numpy as np

from pipeline.pages.charts import LEAST_STORIES

WIDTH: Final = 200
HEIGHT: Final = 60
EDGE: Final = 3
"""Kept free on every side: half of the newest point."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Stories of the hour before each of some moments, oldest first, beside the usual.

    ``low``, ``high`` and ``usual`` are about negative stories, ``share`` is usual; empty while
    nothing is known of that.
    """

    negative: Sequence[int]
    stories: Sequence[int]
    usual: Sequence[float] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    share: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Spark:
    """One picture; points are ``x,y`` pairs as SVG has them."""

    told: str
    """The same in words, for who cannot see it."""
    top: str
    """The value at the upper edge."""
    band: str
    usual: str
    seen: Sequence[str]
    """Pieces of the line: it has gaps where there is nothing to say."""
    dots: Sequence[tuple[float, float]]
    """Pieces of a single moment, which no line would show."""
    newest: tuple[float, float] | None
    loud: bool
    """The newest moment lies above the usual."""
    width: int = WIDTH
    height: int = HEIGHT


def counts(seen: Seen, *, width: int = WIDTH, height: int = HEIGHT) -> Spark:
    """Negative stories against the interval of the usual."""
    most = max([3.0, *map(float, seen.negative), *seen.high])
    draw = _Draw(len(seen.negative), most, width, height)
    newest = seen.negative[-1]
    told = f"{newest} negative in the last hour, at most {max(seen.negative)}"
    if seen.high:
        told += f"; usual {seen.low[-1]:.0f} to {seen.high[-1]:.0f}"
    return draw.spark(
        told=told,
        top=f"{most:.0f}",
        values=seen.negative,
        usual=seen.usual,
        band=(seen.low, seen.high),
        loud=bool(seen.high) and newest > seen.high[-1],
    )


def shares(seen: Seen, *, width: int = WIDTH, height: int = HEIGHT) -> Spark:
    """Share of negative stories; with gaps where there are too few stories to say."""
    values = [
        bad / total if total >= LEAST_STORIES else math.nan
        for bad, total in zip(seen.negative, seen.stories, strict=True)
    ]
    known = [value for value in values if not math.isnan(value)]
    told = (
        f"at most {max(known):.0%} of an hour's stories negative" if known else "too few stories"
    )
    if len(seen.share):
        told += f"; usual {seen.share[-1]:.0%}"
    draw = _Draw(len(values), 1.0, width, height)
    return draw.spark(told=told, top="100%", values=values, usual=seen.share)


class _Draw:
    """Places of values in a picture: 0 at the bottom, ``most`` at the top."""

    def __init__(self, count: int, most: float, width: int, height: int) -> None:
        self._across = _across(count, width)
        self._most, self._width, self._height = most, width, height

    def spark(
        self,
        *,
        told: str,
        top: str,
        values: Sequence[float],
        usual: Sequence[float],
        band: tuple[Sequence[float], Sequence[float]] = ((), ()),
        loud: bool = False,
    ) -> Spark:
        low, high = (self._points(side) for side in band)
        pieces = [*self._pieces(values)]
        return Spark(
            told=told,
            top=top,
            band=" ".join([*high, *low[::-1]]),
            usual=" ".join(self._points(usual)),
            seen=[" ".join(piece) for piece in pieces if len(piece) > 1],
            dots=[_place(piece[0]) for piece in pieces if len(piece) == 1],
            newest=None if math.isnan(values[-1]) else _place(self._points(values)[-1]),
            loud=loud,
            width=self._width,
            height=self._height,
        )

    def _points(self, values: Sequence[float]) -> list[str]:
        """Beside ``nan`` stands ``nan``."""
        up = np.clip(np.asarray(values, dtype=np.float64) / self._most, 0.0, 1.0)
        down = EDGE + (1.0 - up) * (self._height - 2 * EDGE)
        return [f"{x},{y:.1f}" for x, y in zip(self._across, down.tolist(), strict=False)]

    def _pieces(self, values: Sequence[float]) -> Iterator[list[str]]:
        points = zip(self._points(values), values, strict=True)
        for gap, piece in groupby(points, key=lambda point: math.isnan(point[1])):
            if not gap:
                yield [point for point, _ in piece]


@cache
def _across(count: int, width: int) -> tuple[str, ...]:
    step = (width - 2 * EDGE) / max(1, count - 1)
    return tuple(f"{EDGE + n * step:.1f}" for n in range(count))


def _place(point: str) -> tuple[float, float]:
    x, _, y = point.partition(",")
    return float(x), float(y)
