"""Which money a text counts in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.money import KNOWN, moneys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pays C$400 million", "Can$400 mln"),
        ("500 million euros", "\u20ac500m"),
        ("500 million euros", "500m \u20ac"),
        ("PLN 2.6 bn", "PLN2.6bn"),
        ("Rs 500 crore", "500 crore rupees"),
        ("Dh1.5bn", "1.5-billion-dirham loan"),
        ("85p", "85 pence"),
    ],
)
def test_same_money_in_other_letters(one: str, other: str) -> None:
    families = [{name for name in moneys(text) if len(name) > 9} for text in (one, other)]
    assert families[0] == families[1] != set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A$2 bln", "US$2 bln"),
        ("HK$780 million", "780 million yuan"),
        ("500 million euros", "500 million crowns"),
        ("85 pence a share", "85 cents a share"),
        ("3 billion rupees", "$3 billion"),
    ],
)
def test_each_of_two_moneys_says_what_the_other_does_not(one: str, other: str) -> None:
    assert moneys(one) - moneys(other)
    assert moneys(other) - moneys(one)


@pytest.mark.parametrize(
    "text", ["no figure", "5% of euro debt", "in try 2", "2 try again", "won 3"]
)
def test_words_that_are_no_money_of_a_figure(text: str) -> None:
    assert not moneys(text)


def test_cents_may_be_those_of_any_money_but_pounds() -> None:
    assert moneys("85 cents") < moneys("$0.85")
    assert moneys("85 cents") < moneys("0.85 euros")


@given(st.text())
def test_any_text_has_known_moneys(text: str) -> None:
    assert moneys(text) <= {name for names in KNOWN.values() for name in names}
