"""By how much another version shifts the shares and counts of recent news, key by key.

The same articles, classified by both: what differs is the version's doing, not the world's. It is
kept with the promotion, so that a step in a series can be told from news.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from pipeline.retraining.job import Told

LEAST_ARTICLES: Final = 20
"""Under a key, by either version; fewer say nothing about it."""

HALF: Final = 0.5
"""Added to every count, so that none is 0 and small ones shift little."""


@dataclass(frozen=True, slots=True)
class Shift:
    """``count`` is the log of the ratio of articles under the key, ``share`` the difference of
    their negative share on the logit; both are candidate against champion, over ``articles``."""

    articles: int
    count: float
    share: float


def offsets(
    companies: Sequence[Sequence[str]], champion: Sequence[Told], candidate: Sequence[Told]
) -> Mapping[str, Shift]:
    """Per ``kind:key`` with enough articles; ``companies`` are those each article mentions.

    All three are in the same order of articles.
    """
    old, new = _count(companies, champion), _count(companies, candidate)
    return {
        key: _shift(old[key], new[key])
        for key in sorted(old.keys() | new.keys())
        if max(sum(old[key].values()), sum(new[key].values())) >= LEAST_ARTICLES
    }


def _count(
    companies: Sequence[Sequence[str]], told: Sequence[Told]
) -> defaultdict[str, Counter[bool]]:
    found: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for symbols, one in zip(companies, told, strict=True):
        keys = ("all:all", f"topic:{one.topic}", *(f"company:{symbol}" for symbol in symbols))
        for key in keys:
            found[key][one.sentiment == "negative"] += 1
    return found


def _shift(old: Counter[bool], new: Counter[bool]) -> Shift:
    count = log((sum(new.values()) + HALF) / (sum(old.values()) + HALF))
    return Shift(max(sum(old.values()), sum(new.values())), count, _logit(new) - _logit(old))


def _logit(found: Counter[bool]) -> float:
    return log((found[True] + HALF) / (found[False] + HALF))
