"""One text preparation: what is dropped, what is kept, what comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import MAX_CHARACTERS, fold, prepare, signed

NOISE = ("&amp;", "&amp;amp;", "&#8203;", "\u200b", "&", "amp;", "#38;", "lt;", "\x00", "\u202e")
LINKS = ("https://", "t.co/", "ht", "tps://", "www.", ".", ":")
PIECES = st.sampled_from(("profit", "é", "x" * 700, " ", "\n", *NOISE, *LINKS))


@pytest.mark.parametrize(
    ("raw", "prepared"),
    [
        ("Profit &amp; loss", "Profit & loss"),
        ("Profit &amp;amp; loss", "Profit & loss"),  # feeds escape twice
        ("Shares fall\r\n  again\t", "Shares fall again"),
        ("Shares fall https://t.co/AbC1 http://x.example/y?z", "Shares fall →"),
        ("Shares fall www.example.com today", "Shares fall today →"),
        ("Shares fall https:…", "Shares fall →"),  # cut links are links too
        ("Shares\u200b fall\u202e", "Shares fall"),
        ("$ACM slips 3.5%", "$ACM slips 3.5%"),
        ("https://t.co/AbC1", ""),
        ("", ""),
    ],
)
def test_noise_goes_and_words_stay(raw: str, prepared: str) -> None:
    assert prepare(raw) == prepared


def test_a_link_is_told_of_where_there_is_no_body_and_makes_no_other_text() -> None:
    link = "Acme falls https://t.co/AbC1"
    assert prepare(link, "It cut its outlook.") == "Acme falls. It cut its outlook."
    assert prepare("Acme falls", "see https://x.example/y") == "Acme falls. see"
    assert fold(prepare(link)) == fold(prepare("Acme falls")) == "acme falls"
    assert prepare(prepare(link)) == prepare(link)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("$ACM slips 3.5%", True),
        ("Watching #oil today", True),
        ("thanks @acme, what a quarter", True),
        ("Acme falls https://t.co/AbC1", True),
        (prepare("Acme falls https://t.co/AbC1"), True),
        ("Acme raises $1.2 billion", False),
        ("Write to press@acme.example", False),
        ("Acme falls", False),
        ("", False),
    ],
)
def test_signs_of_a_post(raw: str, *, found: bool) -> None:
    assert signed(raw) is found


def test_title_comes_before_the_body_as_its_own_sentence() -> None:
    assert prepare("Acme falls", "It cut its outlook.") == "Acme falls. It cut its outlook."
    assert prepare("Will Acme fall?", "It may.") == "Will Acme fall? It may."


def test_body_that_begins_with_the_title_does_not_repeat_it() -> None:
    assert prepare("Acme falls", "Acme falls after results") == "Acme falls after results"


def test_long_text_keeps_its_title_and_ends_with_a_whole_word() -> None:
    prepared = prepare("Acme falls", "sales " * 40_000)
    assert prepared.startswith("Acme falls. sales")
    assert prepared.endswith("sales")
    assert MAX_CHARACTERS - len("sales ") <= len(prepared) <= MAX_CHARACTERS


def test_escapes_are_resolved_three_deep_and_no_deeper() -> None:
    assert prepare("Acme &amp;amp;lt; Borealis") == "Acme < Borealis"
    assert prepare("Acme &amp;amp;amp;lt; Borealis") == "Acme lt; Borealis"


def test_endlessly_nested_escapes_are_given_up() -> None:
    assert set(prepare("Acme", "&" + "amp;" * 50_000)) <= set("Acme. amp;")


@given(title=st.lists(PIECES, max_size=12), body=st.lists(PIECES, max_size=12))
def test_preparing_a_prepared_text_changes_nothing(title: list[str], body: list[str]) -> None:
    once = prepare("".join(title), "".join(body))
    assert prepare(once) == once
    assert len(once) <= MAX_CHARACTERS


def test_repeats_fold_to_the_same_and_other_texts_do_not() -> None:
    assert fold("Acme: profit UP, 3%!") == fold("acme profit up 3")
    assert fold("Acme profit up 3") != fold("Acme profit up 4")
