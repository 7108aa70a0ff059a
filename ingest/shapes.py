"""The shape of an article, made from its text, and the keys by which others find it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import combinations, islice
from typing import Final

from ingest.marks import Kind, Mark
from ingest.money import moneys
from ingest.otherwise import otherwise
from ingest.shape import Shape, letters_of, mark_of
from ingest.text import mended
from ingest.wording import marks, said

BODY_WORDS: Final = 300
"""Words of a body that are looked at: what follows is the same in every report of a wire."""
LEAD_WORDS: Final = 120
"""Words of a body in which figures and names are looked for."""
LEAD_CHARS: Final = 800
"""Characters of a body in which money is looked for."""
LEAST_BODY: Final = 6
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
LEAST_HEAD: Final = 3
"""Marks of a headline that is found without what stands before and behind it."""

_RARE: Final[dict[Kind, int]] = {
    "plain": 0,
    "figure": 0,
    "place": 2,
    "word": 2,
    "weak": 2,
    "fact": 3,
}
_STRONG: Final = frozenset(_RARE) - {"weak"}
_SOFT: Final = frozenset(("plain", "word"))
_BEFORE: Final = frozenset(("slug", "first"))
_BY: Final = re.compile(r"\bby\b", re.IGNORECASE)

_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*")
_DATELINE = re.compile(r"^(?:\([^)]{1,100}\)\s*)?(?:[^.\n]{0,40}?\s[-|\u2013\u2014]+\s)?")


# What feeds put under a body: Read more, Continue reading at Acme News, (Reporting by A. Dunne)
_FOOT = re.compile(
    r"(?<=[.!?\"\u201d\n])\s*(?:(?:(?:read|see) (?:more|the full|on)|continue reading|click here"
    r"|full story|more (?:at|on|to come))[^.]{0,80}"
    r"|\((?:reporting|editing|writing|additional reporting|compiled) by[^()]{0,120}\))[.\s]*$",
    re.IGNORECASE,
)


def shape_of(title: str, body: str) -> tuple[Shape, tuple[int, ...]]:
    """The shape of an article and the keys by which others find it: 63-bit numbers, no order."""
    title, body = mended(title), mended(body)
    told = list(_counted(marks(title)))
    strong = [mark for mark in told if mark.kind in _STRONG]
    capitals = _all_capitals(title)
    slug = _marks_of(
        m for m in strong if m.place in _BEFORE or (m.kind == "place" and not capitals)
    )
    names = _names(strong, title=title, capitals=capitals)
    order: dict[int, Mark] = {}
    for mark in told:
        if mark.kind in _STRONG or mark.kind in ("must", "weak"):
            order.setdefault(mark_of(mark.name), mark)
    shape = Shape(
        order=tuple(order),
        letters=tuple(letters_of(mark.written) for mark in order.values()),
        figures=_marks_of(mark for mark in strong if mark.kind == "figure"),
        slug=slug,
        names=names,
        weak=_marks_of(mark for mark in told if mark.kind == "weak"),
        must=_marks_of(mark for mark in told if mark.kind == "must"),
        periods=_marks_of(mark for mark in told if mark.kind == "period"),
        days=_marks_of(mark for mark in told if mark.kind == "day"),
        front=_marks_of(mark for mark in strong if mark.place == "slug"),
        tail=_tail(strong),
        soft=_marks_of(
            m for m in strong if m.kind in _SOFT and not m.capital and m.name.isalpha()
        ),
        facts=_marks_of(m for m in strong if m.kind == "fact" and m.place != "slug"),
        links=_marks_of(m for m in told if m.kind == "link"),
        money=frozenset(map(mark_of, moneys(title))),
        otherwise=otherwise(title, order, capitals=capitals),
        capitals=capitals,
        passive=_BY.search(title) is not None,
    )
    keys = _title_keys(strong, [mark for mark in told if mark.kind == "weak"])
    body = _FOOT.sub("", _DATELINE.sub("", body, count=1))
    placed = list(islice(_WORD.finditer(body), BODY_WORDS))
    written = [word[0] for word in placed]
    if len(written) < LEAST_BODY:
        return shape, keys
    shingles = sorted(set(_shingles([mark_of(word.casefold()) for word in written])))[:SKETCH]
    body_said = said(body[: placed[:LEAD_WORDS][-1].end()])
    lead = [*told, *body_said]
    shape = replace(
        shape,
        days=_marks_of(mark for mark in lead if mark.kind == "day"),
        words=_marks_of(body_said),
        figures=_marks_of(mark for mark in lead if mark.kind == "figure"),
        sketch=tuple(shingles),
        told=_marks_of(m for m in body_said if m.capital and m.kind == "plain"),
        money=shape.money.union(map(mark_of, moneys(body[:LEAD_CHARS]))),
    )
    return shape, (*keys, *(_key(shingle, -1) for shingle in shingles[:BODY_KEYS]))


def _counted(told: Iterable[Mark]) -> Iterable[Mark]:
    """What happens twice is another mark the second time: cuts shrink, cuts grow."""
    met: set[str] = set()
    for mark in told:
        if mark.place in ("slug", "tail"):
            yield mark
        elif mark.kind == "fact" and mark.name in met:
            yield replace(mark, name=again(mark.name))
        else:
            met.add(mark.name)
            yield mark


def again(name: str) -> str:
    """The name of a mark that is met for the second time."""
    return f"{name} again"


def _all_capitals(title: str) -> bool:
    """Whether capitals tell no names: nearly all words have one, and few long ones have none."""
    words: list[str] = [word for word in _WORD.findall(title) if word[0].isalpha()]
    long = [word for word in words if len(word) >= LONG_WORD]
    if sum(word.islower() for word in long) > MOST_LOWER * len(long):
        return False
    return sum(word[0].isupper() for word in words) > TITLE_CASE * len(words)


def _marks_of(found: Iterable[Mark]) -> frozenset[int]:
    return frozenset(mark_of(mark.name) for mark in found)


def _tail(strong: Sequence[Mark]) -> frozenset[int]:
    """What stands behind the headline; what has a figure or an event is no tag."""
    behind = [mark for mark in strong if mark.place == "tail"]
    told = any(m.kind == "figure" or (m.kind == "fact" and not m.capital) for m in behind)
    return frozenset() if told else _marks_of(behind)


def _names(strong: Sequence[Mark], *, title: str, capitals: bool) -> frozenset[int]:
    """What has a capital; of a sentence, no country and not its first word.

    In a headline all in capitals, these tell nothing.
    """
    if title.isupper():
        return frozenset()
    but = ("slug",) if capitals else ("slug", "first")
    named = (m for m in strong if m.capital and m.place not in but)
    return _marks_of(m for m in named if capitals or m.kind != "place")


def _title_keys(strong: Sequence[Mark], weak: Sequence[Mark]) -> tuple[int, ...]:
    """A key per pair of the headline's rarest marks: names and figures before common words.

    What feeds put before and behind a headline is looked at only if little else is there.
    """
    head = [mark for mark in strong if mark.place not in ("slug", "tail")]
    if len({mark.name for mark in head}) < LEAST_HEAD:
        head = [*strong, *weak]
    ordered = sorted({(_rarity(mark), mark_of(mark.name)) for mark in head})[:RAREST]
    pairs = {(*sorted(pair),) for pair in combinations([mark for _, mark in ordered], 2)}
    # Of a headline cut short, the rarest are others; how it begins stays.
    start = list(dict.fromkeys(mark_of(mark.name) for mark in head))[:2]
    whole = list(dict.fromkeys(mark_of(mark.name) for mark in strong))[:2]
    pairs.update((min(two), max(two)) for two in (start, whole) if len(two) == 2)
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
    """What the headline says, or may say otherwise, as 63 bits: one for each mark."""
    return _bits((*shape.order, *shape.otherwise[::3]))


def needed(shape: Shape) -> int:
    """The bits that an earlier article must have for the headline to repeat it.

    The index asks for them before anything else: most of one template are out at once.
    """
    asked = (shape.names | shape.figures | shape.facts) - shape.slug - shape.tail
    return _bits(mark for mark in shape.order if mark in asked)


def _bits(found: Iterable[int]) -> int:
    made = 0
    for mark in found:
        made |= 1 << mark % 63
    return made
