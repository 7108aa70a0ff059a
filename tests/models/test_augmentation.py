"""Variations of training texts: what they change, and what they must leave alone."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import augmentation
from models.augmentation import KEPT, NUMBER, SYNONYMS, chosen, vary


def many(variation: augmentation.Variation, text: str) -> set[str]:
    return {variation(text, Random(seed)) for seed in range(60)}  # noqa: S311 - no secret


def test_cashtags_go_and_words_stay() -> None:
    found = many(augmentation.cashtags, "$F $GM shares up 3% after results")
    assert "shares up 3% after results" in found
    assert all(one.endswith("shares up 3% after results") for one in found)
    assert many(augmentation.cashtags, "$F") == {"$F"}  # a text does not become empty


def test_figures_keep_their_order_and_their_precision() -> None:
    text = "Profit rose to 13.1 mln from 8.7 mln in 2010, sales to 1,250 mln"
    for one in many(augmentation.numbers, text):
        first, second, year, third = (found[0] for found in NUMBER.finditer(one))
        assert float(first) > float(second)
        assert year == "2010"
        assert len(first.partition(".")[2]) == 1
        assert "." not in third
    assert many(augmentation.numbers, "Boeing 737-MAX and S&P500 news") == {
        "Boeing 737-MAX and S&P500 news"
    }


def test_synonyms_keep_direction_and_capitals() -> None:
    found = many(augmentation.synonyms, "Shares fell as profit dropped")
    assert len(found) > 4
    for one in found:
        first, second, *_, last = one.split()
        assert first in {"Shares", "Stock"}
        assert second in {"fell", "dropped", "declined", "slid"}
        assert last in {"fell", "dropped", "declined", "slid"}


def test_a_word_is_in_one_group_of_synonyms() -> None:
    words = [word for group in SYNONYMS for word in group]
    assert len(words) == len(set(words))


def test_word_noise_leaves_figures_and_words_that_turn_the_meaning() -> None:
    text = "The maker does not expect to cut prices below 12 euros this year despite weak demand"
    found = many(augmentation.words, text)
    assert len(found) > 20
    for one in found:
        assert {"not", "to", "below", "12", "despite"} <= set(one.split())
    assert many(augmentation.words, "too short to lose any") == {"too short to lose any"}
    assert {"not", "below", "despite"} <= KEPT


def test_companies_are_exchanged_for_others_that_are_known() -> None:
    swap = augmentation.companies(["Birch & Sons", "Harrow", "Teal Mining"])
    found = many(swap, "Why Teal Mining's rival sold its mine")
    assert found == {
        "Why Teal Mining's rival sold its mine",
        "Why Harrow's rival sold its mine",
        "Why Birch & Sons's rival sold its mine",
    }
    assert many(swap, "Nothing known in here") == {"Nothing known in here"}
    assert many(augmentation.companies([]), "Harrow rises") == {"Harrow rises"}


def test_recipes_name_variations() -> None:
    assert chosen("") == []
    assert len(chosen("numbers, words+companies", ["Harrow"])) == 3
    with pytest.raises(ValueError, match="known are cashtags, companies, numbers"):
        chosen("noise")


@given(st.text(max_size=200), st.integers(0, 1000))
def test_any_text_can_be_varied(text: str, seed: int) -> None:
    variations = chosen("cashtags,numbers,synonyms,words,companies", ["Harrow"])
    once, again = (vary(text, variations, Random(seed)) for _ in range(2))  # noqa: S311 - no secret
    assert once == again
    assert once or not text.strip()
