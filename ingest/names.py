"""How companies are written: spellings of a name, and text prepared to be searched for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from ingest import namesakes
from ingest.text import normalized, words

Certainty = Literal["sure", "exact", "doubtful", "signed", "decoy"]
"""How much a name says by itself.

- ``sure``: the company in any letter case (Microsoft, Exxon).
- ``exact``: only as written, for the word also has a meaning (Apple, Oracle, GE); in a headline
  in capitals, in capitals.
- ``doubtful``: as ``exact``, and where a capital letter says nothing (the beginning of a
  sentence, Title Case, CAPITALS) it needs a sign beside it (Target, Gap, Visa).
- ``signed``: as ``exact``, and needs a sign everywhere (Titan, Southwest).
- ``decoy``: a longer phrase that is not the company (the Ford Foundation, an Apple pie).
"""

MARKS: Final[dict[str, Certainty]] = {"=": "exact", "?": "doubtful", "!": "signed"}

_SUFFIXES = ("Inc", "Corp", "Corporation", "plc", "Ltd", "Limited")
_FORMS_AS_WRITTEN = ("SA", "AG", "SE", "NV", "PLC", "Co.")
_SENTENCE_ENDS = frozenset(".!?:;-\n|>*")
_SAMPLE_CHARS = 2_000
_NEAR_CHARS = 40
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_PARTICLES = words(
    "about across after against amid among around before behind below between beyond despite "
    "during from inside into near onto outside over since than that through toward towards "
    "under until upon versus when while with within without"
)
"""Words that Title Case leaves small."""
_NEXT_NAME = re.compile(
    r" (?:& )?(?!(?:C[A-Z]O|Chief|Chair|Chairman|President|Director|Inc|Corp|Co|Ltd|Plc|PLC|SA|AG|"
    r"Jan|Feb|March|April|May|June|July|Aug|Sept|Oct|Nov|Dec|"
    r"[A-Z][a-z]+(?:day|ary|ober|ember|ust))\b)"
    r"[A-Z][A-Za-z]"
)
"""A name behind a name; *Samsung CEO* and *Samsung Corp* are still Samsung."""


@dataclass(frozen=True, slots=True)
class Name:
    """One way to write one company; a decoy has the symbol of the company it is not.

    ``family``: other firms bear the word with another behind it (Samsung SDI). ``surname``:
    persons bear it with another before it. ``against``: not
    the company in a text in which this is found. ``accented``: the alias has an accent.
    """

    symbol: str
    written: str
    certainty: Certainty
    open_ended: bool = False
    family: bool = False
    surname: bool = False
    against: re.Pattern[str] | None = None
    accented: bool = False


def fold(text: str) -> str:
    """Accents removed, typographic quotes and dashes made plain, so that spellings compare."""
    if text.isascii():
        return text
    parts = normalized("NFKD", text.translate(_PLAIN))
    return "".join(char for char in parts if not unicodedata.combining(char))


_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u02bc\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        "\u00f8": "o",
        "\u00d8": "O",
        "\u00e6": "ae",
        "\u00c6": "Ae",
        "\u00df": "ss",
    }
)


def spellings(symbol: str, alias: str) -> Iterator[Name]:
    """A name as people write it: without apostrophe or hyphen, with "and", with a legal form.

    The mark ``=``, ``?`` or ``!`` before the alias sets its certainty.
    """
    certainty = MARKS.get(alias[:1], "sure")
    bare = alias[1:] if certainty != "sure" else alias
    written = fold(bare)
    accented = written != bare
    forms = {written: None, written.replace("'", ""): None, written.replace("-", " "): None}
    forms |= {form.replace("&", "and"): None for form in [*forms] if " & " in form}
    for form in forms:
        yield Name(symbol, form, certainty, accented=accented)
    if certainty != "sure":
        for suffix in _SUFFIXES:
            yield Name(symbol, f"{written} {suffix}", "sure", accented=accented)
        for suffix in _FORMS_AS_WRITTEN:
            yield Name(symbol, f"{written} {suffix}", "exact", accented=accented)


def decoy(symbol: str, phrase: str) -> Name:
    """A phrase that hides the name in it. A ``*`` at the end lets the last word go on."""
    return Name(symbol, fold(phrase.removesuffix("*")), "decoy", phrase.endswith("*"))


class Passage:
    """A title or a body, folded, with what its letter case gives away."""

    def __init__(self, text: str) -> None:
        self._original = text
        self.text = fold(text)
        self.lower = self.text.lower()

    @cached_property
    def letter_case(self) -> Literal["sentence", "title", "capitals"]:
        """Which of three styles the text is in; only in the first a capital letter says much."""
        sample = self.text[:_SAMPLE_CHARS]
        letters = [char for char in sample if char.isalpha()]
        if sum(map(str.isupper, letters)) > 0.8 * len(letters):
            return "capitals"
        words = _LONG_WORD.findall(sample)[1:]
        small = sum(word.islower() and word not in _PARTICLES for word in words)
        return "sentence" if small * 4 >= len(words) > 0 else "title"

    def is_word(self, start: int, end: int, *, open_ended: bool) -> bool:
        """Whether [start, end) is not a part of a longer word or of a web address."""
        text = self.text
        if start and (text[start - 1].isalnum() or text[start - 1] in "_$@"):
            return False
        if open_ended or end == len(text):
            return True
        after = text[end]
        if after == "." and end + 1 < len(text) and text[end + 1].isalnum():
            return False
        return not (after.isalnum() or after == "_")

    def begins_sentence(self, start: int) -> bool:
        """Whether nothing but quotes and spaces is between a sentence's end and ``start``."""
        before = self.text[max(0, start - _NEAR_CHARS) : start].rstrip(" \"'([")
        return not before or before[-1] in _SENTENCE_ENDS

    def is_family(self, end: int) -> bool:
        """Whether another name follows, where a capital letter is there for a name."""
        return self.letter_case == "sentence" and _NEXT_NAME.match(self.text, end) is not None

    def is_surname(self, start: int) -> bool:
        """Whether a first name is before ``start``, where a capital letter is there for a name."""
        if self.letter_case != "sentence":
            return False
        first = namesakes.name_before(self.text, start)
        return first is not None and not self.begins_sentence(first)

    def is_careful(self) -> bool:
        """Whether whoever wrote this uses capital letters."""
        return self.text != self.lower

    def has_accent(self, start: int, end: int) -> bool:
        """Whether a letter in [start, end) had an accent that folding took away."""
        return bool(self._accents) and any(self._accents[start:end])

    @cached_property
    def _accents(self) -> bytes:
        """For each character of the folded text, 1 if it is not the character that was there."""
        if self._original.isascii():
            return b""
        flags = bytearray()
        for char in self._original.translate(_PLAIN):
            if unicodedata.combining(char):
                if flags:
                    flags[-1] = 1
                continue
            parts = unicodedata.normalize("NFKD", char)
            kept = sum(not unicodedata.combining(part) for part in parts)
            flags += bytes([len(parts) > kept]) * kept
        return bytes(flags) if len(flags) == len(self.text) else b""
