"""What another desk writes for a part of a headline: initials, one word, a round figure, *to*."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.near import repeats
from ingest.otherwise import read_as
from ingest.shape import MOST, decode
from ingest.shapes import shape_of
from tests.ingest.copies import is_found_copy


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("GRB splits 5-4 on tolls for Gdynia", "Gdynia Registry Board splits 5-4 on tolls"),
        ("Quinto & Vale opens ferry terminal in Gdynia", "Q&V opens ferry terminal in Gdynia"),
        (
            "Sonavox rebrands half of its over-night coaches",
            "Sonavox rebrands quarter of its overnight coaches",
        ),
        ("Sonavox combined ratio improves to 91.4%", "Sonavox combined ratio improves to 91.52%"),
        ("Sonavox combined ratio worsens to 91.4%", "Sonavox combined ratio improves to 91.38%"),
        ("Sonavox combined ratio improves to 91.38%", "Sonavox combined ratio improves to 91.4%"),
        ("Sonavox solvency ratio at 2,030", "Sonavox solvency ratio at 2,027"),
        (
            "Sonavox opens yard after cutting 40 jobs in Varna",
            "Sonavox to open yard after cutting 40 jobs in Varna",
        ),
    ],
)
def test_other_initials_words_and_figures_are_others(later: str, earlier: str) -> None:
    assert not is_found_copy(later, earlier)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("GRB splits 5-4 on tolls for ferries", "Gdynia Registry Board splits 5-4 on ferry tolls"),
        (
            "GRB splits 5-4 on ferry tolls",
            "Poland's Gdynia Registry Board splits 5-4 on ferry tolls",
        ),
        ("Q&V opens ferry terminal in Gdynia", "Quinto & Vale opens ferry terminal in Gdynia"),
        (
            "Sonavox rebrands fleet of over-night coaches",
            "Sonavox rebrands fleet of overnight coaches",
        ),
        (
            "Sonavox rebrands fleet of overnight coaches",
            "Sonavox rebrands fleet of over-night coaches",
        ),
        (
            "Sonavox combined ratio improves to 91.4 pct",
            "Sonavox combined ratio improves to 91.38%",
        ),
        ("Sonavox pays $1.2 bln for Varna port", "Sonavox pays $1.24 billion for Varna port"),
        ("Sonavox cutting 40 jobs in Varna", "Sonavox to cut 40 jobs in Varna"),
        ("Sonavox to cut 40 jobs in Varna", "Sonavox cutting 40 jobs in Varna"),
    ],
)
def test_initials_one_word_a_round_figure_and_what_is_being_done_are_the_same(
    later: str, earlier: str
) -> None:
    assert is_found_copy(later, earlier)


def test_figure_is_round_only_where_nothing_else_differs() -> None:
    told = "Sonavox combined ratio improves to 91.38% on fewer storms"
    assert is_found_copy("Sonavox combined ratio improves to 91.4% on fewer storms", told)
    assert not is_found_copy("Sonavox combined ratio improves to 91.4%", told)


def test_initials_of_the_headline_are_known_in_the_body() -> None:
    body = "The {} voted 5-4 to keep ferry tolls in the port, minutes of its meeting showed."
    earlier, later = (
        shape_of(f"{name} splits 5-4 on ferry tolls", body.format(name))[0]
        for name in ("Gdynia Registry Board", "GRB")
    )
    assert repeats(later, earlier)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_read_as_each_other_and_are_stored_with_it(
    one: str, other: str
) -> None:
    first, second = shape_of(one, "")[0], shape_of(other, "")[0]
    assert read_as(first, first, round_too=True) == first
    assert len(read_as(first, second, round_too=True).order) <= len(first.order) + 1
    assert decode(first.encode()).otherwise == first.otherwise[:MOST]
