"""What is kept of an article so that near-duplicates can be told: hashes, and how they are stored.

The rule can be asked again after texts are gone, and a shape tells nobody what the text was.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

MOST: Final = 255
LEAST_LETTERS: Final = 5
"""Letters of a word in which one may be wrong."""
_NONE: Final[frozenset[int]] = frozenset()
_VERSION: Final = 5
_PARTS: Final = {1: 10, 2: 14, 3: 17, 4: 18, 5: 19}
"""Lists of numbers in each version of an encoded shape; one of an older version has fewer."""
_IN_ORDER: Final = (0, 9, 14, 18)
"""Which of the lists are no sets: ``order``, ``sketch``, ``letters``, ``otherwise``."""
_LETTERED: Final = 3
"""The first version with ``letters``."""
_COUNTED: Final = 4
"""The first version with ``money``."""
_OTHERWISE: Final = 5
"""The first version with ``otherwise``."""
_CAPITALS: Final = 0x80
_PASSIVE: Final = 0x40


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rule reads of an article: 32-bit hashes.

    Of the headline: ``order``, what it says in order; of these, ``slug`` may be added before a
    headline (tags, which are ``front``, its first word, countries), ``tail`` stands behind it,
    ``names`` have a capital, ``soft`` are common words without, ``facts`` say what happened.
    ``weak`` may be added or left out, but not exchanged; ``must`` turn the sentence round, and are
    in ``order`` too; ``periods`` and ``days``. Of the body's lead: ``words``. Of headline and
    lead: ``figures``, and in which ``money`` these are.
    ``sketch`` holds the smallest shingles of the body, in order. Without a body the last three
    are empty, but for the headline's ``figures``. ``letters`` are those of each of ``order``, so
    that a typing error is told from another word; ``otherwise`` are parts that others may write
    in another way (:mod:`ingest.otherwise`), three numbers each. Of version 1, ``front``,
    ``tail``, ``soft`` and ``facts`` are empty, and ``order`` has no ``must``; before version 3
    there are no ``letters``, before 5 no ``otherwise``.
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
    letters: tuple[int, ...] = ()
    told: frozenset[int] = frozenset()
    links: frozenset[int] = frozenset()
    money: frozenset[int] = frozenset()
    otherwise: tuple[int, ...] = ()
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
            self.letters[:MOST],
            sorted(self.told)[:MOST],
            sorted(self.links)[:MOST],
            sorted(self.money)[:MOST],
            self.otherwise[:MOST],
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
    sets = [
        frozenset(part) if part and number not in _IN_ORDER else _NONE
        for number, part in enumerate(parts)
    ]
    slug, names, weak, must, periods, days, words, figures = sets[1:9]
    front, tail, soft, facts = sets[10:14] or 4 * (_NONE,)
    if version < _LETTERED and not figures:
        figures = frozenset(parts[0]).difference(slug, names, must, front, tail, soft, facts)
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
        letters=parts[14] if version >= _LETTERED else (),
        told=sets[15] if version >= _LETTERED else _NONE,
        links=sets[16] if version >= _LETTERED else _NONE,
        money=sets[17] if version >= _COUNTED else _NONE,
        otherwise=parts[18] if version >= _OTHERWISE else (),
        capitals=bool(value[0] & _CAPITALS),
        passive=bool(value[0] & _PASSIVE),
    )


@lru_cache(maxsize=65_536)
def letters_of(word: str) -> int:
    """Which letters a word has, 26 bits, and how many above them; 0 if it is short or no word."""
    if not (LEAST_LETTERS <= len(word) < 32 and word.isascii() and word.isalpha()):
        return 0
    found = len(word) << 26
    for letter in word:
        found |= 1 << ord(letter) - ord("a")
    return found


@lru_cache(maxsize=65_536)
def mark_of(word: str) -> int:
    """The number of a mark by its name: 32 bits."""
    return int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=4).digest())
