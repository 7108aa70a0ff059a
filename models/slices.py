"""Kinds of texts on which a classifier may be weaker than its average says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

SHORT_WORDS: Final = 8
LONG_WORDS: Final = 20

_DIGIT: Final = re.compile(r"\d")
_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|without|nor|neither|cannot|fails? to|failed to|unlikely|rules? out|"
    r"den(?:y|ies|ied)|\w+n['\u2019]t)\b",
    re.IGNORECASE,
)
_HEDGE: Final = re.compile(
    r"\b(?:may|might|could|would|should|likely|possibl[ey]|probably|perhaps|reportedly|rumou?rs?|"
    r"talks|considers?|considering|mulls?|weighs?|explores?|plans?|sees?|expects?|expected|seeks?|"
    r"if|whether)\b",
    re.IGNORECASE,
)
_CASHTAG: Final = re.compile(r"\$[A-Z][A-Z.]{0,5}\b")


def _words(text: str) -> int:
    return len(text.split())


SLICES: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "short": lambda text: _words(text) <= SHORT_WORDS,
        "long": lambda text: _words(text) >= LONG_WORDS,
        "numbers": lambda text: _DIGIT.search(text) is not None,
        "negation": lambda text: _NEGATION.search(text) is not None,
        "hedged": lambda text: _HEDGE.search(text) is not None,
        "cashtags": lambda text: _CASHTAG.search(text) is not None,
    }
)
"""Name and test of each slice. A text may be in several, or in none.

Short and long are ``SHORT_WORDS`` words at most and ``LONG_WORDS`` at least. Words, not grammar:
"no" in *No. 1* counts as a negation, so a slice is a hint where to look.
"""
