"""What another desk may write for a part: initials, one word for two, a round figure.

Or more than there is: *Acme closing 40 shops* is *Acme to close 40 shops*.

A shape keeps these beside its marks. Where the other headline has one of them, the part is read
as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Final

from ingest.coming import FUTURE
from ingest.marks import Mark
from ingest.shape import Shape, mark_of
from ingest.wording import said

LEAST_INITIALS: Final = 3
"""Names in a row that are known by their initials; two only with an *and* between them."""
LEAST_DIGITS: Final = 2
"""Digits of a figure that must be left when it is rounded."""
LARGE: Final = 1_000_000
"""From this on, a whole number is rounded; below, it may be a year."""

Part = tuple[int, int, int]
"""The mark that may stand for a part of ``Shape.order``; where this begins, how many it has.

With none, the mark may stand before what is there.
"""

_HYPHEN: Final = re.compile(r"(?<![\w-])([a-z]{2,})-([a-z]{2,})(?![\w-])")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def otherwise(title: str, order: Mapping[int, Mark], *, capitals: bool) -> tuple[int, ...]:
    """The parts of a headline, one after the other: three numbers each."""
    marks = list(order.values())
    found: list[Part] = []
    if "-" in title:
        found.extend(_joined(title, list(order)))
    if not capitals:
        found.extend(_initials(marks, ampersand="&" in title))
    found.extend(_rounded(marks))
    if all(mark.name != FUTURE for mark in marks):
        going = (at for at, m in enumerate(marks) if at and m.written.endswith("ing"))
        found.extend((mark_of(FUTURE), at, 0) for at in going)
    return tuple(number for part in found for number in part)


def _joined(title: str, order: Sequence[int]) -> Iterator[Part]:
    for first, second in _HYPHEN.findall(title):
        one, apart = _one_word(first, second)
        at = order.index(apart[0]) if one and apart[0] in order else -1
        if at >= 0 and tuple(order[at : at + len(apart)]) == apart:
            yield one, at, len(apart)


@lru_cache(maxsize=4_096)
def _one_word(first: str, second: str) -> tuple[int, tuple[int, ...]]:
    """The mark of both in one word, and those of two; 0 where it is no mark, or one of them."""
    apart = tuple(mark_of(mark.name) for mark in said(f"{first}-{second}"))
    one = [mark_of(mark.name) for mark in said(first + second)]
    return (one[0], apart) if len(one) == 1 and apart and one[0] not in apart else (0, ())


def _initials(marks: Sequence[Mark], *, ampersand: bool) -> Iterator[Part]:
    at = 0
    for named, group in groupby(marks, lambda m: m.capital and m.written[:1].isalpha()):
        run = list(group)
        # Before a name may stand a word that begins the sentence.
        for begin in range(2 if named else 0):
            name = "".join(mark.written[0] for mark in run[begin:])
            if len(name) >= LEAST_INITIALS:
                yield mark_of(name), at + begin, len(name)
            elif ampersand and len(name) == LEAST_INITIALS - 1:
                yield mark_of("&".join(name)), at + begin, len(name)
        at += len(run)


def _rounded(marks: Sequence[Mark]) -> Iterator[Part]:
    for at, mark in enumerate(marks):
        if mark.kind != "figure" or not _NUMBER.fullmatch(mark.name):
            continue
        for name in _round(mark.name):
            yield mark_of(name), at, 1


def _round(figure: str) -> Iterator[str]:
    """1.237 as 1.24 and 1.2; 1240000000 as 1200000000."""
    if "." not in figure and int(figure) < LARGE:
        return
    number = float(figure)
    digits = len(figure.replace(".", "").strip("0"))
    for kept in range(digits - 1, LEAST_DIGITS - 1, -1):
        yield f"{float(f'{number:.{kept - 1}e}'):.12f}".rstrip("0").rstrip(".")


def read_as(shape: Shape, other: Shape, *, round_too: bool) -> Shape:
    """``shape`` with each part for which ``other`` writes something else as written there.

    A figure is only taken for a round one where nothing else differs.
    """
    parts = [shape.otherwise[at : at + 3] for at in range(0, len(shape.otherwise), 3)]
    told = set(other.order).difference(shape.order)
    for mark, at, count in sorted(parts, key=lambda part: -part[1]):
        run = frozenset(shape.order[at : at + count])
        if mark not in told or len(run) < count or not run.isdisjoint(other.order):
            continue
        if not count and _next(mark, other.order) != shape.order[at]:
            continue
        if mark in other.figures and not (round_too and _only(mark, run, shape, other)):
            continue
        told.remove(mark)
        shape = _replaced(shape, mark, at, count, other)
    return shape


def _next(mark: int, order: Sequence[int]) -> int | None:
    at = order.index(mark) + 1
    return order[at] if at < len(order) else None


def _only(mark: int, run: frozenset[int], shape: Shape, other: Shape) -> bool:
    mine, theirs = (set(s.order) - s.front - s.tail for s in (shape, other))
    return mine - run == theirs - {mark}


def _replaced(shape: Shape, mark: int, at: int, count: int, other: Shape) -> Shape:
    run = frozenset(shape.order[at : at + count])

    def told(mine: frozenset[int], theirs: frozenset[int]) -> frozenset[int]:
        return (mine - run) | ({mark} & theirs)

    return replace(
        shape,
        order=(*shape.order[:at], mark, *shape.order[at + count :]),
        letters=shape.letters and (*shape.letters[:at], 0, *shape.letters[at + count :]),
        slug=told(shape.slug, other.slug),
        names=told(shape.names, other.names),
        weak=told(shape.weak, other.weak),
        must=told(shape.must, other.must),
        figures=told(shape.figures, other.figures),
        front=told(shape.front, other.front),
        tail=told(shape.tail, other.tail),
        soft=told(shape.soft, other.soft),
        facts=told(shape.facts, other.facts),
    )
