"""The shape of an article: what is kept of it so that near-duplicates can be told, and found.

A shape holds hashes only: the rule can be asked again after texts are gone, and a shape tells
nobody what the text was. Its keys are what others find it by.
"""

from __future__ import annotations

import re
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
RAREST: Final = 4
"""Marks of a headline whose pairs are the keys it is found by, beside the first two."""
BODY_KEYS: Final = 6
TITLE_CASE: Final = 0.6
"""Share of words with a capital from which capitals do not tell names."""
LONG_WORD: Final = 5
"""Letters of a word that has a capital in a headline of capitals."""
MOST_LOWER: Final = 0.25
"""Share of such words that may have none."""
MOST: Final = 255
LEAST_HEAD: Final = 3
"""Marks of a headline that is found without what stands before and behind it."""

_RARE: Final[dict[Kind, int]] = {"plain": 0, "figure": 0, "place": 2, "word": 2, "fact": 3}
_NONE: Final[frozenset[int]] = frozenset()
_STRONG: Final = frozenset(_RARE)
_SOFT: Final = frozenset(("plain", "word"))
_BEFORE: Final = frozenset(("slug", "first"))
_BY: Final = re.compile(r"\bby\b", re.IGNORECASE)

_VERSION: Final = 2
_PARTS: Final = {1: 10, 2: 14}
"""Lists of numbers in each version of an encoded shape; one of an older version has fewer."""
_CAPITALS: Final = 0x80
_PASSIVE: Final = 0x40
_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*")
_DATELINE = re.compile(r"^(?:\([^)]{1,100}\)\s*)?(?:[^.\n]{0,40}?\s[-|\u2013\u2014]+\s)?")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rule reads of an article: 32-bit hashes.

    Of the headline: ``order``, what it says in order; of these, ``slug`` may be added before a
    headline (tags, which are ``front``, its first word, countries), ``tail`` stands behind it,
    ``names`` have a capital, ``soft`` are common words without, ``facts`` say what happened.
    ``weak`` may be added or left out, but not exchanged; ``must`` turn the sentence round, and are
    in ``order`` too; ``periods`` and ``days``. Of headline and lead: ``words`` and ``figures``.
    ``sketch`` holds the smallest shingles of the body, in order. Without a body the last three
    are empty. Of version 1, ``front``, ``tail``, ``soft`` and ``facts`` are empty, and ``order``
    has no ``must``.
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
    front: frozenset[int] = frozenset()
    tail: frozenset[int] = frozenset()
    soft: frozenset[int] = frozenset()
    facts: frozenset[int] = frozenset()
    capitals: bool = False
    """Nearly every word of the headline has a capital: a name may go on and on."""
    passive: bool = False
    """The headline has a *by*: who did it may stand at its end."""

    def encode(self) -> bytes:
        """A version, the lengths of the lists, then their numbers; at most about 1.2 kB."""
        sets = (self.slug, self.names, self.weak, self.must, self.periods, self.days)
        more = (self.front, self.tail, self.soft, self.facts)
        parts = [
            self.order[:MOST],
            *(sorted(part)[:MOST] for part in (*sets, self.words, self.figures)),
            self.sketch,
            *(sorted(part)[:MOST] for part in more),
        ]
        flags = self.capitals * _CAPITALS | self.passive * _PASSIVE
        head = bytes((_VERSION | flags, *map(len, parts)))
        return head + array("I", [number for part in parts for number in part]).tobytes()


def decode(value: bytes) -> Shape:
    """Read what :meth:`Shape.encode` wrote, in this version or an older one."""
    version = value[0] & ~(_CAPITALS | _PASSIVE)
    at = 1 + _PARTS[version]
    numbers = array("I", value[at:])
    lengths = value[1:at]
    parts: list[tuple[int, ...]] = []
    at = 0
    for length in lengths:
        parts.append(tuple(numbers[at : at + length]) if length else ())
        at += length
    sets = [frozenset(part) if part else _NONE for part in parts]
    slug, names, weak, must, periods, days, words, figures = sets[1:9]
    front, tail, soft, facts = sets[10:] or 4 * (_NONE,)
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
        sketch=parts[9],
        front=front,
        tail=tail,
        soft=soft,
        facts=facts,
        capitals=bool(value[0] & _CAPITALS),
        passive=bool(value[0] & _PASSIVE),
    )


def shape_of(title: str, body: str) -> tuple[Shape, tuple[int, ...]]:
    """The shape of an article and the keys by which others find it: 63-bit numbers, no order."""
    told = marks(title)
    strong = [mark for mark in told if mark.kind in _STRONG]
    capitals = _all_capitals(title)
    slug = _hashes(m for m in strong if m.place in _BEFORE or (m.kind == "place" and not capitals))
    names = _names(strong, title=title, capitals=capitals)
    shape = Shape(
        order=tuple(dict.fromkeys(_hash(m.name) for m in told if m in strong or m.kind == "must")),
        slug=slug,
        names=names,
        weak=_hashes(mark for mark in told if mark.kind == "weak"),
        must=_hashes(mark for mark in told if mark.kind == "must"),
        periods=_hashes(mark for mark in told if mark.kind == "period"),
        days=_hashes(mark for mark in told if mark.kind == "day"),
        front=_hashes(mark for mark in strong if mark.place == "slug"),
        tail=_tail(strong),
        soft=_hashes(m for m in strong if m.kind in _SOFT and not m.capital and m.name.isalpha()),
        facts=_hashes(m for m in strong if m.kind == "fact" and m.place != "slug"),
        capitals=capitals,
        passive=_BY.search(title) is not None,
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


def _all_capitals(title: str) -> bool:
    """Whether capitals tell no names: nearly all words have one, and few long ones have none."""
    words: list[str] = [word for word in _WORD.findall(title) if word[0].isalpha()]
    long = [word for word in words if len(word) >= LONG_WORD]
    if sum(word.islower() for word in long) > MOST_LOWER * len(long):
        return False
    return sum(word[0].isupper() for word in words) > TITLE_CASE * len(words)


def _hashes(found: Iterable[Mark]) -> frozenset[int]:
    return frozenset(_hash(mark.name) for mark in found)


def _tail(strong: Sequence[Mark]) -> frozenset[int]:
    """What stands behind the headline; what has a figure or an event is no tag."""
    behind = [mark for mark in strong if mark.place == "tail"]
    told = any(m.kind == "figure" or (m.kind == "fact" and not m.capital) for m in behind)
    return _NONE if told else _hashes(behind)


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
    """A key per pair of the headline's rarest marks: names and figures before common words.

    What feeds put before and behind a headline is looked at only if little else is there.
    """
    head = [mark for mark in strong if mark.place not in ("slug", "tail")]
    if len({mark.name for mark in head}) < LEAST_HEAD:
        head = list(strong)
    ordered = sorted({(_rarity(mark), _hash(mark.name)) for mark in head})[:RAREST]
    pairs = {(*sorted(pair),) for pair in combinations([mark for _, mark in ordered], 2)}
    # Of a headline cut short, the rarest are others; how it begins stays.
    start = list(dict.fromkeys(_hash(mark.name) for mark in head))[:2]
    if len(start) == 2:
        pairs.add((min(start), max(start)))
    return tuple(_key(first, second) for first, second in sorted(pairs))


def _rarity(mark: Mark) -> int:
    return 1 if mark.kind == "plain" and not mark.capital else _RARE[mark.kind]


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
    free = shape.slug | shape.tail | shape.soft
    return _bits(mark for mark in shape.order if mark not in free)


def _bits(found: Iterable[int]) -> int:
    made = 0
    for mark in found:
        made |= 1 << mark % 63
    return made


@lru_cache(maxsize=65_536)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=4).digest())
