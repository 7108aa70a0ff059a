"""Two headlines beside each other: what is added, lost, exchanged, and where."""

from __future__ import annotations

import pytest

from ingest.alignment import Alignment, align
from ingest.shapes import shape_of


def lay(later: str, earlier: str) -> Alignment:
    new, old = shape_of(later, "")[0], shape_of(earlier, "")[0]
    return align(new, old, frozenset(new.order) & frozenset(old.order))


PLAIN = "Norvane orders six tankers from Ulsan yard"


@pytest.mark.parametrize(
    ("later", "added", "lost"),
    [
        (PLAIN, (), ()),
        (f"Norwegian {PLAIN}", (("name", "front"),), ()),
        (f"{PLAIN} - Fjord Ledger", (("tag", "behind"), ("tag", "behind")), ()),
        ("Norvane orders six tankers from Ulsan", (), (("word", "behind"),)),
        ("Norvane orders tankers from Ulsan yard", (), (("figure", "inside"),)),
        (f"{PLAIN}, shares fall", (("fact", "behind"), ("fact", "behind")), ()),
        ("Norvane orders six green tankers from Ulsan yard", (("word", "inside"),), ()),
    ],
)
def test_what_one_has_more_is_added_or_lost_before_between_or_behind_the_rest(
    later: str, added: tuple[tuple[str, str], ...], lost: tuple[tuple[str, str], ...]
) -> None:
    lying = lay(later, PLAIN)
    assert (lying.added, lying.lost, lying.exchanged) == (added, lost, ())


@pytest.mark.parametrize(
    ("later", "sorts"),
    [
        ("Norvane orders six barges from Ulsan yard", {"word"}),
        ("Norvane orders six tankers from Busan yard", {"name"}),
        ("Norvane orders seven tankers from Ulsan yard", {"figure"}),
        ("Norvane scraps six tankers from Ulsan yard", {"fact"}),
        ("Belmar orders six tankers from Ulsan yard", {"name"}),
    ],
)
def test_what_stands_in_the_same_gap_is_exchanged_and_neither_added_nor_lost(
    later: str, sorts: set[str]
) -> None:
    lying = lay(later, PLAIN)
    assert (lying.exchanged, lying.added, lying.lost) == ((frozenset(sorts),), (), ())


def test_word_with_a_typing_error_is_the_same_but_a_name_must_have_the_same_letters() -> None:
    assert lay("Norvane orders six tnakers from Ulsan yard", PLAIN).alike == 1
    assert lay("Norvane orders six tankrs from Ulsan yard", PLAIN).alike == 1
    assert lay("Norvane orders six trawlers from Ulsan yard", PLAIN).alike == 0
    assert lay("Alardine orders six tankers", "Alarxine orders six tankers").alike == 0
    assert lay("Board backs Radwanksa plan", "Board backs Radwanska plan").alike == 1


def test_whole_name_between_the_rest_is_missed_but_not_a_part_of_one() -> None:
    told = "Fund to buy stake in Sonavox Audio from Clarion"
    assert lay("Fund to buy stake in Sonavox from Clarion", told).nameless is False
    assert lay("Fund to buy stake from Clarion", told).nameless is True
    assert lay("Fund to buy stake", told).nameless is False


def test_order_is_that_of_each_headline() -> None:
    lying = lay("In dispute with Clarion, board sides with Sonavox", "Board sides with Sonavox")
    assert set(lying.order) == set(lying.old)
    assert lay("Fund flows: bonds, gold", "Fund flows: gold, bonds").order != (
        lay("Fund flows: bonds, gold", "Fund flows: gold, bonds").old
    )
