"""What the gauges of a key show, and what they leave out because it is not known."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from alerts.bands import share_interval
from alerts.spikes import SpikeDetector, SpikeSettings
from alerts.tails import share_tail
from pipeline.key_metrics import NOTHING, KeyReading
from pipeline.metrics import Metrics
from pipeline.observe import LEAST_STORIES, reading
from pipeline.work_metrics import STALLED_AFTER_S
from tests.fakes import MONDAY

AT = MONDAY + timedelta(days=15)
SHARES = {"negative_share_ratio"}
USUAL = {
    "expected_negative_stories",
    "expected_negative_low_stories",
    "expected_negative_high_stories",
}
USUAL_SHARES = {"expected_share_ratio", "expected_share_low_ratio", "expected_share_high_ratio"}
COUNTS = {"spike_score", "window_stories", "negative_stories"}


@pytest.fixture(scope="module")
def learned() -> SpikeDetector:
    """A key with ten stories an hour, two of them negative, for a fortnight."""
    detector = SpikeDetector([("all", "all")], SpikeSettings())
    ten, two, one = (np.array([n]) for n in (10, 2, 1))
    for hour in range(14 * 24):
        detector.learn(MONDAY + timedelta(hours=hour), two, ten, one, two)
    return detector


def seen(detector: SpikeDetector, stories: list[int], negative: list[int]) -> KeyReading:
    """The reading after these buckets of 5 minutes, the last of which has just ended."""
    counts = np.zeros((2, 1, 36), dtype=np.int64)
    for row, values in enumerate((negative, stories)):
        counts[row, 0, 36 - len(values) :] = values
    return reading(detector.score(AT, counts[0], counts[1]), 0)


def shown(found: KeyReading) -> set[str]:
    return {name for name in KeyReading.__slots__ if getattr(found, name) is not None}


def test_a_key_without_a_story_in_180_minutes_shows_nothing(learned: SpikeDetector) -> None:
    assert seen(learned, [0] * 36, [0] * 36) == NOTHING


def test_a_key_that_has_fallen_silent_shows_zero_stories(learned: SpikeDetector) -> None:
    found = seen(learned, [4, *[0] * 35], [1, *[0] * 35])
    assert (found.window_stories, found.negative_stories) == (0, 0)
    assert shown(found) == COUNTS | USUAL


def test_a_share_is_shown_from_the_minimum_volume_on(learned: SpikeDetector) -> None:
    few = seen(learned, [LEAST_STORIES - 1, 0], [3, 0])
    enough = seen(learned, [LEAST_STORIES, 0], [2, 0])
    assert shown(few) == COUNTS | USUAL
    assert shown(enough) == COUNTS | USUAL | SHARES | USUAL_SHARES
    assert enough.negative_share_ratio == 2 / LEAST_STORIES


def test_nothing_is_usual_while_the_baselines_warm_up() -> None:
    fresh = SpikeDetector([("all", "all")], SpikeSettings())
    assert shown(seen(fresh, [20], [5])) == COUNTS | SHARES


def test_what_is_usual_is_of_sixty_minutes_and_inside_its_band(learned: SpikeDetector) -> None:
    found = seen(learned, [10], [2])
    low, high = found.expected_negative_low_stories, found.expected_negative_high_stories
    assert found.expected_negative_stories == pytest.approx(2, rel=0.2)
    assert found.expected_share_ratio == pytest.approx(0.2, rel=0.2)
    assert low is not None
    assert high is not None
    assert low <= 2 <= high


@pytest.mark.parametrize(("share", "certainty", "stories"), [(0.2, 30, 25), (0.6, 8, 200)])
def test_a_share_above_the_band_is_in_the_upper_fortieth(
    share: float, certainty: float, stories: int
) -> None:
    low, high = share_interval(share, certainty, stories)
    assert 0 <= low < share < high <= 1
    edge = round(high * stories)
    counts = np.array([edge, edge + 1])
    at, above = share_tail(
        counts, np.full(2, stories), np.full(2, share), np.full(2, float(certainty))
    )
    assert above <= 0.025 < at


def test_the_band_narrows_with_the_stories() -> None:
    widths = [high - low for low, high in (share_interval(0.3, 40, n) for n in (8, 40, 400))]
    assert all(wide > narrow for wide, narrow in pairwise(widths))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_partition_is_stalled_when_it_waits_and_does_not_move() -> None:
    clock = Clock()
    metrics = Metrics(program_version="1", topics=(), keys=(), clock=clock)

    def stalled() -> float | None:
        return metrics.registry.get_sample_value("bearwatch_partition_stalled", {"partition": "0"})

    metrics.work.progress("0", 5, 10)
    assert stalled() == 0
    clock.now += STALLED_AFTER_S + 1
    assert stalled() == 1  # though nobody has called: a worker that hangs is seen
    metrics.work.progress("0", 5, 12)
    assert stalled() == 1
    metrics.work.progress("0", 6, 11)
    assert stalled() == 0
    metrics.work.progress("0", 17, 0)
    clock.now += 10 * STALLED_AFTER_S
    assert stalled() == 0  # nothing waits
    metrics.work.progress("0", 17, 1)
    assert stalled() == 0  # it waits from now on
    metrics.forget_partition("0")
    assert stalled() is None


def test_ways_through_the_pipeline_are_timed_from_publication_and_from_receipt() -> None:
    metrics = Metrics(program_version="1", topics=(), keys=())
    metrics.work.scored_after(40.0)
    metrics.work.counted_after(2.0, 50.0)
    metrics.work.counted_after(3.0, None)  # an article without a time of its own
    metrics.work.scored_after(-1.0)  # a publisher's clock runs ahead

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(f"bearwatch_{name}")

    assert (value("publish_to_scored_seconds_sum"), value("publish_to_scored_seconds_count")) == (
        40,
        2,
    )
    assert value("publish_to_counted_seconds_sum") == 50
    assert value("received_to_counted_seconds_sum") == 5


def test_what_happened_around_batches_is_counted() -> None:
    metrics = Metrics(program_version="1", topics=(), keys=())
    metrics.work.engine(halvings=1, failed=2, cached=3)
    metrics.work.confidence("topic", 0.75)
    metrics.work.gpu_memory(3, 8)
    metrics.work.database(1000, None)
    read = metrics.registry.get_sample_value
    assert read("bearwatch_batch_halvings_total") == 1
    assert read("bearwatch_batch_failures_total") == 2
    assert read("bearwatch_cached_predictions_total") == 3
    assert read("bearwatch_confidence_ratio_bucket", {"task": "topic", "le": "0.7"}) == 0
    assert read("bearwatch_confidence_ratio_bucket", {"task": "topic", "le": "0.8"}) == 1
    assert read("bearwatch_gpu_memory_bytes", {"state": "used"}) == 3
    assert read("bearwatch_database_bytes") == 1000
