"""Two tests that tell bad news from much news."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.mood import others_tails, share_tails

few = settings(max_examples=60, deadline=None)


def tail(
    negative: int,
    others: int,
    *,
    expected: float,
    share: float = 0.25,
    variation: float = 0.5,
    concentration: float = 80.0,
) -> float:
    """Tail of the others' test for one key and window."""
    seen = np.array([[negative]])
    one = [np.full((1, 1), x) for x in (expected, share, concentration, variation)]
    return float(others_tails(seen, seen + others, *one, least=3, floor=1e-6)[0, 0])


@pytest.mark.parametrize("expected", [0.5, 5.0, 50.0, 500.0])
def test_three_times_as_much_of_everything_is_no_bad_news(expected: float) -> None:
    everything = round(3 * expected)
    assert tail(everything, 3 * everything, expected=expected) > 0.1


@pytest.mark.parametrize("expected", [5.0, 50.0, 500.0])
def test_three_times_the_bad_news_beside_the_usual_others_is(expected: float) -> None:
    assert tail(round(3 * expected), round(3 * expected), expected=expected) < 0.01


def test_little_news_is_judged_by_what_is_usual_and_much_by_the_others() -> None:
    # Nothing else came: on a key where little does, eight bad stories are rare all the same.
    assert tail(8, 0, expected=0.5) < 1e-3
    # Nine hundred others where 1,500 are usual: there is less news, and too much of it is bad.
    assert tail(510, 900, expected=500.0) < 0.02
    assert tail(510, 1600, expected=500.0) > 0.3


@few
@given(
    negative=st.integers(3, 200),
    others=st.integers(0, 400),
    expected=st.floats(0.2, 60.0),
    share=st.floats(0.02, 0.95),
)
def test_harmless_stories_never_make_it_rarer_and_bad_ones_never_commoner(
    negative: int, others: int, expected: float, share: float
) -> None:
    steady = partial(tail, expected=expected, share=share, concentration=1e9)
    here = steady(negative, others)
    assert steady(negative, others + 1) >= here * (1.0 - 1e-6)
    assert steady(negative + 1, others) <= here * (1.0 + 1e-6)


def test_its_tails_are_those_of_news_made_by_its_own_story() -> None:
    """Volume is Gamma, others and negative ones are Poisson: counted among 200,000 windows."""
    draw = np.random.default_rng(4)
    volume = draw.gamma(2.0, 0.5, 200_000)
    others = draw.poisson(6.0 * volume)
    odds = draw.gamma(1.0 / 0.06, 0.06, 200_000)
    negative = draw.poisson(2.0 * volume * odds)
    for seen_others, seen in ((3, 5), (6, 6), (12, 9)):
        among = negative[others == seen_others]
        concentration = 1.0 / (0.06 * 0.25 * 0.75) - 1.0
        said = tail(seen, seen_others, expected=2.0, concentration=concentration)
        assert said == pytest.approx((among >= seen).mean(), rel=0.15)


def test_few_others_do_not_make_nothing_usual() -> None:
    seen = np.array([[3]])
    one = [np.full((1, 1), x) for x in (0.2, 0.05, 50.0, 0.5)]
    high, low = (others_tails(seen, seen, *one, least=3, floor=f)[0, 0] for f in (0.2, 0.01))
    assert high > 2.0 * low


def test_less_than_the_least_is_never_rare() -> None:
    assert tail(2, 0, expected=0.01) == 1.0
    seen, expected = np.array([[2, 3]]), np.full((1, 2), 0.1)
    tails = share_tails(seen, seen, expected, expected, np.full((1, 2), 50.0), least=3)
    assert tails[0, 0] == 1.0 > tails[0, 1]
