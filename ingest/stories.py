"""Which articles repeat another: the signature of a text, and the rule between two articles.

No database here. Whoever stores articles looks up those that share a band and asks the rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.text import normalized

HORIZON: Final = timedelta(hours=24)
"""An article repeats another of up to this age, this age included."""

_FOLDS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a`\u00b4\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"),  # dropped: they cannot be seen
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """One article as the copy rule sees it; ordered by time, then source, then id.

    ``published_at`` is aware. An undated article has no sighting: it repeats nothing.
    """

    published_at: datetime
    source: str
    id: str
    signature: str


def normal_form(text: str) -> str:
    """What two repeats have in common: the text without what an editor or a feed changes freely.

    NFKC (full-width and ligature forms, the ellipsis), casefold, every kind of quote, apostrophe
    and dash as ``'``, ``"`` and ``-``, white space as single spaces. Nothing else: another digit,
    comma or lead word such as UPDATE makes another text.
    """
    folded = normalized("NFKC", text.translate(_FOLDS)).casefold()
    return " ".join(normalized("NFKC", folded).translate(_FOLDS).split())


def signature(title: str, body: str) -> str:
    """128 bits in hex, equal for exact repeats: same normal form of the title and of the body."""
    text = f"{normal_form(title)}\n{normal_form(body)}"
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def bands(title: str, body: str) -> tuple[tuple[int, str], ...]:
    """Index entries (band, value) of a text: two articles are compared if they share one.

    Band 0 is the signature. Higher bands are for near-duplicates; there are none yet.
    """
    return ((0, signature(title, body)),)


def earliest_copy_of(candidate: Sighting, others: Iterable[Sighting]) -> Sighting | None:
    """The article that ``candidate`` repeats, None if it is the first of its story.

    The earliest of ``others`` that is before it in order, within ``HORIZON`` and equal in
    signature. It depends on the pair alone, so the answer is the same in any order of arrival,
    and ``others`` may hold anything, the candidate included.
    """
    return min((other for other in others if _repeats(candidate, other)), default=None)


def _repeats(later: Sighting, earlier: Sighting) -> bool:
    return (
        later.signature == earlier.signature
        and earlier < later
        and later.published_at - earlier.published_at <= HORIZON
    )
