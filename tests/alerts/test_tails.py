"""Tail probabilities against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, nbinom

from alerts.tails import (
    SMALLEST,
    count_interval,
    count_tail,
    discoveries,
    score_of_best,
    share_tail,
    window_of_best,
)

expectations = st.floats(0.01, 5_000)
variations = st.floats(0.001, 5)
steady = settings(deadline=None)


@steady
@given(mean=expectations, variation=variations, above=st.integers(1, 2_000))
def test_count_tail_is_that_of_the_negative_binomial(
    mean: float, variation: float, above: int
) -> None:
    count = int(mean) + above
    size = 1.0 / variation
    expected = max(float(nbinom.sf(count - 1, size, size / (size + mean))), SMALLEST)
    found = count_tail(np.array([count]), np.array([mean]), np.array([variation]))[0]
    assert found == pytest.approx(expected, rel=0.02, abs=1e-290)


def test_count_that_is_not_above_the_expected_is_nobodys_surprise() -> None:
    tails = count_tail(np.array([0, 4, 5]), np.array([0.5, 5.0, 5.0]), np.full(3, 0.1))
    assert tails.tolist() == [1.0, 1.0, 1.0]


@steady
@given(
    stories=st.integers(1, 3_000),
    negative=st.floats(0.0, 1.0),
    share=st.floats(0.01, 0.95),
    concentration=st.floats(1.0, 2_000),
)
def test_share_tail_is_that_of_the_beta_binomial(
    stories: int, negative: float, share: float, concentration: float
) -> None:
    bad = max(1, round(negative * stories))
    a, b = share * concentration, (1.0 - share) * concentration
    found = share_tail(
        np.array([bad]), np.array([stories]), np.array([share]), np.array([concentration])
    )[0]
    # Summed from above, where scipy's sf subtracts from 1 and loses small tails.
    exact = float(betabinom.pmf(np.arange(bad, stories + 1), stories, a, b).sum())
    assert found == pytest.approx(max(exact, SMALLEST), rel=0.02)


def test_short_and_long_sums_side_by_side_do_not_disturb_each_other() -> None:
    negative, stories = np.array([3, 900, 1, 40]), np.array([3, 2_000, 2_000, 50])
    share, concentration = np.full(4, 0.3), np.array([4.0, 90.0, 4.0, 30.0])
    together = share_tail(negative, stories, share, concentration)
    alone = [
        share_tail(negative[i : i + 1], stories[i : i + 1], share[:1], concentration[i : i + 1])[0]
        for i in range(4)
    ]
    assert together.tolist() == pytest.approx(alone, rel=1e-9)


@steady
@given(mean=expectations, variation=variations)
def test_interval_holds_at_least_its_level_and_no_count_too_many(
    mean: float, variation: float
) -> None:
    low, high = count_interval(mean, variation)
    size = 1.0 / variation
    usual = nbinom(size, size / (size + mean))
    assert usual.cdf(high) - usual.cdf(low - 1) >= 0.95 - 1e-6
    assert usual.cdf(high - 1) <= 0.975 + 1e-6
    assert usual.cdf(low - 1) <= 0.025 + 1e-6


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.5, 0.9, 1.0], [False, False, False]),
        ([0.01, 0.9, 1.0], [False, False, False]),  # 0.01 / 3 would be enough
        ([0.003, 0.9, 1.0], [True, False, False]),
        ([0.0066, 0.9, 0.0066], [True, False, True]),  # neither alone, both together
        ([], []),
    ],
)
def test_discoveries_are_those_of_benjamini_and_hochberg(
    probabilities: list[float], expected: list[bool]
) -> None:
    assert discoveries(np.array(probabilities), 0.01).tolist() == expected


def test_best_of_several_tries_pays_for_them_by_their_shares() -> None:
    tails, shares = np.array([[0.01, 0.03, 1.0], [1.0, 1.0, 1.0]]), np.array([0.2, 0.5, 0.3])
    # 0.01 / 0.2 = 0.05 and 0.03 / 0.5 = 0.06: the first stands out, though for less than 0.01.
    assert score_of_best(tails, shares) == pytest.approx([-np.log10(0.05), 0.0])
    assert window_of_best(tails, shares, 1).tolist() == [0, 1]
    dearer = np.array([[0.02, 0.03, 1.0]])
    assert window_of_best(dearer, shares, 2).tolist() == [1]
