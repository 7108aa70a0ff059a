"""How much a label would tell, as numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.drawing import RESERVED, reserved
from pipeline.labels.scoring import (
    COLD,
    QUOTA,
    Candidate,
    choose,
    diversity,
    preselect,
    quota,
    trust,
    uncertainty,
    words_of,
)
from pipeline.store.hashing import text_hash


def candidate(title: str, topic: str = "Macro", sure: float = 0.5, tone: float = 1.0) -> Candidate:
    return Candidate(text_hash(title, ""), topic, sure, tone, words_of(title))


def test_the_surer_both_answers_are_the_less_a_label_tells() -> None:
    assert uncertainty(candidate("a", sure=0.9, tone=0.8)) == pytest.approx(0.28)
    assert uncertainty(candidate("a", sure=1.0, tone=1.0)) == 0


def test_doubts_about_new_topics_are_trusted_as_their_labels_come() -> None:
    new = ("Space", "Sea")
    assert trust("Macro", new, {}) == 1
    assert trust("Space", new, {"Macro": 99}) == 0
    assert trust("Space", new, {"Sea": COLD}) == trust("Sea", new, {"Space": COLD}) == 0.5
    assert trust("Space", new, {"Sea": COLD, "Space": COLD + 5}) == 1


def test_of_a_new_topic_plain_texts_are_asked_about_first() -> None:
    plain, odd = candidate("rocket", sure=0.9), candidate("spanner", sure=0.2)
    for trusted, first in ((0.0, plain), (1.0, odd)):
        both = [replace(one, trust=trusted) for one in (plain, odd)]
        (found, worth), _ = choose(both, {}, [], 2)
        assert (found.text_hash, worth.trust) == (first.text_hash, trusted)
        assert preselect(both, {}, 1) == [found]
    half = replace(odd, trust=0.5)
    assert uncertainty(half) == pytest.approx(0.5)
    assert uncertainty(replace(odd, trust=0.0)) == pytest.approx(0.2)


def test_a_topic_without_labels_goes_first_and_quota_labels_halve_it() -> None:
    assert quota(0) == 1
    assert quota(QUOTA) == 0.5
    assert quota(QUOTA - 1) > quota(QUOTA)


def test_words_in_common_make_texts_alike_and_figures_tell_nothing() -> None:
    seen = words_of("Acme shares fall 5%")
    assert diversity(words_of("ACME SHARES FALL 12%!"), [seen]) == 0
    assert diversity(words_of("Acme shares rise sharply"), [seen]) == pytest.approx(1 - 2 / 6)
    assert diversity(words_of("Oil"), [seen, words_of("gold")]) == 1
    assert diversity(words_of("Oil"), []) == 1


def test_a_second_question_is_about_something_else() -> None:
    best = candidate("Acme shares fall", sure=0.40)
    same = candidate("Acme shares fall again", sure=0.45)
    other = candidate("Central bank meets", sure=0.60)
    found = [one for one, _ in choose([same, other, best], {}, [], 2)]
    assert found == [best, other]


def test_what_was_asked_lately_counts_as_asked() -> None:
    one, other = candidate("Acme shares fall", sure=0.4), candidate("Central bank meets", sure=0.6)
    recent = [words_of("Acme shares fall")]
    assert [c for c, _ in choose([one, other], {}, recent, 1)] == [other]


def test_questions_of_one_call_use_up_the_quota_too() -> None:
    many = [candidate(f"word{n}", "Energy", sure=0.5) for n in range(QUOTA + 5)]
    rare = candidate("dividend", "Macro", sure=0.7)
    found = [one for one, _ in choose([*many, rare], {}, [], QUOTA + 5)]
    # Energy at 0.5 each begins at 0.5 and falls; Macro at 0.3 comes once 0.5 x quota is below it.
    assert found.index(rare) == next(n for n in range(99) if 0.5 * quota(n) < 0.3)


@settings(deadline=None)
@given(
    st.permutations(
        [
            candidate(f"{w} news", t, s)
            for w, t, s in [
                ("oil", "Energy", 0.3),
                ("gold", "Energy", 0.3),
                ("rate", "Macro", 0.5),
                ("tax", "Macro", 0.9),
            ]
        ]
    )
)
def test_the_order_of_candidates_does_not_matter(candidates: list[Candidate]) -> None:
    found = [one.text_hash for one, _ in choose(candidates, {"Energy": 3}, [], 3)]
    again = [one.text_hash for one, _ in choose(sorted(candidates, key=str), {"Energy": 3}, [], 3)]
    assert found == again


def test_preselection_keeps_what_can_score_highest() -> None:
    found = preselect(
        [candidate("a", "Energy", 0.2), candidate("b", "Macro", 0.5)], {"Energy": 99}, 1
    )
    assert [one.topic for one in found] == ["Macro"]


def test_a_fixed_share_of_texts_is_kept_for_random_questions() -> None:
    drawn = sum(reserved(text_hash(f"text {n}", "")) for n in range(5_000))
    assert abs(drawn / 5_000 - 1 / RESERVED) < 0.02
