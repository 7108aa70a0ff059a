"""Near-duplicates among labelled texts, so that none lies on both sides of a split.

Imports no torch.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.text import fold

ALIKE: Final = 0.7
"""Least share of what two texts have together that both have, for near-duplicates (Jaccard)."""

_FIGURE = re.compile(r"\d+")


def near_groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each prepared text, (n,), equal for near-duplicates and for what they link.

    Two texts are near-duplicates when their words and pairs of neighbouring words are mostly the
    same; every figure counts as the same word. So yesterday's report with today's figures is one,
    and so is a headline with its publisher's name behind it. Every such pair is found: of two sets
    that are as much alike, the rarest few parts of one and of the other have one in common (prefix
    filtering, Bayardo et al. 2007).
    """
    parts = [_parts(text) for text in texts]
    same: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, own in enumerate(parts):
        same[own].append(place)
    alike = [pair for places in same.values() for pair in pairwise(places)]
    alike += [(same[one][0], same[other][0]) for one, other in _alike(list(same))]
    rows = np.array([a for a, _ in alike], dtype=np.int64)
    columns = np.array([b for _, b in alike], dtype=np.int64)
    size = len(texts)
    graph = coo_array((np.ones(len(alike), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, groups = connected_components(graph, directed=False)
    return np.asarray(groups, dtype=np.int64)


def _alike(distinct: list[frozenset[str]]) -> list[tuple[frozenset[str], frozenset[str]]]:
    held = Counter(part for own in distinct for part in own)
    holders: dict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(distinct):
        rarest = sorted(own, key=lambda part: (held[part], part))
        for part in rarest[: len(own) - ceil(ALIKE * len(own)) + 1]:
            holders[part].append(place)
    candidates = {pair for places in holders.values() for pair in combinations(places, 2)}
    return [
        (distinct[a], distinct[b])
        for a, b in candidates
        if _jaccard(distinct[a], distinct[b]) >= ALIKE
    ]


def _parts(text: str) -> frozenset[str]:
    words = _FIGURE.sub("0", fold(text)).split()
    return frozenset([*words, *(f"{one} {other}" for one, other in pairwise(words))])


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if one or other else 1.0
