"""Tail probabilities: how unusual a count or a share is, if nothing has changed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln, nbdtrik

from alerts.season import FloatArray

SMALLEST: Final = 1e-300
"""Least probability given back: its logarithm stays finite."""
_TOGETHER: Final = 256
"""Terms up to which sums are worked out side by side; longer ones would waste the padding."""


def count_tail(
    counts: NDArray[np.int64], expected: FloatArray, variation: FloatArray
) -> FloatArray:
    """P(X >= counts) for a negative binomial X; all arrays of one shape.

    ``variation`` is 1 / size: the variance is expected + variation x expected^2. Counts that are
    not above the expected are given 1, unasked: most counts, and nobody's surprise.
    """
    tail = np.ones(counts.shape)
    some = counts > expected
    spread = expected[some] * variation[some]
    tail[some] = betainc(counts[some], 1.0 / variation[some], spread / (1.0 + spread))
    return np.maximum(tail, SMALLEST)


def count_interval(expected: float, variation: float, *, level: float = 0.95) -> tuple[int, int]:
    """Least and greatest count of the central ``level`` of the same negative binomial."""
    low, high = count_intervals(np.array([expected]), variation, level=level)
    return int(low[0]), int(high[0])


def count_intervals(
    expected: FloatArray, variation: float, *, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """The same for many expected counts with one ``variation``: least and greatest, whole."""
    size = 1.0 / variation
    quantiles = (0.5 - level / 2.0, 0.5 + level / 2.0)
    low, high = (np.ceil(nbdtrik(q, size, size / (size + expected))) for q in quantiles)
    return low, high


def share_tail(
    negative: NDArray[np.int64],
    stories: NDArray[np.int64],
    share: FloatArray,
    concentration: FloatArray,
) -> FloatArray:
    """P(K >= negative) for a Beta-binomial K among ``stories``, exactly; all arrays (tests,).

    The share varies as Beta(share x concentration, (1 - share) x concentration). ``negative`` is
    at least 1.
    """
    tails = np.empty(len(negative))
    long = stories - negative > _TOGETHER
    for part in (np.flatnonzero(~long), *np.flatnonzero(long)[:, None]):
        if len(part):
            tails[part] = _summed(negative[part], stories[part], share[part], concentration[part])
    return np.clip(tails, SMALLEST, 1.0)


def _summed(
    negative: NDArray[np.int64],
    stories: NDArray[np.int64],
    share: FloatArray,
    concentration: FloatArray,
) -> FloatArray:
    """The first term and its ratios to those after it, (tests, most terms) at a time."""
    a, b = share * concentration, (1.0 - share) * concentration
    rest = stories - negative
    first = (
        gammaln(stories + 1.0)
        - gammaln(negative + 1.0)
        - gammaln(rest + 1.0)
        + betaln(negative + a, rest + b)
        - betaln(a, b)
    )
    step = np.arange(rest.max(initial=0))
    k = negative[:, None] + step
    left = np.maximum(rest[:, None] - step, 0)
    ratios = left * (k + a[:, None]) / ((k + 1.0) * (np.maximum(left - 1, 0) + b[:, None]))
    # Past the last story ``left`` is 0 and so is every term; in logarithms, as good as 0.
    terms = first[:, None] + np.cumsum(np.log(np.maximum(ratios, SMALLEST)), axis=1)
    summed: FloatArray = np.exp(first) + np.exp(terms).sum(axis=1)
    return summed


def score_of_best(tails: FloatArray, shares: FloatArray) -> FloatArray:
    """-log10 of the least tail of each row, (rows, tries), paid for by the tries' ``shares``.

    Tails divided by shares that add up to 1: their least is below p by chance in p of the cases
    at most, however many tries there were (Bonferroni, weighted). Never negative.
    """
    least = np.maximum((tails / shares).min(axis=1), SMALLEST)
    score: FloatArray = np.maximum(-np.log10(least), 0.0)
    return score


def window_of_best(tails: FloatArray, shares: FloatArray, otherwise: int) -> NDArray[np.intp]:
    """Which of the tries that was; ``otherwise`` where none has a tail below 1."""
    best = (tails / shares).argmin(axis=1)
    found: NDArray[np.intp] = np.where(tails.min(axis=1) < 1.0, best, otherwise)
    return found


def discoveries(probabilities: FloatArray, rate: float) -> NDArray[np.bool_]:
    """Mark those that Benjamini and Hochberg (1995) accept at false discovery rate ``rate``."""
    total = len(probabilities)
    ranked = np.sort(probabilities)
    accepted = np.flatnonzero(ranked <= rate * np.arange(1, total + 1) / max(total, 1))
    if not len(accepted):
        return np.zeros(total, dtype=np.bool_)
    within: NDArray[np.bool_] = probabilities <= ranked[accepted[-1]]
    return within
