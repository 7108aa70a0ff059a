"""How companies are written, and when a written name is the company and not an ordinary word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from ingest.text import normalized

Certainty = Literal["sure", "exact", "doubtful", "decoy"]
"""How much a name says by itself.

- ``sure``: the company in any letter case (Microsoft, General Motors).
- ``exact``: only as written, for the word also has a meaning (Apple, Oracle, GE); in a headline
  in capitals, in capitals.
- ``doubtful``: as ``exact``, and where a capital letter says nothing (the beginning of a
  sentence, Title Case, CAPITALS) it needs a sign beside it (Target, Gap, Visa).
- ``decoy``: a longer phrase that is not the company (the Ford Foundation, an Apple pie).
"""
Verdict = Literal["yes", "perhaps", "no"]

MARKS: Final[dict[str, Certainty]] = {"=": "exact", "?": "doubtful"}
LINKS: Final = frozenset({", ", " and ", ", and ", " & ", "/", " or ", " vs ", " vs. "})
"""Between two names of a list: a doubtful name beside a certain one is a company too."""

_SUFFIXES = ("Inc", "Corp", "Corporation", "plc", "Ltd")
_SIGN_AFTER = re.compile(
    r"'s\b|'(?= )| (?:"
    r"shares?|stocks?|bonds?|ceo|cfo|chief|chairman|executives?|board|investors?|shareholders?|"
    r"earnings|profits?|revenues?|sales|results|guidance|outlook|forecasts?|dividends?|"
    r"quarter|quarterly|stores?|says|said|reports|reported|posts|posted|beats|misses|raises|"
    r"cuts|lifts|lowers|boosts|trims|hikes|warns|warned|sees|expects|plans|launches|unveils|"
    r"announces|agrees|buys|acquires|sells|sues|sued|hires|names|appoints|fires|lays|settles?|"
    r"wins|signs|recalls|files|tops|slashes|slumps|surges|soars|tumbles|plunges|sinks|climbs|"
    r"jumps|rises|falls|drops|gains|slides|slips|rallies|downgraded|upgraded|swings|shuts|halts|"
    r"delays|opens|adds|pays|owes|loses|earns|weighs|mulls|considers|seeks|faces|taps|ousts|"
    r"rebounds|plummets|"
    r"to (?:buy|sell|cut|close|open|lay|acquire|pay|raise|hire|invest|launch|report|settle)"
    r")\b",
    re.IGNORECASE,
)
_SIGN_BEFORE = ("shares of ", "shares in ", "stake in ", "retailer ", "insurer ", "chain ")
_SENTENCE_ENDS = frozenset(".!?:;-\n|>*")
_SAMPLE_CHARS = 2_000
_NEAR_CHARS = 40
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Name:
    """One way to write one company; a decoy has the symbol of the company it is not."""

    symbol: str
    written: str
    certainty: Certainty
    open_ended: bool = False


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

    The mark ``=`` or ``?`` before the alias sets its certainty.
    """
    certainty = MARKS.get(alias[:1], "sure")
    written = fold(alias[1:] if certainty != "sure" else alias)
    forms = {written: None, written.replace("'", ""): None, written.replace("-", " "): None}
    forms |= {form.replace("&", "and"): None for form in [*forms] if " & " in form}
    for form in forms:
        yield Name(symbol, form, certainty)
    if certainty != "sure":
        for suffix in _SUFFIXES:
            yield Name(symbol, f"{written} {suffix}", "sure")


def decoy(symbol: str, phrase: str) -> Name:
    """A phrase that hides the name in it. A ``*`` at the end lets the last word go on."""
    return Name(symbol, fold(phrase.removesuffix("*")), "decoy", phrase.endswith("*"))


class Passage:
    """A title or a body, folded, with what its letter case gives away."""

    def __init__(self, text: str) -> None:
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
        small = sum(word[0].islower() for word in words)
        return "sentence" if small * 3 >= len(words) > 0 else "title"

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

    def has_sign(self, start: int, end: int) -> bool:
        """Whether the words beside [start, end) speak of a company: *shares of*, *says*, *'s*."""
        after = _SIGN_AFTER.match(self.text, end)
        before = self.lower[max(0, start - _NEAR_CHARS) : start]
        return after is not None or before.endswith(_SIGN_BEFORE)


def judge(name: Name, passage: Passage, start: int, end: int) -> Verdict:
    """Whether the text in [start, end), equal to ``name`` but for letter case, is the company.

    ``perhaps``: only if a name beside it is one.
    """
    if not passage.is_word(start, end, open_ended=name.open_ended):
        return "no"
    if name.certainty in ("sure", "decoy"):
        return "yes"
    found = passage.text[start:end]
    capitals = passage.letter_case == "capitals" and found == name.written.upper()
    if found != name.written and not capitals:
        return "no"
    if name.certainty == "exact" or passage.has_sign(start, end):
        return "yes"
    informative = passage.letter_case == "sentence" and not passage.begins_sentence(start)
    return "yes" if informative else "perhaps"
