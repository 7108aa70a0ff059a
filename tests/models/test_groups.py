"""Near-duplicates among labelled texts: what is linked, and that every pair is found."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from models.groups import ALIKE, _jaccard, _parts, near_groups

WORDS = ("profit", "sales", "rose", "fell", "in the", "third quarter", "of", "to", "12", "34")


def same(one: str, other: str) -> bool:
    first, second = near_groups([one, other])
    return bool(first == second)


def test_figures_case_and_a_publisher_behind_do_not_make_another_text() -> None:
    report = "Quarterly profit at the harbour operator rose to 12.5 million from 9 million"
    assert same(report, report.upper().replace("12.5", "14.1"))
    assert same(report, f"{report} - Daily Post")


def test_another_company_in_a_short_template_is_another_text() -> None:
    assert not same("Birchwood names a finance director", "Harrow Mills names a chairman")
    assert not same("Crude rises on supply worries", "Crude falls on supply worries")


def test_groups_are_what_links_link() -> None:
    base = "one two three four five six seven eight nine ten eleven twelve"
    chain = [base, f"{base} thirteen", f"{base} thirteen fourteen"]
    assert len(set(near_groups([*chain, "something else"]).tolist())) == 2


def test_no_texts_no_groups() -> None:
    assert near_groups([]).tolist() == []
    assert near_groups(["", ""]).tolist() == [0, 0]


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join), max_size=25)
)
def test_every_pair_that_is_alike_is_in_one_group(texts: list[str]) -> None:
    groups = near_groups(texts)
    for a, b in combinations(range(len(texts)), 2):
        if _jaccard(_parts(texts[a]), _parts(texts[b])) >= ALIKE:
            assert groups[a] == groups[b]
