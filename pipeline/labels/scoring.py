"""How much a label of an article would tell: uncertainty x diversity x quota. Pure functions.

Uncertainty alone asks about the same event again and again, and about the topics that are hard;
diversity and the quota keep the questions apart and the topics even. Of a topic that is known by
its sentence alone, certainty takes the place of uncertainty until there are labels of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

QUOTA: Final = 20
"""Labels of a topic after which another one of it is worth half as much."""

COLD: Final = 10
"""Labels a topic, on average over the topics that the classifier was not tuned on, until only its
doubts about them count."""

_WORD = re.compile(r"[^\W_]+")

Words = frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that could be asked about. Probabilities are the classifier's, of its answers;
    ``trust`` says how far its doubts are believed, see :func:`trust`."""

    text_hash: str
    topic: str
    topic_probability: float
    sentiment_probability: float
    words: Words = frozenset()
    trust: float = 1.0


@dataclass(frozen=True, slots=True)
class Worth:
    """Three numbers in [0, 1], and their product; the first is of a candidate's ``trust``."""

    uncertainty: float
    diversity: float
    quota: float
    trust: float = 1.0

    @property
    def score(self) -> float:
        """The higher, the more a label would tell."""
        return self.uncertainty * self.diversity * self.quota


def words_of(title: str) -> Words:
    """What a headline is compared by: its words, figures aside as one."""
    return frozenset(
        "#" if word[0].isdigit() else word.casefold() for word in _WORD.findall(title)
    )


def trust(topic: str, untuned: Collection[str], labelled: Mapping[str, int]) -> float:
    """How far the classifier's doubts about an answer of this topic are believed, 0 to 1.

    Of the ``untuned`` topics it knows a sentence each. What it doubts there are odd texts, which
    teach a topic badly; what it is sure of are plain ones, which teach it well. So certainty is
    asked for at first, and doubt takes its place as labels of these topics come.
    """
    if topic not in untuned:
        return 1.0
    return min(1.0, sum(labelled.get(name, 0) for name in untuned) / (COLD * len(untuned)))


def uncertainty(candidate: Candidate) -> float:
    """The chance that at least one of the two answers is wrong, by calibrated probabilities.

    As far as that is not to be trusted, the chance that both are right.
    """
    wrong = 1 - candidate.topic_probability * candidate.sentiment_probability
    return candidate.trust * wrong + (1 - candidate.trust) * (1 - wrong)


def quota(labelled: int) -> float:
    """1 for a topic without a label, a half after :data:`QUOTA` of them, and so on."""
    return QUOTA / (QUOTA + labelled)


def diversity(words: Words, others: Sequence[Words]) -> float:
    """1 - the largest share of words in common with one of ``others`` (Jaccard)."""
    if not words:
        return 1.0 if not others else 0.5
    return 1 - max((_alike(words, other) for other in others), default=0.0)


def preselect(
    candidates: Sequence[Candidate], labelled: Mapping[str, int], most: int
) -> list[Candidate]:
    """The ``most`` that could score highest, before headlines are looked at."""

    def bound(one: Candidate) -> tuple[float, str]:
        return -uncertainty(one) * quota(labelled.get(one.topic, 0)), one.text_hash

    return sorted(candidates, key=bound)[:most]


def choose(
    candidates: Sequence[Candidate],
    labelled: Mapping[str, int],
    recent: Sequence[Words],
    number: int,
) -> list[tuple[Candidate, Worth]]:
    """The ``number`` to ask about, in order: the best one, then the best beside it, and so on.

    ``labelled`` counts labels by topic; ``recent`` are headlines that were asked about lately.
    Each choice counts as asked about when the next one is scored.
    """
    counts = dict(labelled)
    left = sorted(candidates, key=lambda one: one.text_hash)
    apart = {one.text_hash: diversity(one.words, recent) for one in left}
    chosen: list[tuple[Candidate, Worth]] = []
    while left and len(chosen) < number:
        worths = [
            Worth(
                uncertainty(one), apart[one.text_hash], quota(counts.get(one.topic, 0)), one.trust
            )
            for one in left
        ]
        best = max(range(len(left)), key=lambda place: worths[place].score)
        one = left.pop(best)
        chosen.append((one, worths[best]))
        counts[one.topic] = counts.get(one.topic, 0) + 1
        for other in left:
            beside = diversity(other.words, [one.words])
            apart[other.text_hash] = min(apart[other.text_hash], beside)
    return chosen


def _alike(one: Words, other: Words) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
