"""Two headlines laid beside each other: what one has more, what it leaves out, what it exchanges.

Both are read from shared mark to shared mark. What only one of them has between two such marks is
added or left out; where both have something else in the same gap, it is exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ingest.shape import Shape

Sort = Literal["figure", "name", "fact", "word", "weak", "tag", "must"]
"""What a mark is to the rule. A tag stands before or behind; a must turns the sentence round."""
Where = Literal["front", "inside", "behind"]
"""Before the first, between, or behind the last of the marks that both have."""

Placed = tuple[tuple[Sort, Where], ...]

_LETTERS: Final = (1 << 26) - 1
_LENGTH: Final = 26
_BEGINNING: Final = -1
_NO_FACT: Final = frozenset[Sort](("tag", "must"))


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a later headline differs from an earlier one.

    ``order`` and ``old`` are the marks that both have, as the later and as the earlier one orders
    them; ``alike`` are words of these that have a typing error in one of the two. ``exchanged``
    are the sorts of each gap where both have something else; what is in such a gap is neither
    ``added`` nor ``lost``, but for its tags.
    """

    order: tuple[int, ...]
    old: tuple[int, ...]
    alike: int
    added: Placed
    lost: Placed
    exchanged: tuple[frozenset[Sort], ...]
    nameless: bool
    """A whole name is left out inside: of Patrick Dunne one word is enough."""


def align(later: Shape, earlier: Shape, shared: frozenset[int]) -> Alignment:
    """Lay two headlines beside each other; ``shared`` are the marks that both have."""
    same = _alike(later, earlier, shared)
    before = earlier.order
    if same:
        before = tuple(same.get(mark, mark) for mark in before)
        shared = shared.union(same.values())
    new, end = _gaps(later, later.order, shared, later.soft | earlier.soft)
    gone, old_end = _gaps(earlier, before, shared, later.soft | earlier.soft)
    exchanged: list[frozenset[Sort]] = []
    for at in new.keys() & gone.keys():
        one, other = (frozenset(part[at]) - _NO_FACT for part in (new, gone))
        if one and other and one | other != {"weak"}:
            exchanged.append(one | other)
            for part in (new, gone):
                part[at] = [sort for sort in part[at] if sort in _NO_FACT]
    return Alignment(
        order=tuple(mark for mark in later.order if mark in shared),
        old=tuple(mark for mark in before if mark in shared),
        alike=len(same),
        added=tuple(_placed(new, end)),
        lost=tuple(_placed(gone, old_end)),
        exchanged=tuple(exchanged),
        nameless=_nameless(before, shared, earlier),
    )


def _gaps(
    shape: Shape, order: tuple[int, ...], shared: frozenset[int], soft: frozenset[int]
) -> tuple[dict[int, list[Sort]], int]:
    """The sorts of what the other has not, by the shared mark before it; and the last of these."""
    found: dict[int, list[Sort]] = {}
    at = _BEGINNING
    for mark in order:
        if mark in shared:
            at = mark
        else:
            found.setdefault(at, []).append(_sort(mark, shape, soft))
    return found, at


def _sort(mark: int, shape: Shape, soft: frozenset[int]) -> Sort:
    if mark in shape.must:
        return "must"
    if mark in shape.weak:
        return "weak"
    if mark in shape.front or mark in shape.tail:
        return "tag"
    if mark in shape.figures:
        return "figure"
    if mark in shape.facts:
        return "fact"
    if mark not in soft and (mark in shape.names or mark in shape.slug):
        return "name"
    return "word"


def _nameless(order: tuple[int, ...], shared: frozenset[int], earlier: Shape) -> bool:
    """Whether a run of names between shared marks has no shared one; a country's is none."""
    if earlier.names <= shared:
        return False
    names = (earlier.names | earlier.slug) - earlier.front
    begun = missing = False
    run: list[int] = []
    for mark in order:
        if mark in names:
            run.append(mark)
            if mark not in shared:
                continue
        else:
            lost = begun and shared.isdisjoint(run) and not earlier.names.isdisjoint(run)
            missing = missing or lost
            run = []
        if mark in shared:
            if missing:
                return True
            begun = True
    return False


def _placed(gaps: Mapping[int, list[Sort]], end: int) -> Iterator[tuple[Sort, Where]]:
    for at, sorts in gaps.items():
        where: Where = "front" if at == _BEGINNING else "behind" if at == end else "inside"
        for sort in sorts:
            yield sort, where


def _alike(later: Shape, earlier: Shape, shared: frozenset[int]) -> dict[int, int]:
    """Words of the earlier headline that are another's with a typing error: which one's.

    Their letters are the same but for one, in any order; of a name all are.
    """
    if not later.letters or not earlier.letters:
        return {}
    new, old = (
        [(m, held) for m, held in zip(s.order, s.letters, strict=True) if held and m not in shared]
        for s in (later, earlier)
    )
    found: dict[int, int] = {}
    for mark, held in new:
        for other, letters in old:
            if other in found or abs((held >> _LENGTH) - (letters >> _LENGTH)) > 1:
                continue
            differ = ((held ^ letters) & _LETTERS).bit_count()
            if differ <= (mark not in later.names and other not in earlier.names):
                found[other] = mark
                break
    return found
