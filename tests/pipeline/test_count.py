"""Contributions and deltas: pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prediction import SENTIMENTS
from pipeline.count import (
    Contribution,
    Countable,
    Keys,
    Mark,
    Opinion,
    bucket_start,
    contribution,
    decode,
    deltas,
)
from tests.fakes import MONDAY

KEYS = Keys(frozenset({"Earnings"}), frozenset({"ACM"}), frozenset({"wire"}))
NEGATIVE = Opinion("negative", -7000)

opinions = st.builds(
    Opinion, st.sampled_from(SENTIMENTS), st.integers(min_value=-10_000, max_value=10_000)
)
marks = st.builds(
    Mark, st.sampled_from(["all", "topic", "company"]), st.text(max_size=5), opinions
)
contributions = st.builds(
    Contribution,
    st.integers(min_value=0, max_value=1000).map(lambda n: MONDAY + n * timedelta(minutes=5)),
    st.booleans(),
    st.lists(marks, max_size=4).map(tuple),
)


def countable(**changes: object) -> Countable:
    values = {
        "source": "wire",
        "published_at": MONDAY + timedelta(minutes=7),
        "topic": "Earnings",
        "opinion": NEGATIVE,
        "companies": (("ACM", Opinion("positive", 500)),),
    }
    return Countable(**{**values, **changes})  # type: ignore[arg-type] # a table of values


def test_bucket_holds_its_start_and_not_its_end() -> None:
    # 0:05       0:10
    # [----------)
    #  ^       ^ ^
    five, ten = MONDAY + timedelta(minutes=5), MONDAY + timedelta(minutes=10)
    assert bucket_start(five) == five
    assert bucket_start(ten - timedelta(milliseconds=1)) == five
    assert bucket_start(ten) == ten


def test_story_counts_under_all_its_keys_and_a_company_by_its_own_opinion() -> None:
    part = contribution(countable(), is_copy=False, keys=KEYS)
    start = MONDAY + timedelta(minutes=5)
    assert deltas([(None, part)]) == {
        ("all", "all", start): (1, 1, 1, 0, 0, -7000),
        ("topic", "Earnings", start): (1, 1, 1, 0, 0, -7000),
        ("source", "wire", start): (1, 1, 1, 0, 0, -7000),
        ("company", "ACM", start): (1, 1, 0, 0, 1, 500),
    }


@pytest.mark.parametrize(
    ("label", "probability", "expected"),
    [
        ("negative", 0.6, (1, 0, 0)),
        ("negative", 0.59, (0, 1, 0)),
        ("positive", 0.6, (0, 0, 1)),
        ("positive", 0.59, (0, 1, 0)),
        ("neutral", 0.34, (0, 1, 0)),
    ],
)
def test_doubtful_sentiment_counts_as_neutral(
    label: str, probability: float, expected: tuple[int, int, int]
) -> None:
    doubtful = Opinion(label, -7000, probability)
    article = countable(opinion=doubtful, companies=(("ACM", doubtful),))
    sums = deltas([(None, contribution(article, is_copy=False, keys=replace(KEYS, sure=0.6)))])
    assert len(sums) == 4
    assert set(sums.values()) == {(1, 1, *expected, -7000)}
    assert contribution(article, is_copy=False, keys=KEYS).marks[0].opinion.sentiment == label


def test_copy_counts_as_an_article_and_not_as_a_story() -> None:
    part = contribution(countable(), is_copy=True, keys=KEYS)
    moved = deltas([(None, part)])
    assert moved["all", "all", MONDAY + timedelta(minutes=5)] == (1, 0, 0, 0, 0, -7000)


def test_whatever_is_outside_the_closed_sets_counts_as_other() -> None:
    strange = countable(topic="Gossip", source="blog", companies=(("XYZ", NEGATIVE),))
    part = contribution(strange, is_copy=False, keys=KEYS)
    assert {(mark.kind, mark.key) for mark in part.marks} == {
        ("all", "all"),
        ("topic", "other"),
        ("source", "other"),
    }


@given(contributions)
def test_contribution_survives_its_json(part: Contribution) -> None:
    assert decode(part.encode()) == part


@given(st.lists(contributions, max_size=5), contributions, contributions)
def test_replacing_is_taking_back_and_adding(
    others: list[Contribution], before: Contribution, after: Contribution
) -> None:
    history = [(None, part) for part in others]
    assert deltas([*history, (None, before), (before, after)]) == deltas([*history, (None, after)])
    assert deltas([(None, before), (before, None)]) == {}
