from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.stories import HORIZON, Sighting, bands, earliest_copy_of, normal_form, signature

NINE = datetime(2024, 5, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MS = timedelta(milliseconds=1)


def seen(after: timedelta, source: str = "wire", name: str = "1", text: str = "x") -> Sighting:
    return Sighting(NINE + after, source, name, text)


# --- signature ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        'HARBOUR STEEL\'S "BAD" YEAR - OUTLOOK CUT...',
        "Harbour Steel\u2019s \u201cbad\u201d year \u2013 outlook cut\u2026",
        'Harbour Steel\u00b4s "bad" year - outlook cut...',
        "  Harbour\tSteel's \u00abbad\u00bb year\u00a0\u2014 outlook  cut... ",
        '\uff28arbour Steel\'s "bad" year \u2212 out\u00adlook cut...',
    ],
)
def test_case_space_quotes_and_dashes_do_not_make_another_story(title: str) -> None:
    assert signature(title, "") == signature('Harbour Steel\'s "bad" year - outlook cut...', "")


@pytest.mark.parametrize(
    "title",
    [
        "Harbour Steel falls 35%",
        "Harbour Steel falls 3.6%",
        "Harbour Steel falls 3,5%",
        "UPDATE 1-Harbour Steel falls 3.5%",
        "RPT-Harbour Steel falls 3.5%",
        "Harbour Steel falls 3.5%.",
        "HarbourSteel falls 3.5%",
        "Harbour Steel falls -3.5%",
    ],
)
def test_any_other_difference_makes_another_story(title: str) -> None:
    assert signature(title, "") != signature("Harbour Steel falls 3.5%", "")


def test_the_body_counts_and_stays_apart_from_the_title() -> None:
    assert signature("a", "b") != signature("a", "c")
    assert signature("a", "b") != signature("a b", "")
    assert signature("a", "B ") == signature("A", "b")


def test_the_signature_is_stable_between_releases() -> None:
    assert signature("A title", "A body") == "50a55c4d5a9ff74478eb75bde827dd2c"


def test_band_0_is_the_signature() -> None:
    assert bands("a", "b") == ((0, signature("a", "b")),)


@given(st.text(st.characters(codec=None)))
def test_the_normal_form_is_a_fixed_point(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)
    assert len(signature(text, text)) == 32


def test_a_body_of_accents_alone_takes_no_more_than_linear_time() -> None:
    started = time.process_time()
    signature("A headline", "a" + "\u0300\u0316" * 50_000)
    assert time.process_time() - started < 3


def test_the_two_ways_to_write_an_accent_make_one_story() -> None:
    long = "Soci\u00e9t\u00e9 " * 500
    assert signature("caf\u00e9", long) == signature(
        "cafe\u0301", long.replace("\u00e9", "e\u0301")
    )


# --- the rule -----------------------------------------------------------------------------------


def test_a_repeat_is_a_copy_of_the_earliest_within_a_day() -> None:
    # day 1 9:00   9:00+1ms           15:00            day 2 9:00+1ms
    # too old      the earliest       also a repeat    the candidate
    old, first, second = seen(0 * HOUR), seen(MS), seen(6 * HOUR)
    candidate = seen(HORIZON + MS)
    assert earliest_copy_of(candidate, [second, old, first]) == first
    assert earliest_copy_of(candidate, [old]) is None
    assert earliest_copy_of(seen(HORIZON), [old]) == old


def test_an_article_repeats_neither_itself_nor_a_later_one() -> None:
    candidate = seen(HOUR)
    assert earliest_copy_of(candidate, [candidate, seen(2 * HOUR), seen(HOUR + MS)]) is None


def test_another_text_is_no_repeat() -> None:
    assert earliest_copy_of(seen(HOUR), [seen(0 * HOUR, text="y")]) is None


def test_at_the_same_time_source_and_then_id_decide() -> None:
    a1, a2, b1 = seen(HOUR, "a", "1"), seen(HOUR, "a", "2"), seen(HOUR, "b", "1")
    everyone = [b1, a2, a1]
    assert [earliest_copy_of(one, everyone) for one in (a1, a2, b1)] == [None, a1, a1]


SIGHTINGS = st.lists(
    st.builds(
        seen,
        st.integers(0, 60).map(lambda hours: hours * HOUR),
        st.sampled_from("ab"),
        st.sampled_from("12"),
        st.sampled_from("xy"),
    ),
    unique_by=lambda one: (one.source, one.id, one.published_at),
    max_size=12,
)


@given(SIGHTINGS, st.data())
def test_the_order_of_arrival_changes_nothing(
    sightings: list[Sighting], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(sightings))
    for one in sightings:
        found = earliest_copy_of(one, shuffled)
        assert found == earliest_copy_of(one, sightings)
        assert found is None or (found < one and found.signature == one.signature)


@given(SIGHTINGS)
def test_following_copies_ends_at_an_article_that_repeats_nothing(
    sightings: list[Sighting],
) -> None:
    for one in sightings:
        steps = 0
        while (earlier := earliest_copy_of(one, sightings)) is not None:
            one, steps = earlier, steps + 1
        assert steps < max(1, len(sightings))
