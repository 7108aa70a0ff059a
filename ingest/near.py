"""Near-duplicates: what is kept of an article, and the rule between two of them.

A shape holds hashes only: the rule can be asked again after texts are gone, and a shape tells
nobody what the text was. The rule is a function of two shapes, in the order of publication.

Two headlines: the later one repeats the earlier if it adds nothing to it. What it has more may
only be words of little weight; what it leaves out may be anything but a *not*, a *may*, a
*former*. Periods and figures are never exchanged. Two bodies: they must have most of the shorter
one in common, and neither figures nor the names in the headline may be exchanged.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from typing import Final

from ingest.wording import Kind, Mark, marks, said

BODY_WORDS: Final = 300
"""Words of a body that are looked at: what follows is the same in every report of a wire."""
LEAD_WORDS: Final = 120
"""Words of a body in which figures and names are looked for."""
LEAST_BODY: Final = 12
"""Words; a shorter body tells nothing of its own."""
SKETCH: Final = 48
"""Shingles kept of a body: the smallest hashes, so that two sketches can be compared."""
SHINGLE: Final = 3
"""Words a shingle."""
SHARED_BODY: Final = 0.4
"""Least share of the shorter body's shingles that must be in the other."""
TOLD: Final = 0.5
"""Least share of the later headline that the earlier article must say, where both have bodies."""
SHARED_TITLE: Final = 0.4
"""Least share of the earlier headline's marks that the later one must have."""
LEAST_SHARED: Final = 3
"""Marks that two headlines must have in common."""
LONG_TITLE: Final = 4
"""Marks of a headline that one more word cannot make another one."""
LEAST_SAME: Final = 2
"""The same of two headlines that differ in nothing but days and words of little weight."""
RAREST: Final = 4
"""Marks of a headline whose pairs are the keys it is found by."""
BODY_KEYS: Final = 6
TITLE_CASE: Final = 0.6
"""Share of words with a capital from which capitals do not tell names."""
MOST: Final = 255

_RARE: Final[dict[Kind, int]] = {"plain": 0, "figure": 0, "place": 1, "word": 1, "fact": 2}
_NONE: Final[frozenset[int]] = frozenset()
_STRONG: Final = frozenset(_RARE)

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<11B")
_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*")
_DATELINE = re.compile(r"^(?:\([^)]{1,100}\)\s*)?(?:[^.\n]{0,40}?\s[-|\u2013\u2014]+\s)?")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rule reads of an article: 32-bit hashes.

    Of the headline: ``order``, what it says in order; of these, ``slug`` may be added before a
    headline, ``names`` have a capital. ``weak`` may be added or left out, but not exchanged;
    ``must`` turn the sentence round; ``periods`` and ``days``. Of headline and lead: ``words`` and
    ``figures``. ``sketch`` holds the smallest shingles of the body, in order. Without a body
    the last three are empty.
    """

    order: tuple[int, ...]
    slug: frozenset[int]
    names: frozenset[int]
    weak: frozenset[int]
    must: frozenset[int]
    periods: frozenset[int]
    days: frozenset[int]
    words: frozenset[int] = frozenset()
    figures: frozenset[int] = frozenset()
    sketch: tuple[int, ...] = ()
    capitals: bool = False
    """Nearly every word of the headline has a capital: a name may go on and on."""

    def encode(self) -> bytes:
        """A version, ten lengths, then the numbers; at most about 1.2 kB."""
        sets = (self.slug, self.names, self.weak, self.must, self.periods, self.days)
        parts = [
            self.order[:MOST],
            *(sorted(part)[:MOST] for part in (*sets, self.words, self.figures)),
            self.sketch,
        ]
        head = _HEAD.pack(_VERSION | self.capitals << 7, *map(len, parts))
        return head + array("I", [number for part in parts for number in part]).tobytes()


def decode(value: bytes) -> Shape:
    """Read what :meth:`Shape.encode` wrote."""
    numbers = array("I", value[_HEAD.size :])
    parts: list[tuple[int, ...]] = []
    at = 0
    for length in value[1 : _HEAD.size]:
        parts.append(tuple(numbers[at : at + length]) if length else ())
        at += length
    slug, names, weak, must, periods, days, words, figures = (
        frozenset(part) if part else _NONE for part in parts[1:-1]
    )
    return Shape(
        parts[0],
        slug,
        names,
        weak,
        must,
        periods,
        days,
        words,
        figures,
        sketch=parts[-1],
        capitals=value[0] > _VERSION,
    )


def shape_of(title: str, body: str) -> tuple[Shape, tuple[int, ...]]:
    """The shape of an article and the keys by which others find it: 63-bit numbers, no order."""
    told = marks(title)
    strong = [mark for mark in told if mark.kind in _STRONG]
    words = title.split()
    capitals = sum(word[0].isupper() for word in words) > TITLE_CASE * len(words)
    shape = Shape(
        order=tuple(dict.fromkeys(_hash(mark.name) for mark in strong)),
        slug=_hashes(m for m in strong if m.place or (m.kind == "place" and not capitals)),
        names=_names(strong, title=title, capitals=capitals),
        weak=_hashes(mark for mark in told if mark.kind == "weak"),
        must=_hashes(mark for mark in told if mark.kind == "must"),
        periods=_hashes(mark for mark in told if mark.kind == "period"),
        days=_hashes(mark for mark in told if mark.kind == "day"),
        capitals=capitals,
    )
    keys = _title_keys(strong)
    written = _WORD.findall(_DATELINE.sub("", body, count=1))[:BODY_WORDS]
    if len(written) < LEAST_BODY:
        return shape, keys
    shingles = sorted(set(_shingles([_hash(word.casefold()) for word in written])))[:SKETCH]
    lead = [*told, *said(" ".join(written[:LEAD_WORDS]))]
    shape = replace(
        shape,
        days=_hashes(mark for mark in lead if mark.kind == "day"),
        words=_hashes(lead),
        figures=_hashes(mark for mark in lead if mark.kind == "figure"),
        sketch=tuple(shingles),
    )
    return shape, (*keys, *(_key(shingle, -1) for shingle in shingles[:BODY_KEYS]))


def _hashes(found: Iterable[Mark]) -> frozenset[int]:
    return frozenset(_hash(mark.name) for mark in found)


def _names(strong: Sequence[Mark], *, title: str, capitals: bool) -> frozenset[int]:
    """What has a capital; of a sentence, no country and not its first word.

    In a headline all in capitals, these tell nothing.
    """
    if title.isupper():
        return frozenset()
    but = ("slug",) if capitals else ("slug", "first")
    named = (m for m in strong if m.capital and m.place not in but)
    return _hashes(m for m in named if capitals or m.kind != "place")


def _title_keys(strong: Sequence[Mark]) -> tuple[int, ...]:
    """A key per pair of the headline's rarest marks: names and figures before common words."""
    ordered = sorted({(_RARE[mark.kind], _hash(mark.name)) for mark in strong})[:RAREST]
    return tuple(_key(*sorted(pair)) for pair in combinations([mark for _, mark in ordered], 2))


def _shingles(hashes: list[int]) -> Iterable[int]:
    for a, b, c in zip(hashes, hashes[1:], hashes[2:], strict=False):
        mixed = (a * 0x9E3779B1 + b * 0x85EBCA6B + c * 0xC2B2AE35) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 29
        yield (mixed * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF) >> 32


def _key(first: int, second: int) -> int:
    """63 bits; odd for a body's shingle."""
    mixed = blake2b(b"%d %d" % (first, second), digest_size=8).digest()
    return int.from_bytes(mixed) >> 2 << 1 | (second < 0)


def is_of_body(key: int) -> bool:
    """Whether a key is a shingle of a body; the others are of headlines."""
    return bool(key & 1)


def bits(shape: Shape) -> int:
    """What the headline says as 63 bits, one of them for each mark."""
    return _bits(shape.order)


def needed(shape: Shape) -> int:
    """The bits that an earlier article must have for the headline to repeat it.

    The index asks for them before anything else: most of one template are out at once.
    """
    return _bits(mark for mark in shape.order if mark not in shape.slug)


def _bits(found: Iterable[int]) -> int:
    made = 0
    for mark in found:
        made |= 1 << mark % 63
    return made


@lru_cache(maxsize=65_536)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=4).digest())


def repeats(later: Shape, earlier: Shape) -> bool:
    """Whether ``later`` prints ``earlier`` again, as an editor would say."""
    if later.sketch and earlier.sketch:
        return _same_body(later, earlier)
    return _adds_nothing(later, earlier)


def _adds_nothing(later: Shape, earlier: Shape) -> bool:
    if later.must != earlier.must or _exchanged(later.weak, earlier.weak):
        return False
    if later.periods - earlier.periods or (later.days - earlier.days and earlier.days):
        return False
    new, old = frozenset(later.order), frozenset(earlier.order)
    shared = new & old
    least = LEAST_SAME if new == old and later.periods == earlier.periods else LEAST_SHARED
    if len(shared) < max(least, SHARED_TITLE * len(old)):
        return False
    if new - old:
        # A slug or a word in front of the whole headline.
        return old < new and new - old <= later.slug and len(old) >= LONG_TITLE
    return not _left_out(earlier, shared)


def _left_out(earlier: Shape, shared: frozenset[int]) -> bool:
    """Whether a name is missing that does not stand in a clause cut off at the end.

    Of a name of several words in a sentence, one is enough: Toyota Motor, Patrick Dunne.
    """
    last = max(place for place, mark in enumerate(earlier.order) if mark in shared)
    runs: list[list[int]] = [[]]
    for mark in earlier.order[: last + 1]:
        if mark not in earlier.names:
            runs.append([])
        elif earlier.capitals:
            runs.append([mark])
        else:
            runs[-1].append(mark)
    return any(run and shared.isdisjoint(run) for run in runs)


def _same_body(later: Shape, earlier: Shape) -> bool:
    if _exchanged(later.figures, earlier.figures) or _exchanged(later.days, earlier.days):
        return False
    # Also the first word of a sentence: bodies of a template differ in the headline alone.
    if (later.names | later.slug) - earlier.words:
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
