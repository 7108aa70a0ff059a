"""What several annotators say together, and how far they agree beyond chance. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 1_000
SEED: Final = 20_261_126

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vote:
    """What one annotator says of a text, for one task."""

    annotator: str
    value: str


@dataclass(frozen=True, slots=True)
class Consensus:
    """``value`` is what more than half of the annotators say; None when they dispute it."""

    value: str | None
    disputed: bool
    votes: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement beyond chance: 1 is perfect, 0 is chance, below is worse.

    ``measure`` is Cohen's kappa for two annotators, Krippendorff's alpha (nominal) for more.
    ``texts`` counts those that at least two have labelled; others say nothing. ``value`` is None
    without such a text, or when everybody used one single value: chance alone would agree.
    ``low`` and ``high`` bound 95 % of what other texts would have shown (bootstrap over texts).
    """

    measure: Literal["kappa", "alpha"]
    annotators: int
    texts: int
    value: float | None
    low: float | None
    high: float | None


def consensus(votes: Sequence[Vote]) -> Consensus:
    """The majority's value. No value with more than half of the annotators behind it: disputed.

    Each annotator has one vote: of several by the same one the last counts. No vote at all is no
    consensus, and nothing that is disputed.
    """
    said = {vote.annotator: vote.value for vote in votes}
    if not said:
        return Consensus(None, disputed=False, votes=0)
    ((value, number),) = Counter(said.values()).most_common(1)
    agreed = 2 * number > len(said)
    return Consensus(value if agreed else None, disputed=not agreed, votes=len(said))


def agreement(texts: Mapping[str, Sequence[Vote]]) -> Agreement:
    """How far annotators agree on one task; keys name the texts."""
    said = [{vote.annotator: vote.value for vote in texts[key]} for key in sorted(texts)]
    shared = [values for values in said if len(values) > 1]
    annotators = sorted({name for values in shared for name in values})
    measure: Literal["kappa", "alpha"] = "kappa" if len(annotators) <= 2 else "alpha"
    if not shared:
        return Agreement(measure, len(annotators), 0, None, None, None)
    kinds = sorted({value for values in shared for value in values.values()})
    place = {kind: number for number, kind in enumerate(kinds)}
    if measure == "kappa":
        table = [[place[values[name]] for name in annotators] for values in shared]
    else:
        table = [
            [sum(place[v] == kind for v in values.values()) for kind in range(len(kinds))]
            for values in shared
        ]
    # Texts of one pattern are interchangeable: a million of them are a few numbers.
    patterns, times = np.unique(np.array(table), axis=0, return_counts=True)
    beyond = _kappa if measure == "kappa" else _alpha
    number = len(shared)
    (value,) = beyond(patterns, times[None, :].astype(float))
    if np.isnan(value):
        return Agreement(measure, len(annotators), number, None, None, None)
    weights = np.random.default_rng(SEED).multinomial(number, times / number, size=RESAMPLES)
    drawn = beyond(patterns, weights.astype(float))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Agreement(
        measure, len(annotators), number, float(value), low=float(low), high=float(high)
    )


def _kappa(pairs: Ints, weights: Floats) -> Floats:
    """Cohen's kappa of each row of ``weights`` (samples, patterns).

    ``pairs``, (patterns, 2): the two annotators' values as numbers.
    """
    one, other = (np.eye(int(pairs.max()) + 1)[pairs[:, place]] for place in (0, 1))
    total = weights.sum(axis=1)
    differ = weights @ (pairs[:, 0] != pairs[:, 1]).astype(float) / total
    alike = ((weights @ one) * (weights @ other)).sum(axis=1) / total**2
    return _beyond(differ, 1 - alike)


def _alpha(given: Ints, weights: Floats) -> Floats:
    """Krippendorff's alpha, nominal, of each row of ``weights`` (samples, patterns).

    ``given``, (patterns, values): how many annotators gave each value, at least two in all.
    Krippendorff (2011), Computing Krippendorff's alpha-reliability.
    """
    votes = given.sum(axis=1)
    # Ordered pairs that differ within a text, each text weighing as many votes as it has.
    differ = votes - (given * (given - 1)).sum(axis=1) / (votes - 1)
    total = weights @ votes
    each = weights @ given
    alike = (each * (each - 1)).sum(axis=1) / (total * (total - 1))
    return _beyond(weights @ differ / total, 1 - alike)


def _beyond(observed: Floats, expected: Floats) -> Floats:
    """1 - observed disagreement / expected; nan where chance alone would agree."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 1e-12, 1 - observed / expected, np.nan)
