"""What is usual for one key over a stretch of time: for pictures and reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.season import FloatArray


@dataclass(frozen=True, slots=True)
class Usual:
    """One key's usual 60 minutes, as the baselines stand now; arrays are (times,).

    Each element is about the 60 minutes that end at the time. Intervals hold 95 % of the usual
    hours, both ends included.
    """

    times: tuple[datetime, ...]
    negative: FloatArray
    """Expected negative stories."""
    negative_low: FloatArray
    negative_high: FloatArray
    stories: FloatArray
    """Expected stories of any sentiment."""
    stories_low: FloatArray
    stories_high: FloatArray
    share: FloatArray
    """Usual share of negative stories, 0 to 1."""
