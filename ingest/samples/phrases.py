"""Sentences for the sample stream, out of hand-written patterns.

A pattern holds slots, ``{country}``, choices, ``[up|down]``, and figures, ``{1.5..9.5}``. One
story's slots agree with each other: the same slot is the same word in its title and its body, and
a product is one that its company could make.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_CHOICE = re.compile(r"\[([^\[\]]+)\]")
_FIGURE = re.compile(r"\{(\d[\d,]*(?:\.\d+)?)\.\.(\d[\d,]*(?:\.\d+)?)\}")
_SLOT = re.compile(r"\{([a-z_]+\d?)\}")
_COMPANY = re.compile(r"\{(co(?:_([a-z]+))?)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=8|11\b|18\b|[aeio]|un(?!i))")


def read(name: str) -> dict[str, Any]:
    """One file of the sample texts."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


class Phrases:
    """Fills patterns with words. Every list is used up before any of its words comes again."""

    def __init__(self, rng: random.Random) -> None:
        words = read("words")
        self._rng = rng
        self._bags: dict[str, list[str]] = {}
        self._lists: dict[str, list[str]] = _split(words["lists"])
        self._clock = {part: _split(lists) for part, lists in words["clock"].items()}
        self._sectors = {name: _split(lists) for name, lists in words["sectors"].items()}
        self._unions: dict[str, list[str]] = words["unions"]
        self._sector_of = {
            company: name for name, lists in self._sectors.items() for company in lists["co"]
        }

    @property
    def companies(self) -> Collection[str]:
        """Every real company that a pattern may name."""
        return self._sector_of

    def draw(self, bag: str, items: Sequence[str]) -> str:
        """One of ``items``, each once before any comes again; ``bag`` names the list."""
        if not self._bags.get(bag):
            self._bags[bag] = self._rng.sample(items, len(items))
        return self._bags[bag].pop()

    def begin(self, pattern: str, avoid: Collection[str]) -> dict[str, str]:
        """The words chosen before a pattern is filled: its company, none of ``avoid``, if any."""
        slot = _COMPANY.search(pattern)
        if slot is None:
            return {}
        sectors = self._unions.get(slot[2], [slot[2]]) if slot[2] else list(self._sectors)
        names = [name for sector in sectors for name in self._sectors[sector]["co"]]
        name = self.draw(slot[1], names)
        while name in avoid:
            name = self.draw(slot[1], names)
        return {slot[1]: name, "co": name}

    def fill(self, pattern: str, chosen: dict[str, str], at: datetime) -> str:
        """The pattern as a sentence; words it needs are added to ``chosen``."""
        text = _CHOICE.sub(lambda match: self._rng.choice(match[1].split("|")), pattern)
        text = _FIGURE.sub(lambda match: self._figure(match[1], match[2]), text)
        text = _SLOT.sub(lambda match: self._word(match[1], chosen, at), text)
        text = _ARTICLE.sub(r"\1n ", text)
        return text[0].upper() + text[1:]

    def _figure(self, low: str, high: str) -> str:
        decimals = len(low.partition(".")[2])
        if "," in high:
            bounds = [int(bound.replace(",", "")) // 100 for bound in (low, high)]
            return f"{self._rng.randint(*bounds) * 100:,}"
        scale = 10**decimals
        bounds = [round(float(bound) * scale) for bound in (low, high)]
        return f"{self._rng.randint(*bounds) / scale:.{decimals}f}"

    def _word(self, slot: str, chosen: dict[str, str], at: datetime) -> str:
        if slot in chosen:
            return chosen[slot]
        if slot.endswith("_home"):  # where the currency of {fx} is used
            self._word(slot.removesuffix("_home"), chosen, at)
            return chosen[slot]
        base = slot.rstrip("0123456789")
        bag, items = self._words(base, chosen, at)
        taken = {word for other, word in chosen.items() if other.startswith(base)}
        word = self.draw(bag, items)
        while word in taken:
            word = self.draw(bag, items)
        word, _, home = word.partition(" = ")
        if _SLOT.search(word):
            word = self._plain(word, chosen, at)
        chosen[slot] = word
        chosen[f"{slot}_home"] = home
        return word

    def _plain(self, pattern: str, chosen: dict[str, str], at: datetime) -> str:
        return _SLOT.sub(lambda match: self._word(match[1], chosen, at), pattern)

    def _words(
        self, base: str, chosen: Mapping[str, str], at: datetime
    ) -> tuple[str, Sequence[str]]:
        if base == "today":
            day = WEEKDAYS[at.weekday()]
            return day, [day]
        if "co" in chosen:
            sector = self._sector_of[chosen["co"]]
            if base in self._sectors[sector]:
                return f"{sector} {base}", self._sectors[sector][base]
        part = "asia" if at.hour < 7 else "europe" if at.hour < 14 else "america"
        if base in self._clock[part]:
            return f"{part} {base}", self._clock[part][base]
        return base, self._lists[base]


def _split(lists: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: line.split(", ") for name, line in lists.items()}
