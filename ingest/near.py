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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from typing import Final

from ingest.wording import Kind, marks

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
SHARED_TITLE: Final = 0.4
"""Least share of the earlier headline's marks that the later one must have."""
LEAST_SHARED: Final = 3
"""Marks that two headlines must have in common."""
LONG_TITLE: Final = 5
"""Marks of a headline that one more word cannot make another one."""
RAREST: Final = 4
"""Marks of a headline whose pairs are the keys it is found by."""
BODY_KEYS: Final = 4

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<10B")
_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*")
_DATELINE = re.compile(r"^(?:\([^)]{1,100}\)\s*)?(?:[^.\n]{0,40}?\s[-|\u2013\u2014]+\s)?")
_NAME = re.compile(r"(?<!\w)[A-Z][\w&.']*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rule reads of an article: 32-bit hashes.

    ``strong``, ``firm``, ``must``, ``periods`` and ``days`` are of the headline; ``firm`` are those
    of ``strong`` that say what happened: verbs and figures. ``names`` are words that may be names. ``words`` and ``figures`` are of headline and lead,
    ``sketch`` holds the smallest shingles of the body, in order; all three are empty without one.
    """

    strong: frozenset[int]
    firm: frozenset[int]
    must: frozenset[int]
    periods: frozenset[int]
    days: frozenset[int]
    names: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset()
    figures: frozenset[int] = frozenset()
    sketch: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """A version, nine lengths, then the numbers; at most about 1.2 kB."""
        parts = [sorted(part)[:255] for part in self._parts()]
        head = _HEAD.pack(_VERSION, *map(len, parts))
        return head + array("I", [number for part in parts for number in part]).tobytes()

    def _parts(self) -> tuple[Iterable[int], ...]:
        return (
            self.strong, self.firm, self.must, self.periods, self.days,
            self.names, self.words, self.figures, self.sketch,
        )  # fmt: skip


def decode(value: bytes) -> Shape:
    """Read what :meth:`Shape.encode` wrote."""
    _, *lengths = _HEAD.unpack_from(value)
    numbers = array("I", value[_HEAD.size :]).tolist()
    parts, at = [], 0
    for length in lengths:
        parts.append(numbers[at : at + length])
        at += length
    return Shape(*map(frozenset, parts[:8]), sketch=tuple(parts[8]))


def shape_of(title: str, body: str) -> tuple[Shape, tuple[int, ...]]:
    """The shape of an article and the keys by which others find it: 63-bit numbers, no order."""
    said = marks(title)
    by_kind: dict[Kind, set[int]] = {}
    for mark in said:
        by_kind.setdefault(mark.kind, set()).add(_hash(mark.name))
    plain, figure, word, fact = (by_kind.get(k, set()) for k in ("plain", "figure", "word", "fact"))
    strong = frozenset(plain | figure | word | fact)
    firm = frozenset(fact | figure)
    keys = _title_keys(plain | figure, word, fact)
    texts = _WORD.findall(_DATELINE.sub("", body, count=1))[:BODY_WORDS]
    must, periods, days = (frozenset(by_kind.get(k, ())) for k in ("must", "period", "day"))
    if len(texts) < LEAST_BODY:
        return Shape(strong, firm, must, periods, days), keys
    lead = texts[:LEAD_WORDS]
    words = frozenset(_hash(w) for w in _marked(" ".join(lead))) | strong | periods
    figures = frozenset(_hash(f) for f in _figures(lead)) | frozenset(figure)
    hashes = [_hash(text.casefold()) for text in texts]
    shingles = sorted(set(_shingles(hashes)))
    shape = Shape(strong, firm, must, periods, days, _names(title, plain), words, figures, tuple(shingles[:SKETCH]))
    return shape, (*keys, *(_key(s, -1) for s in shingles[:BODY_KEYS]))


def _names(title: str, plain: set[int]) -> frozenset[int]:
    """Words of the headline in no list that have a capital; all, where every word has one."""
    if len(_NAME.findall(title)) > 0.6 * len(title.split()):
        return frozenset(plain)
    written = marks(" ".join(_NAME.findall(title)))
    return frozenset(_hash(mark.name) for mark in written if mark.kind == "plain")


def _marked(lead: str) -> Iterable[str]:
    return (mark.name for mark in marks(lead))


def _figures(lead: list[str]) -> Iterable[str]:
    """Figures of a lead; counts of a few things are often written otherwise, and left out."""
    found = (mark.name for mark in marks(" ".join(lead)) if mark.kind == "figure")
    return (figure for figure in found if len(figure) > 1)


def _shingles(hashes: list[int]) -> Iterable[int]:
    for a, b, c in zip(hashes, hashes[1:], hashes[2:], strict=False):
        mixed = (a * 0x9E3779B1 + b * 0x85EBCA6B + c * 0xC2B2AE35) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 29
        yield (mixed * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF) >> 32


def _title_keys(rare: set[int], word: set[int], fact: set[int]) -> tuple[int, ...]:
    """A key per pair of the headline's rarest marks: names and figures before common words."""
    ordered = [*sorted(rare), *sorted(word), *sorted(fact)][:RAREST]
    return tuple(_key(*sorted(pair)) for pair in combinations(ordered, 2))


def _key(first: int, second: int) -> int:
    return int.from_bytes(
        blake2b(b"%d %d" % (first, second), digest_size=8).digest()
    ) >> 1


@lru_cache(maxsize=65_536)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=4).digest())


def repeats(later: Shape, earlier: Shape) -> bool:
    """Whether ``later`` prints ``earlier`` again, as an editor would say."""
    if later.sketch and earlier.sketch:
        return _same_body(later, earlier)
    return _adds_nothing(later, earlier)


def _adds_nothing(later: Shape, earlier: Shape) -> bool:
    if later.must != earlier.must:
        return False
    added = later.strong - earlier.strong
    if added and not _harmless(added, later, earlier):
        return False
    if later.periods - earlier.periods or (later.days - earlier.days and earlier.days):
        return False
    shared = len(later.strong & earlier.strong)
    return shared >= LEAST_SHARED and shared >= SHARED_TITLE * len(earlier.strong)


def _harmless(added: frozenset[int], later: Shape, earlier: Shape) -> bool:
    """One word more, which tells no event and no figure, on a whole headline of some length."""
    return (
        len(added) == 1
        and not added & later.firm
        and earlier.strong <= later.strong
        and len(earlier.strong) >= LONG_TITLE
    )


def _same_body(later: Shape, earlier: Shape) -> bool:
    if _exchanged(later.figures, earlier.figures):
        return False
    if later.names - earlier.words and earlier.names - later.words:
        return False
    return _contained(later.sketch, earlier.sketch) >= SHARED_BODY


def _exchanged(one: frozenset[int], other: frozenset[int]) -> bool:
    return bool(one - other) and bool(other - one)


def _contained(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Estimated share of the smaller set of shingles that the larger one has, in [0, 1]."""
    top = min(part[-1] if len(part) == SKETCH else 0xFFFFFFFF for part in (one, other))
    a, b = ({h for h in part if h <= top} for part in (one, other))
    return len(a & b) / max(1, min(len(a), len(b)))
