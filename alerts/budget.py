"""How much more to ask for, per volume band, so that quiet times raise no more than was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Final

from alerts.rules import MOST_EXTRA

Extras = tuple[float, float, float, float]
"""What each band asks for above the plain scores, 0 to ``MOST_EXTRA``."""

BAND_NAMES: Final = ("under 1", "1 to 10", "10 to 100", "over 100")
"""Expected stories per hour; their edges are ``alerts.rules.BANDS``."""


@dataclass(frozen=True, slots=True)
class Peak:
    """An incident of the past, at the moment when its scores were furthest above the bars."""

    band: int
    margin: float
    """It would have opened if less than this, or just this, had been asked for more."""


def extras_for_fleet(peaks: Sequence[Peak], allowed: float) -> Extras:
    """Let the whole fleet keep ``allowed`` of these incidents at most.

    Every band may keep the same number, and the strongest; what a quiet band does not use goes
    to the others. So a band is only touched when it is loud.
    """
    counts = [sum(peak.band == band for peak in peaks) for band in range(len(BAND_NAMES))]
    cap = max(counts)
    while cap > 0 and sum(min(count, cap) for count in counts) > allowed:
        cap -= 1
    return _extras(peaks, [cap] * len(counts))


def extras_per_key(peaks: Sequence[Peak], key_months: Sequence[float], per_month: float) -> Extras:
    """Let the keys of each band keep ``per_month`` incidents per key and 30 days on average."""
    return _extras(peaks, [floor(per_month * months) for months in key_months])


def _extras(peaks: Sequence[Peak], caps: Sequence[int]) -> Extras:
    found = []
    for band, cap in enumerate(caps):
        margins = sorted((peak.margin for peak in peaks if peak.band == band), reverse=True)
        # Just above the strongest of those that are one too many, to two decimals.
        extra = (floor(max(margins[cap], 0.0) * 100.0) + 1) / 100.0 if cap < len(margins) else 0.0
        found.append(min(extra, MOST_EXTRA))
    one, two, three, four = found
    return one, two, three, four
