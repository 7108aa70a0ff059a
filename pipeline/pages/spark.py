"""Small pictures for pages with many: a line, what was usual, and where its newest point lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.pages.charts import LEAST_STORIES

WIDTH: Final = 240
HEIGHT: Final = 48
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
    most = max([4.0, *map(float, seen.negative), *seen.high])
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
        self._step = (width - 2 * EDGE) / max(1, count - 1)
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
        low, high = ([self._at(n, value) for n, value in enumerate(side)] for side in band)
        pieces = self._pieces(values)
        return Spark(
            told=told,
            top=top,
            band=_written([*high, *low[::-1]]),
            usual=_written([self._at(n, value) for n, value in enumerate(usual)]),
            seen=[_written(piece) for piece in pieces if len(piece) > 1],
            dots=[piece[0] for piece in pieces if len(piece) == 1],
            newest=None if math.isnan(values[-1]) else self._at(len(values) - 1, values[-1]),
            loud=loud,
            width=self._width,
            height=self._height,
        )

    def _at(self, place: int, value: float) -> tuple[float, float]:
        part = min(1.0, max(0.0, value / self._most))
        inner = self._height - 2 * EDGE
        return round(EDGE + place * self._step, 1), round(EDGE + (1.0 - part) * inner, 1)

    def _pieces(self, values: Sequence[float]) -> list[list[tuple[float, float]]]:
        pieces: list[list[tuple[float, float]]] = [[]]
        for place, value in enumerate(values):
            if not math.isnan(value):
                pieces[-1].append(self._at(place, value))
            elif pieces[-1]:
                pieces.append([])
        return [piece for piece in pieces if piece]


def _written(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
