"""The picture in an incident's evidence: what was counted, beside what was usual."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from alerts.rules import Rule
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKET, PER_HOUR
from pipeline.store import buckets
from pipeline.store.buckets import Key
from pipeline.store.database import Database

LEAST: Final = timedelta(hours=24)
BEFORE: Final = timedelta(hours=12)
"""So much of the time before it opened is shown of an incident that is open for long."""
LONGEST: Final = timedelta(days=9)
POINTS: Final = 96


def series(
    db: Database,
    detector: SpikeDetector,
    row: int,
    rule: Rule,
    opened_at: datetime,
    at: datetime,
) -> dict[str, Any]:
    """Stories of the 60 minutes before each of about ``POINTS`` moments that end with ``at``.

    As JSON values: ``end``, ``step_minutes``, and lists of one length: ``negative`` and
    ``stories`` as counted; ``expected``, ``low`` and ``high`` of what the rule counts, 95 % of
    the usual hours lie between, both included; ``usual_share``. By the baselines as they are.
    """
    span = min(max(LEAST, at - opened_at + BEFORE), LONGEST)
    step = max(1, round(span / BUCKET / POINTS)) * BUCKET
    times = [at - n * step for n in range(round(span / step), -1, -1)]
    negative, stories = _hourly(db, detector.keys[row], times)
    usual = detector.usual(row, times)
    volume = rule == "volume_burst"
    expected = usual.stories if volume else usual.negative
    low = usual.stories_low if volume else usual.negative_low
    high = usual.stories_high if volume else usual.negative_high
    return {
        "end": at.isoformat(),
        "step_minutes": int(step / timedelta(minutes=1)),
        "negative": [int(n) for n in negative],
        "stories": [int(n) for n in stories],
        "expected": [round(float(n), 2) for n in expected],
        "low": [int(n) for n in low],
        "high": [int(n) for n in high],
        "usual_share": [round(float(n), 4) for n in usual.share],
    }


def _hourly(
    db: Database, key: Key, times: list[datetime]
) -> tuple[buckets.IntArray, buckets.IntArray]:
    """Negative and all stories of the hour before each time."""
    first = times[0] - PER_HOUR * BUCKET
    ends = [(time - first) // BUCKET for time in times]
    sums = (
        np.concatenate(([0], np.cumsum(counts)))
        for counts in buckets.of_key(db, key, first, times[-1])
    )
    negative, stories = (total[ends] - total[[end - PER_HOUR for end in ends]] for total in sums)
    return negative, stories
