"""What a headline says, one mark for each thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "plain", "figure", "word", "fact", "place", "must", "period", "day", "weak", "link", "drop"
]
"""``plain``: in no group; ``figure``: a number; the others: see the head of ``wording.txt``."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that a headline says: equal names mean the same."""

    name: str
    kind: Kind
    capital: bool = False
    """Written with a capital letter."""
    place: Literal["slug", "first", "tail", ""] = ""
    """Before the headline, its first word, or behind it."""
    written: str = ""
    """The word, in small letters; empty of a figure and of several words."""
