"""Draws that follow from a text alone: anyone can repeat them, and no content moves them."""

from __future__ import annotations

import hashlib
from typing import Final

from models import text

HELD_OUT: Final = 5
"""One story in so many is sealed: judged on, never trained on."""

RESERVED: Final = 10
"""One text in so many is asked about at random only, however sure the classifier is of it."""

_RESERVED_BELOW: Final = 2**32 // RESERVED
RESERVED_BELOW: Final = f"{_RESERVED_BELOW:08x}"
"""Text hashes that sort before this are reserved: a database can select by it."""


def story_key(title: str, body: str) -> str:
    """What texts of one story have in common: 32 hex digits of the text as the classifier reads
    it, links, case, punctuation and spacing aside.

    The classifier's own rule for repeats, which is wider than that of exact copies: what it would
    call a leak is never on both sides.
    """
    folded = text.fold(text.prepare(title, body))
    return hashlib.sha256(folded.encode(errors="surrogatepass")).hexdigest()[:32]


def held_out(story: str) -> bool:
    """Whether a story is sealed."""
    return int.from_bytes(_digest(f"held out\0{story}")[:8]) % HELD_OUT == 0


def reserved(text_hash: str) -> bool:
    """Whether a text, by its sha256, is kept for random questions.

    Such texts are asked about in an order that has nothing to do with what they say. So labels
    from the page on reserved texts are a fair sample of what was published: numbers computed on
    them alone are unbiased.
    """
    return text_hash < RESERVED_BELOW


def place(annotator: str, text_hash: str) -> int:
    """A text's place in the order in which an annotator is asked at random; 64 bits."""
    return int.from_bytes(_digest(f"place\0{annotator}\0{text_hash}")[:8])


def share(name: str) -> float:
    """A number in [0, 1) that the name alone decides."""
    return int.from_bytes(_digest(f"share\0{name}")[:8]) / 2**64


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
