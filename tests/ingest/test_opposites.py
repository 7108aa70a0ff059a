"""Words that exclude each other."""

from __future__ import annotations

import pytest

from ingest.opposites import SETS, exclude, opposed
from ingest.shapes import shape_of
from ingest.wording import said


@pytest.mark.parametrize("line", SETS)
def test_every_word_of_a_set_is_one_mark_of_its_own(line: str) -> None:
    found = [said(word) for word in line.split()]
    assert all(len(marks) == 1 for marks in found), line
    assert len({marks[0].name for marks in found}) > 1, line


@pytest.mark.parametrize(
    ("later", "earlier", "excluded"),
    [
        ("Zinc stocks rise", "Zinc stocks fall", True),
        ("Room for cuts is shrinking", "Room for cuts is growing", True),
        ("Weekly drop of the index", "Monthly drop of the index", True),
        ("Zinc stocks rise", "Zinc stocks climb", False),
        ("Zinc stocks rise, prices fall", "Zinc stocks rise", False),
    ],
)
def test_what_cannot_both_be_so_is_excluded(later: str, earlier: str, excluded: bool) -> None:
    new, old = (frozenset(shape_of(title, "")[0].order) for title in (later, earlier))
    assert exclude(new - old, old - new) is excluded


def test_second_time_a_word_is_met_it_still_has_its_opposite() -> None:
    assert all(numbers for numbers in opposed().values())
