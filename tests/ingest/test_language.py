"""Another language is found, and English headlines full of foreign names are left alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.language import language_of
from ingest.language_codes import LANGUAGES, group_of
from ingest.stories import signature

Case = tuple[str, str]
"""language, title."""


def cases(part: str) -> list[Case]:
    path = Path(__file__).with_name("language_cases.csv")
    with path.open(encoding="utf-8", newline="") as file:
        found = csv.DictReader(file)
        return [(row["language"], row["title"]) for row in found if row["part"] == part]


@pytest.mark.parametrize("part", ["open", "sealed"])
def test_english_is_kept_and_other_languages_are_found(part: str) -> None:
    groups = {case: group_of(language_of(case[1], "")) for case in cases(part)}
    english = [group != "other" for (language, _), group in groups.items() if language == "en"]
    others = [group == "other" for (language, _), group in groups.items() if language != "en"]
    assert min(len(english), len(others)) > 150
    assert sum(english) / len(english) >= 0.995
    assert sum(others) / len(others) >= 0.95


@pytest.mark.parametrize("title", ["Bayer", "TSLA -4%", "+++", "Q3 2026", "5 %", "\U0001f4c8"])
def test_whatever_is_too_short_is_of_uncertain_language(title: str) -> None:
    assert language_of(title, "") is None


def test_name_in_the_title_does_not_hide_the_language_of_the_body() -> None:
    body = "Der Vorstand rechnet im kommenden Jahr mit deutlich weniger Aufträgen aus Asien."
    assert language_of("Rheinmetall AG", "") is None
    assert language_of("Rheinmetall AG", body) == "de"
    english = "The board expects far fewer orders from Asia in the coming year."
    assert language_of("Rheinmetall AG", english) == "en"


def test_foreign_characters_among_latin_ones_do_not_make_another_language() -> None:
    assert group_of(language_of("Shares of Tencent (騰訊) fall after results", "")) != "other"
    assert group_of(language_of("腾讯公布第三季度业绩 Tencent", "")) == "other"


variants = st.sampled_from([str.upper, str.title, lambda text: text.replace(" ", "  ")])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(cases("open") + cases("sealed")), variants)
def test_repeats_of_a_text_are_of_one_language(case: Case, vary: object) -> None:
    assert callable(vary)
    other = vary(case[1])
    if signature(other, "") == signature(case[1], ""):  # ß in capitals and the like may differ
        assert language_of(other, "") == language_of(case[1], "")


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1), st.text())
def test_any_text_has_one_of_the_languages_or_none(title: str, body: str) -> None:
    found = language_of(title, body)
    assert found is None or found in LANGUAGES
    assert language_of(title, body) == found
