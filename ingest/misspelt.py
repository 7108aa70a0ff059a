"""Listed words with a typing error: apoint, reciev, Decemeb, Sigapor, phillipin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ingest.marks import Mark

MISTAKEN: Final = 6
"""Letters of a stem that is known with a typing error."""
LONG_EVENT: Final = 8
"""The same of an event that lacks one of its letters: of a shorter one this is another word."""
_SPELT: Final = frozenset(("fact", "place", "period"))
"""Kinds of which an unlisted word may be a misspelt one."""
_SHORTENED: Final = frozenset(("place", "period"))
"""Kinds that are known without one of their letters from :data:`MISTAKEN` on."""


class Spellings:
    """The listed events, countries and months by what a typing error leaves of them."""

    def __init__(self, forms: Mapping[str, Mark]) -> None:
        self._by_letters: dict[tuple[str, str], tuple[Mark, int]] = {}
        self._by_less: dict[str, Mark] = {}
        for form, mark in forms.items():
            if mark.kind not in _SPELT or not form.isalpha() or len(form) < MISTAKEN:
                continue
            self._by_letters.setdefault(_letters(form), (mark, len(form)))
            shortened = MISTAKEN if mark.kind in _SHORTENED else LONG_EVENT
            if len(form) > shortened:
                for at in range(1, len(form)):
                    self._by_less.setdefault(form[:at] + form[at + 1 :], mark)

    def meant(self, word: str) -> Mark | None:
        """What an unlisted stem is, if it is one of the list with a typing error."""
        if len(word) < MISTAKEN:
            return None
        mark, length = self._by_letters.get(_letters(word), (None, 0))
        if mark is not None and abs(length - len(word)) <= 1:
            return mark
        return self._by_less.get(word)


@lru_cache(maxsize=65_536)
def misspelt(word: str, spellings: Spellings) -> Mark | None:
    """As :meth:`Spellings.meant`, remembered."""
    return spellings.meant(word)


def _letters(word: str) -> tuple[str, str]:
    """What a typing error seldom changes in a long word: how it begins, which letters it has."""
    return word[0], "".join(sorted(set(word)))
