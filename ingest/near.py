"""Near-duplicates: the rule between two articles, a function of their shapes in the order of time.

First what is never a copy, whatever else agrees: a figure, a day, a period or a direction is
exchanged, two names have changed places, a headline of a template differs. Then the headlines
are weighed (:mod:`ingest.likeness`, :mod:`ingest.weights`). Where both have a body, this must
have its part in common too; or nearly all of it, then the headline may be another.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Final

from ingest.alignment import Alignment, Placed, Sort, align
from ingest.coming import FUTURE
from ingest.likeness import numbers
from ingest.opposites import exclude
from ingest.otherwise import read_as
from ingest.shape import Shape, mark_of
from ingest.shapes import SKETCH
from ingest.weights import weights
from ingest.wording import names_of

_RELATIVE: Final = frozenset(
    ("this", "next", "last", "tomorrow", "yesterday", "first", "second", "third", "fourth")
)
"""Periods that another wording of a body may have or not."""

SHARED_BODY: Final = 0.6
"""Least share of the words of the shorter body that must be in the other."""
WHOLE_BODY: Final = 0.85
"""Least share of its shingles from which on the headline may be another."""
VERBATIM: Final = 0.7
"""The same, from which on a *not* in one of two bodies is no matter of wording."""
MOST_OTHER: Final = 2
"""Words that one body has more, up to which a *not* or an opposite is all that it is about."""
TOLD: Final = 0.5
"""Least share of such a headline that the earlier article must say."""
LEAST_SHARED: Final = 3
"""Marks that two headlines must have in common."""
LEAST_SAME: Final = 2
"""The same of two that have the same marks and periods."""
LEAST_DIFFERING: Final = 4
"""The same of two that differ at all."""
SHARED_OF_EARLIER: Final = 0.4
"""Least share of the earlier headline's marks that the later one must have."""
SHARED_OF_LATER: Final = 0.6
"""The same of the later headline's, without its tags: what it has more would be news."""

MOST_ADDED: Final = 1
"""Words that a headline may have more, but for what stands behind it."""
LONG_TITLE: Final = 7
"""Marks of a headline that says the same without one of its verbs."""
LONG_TEMPLATE: Final = 6
"""Marks of a headline in capitals that another tag cannot make another notice."""
TELLS: Final = frozenset[Sort](("figure", "name", "fact", "word"))
"""Sorts of marks that say something."""


def repeats(later: Shape, earlier: Shape) -> bool:
    """Whether ``later`` prints ``earlier`` again, as an editor would say."""
    found = weighed(later, earlier)
    if isinstance(found, bool):
        return found
    fitted = weights()
    return fitted.score(found) >= fitted.threshold


def weighed(later: Shape, earlier: Shape) -> bool | tuple[float, ...]:
    """What there is to weigh (:mod:`ingest.likeness`), or the answer where nothing is."""
    if _exchanged(later.money, earlier.money):
        return False
    if later.otherwise or earlier.otherwise:
        later, earlier = (
            read_as(later, earlier, round_too=False),
            read_as(earlier, later, round_too=True),
        )
    if not (later.sketch and earlier.sketch):
        return _of_headlines(later, earlier)
    if _other_body(later, earlier):
        return False
    if _same_text(later, earlier):
        untold = frozenset(later.order).difference(earlier.words, earlier.order)
        news = not untold.isdisjoint(later.figures)
        told = len(later.order) - len(untold) >= TOLD * len(later.order)
        if told and not news and not _other_title(later, earlier):
            return True
    both = len(later.words & earlier.words)
    if both < SHARED_BODY * min(len(later.words), len(earlier.words)):
        return False
    return _of_headlines(later, earlier)


def _of_headlines(later: Shape, earlier: Shape) -> bool | tuple[float, ...]:
    new, old = frozenset(later.order), frozenset(earlier.order)
    shared = new & old
    least = SHARED_OF_LATER * len(new - later.front - later.tail)
    least_shared = LEAST_SAME if new == old and later.periods == earlier.periods else LEAST_SHARED
    if len(shared) < max(least_shared, SHARED_OF_EARLIER * len(old), least):
        return False
    if _exchanged(later.figures & new, earlier.figures & old):
        return False
    if not later.periods <= earlier.periods and (earlier.periods or old & earlier.figures - new):
        return False
    if (earlier.days and not later.days <= earlier.days) or exclude(new - old, old - new):
        return False
    if earlier.days - later.days and later.periods - earlier.periods:
        return False
    lying = align(later, earlier, shared)
    if _same_but_tags(later, earlier):
        return True
    if _differ(later, earlier, lying) or _swapped(later, earlier):
        return False
    return numbers(later, earlier, lying)


def _same_but_tags(later: Shape, earlier: Shape) -> bool:
    """Whether nothing but tags differs, letter case and signs: an outlet's, a desk's, a section's.

    One in the place of another may be a symbol, or the bank that is quoted; in capitals, what
    tells one notice from another.
    """
    if later.periods != earlier.periods or later.days != earlier.days:
        return False
    if later.order == earlier.order:
        return True
    new, old = ([m for m in s.order if m not in s.front | s.tail] for s in (later, earlier))
    if new != old:
        return False
    tags = [s.front | s.tail for s in (later, earlier)]
    if later.capitals and earlier.capitals and tags[0] != tags[1]:
        return False
    return len(new) >= LEAST_SAME and not _exchanged(*tags)


def _differ(later: Shape, earlier: Shape, lying: Alignment) -> bool:
    """Whether something is exchanged, in one place or in two, or a template differs."""
    if lying.exchanged:
        return True
    if not lying.added and not lying.lost:
        return False
    if len(lying.order) < LEAST_DIFFERING:
        return True
    if lying.nameless or _happened(lying) or _other_front(lying.added, lying.lost):
        return True
    added = [sort for sort, where in lying.added if sort in TELLS]
    if added and any(sort in TELLS and where != "behind" for sort, where in lying.lost):
        return True
    if sum(sort == "word" and where != "behind" for sort, where in lying.added) > MOST_ADDED:
        return True
    if later.capitals == earlier.capitals:
        return later.capitals and _other_notice(later, earlier, lying)
    # All in upper case, as alerts are, a headline is none of a template.
    alert = not (later.names if later.capitals else earlier.names)
    return not alert and _other_notice(later, earlier, lying)


def _happened(lying: Alignment) -> bool:
    """Whether one tells an event that the other does not.

    The later one may cut it off at the end, and leave it out in the middle of a long headline.
    """
    kept = ("inside", "behind") if len(lying.order) >= LONG_TITLE else ("behind",)
    return any(sort == "fact" for sort, _ in lying.added) or any(
        sort == "fact" and where not in kept for sort, where in lying.lost
    )


def _other_front(added: Placed, lost: Placed) -> bool:
    """Whether a tag stands before one headline and a name or an event before the other."""
    tags = ("tag", "front") in added, ("tag", "front") in lost
    told = (
        any(sort in TELLS and where == "front" for sort, where in part) for part in (lost, added)
    )
    return any(tag and tells for tag, tells in zip(tags, told, strict=True))


def _other_notice(later: Shape, earlier: Shape, lying: Alignment) -> bool:
    """Whether two notices of a template differ: what differs in capitals is a part of a name."""
    changed = [*lying.added, *lying.lost]
    sorts = {sort for sort, _ in changed}
    if "tag" in sorts and (len(lying.order) < LONG_TEMPLATE or ("tag", "inside") in changed):
        return True
    if later.capitals and earlier.capitals:
        return bool(sorts - {"tag"})
    return any(sort in TELLS for sort, _ in lying.added) or any(
        sort in TELLS and where != "behind" for sort, where in lying.lost
    )


def _swapped(later: Shape, earlier: Shape) -> bool:
    """Whether two names or things have changed places and nothing else, a passive apart."""
    if later.capitals or earlier.capitals or later.passive != earlier.passive:
        return False
    one, other = ([mark for mark in s.order if mark not in s.weak] for s in (later, earlier))
    if one == other:
        return False
    names = (later.names | later.slug) & (earlier.names | earlier.slug)
    rest = names | (later.soft & earlier.soft)
    if _crossed(one, other, names) or _crossed(one, other, rest):
        return True
    if len(one) != len(other):
        return False
    places = [at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    if len(places) != 2 or places[1] - places[0] == 1:
        return False
    first, second = (one[at] for at in places)
    return other[places[0]] == second and {first, second} <= rest | later.facts


def _crossed(one: list[int], other: list[int], among: frozenset[int]) -> bool:
    """Whether two runs of ``among`` have exchanged marks, and all between them is as it was."""
    runs, others = (
        [frozenset(run) for _, run in groupby(order, among.__contains__)] for order in (one, other)
    )
    if [run - among for run in runs] != [run - among for run in others]:
        return False
    moved = [(a - b, b - a) for a, b in zip(runs, others, strict=True) if a != b]
    return len(moved) == 2 and all(moved[0])


def _same_text(later: Shape, earlier: Shape) -> bool:
    """Whether one body is the other or a part of it, with no word in the place of another."""
    if later.words - earlier.words and earlier.words - later.words:
        return False
    return _contained(later.sketch, earlier.sketch) >= WHOLE_BODY


def _other_title(later: Shape, earlier: Shape) -> bool:
    """Whether one thing is exchanged in an equal headline, of which neither body tells."""
    new, old = (
        [mark for mark in one.order if mark not in other.order]
        for one, other in ((later, earlier), (earlier, later))
    )
    untold = set(new).isdisjoint(later.words) and set(old).isdisjoint(earlier.words)
    return len(new) == len(old) == 1 and untold and len(later.order) >= LEAST_DIFFERING


def _other_body(later: Shape, earlier: Shape) -> bool:
    """Whether figures, days or names are exchanged, or the headline names what is not told."""
    if _exchanged(later.figures, earlier.figures) or _exchanged(later.days, earlier.days):
        return True
    told, before = (shape.words.union(shape.order) for shape in (later, earlier))
    if later.told - before and earlier.told - told:
        return True
    new, old = later.words - earlier.words, earlier.words - later.words
    if _exchanged(new & calendar(), old & calendar()):
        return True
    if max(len(new), len(old)) <= MOST_OTHER:
        turned = not musts().isdisjoint(new | old)
        if exclude(new, old) or (turned and _contained(later.sketch, earlier.sketch) >= VERBATIM):
            return True
    # Also the first word of a sentence: bodies of a template differ in the headline alone.
    untold = (later.names | later.slug | later.tail) - later.front - before
    return bool(untold - later.tail or (untold and earlier.tail - told))


@cache
def calendar() -> frozenset[int]:
    """Marks of months, quarters, halves and years."""
    return frozenset(map(mark_of, names_of("period") - _RELATIVE))


@cache
def musts() -> frozenset[int]:
    """Marks that turn a sentence round, but for what may only say *will* otherwise."""
    return frozenset(map(mark_of, names_of("must") - {FUTURE}))


def _exchanged(one: frozenset[int], other: frozenset[int]) -> bool:
    return bool(one - other) and bool(other - one)


def _contained(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Estimated share of the smaller set of shingles that the larger one has, in [0, 1]."""
    top = min(part[-1] if len(part) == SKETCH else 0xFFFFFFFF for part in (one, other))
    a, b = ({h for h in part if h <= top} for part in (one, other))
    return len(a & b) / max(1, min(len(a), len(b)))
