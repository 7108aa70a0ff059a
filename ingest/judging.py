"""When a written name is the company, and not an ordinary word or a namesake."""

from __future__ import annotations

import re
from typing import Final, Literal

from ingest import namesakes, signs
from ingest.names import Name, Passage

Verdict = Literal["yes", "perhaps", "no"]

LINKS: Final = frozenset({", ", " and ", ", and ", " & ", "/", " or ", " vs ", " vs. "})
"""Between two names of a list: a doubtful name beside a certain one is a company too."""

_MEASURES: Final = frozenset({"BP", "HP", "MS"})
_AFTER_NUMBER: Final = re.compile(r"\d ?\Z")
_COMPOUND: Final = re.compile(r"-[a-z]")
_LIKENESS: Final = re.compile(
    r"-(?:coloured|colored|cool|free|like|rich|shaped|sized|thick|thin|wide)\b"
)


def judge(name: Name, passage: Passage, start: int, end: int) -> Verdict:
    """Whether the text in [start, end), equal to ``name`` but for letter case, is the company.

    ``perhaps``: only if a name beside it is one.
    """
    if not passage.is_word(start, end, open_ended=name.open_ended):
        return "no"
    if name.certainty == "decoy":
        return "yes"
    found = passage.text[start:end]
    if name.certainty == "sure":
        if found != name.written and _is_phrase(found, name.written, passage):
            return "no"
    elif not _is_as_written(name, found, passage, start, end):
        return "no"
    if _is_namesake(name, found, passage, start, end):
        return "no"
    if name.certainty in ("sure", "exact"):
        return "yes"
    if signs.beside(passage.text, start, end):
        return "yes"
    if name.certainty == "signed" or _COMPOUND.match(passage.text, end):
        return "perhaps"
    return "yes" if _capitals_speak(found, passage, start) else "perhaps"


def _is_phrase(found: str, written: str, passage: Passage) -> bool:
    """Whether words of a name lack their capitals: *General electric wiring*, *a red hat*."""
    if " " not in found:
        return False
    pairs = zip(found.split(" "), written.split(" "), strict=True)
    capitals = [word[:1].isupper() for word, name in pairs if name[:1].isupper()]
    return not all(capitals) and (any(capitals) or passage.is_careful())


def _is_as_written(name: Name, found: str, passage: Passage, start: int, end: int) -> bool:
    if found != name.written and not (
        passage.letter_case == "capitals" and found == name.written.upper()
    ):
        return False
    if found in _MEASURES and _AFTER_NUMBER.search(passage.text, max(0, start - 3), start):
        return False
    if _LIKENESS.match(passage.text, end):
        return False
    return name.accented or not passage.has_accent(start, end)


def _is_namesake(name: Name, found: str, passage: Passage, start: int, end: int) -> bool:
    one_word = " " not in found
    if one_word and name.against is not None and name.against.search(passage.lower):
        return True
    if name.family and passage.is_family(end):
        return True
    if name.surname and passage.is_surname(start):
        return True
    if one_word and namesakes.is_person(passage.text, start, end):
        return True
    speak = passage.letter_case == "sentence"
    return namesakes.is_place(passage.text, start, end, capitals_speak=speak)


def _capitals_speak(found: str, passage: Passage, start: int) -> bool:
    """Whether the capitals of ``found`` are there for a name and not for the place or style."""
    if len(found) > 1 and found.isupper():
        return passage.letter_case != "capitals"
    if passage.letter_case != "sentence":
        return False
    if " " in found:
        return True
    return not passage.begins_sentence(start) and not passage.is_surname(start)
