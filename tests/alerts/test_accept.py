"""What is usual for a key, and an operator who says that the level of today is."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from alerts.scores import SpikeSettings
from alerts.simulation import MONDAY
from alerts.spikes import REMEMBERED, SpikeDetector
from alerts.windows import BUCKETS, HOUR, IntArray

KEYS = [("all", "all"), ("topic", "shares")]
CHANGED = 24 * 15
"""Hour from which on ``shares`` has four times the stories, half of them negative."""


def lesson(hour: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    factor = 4 if hour >= CHANGED else 1
    stories = np.array([40, 8 * factor])
    negative = np.array([8, 16 if factor == 4 else 2])
    return negative, stories, negative // 4, stories // 4


def taught(hours: int) -> SpikeDetector:
    detector = SpikeDetector(KEYS, SpikeSettings())
    for hour in range(hours):
        detector.learn(MONDAY + hour * HOUR, *lesson(hour))
    return detector


def score(detector: SpikeDetector, hour: int, row: int = 1) -> float:
    """Of the level after the change, held for three hours."""
    stories = np.zeros((2, BUCKETS), dtype=np.int64)
    stories[1] = 3
    stories[1, ::3] = 2
    negative = (stories + 1) // 2
    return float(detector.score(MONDAY + hour * HOUR, negative, stories).score[row])


def test_accepted_level_is_unusual_no_more() -> None:
    detector = taught(CHANGED + 6)
    assert score(detector, CHANGED + 12) > 1.95
    detector.accept(1, MONDAY + CHANGED * HOUR)
    assert score(detector, CHANGED + 12) < 1.2
    usual = detector.usual(1, [MONDAY + (CHANGED + 30) * HOUR])
    assert usual.stories[0] == pytest.approx(32.0, rel=0.1)
    assert usual.negative[0] == pytest.approx(16.0, rel=0.1)
    assert usual.share[0] == pytest.approx(0.5, rel=0.1)


def test_accepting_one_key_leaves_the_others_alone() -> None:
    accepted, plain = taught(CHANGED + 24), taught(CHANGED + 24)
    accepted.accept(1, MONDAY + CHANGED * HOUR)
    times = [MONDAY + (CHANGED + 30) * HOUR]
    # Of a fleet of two, a little of the season is common.
    others = accepted.usual(0, times).negative
    assert others == pytest.approx(plain.usual(0, times).negative, rel=0.05)


def test_level_accepted_before_any_of_it_was_learned_is_taken_from_its_first_hour() -> None:
    detector = taught(CHANGED)
    detector.accept(1, MONDAY + CHANGED * HOUR)
    at = [MONDAY + (CHANGED + 6) * HOUR]
    assert detector.usual(1, at).stories[0] == pytest.approx(8.0, rel=0.1)
    detector.learn(MONDAY + CHANGED * HOUR, *lesson(CHANGED))
    # One clipped hour of the new level is in the season too.
    assert detector.usual(1, at).stories[0] == pytest.approx(32.0, rel=0.2)
    assert score(detector, CHANGED + 6) < 1.0


def test_hours_before_the_accepted_time_and_long_ago_are_not_asked() -> None:
    detector = taught(CHANGED + 24)
    detector.accept(1, MONDAY - timedelta(days=300))
    days = REMEMBERED.days
    mean = (8.0 * (days - 1) + 32.0) / days
    at = [MONDAY + (CHANGED + 30) * HOUR]
    assert detector.usual(1, at).stories[0] == pytest.approx(mean, rel=0.25)
    with pytest.raises(IndexError, match="row 2 of 2"):
        detector.accept(2, MONDAY)


def test_usual_follows_the_day_and_holds_the_counts_that_come() -> None:
    rng = np.random.default_rng(4)
    detector = SpikeDetector(KEYS, SpikeSettings())
    rate = 20.0 + 15.0 * np.cos((np.arange(24) - 14.0) * np.pi / 12.0)
    counts = rng.poisson(np.tile(rate, 28)[:, None] * [4.0, 1.0])
    for hour, stories in enumerate(counts):
        negative = rng.binomial(stories, 0.25)
        detector.learn(MONDAY + hour * HOUR, negative, stories, negative // 4, stories // 4)
    times = [MONDAY + (28 * 24 + hour) * HOUR for hour in range(1, 25)]
    usual = detector.usual(1, times)
    assert usual.times == tuple(times)
    assert usual.stories == pytest.approx(rate, rel=0.25)
    assert usual.share == pytest.approx(np.full(24, 0.25), abs=0.07)
    fresh = rng.poisson(rate, (200, 24))
    inside = (usual.stories_low <= fresh) & (fresh <= usual.stories_high)
    assert 0.9 < inside.mean() <= 1.0
    assert (usual.negative_low < usual.negative).all()
    assert (usual.negative < usual.negative_high).all()
