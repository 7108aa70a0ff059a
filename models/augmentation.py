"""Variations of training texts that leave their labels true. Imports no torch.

Which of them earn their place is a matter of measurement (LOG.md); none is on by default unless it
did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Variation = Callable[[str, Random], str]
"""A text, and where chance comes from -> the text varied, or as it is where nothing applies."""

CASHTAG = re.compile(r"\$[A-Za-z][A-Za-z.]{0,5}\b")
NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w-])")
YEAR = re.compile(r"(?:19|20)\d\d")
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")

FACTORS = (0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.5, 1.7)

SYNONYMS = (
    ("rises", "climbs", "gains", "advances"),
    ("rose", "climbed", "gained", "advanced"),
    ("falls", "drops", "declines", "slides"),
    ("fell", "dropped", "declined", "slid"),
    ("jumps", "surges", "soars", "leaps"),
    ("jumped", "surged", "soared", "leapt"),
    ("plunges", "tumbles", "slumps", "sinks"),
    ("plunged", "tumbled", "slumped", "sank"),
    ("increased", "grew", "expanded"),
    ("decreased", "shrank", "diminished"),
    ("increase", "growth", "rise"),
    ("decrease", "decline", "drop", "fall"),
    ("raises", "lifts", "hikes", "boosts"),
    ("raised", "lifted", "hiked", "boosted"),
    ("cuts", "lowers", "reduces", "trims"),
    ("lowered", "reduced", "trimmed"),
    ("profit", "earnings"),
    ("revenue", "sales", "turnover"),
    ("forecast", "outlook", "guidance"),
    ("says", "reports", "states"),
    ("said", "reported", "stated"),
    ("buys", "acquires"),
    ("bought", "acquired", "purchased"),
    ("names", "appoints"),
    ("named", "appointed"),
    ("company", "firm", "group"),
    ("shares", "stock"),
    ("plans", "intends", "aims"),
    ("begins", "starts", "launches"),
    ("quarter", "three-month period"),
    ("contract", "order", "deal"),
    ("lawsuit", "suit", "complaint"),
    ("layoffs", "job cuts"),
    ("strong", "robust", "solid"),
    ("weak", "soft", "sluggish"),
)
"""Words that stand for each other in financial headlines, in the same direction and form."""

_SAME = {word: group for group in SYNONYMS for word in group if " " not in word}

KEPT = frozenset(
    {
        *("no", "not", "never", "nor", "none", "without", "despite", "unless", "but", "fails"),
        *("below", "above", "under", "over", "than", "less", "more", "up", "down", "from", "to"),
        *("vs", "versus", "against", "beats", "beat", "misses", "miss"),
    }
)
"""Words that word noise leaves where they are: the direction of a text may hang on them."""


def cashtags(text: str, chance: Random) -> str:
    """Without its cashtags, all of them or each with even odds: not every feed writes them."""
    everything = chance.random() < 0.5
    found = CASHTAG.sub(lambda m: "" if everything or chance.random() < 0.5 else m[0], text)
    return " ".join(found.split()) or text


def numbers(text: str, chance: Random) -> str:
    """All figures times one factor, as precise as they were: which is larger stays the same.

    Years, and figures within names, stay.
    """
    factor = chance.choice(FACTORS)
    return NUMBER.sub(lambda m: _times(m[0], factor), text)


def synonyms(text: str, chance: Random) -> str:
    """Half of the words of :data:`SYNONYMS` by another of their group."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        group = _SAME.get(word.lower())
        if group is None or chance.random() < 0.5:
            return word
        new = chance.choice([one for one in group if one != word.lower()])
        return new.capitalize() if word[0].isupper() else new

    return WORD.sub(other, text)


def words(text: str, chance: Random) -> str:
    """Every tenth word gone, or changed with its neighbour: as careless posts and feeds write.

    Never a figure or a word of :data:`KEPT`.
    """
    given = text.split()
    if len(given) < 6:
        return text
    kept: list[str] = []
    for word in given:
        plain = WORD.fullmatch(word) is not None and word.lower() not in KEPT
        draw = chance.random()
        if plain and draw < 0.07:
            continue
        kept.append(word)
        if plain and draw > 0.97 and len(kept) > 1:
            kept[-1], kept[-2] = kept[-2], kept[-1]
    return " ".join(kept)


def companies(names: Sequence[str]) -> Variation:
    """A variation that puts another of ``names`` in the place of the first that a text has."""
    known = frozenset(names)
    ordered = sorted(known)
    longest = max((len(name.split()) for name in known), default=0)

    def swapped(text: str, chance: Random) -> str:
        given = text.split(" ")
        for length in range(longest, 0, -1):
            for start in range(len(given) - length + 1):
                found = " ".join(given[start : start + length])
                bare = re.sub(r"('s|[,.:;])$", "", found)
                if bare in known:
                    new = chance.choice(ordered) + found[len(bare) :]
                    return " ".join([*given[:start], new, *given[start + length :]])
        return text

    return swapped


KINDS: dict[str, Variation] = {
    "cashtags": cashtags,
    "numbers": numbers,
    "synonyms": synonyms,
    "words": words,
}


def chosen(kinds: str, names: Sequence[str] = ()) -> list[Variation]:
    """The variations that a recipe names, separated by commas or ``+``; empty is none.

    Raises:
        ValueError: an unknown kind; the message lists the known ones.
    """
    known = KINDS | {"companies": companies(names)}
    wanted = [kind for kind in re.split(r"[,+\s]+", kinds) if kind]
    if unknown := [kind for kind in wanted if kind not in known]:
        raise ValueError(f"unknown variation {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return [known[kind] for kind in wanted]


def vary(text: str, variations: Sequence[Variation], chance: Random) -> str:
    """``text`` after each of the variations with even odds."""
    for variation in variations:
        if chance.random() < 0.5:
            text = variation(text, chance)
    return text


def _times(figure: str, factor: float) -> str:
    if YEAR.fullmatch(figure):
        return figure
    decimals = len(figure.partition(".")[2])
    grouped = "," in figure
    value = float(figure.replace(",", "")) * factor
    return f"{value:,.{decimals}f}" if grouped else f"{value:.{decimals}f}"
