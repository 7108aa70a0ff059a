"""Near-duplicates: the rule between two articles, a function of their shapes in the order of time.

Two headlines: the later one repeats the earlier if it adds nothing to it. What it has more may
only be a tag, or a word of little weight. What it leaves out may be a clause at the end, and
elsewhere words of little weight: no name, no event, no *not*, *may* or *former*. Periods and
figures are never exchanged. Two bodies: they must have most of the shorter one in common, and
neither figures nor the names in the headline may be exchanged.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from ingest.shapes import SKETCH, Shape

SHARED_BODY: Final = 0.4
"""Least share of the shorter body's shingles that must be in the other."""
TOLD: Final = 0.5
"""Least share of the later headline that the earlier article must say, where both have bodies."""
SHARED_TITLE: Final = 0.45
"""Least share of the earlier headline's marks that the later one must have."""
LONG_TITLE: Final = 4
"""Marks of a headline that one more word cannot make another one."""
LEAST_SAME: Final = 2
"""The same of two headlines that differ in nothing but days and words of little weight."""
MOST_ADDED: Final = 1
"""Common words without a capital that a later headline may have more."""
LEAST_SHARED: Final = 3
"""Marks that two headlines must have in common."""


def repeats(later: Shape, earlier: Shape) -> bool:
    """Whether ``later`` prints ``earlier`` again, as an editor would say."""
    if later.sketch and earlier.sketch:
        return _same_body(later, earlier)
    return _adds_nothing(later, earlier)


def _adds_nothing(later: Shape, earlier: Shape) -> bool:
    if later.must - earlier.must or _exchanged(later.weak, earlier.weak):
        return False
    if (
        later.capitals
        and earlier.capitals
        and later.weak | later.must != earlier.weak | earlier.must
    ):
        return False  # in a template, a word of little weight is a part of a name
    if later.periods - earlier.periods or (later.days - earlier.days and earlier.days):
        return False
    new, old = frozenset(later.order), frozenset(earlier.order)
    shared = new & old
    least = LEAST_SAME if new == old and later.periods == earlier.periods else LEAST_SHARED
    if len(shared) < max(least, SHARED_TITLE * len(old)):
        return False
    if not _may_add(later, earlier, new - old, old - new):
        return False
    return not _left_out(earlier, shared) and not _swapped(later, earlier)


def _may_add(later: Shape, earlier: Shape, added: frozenset[int], lost: frozenset[int]) -> bool:
    """Whether what a headline has more is a tag of a feed or words of little weight.

    These are added to a whole headline, not put in the place of others.
    """
    if not added:
        return not (lost & earlier.soft and later.weak - earlier.weak)
    if lost - earlier.soft or len(earlier.order) - len(lost) < LONG_TITLE:
        return False
    told = added - later.slug - later.tail
    if told:
        whole = not lost and not earlier.weak - later.weak
        inserted = tuple(mark for mark in later.order if mark not in added) == earlier.order
        return whole and inserted and told <= later.soft and len(told) <= MOST_ADDED
    return not added & later.tail or (not later.capitals and not later.tail - added)


def _swapped(later: Shape, earlier: Shape) -> bool:
    """Whether two names or things have changed places and nothing else, a passive apart."""
    if later.capitals or earlier.capitals or later.passive != earlier.passive:
        return False
    names = (later.names | later.slug) & (earlier.names | earlier.slug)
    rest = names | (later.soft & earlier.soft)
    return _crossed(later, earlier, names) or _crossed(later, earlier, rest)


def _crossed(later: Shape, earlier: Shape, among: frozenset[int]) -> bool:
    """Whether two runs of ``among`` have exchanged marks, and all between them is as it was."""
    one, other = (
        [frozenset(run) for _, run in groupby(s.order, among.__contains__)]
        for s in (later, earlier)
    )
    if [run - among for run in one] != [run - among for run in other]:
        return False
    moved = [(a - b, b - a) for a, b in zip(one, other, strict=True) if a != b]
    return len(moved) == 2 and all(moved[0])


def _left_out(earlier: Shape, shared: frozenset[int]) -> bool:
    """Whether something is missing that does not stand in a clause cut off at the end.

    That is a name, what happened, or what turns the sentence round.

    Of a name of several words in a sentence, one is enough: Toyota Motor, Patrick Dunne.
    """
    last = max(place for place, mark in enumerate(earlier.order) if mark in shared)
    if not shared.issuperset((earlier.must | earlier.facts).intersection(earlier.order[:last])):
        return True
    runs: list[list[int]] = [[]]
    named = earlier.names | (earlier.slug - earlier.front)
    for mark in earlier.order[: last + 1]:
        if mark not in named:
            runs.append([])
        elif earlier.capitals:
            runs.append([mark])
        else:
            runs[-1].append(mark)
    return any(not earlier.names.isdisjoint(run) and shared.isdisjoint(run) for run in runs)


def _same_body(later: Shape, earlier: Shape) -> bool:
    if _exchanged(later.figures, earlier.figures) or _exchanged(later.days, earlier.days):
        return False
    # Also the first word of a sentence: bodies of a template differ in the headline alone.
    untold = (later.names | later.slug | later.tail) - later.front - earlier.words
    if untold - later.tail or (untold and earlier.tail - later.words):
        return False
    told = sum(mark in earlier.words for mark in later.order)
    if told < TOLD * len(later.order):
        return False
    return _contained(later.sketch, earlier.sketch) >= SHARED_BODY


def _exchanged(one: frozenset[int], other: frozenset[int]) -> bool:
    return bool(one - other) and bool(other - one)


def _contained(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Estimated share of the smaller set of shingles that the larger one has, in [0, 1]."""
    top = min(part[-1] if len(part) == SKETCH else 0xFFFFFFFF for part in (one, other))
    a, b = ({h for h in part if h <= top} for part in (one, other))
    return len(a & b) / max(1, min(len(a), len(b)))
