"""The near-duplicate rule: what a copy may change, and what makes another report of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.near import repeats
from ingest.shapes import MOST, Shape, bits, decode, needed, shape_of
from ingest.wording import marks

PLAIN = "Norvane Shipping orders six tankers from Ulsan yard for $1.2 billion"


def is_copy(later: str, earlier: str) -> bool:
    return repeats(shape_of(later, "")[0], shape_of(earlier, "")[0])


@pytest.mark.parametrize(
    "later",
    [
        PLAIN.upper(),
        f"UPDATE 1-{PLAIN}",
        f"{PLAIN} - sources",
        f"{PLAIN} (Reuters)",
        "Norvane Shipping orders 6 tankers from Ulsan yard for $1.2bn",
        "Norvane Shipping orders six tankers from Ulsan yard",
        "Norvane Shipping orders six tankers from Ulsan yard for $1,200 mln",
    ],
)
def test_house_style_slugs_and_a_clause_cut_off_make_no_other_report(later: str) -> None:
    assert is_copy(later, PLAIN)


@pytest.mark.parametrize(
    "later",
    [
        "Norvane Shipping orders six tankers from Ulsan yard for $1.3 billion",
        "Norvane Shipping orders seven tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping cancels six tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping may order six tankers from Ulsan yard for $1.2 billion",
        "Belmar Shipping orders six tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping shares fall after it orders six tankers from Ulsan yard",
    ],
)
def test_another_figure_company_event_or_stage_is_another_report(later: str) -> None:
    assert not is_copy(later, PLAIN)


def test_what_changes_places_with_from_is_another_report() -> None:
    ways = ("to stable from positive", "to positive from stable")
    up, down = (f"Moody's changes outlook on Senegal {way}" for way in ways)
    assert not is_copy(up, down)


def test_name_of_a_template_may_not_be_left_out_but_a_part_of_it_in_a_sentence_may() -> None:
    assert not is_copy(
        "Net Asset Value of Oslo Growth Fund Today",
        "Net Asset Value of Oslo Small Cap Growth Fund Today",
    )
    assert is_copy(
        "Harlan to appeal against verdict over filters",
        "Tobacco firm Harlan Motor to appeal against verdict over filters",
    )


BODY = (
    "The terminal can handle {figure} million tonnes a year and employs four hundred people. "
    "Polish authorities must approve the purchase by {name} this year, the fund said."
)


def test_bodies_decide_where_both_have_one() -> None:
    first = BODY.format(figure="2.2", name="Orlik")
    other = BODY.format(figure="2.4", name="Orlik")
    title = "Orlik to buy Gdynia terminal"
    again = repeats(shape_of("Fund takes over port", first)[0], shape_of(title, first)[0])
    assert (again, repeats(shape_of(title, other)[0], shape_of(title, first)[0])) == (True, False)


@given(st.text(max_size=300), st.text(max_size=800))
def test_any_text_has_a_shape_that_is_stored_whole_and_repeats_itself_or_says_too_little(
    title: str, body: str
) -> None:
    shape, keys = shape_of(title, body)
    assert decode(shape.encode()) == shape
    assert all(0 <= key < 2**63 for key in keys)
    assert needed(shape) & ~bits(shape) == 0
    assert repeats(shape, shape) or shape.sketch or len(shape.order) < 3


def test_shape_of_an_endless_text_is_cut_and_can_be_stored() -> None:
    shape, _ = shape_of("x", " ".join(f"word{n} {n}" for n in range(100_000)))
    assert len(shape.encode()) < 2_000
    long = Shape(tuple(range(999)), *(6 * (frozenset(range(999)),)), capitals=True)
    assert len(decode(long.encode()).names) == MOST


def test_figures_are_told_in_one_form() -> None:
    same = ("1,500 jobs", "1500 jobs", "1.5k jobs", "1.50 thousand jobs")
    assert len({marks(title)[0].name for title in same}) == 1
