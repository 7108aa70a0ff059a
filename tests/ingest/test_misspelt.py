"""Typing errors in listed words, and what a firm is before its name."""

from __future__ import annotations

import pytest

from ingest.wording import marks


@pytest.mark.parametrize(
    ("title", "name", "kind"),
    [
        ("Norvane opens yard in Phillipines", "philippines", "place"),
        ("Norvane opens yard in Sigapore", "singapore", "place"),
        ("Norvane opens yard in Decemeber", "december", "period"),
        ("Norvane recieved four tankers", "win", "fact"),
        ("Norvane begins contruction of yard", "build", "fact"),
    ],
)
def test_misspelt_country_month_or_event_is_what_it_is_meant_to_be(
    title: str, name: str, kind: str
) -> None:
    assert (name, kind) in [(mark.name, mark.kind) for mark in marks(title)]


@pytest.mark.parametrize("word", ["lunch", "Sigaporex", "Strike", "compete"])
def test_other_word_is_no_misspelt_one(word: str) -> None:
    assert not {"launch", "singapore", "complete"} & {
        mark.name for mark in marks(f"Norvane on {word} bar")
    }


@pytest.mark.parametrize(
    ("title", "weak"),
    [
        ("Fund ends bid for brine pump maker Norvane", {"brin", "pump", "maker"}),
        ("Low cost airline Norvane adds routes", {"cheap", "airline"}),
        ("Fund ends bid for brine pumps of Norvane", set()),
        ("FUND ENDS BID FOR BRINE PUMP MAKER NORVANE", {"maker"}),
    ],
)
def test_what_a_firm_is_before_its_name_may_be_left_out(title: str, weak: set[str]) -> None:
    assert {mark.name for mark in marks(title) if mark.kind == "weak"} == weak
