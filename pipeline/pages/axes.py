"""Where values and times lie in a picture, and which of them are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STEPS: Final = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 28 * DAY, 91 * DAY)
MOST_TIMES: Final = 9
"""Of the times written below a picture."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in the picture's units, and what is written there."""

    at: float
    label: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Times from ``first`` to ``last`` over ``left`` to ``right``."""

    first: datetime
    last: datetime
    left: float
    right: float

    def x(self, at: datetime) -> float:
        """Place of a time; one outside lies on the border."""
        whole = self.last - self.first
        part = (at - self.first) / whole if whole else 0.0
        return round(self.left + min(1.0, max(0.0, part)) * (self.right - self.left), 1)

    def ticks(self) -> list[Tick]:
        """Whole hours or days; a day's begin, or a month's, is strong."""
        whole = self.last - self.first
        step = next((s for s in STEPS if whole / s <= MOST_TIMES), STEPS[-1])
        midnight = self.first.replace(hour=0, minute=0, second=0, microsecond=0)
        found: list[Tick] = []
        at = midnight
        while at <= self.last:
            if at >= self.first:
                strong = step < DAY and at.hour == 0
                label = f"{at:%a} {at.day} {at:%b}" if strong or step >= DAY else f"{at:%H:%M}"
                found.append(Tick(self.x(at), label, strong))
            at += step
        return found


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """Values from 0 to ``most`` over ``bottom`` up to ``top``."""

    most: float
    top: float
    bottom: float
    percent: bool = False

    def y(self, value: float) -> float:
        """Place of a value; a greater one than ``most`` lies at the top."""
        part = min(1.0, max(0.0, value / self.most))
        return round(self.bottom - part * (self.bottom - self.top), 1)

    def ticks(self) -> list[Tick]:
        """Round values, three to six of them."""
        step = round_step(self.most)
        values = [n * step for n in range(int(self.most / step + 1e-9) + 1)]
        return [
            Tick(self.y(value), f"{value:.0%}" if self.percent else f"{value:g}")
            for value in values
        ]


def round_step(most: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that divides ``most`` into at most five."""
    rough = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    factor = next(f for f in (1, 2, 5, 10) if rough <= f * power * (1 + 1e-9))
    return factor * power


def value_axis(values: Sequence[float], top: float, bottom: float, *, least: float) -> ValueAxis:
    """An axis that holds all values and ends at a round one, at ``least`` or more."""
    most = max([least, *values])
    step = round_step(most)
    return ValueAxis(math.ceil(most / step - 1e-9) * step, top, bottom)
