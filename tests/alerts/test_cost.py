"""What an evaluation costs, as ratios: time grows with the keys, and memory is counted."""

from __future__ import annotations

from time import process_time

import numpy as np

from alerts.scores import SpikeSettings
from alerts.simulation import MONDAY
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKETS, HOUR
from tests.benchmarks.bench_detector import megabytes


def detector(keys: int) -> SpikeDetector:
    draw = np.random.default_rng(1)
    made = SpikeDetector([("company", f"C{number}") for number in range(keys)], SpikeSettings())
    for hour in range(49):
        stories = draw.poisson(0.5, keys)
        made.learn(MONDAY + hour * HOUR, stories // 2, stories, stories * 0, stories * 0)
    return made


def cheapest(made: SpikeDetector) -> float:
    """Processor time of the cheapest of some evaluations: the others were disturbed."""
    draw = np.random.default_rng(2)
    stories = draw.poisson(0.05, (len(made.keys), BUCKETS))
    spent = []
    for _ in range(7):
        begun = process_time()
        made.score(MONDAY + 60 * HOUR, stories // 2, stories)
        spent.append(process_time() - begun)
    return min(spent)


def test_cost_grows_with_the_keys_and_not_with_their_square() -> None:
    few, many = detector(400), detector(4_000)
    # Ten times as much, some times more where arrays leave the processor's cache; never a hundred.
    assert cheapest(many) < 40.0 * cheapest(few)
    assert megabytes(many) < 10.5 * megabytes(few)


def test_state_of_ten_thousand_keys_is_under_100_megabytes() -> None:
    made = detector(1_000)
    fixed = megabytes(detector(10))
    lessons = 8 * 24 * 8 / 1e6  # kept for 8 days, 8 bytes per key and hour; 49 hours are there
    of_key = (megabytes(made) - fixed) / 990 + lessons
    assert fixed + 10_000 * of_key < 100.0
