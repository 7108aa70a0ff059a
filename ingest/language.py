"""Which language an article is written in, and when that is too uncertain to act upon.

Headlines are short and full of foreign names: 'Societe Generale Q3 net up' is English. So another
language is only named on strong evidence; without it the answer is English or unknown.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ingest.language_codes import ENGLISH, LANGUAGES
from ingest.stories import normal_form

LEAD: Final = 400
"""Characters of the body that are looked at, after its title."""

# In the library's own units, differences of logarithms of probability against English, chosen on
# one half of tests/ingest/language_cases.csv.
_STRONG: Final = 16.0
_STRONG_IN_TWO_WORDS: Final = 30.0
_ENGLISH_WORD: Final = 8.0
_AGENCY_TAG: Final = 40.0

_WORD = re.compile(r"[^\W\d_]+")
# What English wires begin with, on a name of any language: 'BRIEF-Banca Monte dei Paschi'.
_TAG = re.compile(r"(brief|rpt|update \d+|exclusive|corrected|refile|factbox|insight|text)[-:]")
_ENGLISH_WORDS: Final = frozenset(
    _WORD.findall(
        "the and with from after before more than its says said sees warns cuts beats falls "
        "rises jumps drops wins sells buys buy sell shares stocks stock sales profits "
        "earnings loss losses debt bonds bond yields stake unit strike ends opens closes "
        "halts halted delisted raises lifts outlook forecast guidance output delays delayed "
        "chief names named new out down up off hits talks bid eyes sets plans hires quits "
        "joins files sues fined results quarter year plc inc corp ltd group holdings"
    )
)
"""English alone, or nearly so. Each is worth as much as several letters' patterns in a name."""


@cache
def load() -> None:
    """Load the model, which takes a second; otherwise the first article waits for it.

    Raises:
        OSError: the model is not there, or there is no room for temporary files.
    """
    _identifier()


def language_of(title: str, body: str) -> str | None:
    """One of :data:`ingest.language_codes.LANGUAGES`, or None: too short or too uncertain to say.

    The same for texts that repeat each other (equal normal form): a copy is in its original's
    language, however a feed has changed its capitals or quotes.
    """
    text = f"{normal_form(title)}\n{normal_form(body)[:LEAD]}"
    words = _WORD.findall(text)
    if not words:
        return None
    ranking = _identifier().rank(text)
    best, score = ranking[0]
    if _mostly_latin("".join(words)):
        lead = score - dict(ranking)[ENGLISH]
        return _latin(words, best, lead - _AGENCY_TAG if _TAG.match(text) else lead)
    return str(best if best != ENGLISH else ranking[1][0])


def _latin(words: list[str], best: str, lead: float) -> str | None:
    """``lead``: of the best language over English, 0 where that is English."""
    if best == ENGLISH:
        return ENGLISH if len(words) > 1 else None
    if len(words) < 2:
        return None
    lead -= _ENGLISH_WORD * sum(word in _ENGLISH_WORDS for word in words)
    if lead > (_STRONG if len(words) > 2 else _STRONG_IN_TWO_WORDS):
        return best
    return ENGLISH if lead < 0 else None


def _mostly_latin(letters: str) -> bool:
    latin = sum(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return 2 * latin >= len(letters)


@cache
def _identifier() -> LanguageIdentifier:
    found = LanguageIdentifier.from_model_file(MODEL_FILE)
    found.set_languages(LANGUAGES)
    return found
