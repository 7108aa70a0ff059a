"""The languages that articles can be in; what tells them apart is :mod:`ingest.language`."""

from __future__ import annotations

from typing import Final, Literal, get_args

LanguageGroup = Literal["en", "other", "unknown"]
"""What metrics tell apart: a closed set."""
LANGUAGE_GROUPS: Final = get_args(LanguageGroup)

ENGLISH: Final = "en"
_CODES = (
    "ar az bg bn ca cs da de el en es et fa fi fr he hi hr hu hy id it ja ka kk ko lt lv ms nl no "
    "pl pt ro ru sk sl sr sv sw ta te th tl tr uk ur vi zh"
)
LANGUAGES: Final = tuple(_CODES.split())
"""The languages that are told apart, by their ISO 639-1 codes; any other is taken for a neighbour.
The library knows some too small for the news, and finds them in names of companies."""


def group_of(language: str | None) -> LanguageGroup:
    """The metric label of a stored language."""
    if language is None:
        return "unknown"
    return "en" if language == ENGLISH else "other"
