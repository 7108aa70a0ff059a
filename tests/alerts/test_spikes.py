"""The detector as a whole: what moves it, what does not, and where it fires."""

from __future__ import annotations

import doctest
import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alerts.spikes
from alerts.scores import Scores, SpikeSettings
from alerts.simulation import MONDAY, PER_DAY, Streams, bands
from alerts.spikes import SpikeDetector
from alerts.study import evaluations, teach
from alerts.windows import BUCKETS, HOUR, IntArray
from tests.alerts.streams import newsroom

KEYS = [("all", "all"), ("topic", "shares"), ("company", "ACME"), ("company", "never")]
HOURLY = np.array([40.0, 12.0, 0.2, 0.0])
NOON = MONDAY + timedelta(days=16, hours=12)

few = settings(max_examples=30, deadline=None)


def taught(hours: int = 24 * 15, *, seed: int = 3) -> SpikeDetector:
    """A detector that has seen ``hours`` usual hours of ``KEYS``, a fifth of it negative."""
    rng = np.random.default_rng(seed)
    detector = SpikeDetector(KEYS, SpikeSettings())
    for hour in range(hours):
        stories = rng.poisson(HOURLY / 4.0, (4, 4))
        negative = rng.binomial(stories, 0.2)
        parts = (negative.sum(0), stories.sum(0), negative[-1], stories[-1])
        detector.learn(MONDAY + hour * HOUR, *parts)
    return detector


TAUGHT = taught()


def window(
    key: int, negative: int, *, others: int = 0, buckets: int = 12
) -> tuple[IntArray, IntArray]:
    """Counts with ``negative`` bad and ``others`` harmless stories on one key, lately."""
    bad = np.zeros((len(KEYS), BUCKETS), dtype=np.int64)
    harmless = bad.copy()
    for story in range(negative):
        bad[key, BUCKETS - 1 - story % buckets] += 1
    for story in range(others):
        harmless[key, BUCKETS - 1 - story % buckets] += 1
    return bad, bad + harmless


def equal(one: Scores, other: Scores) -> bool:
    return pickle.dumps(one) == pickle.dumps(other)


def test_scores_are_nought_until_two_days_were_learned() -> None:
    burst = window(0, 200)
    assert taught(47).score(NOON, *burst).score[0] == 0.0
    assert taught(48).score(NOON, *burst).score[0] > 4.0


def test_three_times_all_of_a_steady_keys_news_is_no_bad_news() -> None:
    """However little its volume ever varied: it may triple with any event."""
    steady = SpikeDetector(KEYS, SpikeSettings())
    stories = np.array([10, 3, 0, 0])
    for hour in range(24 * 15):
        steady.learn(MONDAY + hour * HOUR, stories // 5 * 4, stories * 4, stories // 5, stories)
    scores = steady.score(NOON, *window(0, 30, others=96))
    assert scores.s_count[0] > 4.0
    assert scores.score[0] == 0.0


hours = st.lists(
    st.tuples(st.integers(1, 30), st.lists(st.integers(0, 60), min_size=4, max_size=4)),
    min_size=50,
    max_size=70,
)


@settings(max_examples=5, deadline=None)
@given(lessons=hours)
def test_state_is_a_function_of_what_was_learned(
    lessons: list[tuple[int, list[int]]],
) -> None:
    looked, blind = (SpikeDetector(KEYS, SpikeSettings()) for _ in range(2))
    hour = MONDAY
    for skip, stories in lessons:
        hour += skip * HOUR if skip > 25 else HOUR
        total = np.array(stories)
        lesson = (total // 3, total, total // 9, total // 4)
        blind.learn(hour, *lesson)
        looked.score(hour, *window(1, 9, others=4))
        looked.learn(hour, *lesson)
        looked.score(hour, *window(2, 5))
    late = hour + 12 * HOUR
    assert equal(looked.score(late, *window(1, 9)), blind.score(late, *window(1, 9)))
    assert looked.score(late, *window(1, 9)).s_count[1] >= 0.0


def test_scoring_changes_neither_the_detector_nor_the_counts() -> None:
    burst = window(1, 20, others=10)
    before = [counts.copy() for counts in burst]
    first = TAUGHT.score(NOON, *burst)
    assert equal(first, TAUGHT.score(NOON, *burst))
    assert all((counts == copy).all() for counts, copy in zip(burst, before, strict=True))


@few
@given(
    key=st.integers(0, 3),
    negative=st.integers(0, 80),
    others=st.integers(0, 40),
    bucket=st.integers(0, BUCKETS - 1),
)
def test_one_more_negative_story_never_lowers_the_count_score(
    key: int, negative: int, others: int, bucket: int
) -> None:
    bad, stories = window(key, negative, others=others, buckets=BUCKETS)
    before = TAUGHT.score(NOON, bad, stories).s_count[key]
    bad[key, bucket] += 1
    stories[key, bucket] += 1
    assert TAUGHT.score(NOON, bad, stories).s_count[key] >= before


@few
@given(key=st.integers(0, 3), negative=st.integers(3, 40), others=st.integers(0, 40))
def test_harmless_stories_never_raise_the_share_score(
    key: int, negative: int, others: int
) -> None:
    fewer = TAUGHT.score(NOON, *window(key, negative, others=others)).s_share[key]
    assert TAUGHT.score(NOON, *window(key, negative, others=others + 1)).s_share[key] <= fewer


@few
@given(key=st.integers(0, 3), negative=st.integers(0, 40), others=st.integers(0, 40))
def test_keys_do_not_disturb_each_other(key: int, negative: int, others: int) -> None:
    scores = TAUGHT.score(NOON, *window(key, negative, others=others))
    assert (np.delete(scores.score, key) == 0.0).all()
    assert scores.score[key] == min(scores.s_count[key], scores.s_others[key])


def test_three_stories_about_an_unknown_company_are_no_spike_and_eight_are() -> None:
    never = KEYS.index(("company", "never"))
    few, many = (TAUGHT.score(NOON, *window(never, n)).reading(never) for n in (3, 8))
    assert few.score < 1.95 < many.score
    assert many.sparse


def test_three_times_the_news_of_a_steady_key_is_no_spike_and_three_times_the_bad_news_is() -> (
    None
):
    much = TAUGHT.score(NOON, *window(0, 24, others=96))
    assert much.s_count[0] > 3.0
    assert much.score[0] < 1.0
    assert TAUGHT.score(NOON, *window(0, 24, others=32)).score[0] > 3.0


def test_two_stories_are_never_unusual() -> None:
    two = TAUGHT.score(NOON, *window(2, 2, buckets=1))
    assert (two.s_count[2], two.s_share[2], two.s_others[2]) == (0.0, 0.0, 0.0)
    assert TAUGHT.score(NOON, *window(2, 3, buckets=1)).s_count[2] > 0.0


def test_three_stories_within_five_minutes_are_no_spike_either() -> None:
    for key in (2, 3):
        assert TAUGHT.score(NOON, *window(key, 3, buckets=1)).score[key] < 1.95


def test_reading_tells_the_window_that_stands_out_most() -> None:
    short = TAUGHT.score(NOON, *window(0, 30, buckets=3)).reading(0)
    long = TAUGHT.score(NOON, *window(0, 60, buckets=36)).reading(0)
    assert (short.window_minutes, short.observed) == (15, 30)
    assert (long.window_minutes, long.observed) == (180, 60)
    assert short.expected_low <= short.expected <= short.expected_high < short.observed
    assert short.ratio == pytest.approx(30 / short.expected)
    assert short.lift == pytest.approx(short.share - short.baseline_share)


def test_reading_without_some_stories_is_that_of_the_smaller_count() -> None:
    less = TAUGHT.score(NOON, *window(1, 20, others=5)).without(1, (8, 8, 8))
    bad, stories = window(1, 20, others=5)
    for story in range(8):
        bad[1, BUCKETS - 1 - story % 3] -= 1
        stories[1, BUCKETS - 1 - story % 3] -= 1
    same = TAUGHT.score(NOON, bad, stories).reading(1)
    assert less.score == pytest.approx(same.score)
    assert (less.observed, less.total) == (same.observed, same.total)


def test_discoveries_are_counted_over_all_keys() -> None:
    quiet = TAUGHT.score(NOON, *window(1, 1))
    struck = TAUGHT.score(NOON, *window(1, 60))
    assert not quiet.in_bh.any()
    assert struck.in_bh.tolist() == [False, True, False, False]


def test_dense_key_is_one_that_expects_eight_stories_an_hour() -> None:
    assert TAUGHT.score(NOON, *window(0, 0)).sparse.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("hour", "message"),
    [
        (MONDAY + timedelta(days=15, minutes=30), "beginning of an hour"),
        (MONDAY + timedelta(days=14), "not after"),
    ],
)
def test_lessons_come_in_whole_hours_and_in_order(hour: datetime, message: str) -> None:
    none = np.zeros(len(KEYS), dtype=np.int64)
    with pytest.raises(ValueError, match=message):
        TAUGHT.learn(hour, none, none, none, none)


def test_counts_of_another_shape_and_times_off_the_grid_are_refused() -> None:
    bad, stories = window(0, 1)
    with pytest.raises(ValueError, match="oldest bucket first"):
        TAUGHT.score(NOON, bad[:, 1:], stories[:, 1:])
    with pytest.raises(ValueError, match="boundary"):
        TAUGHT.score(datetime(2026, 1, 21, 12, 3, tzinfo=UTC), bad, stories)


def test_seeded_spike_fires_at_its_evaluation() -> None:
    # Twelve usual days with 5 negative stories an hour, then from noon on 6 more every 5 minutes.
    streams = bands(5.0, keys=4, days=13, seed=8, warm_days=12)
    start = 12 * PER_DAY + 12 * 12
    negative, stories = streams.negative.copy(), streams.stories.copy()
    negative[2, start : start + 6] += 6
    stories[2, start : start + 6] += 6
    struck = Streams(streams.keys, negative, stories)
    fired = [
        (bucket - start, int(key))
        for bucket, _, scores in evaluations(struck, SpikeSettings(), first=12 * PER_DAY)
        for key in np.flatnonzero(scores.score >= 4.0)
    ]
    assert fired[0] == (2, 2)
    assert {key for _, key in fired} == {2}


def test_gap_in_the_stream_teaches_nothing() -> None:
    streams = newsroom(days=6, seed=4)
    silent = streams.stories.copy()
    silent[:, 4 * PER_DAY :] = 0
    gap = Streams(streams.keys, np.minimum(streams.negative, silent), silent)
    before, after = (SpikeDetector(streams.keys, SpikeSettings()) for _ in range(2))
    for hour in range(6 * 24):
        teach(after, gap, hour)
        if hour < 4 * 24:
            teach(before, gap, hour)
    none = np.zeros((len(streams.keys), BUCKETS), dtype=np.int64)
    at = MONDAY + timedelta(days=6, hours=6)
    assert equal(before.score(at, none, none), after.score(at, none, none))


def test_outbreak_is_not_the_usual_mood_of_a_quiet_key_from_then_on() -> None:
    detector = taught()
    outbreak, calm = np.array([8, 2, 12, 0]), np.array([2, 0, 3, 0])
    detector.learn(MONDAY + 24 * 15 * HOUR, outbreak, np.array([40, 12, 12, 0]), calm, calm)
    assert detector.usual(2, [NOON]).share[0] < 0.3


def test_example_in_the_docstring_is_true() -> None:
    failed, attempted = doctest.testmod(alerts.spikes)
    assert failed == 0 < attempted
