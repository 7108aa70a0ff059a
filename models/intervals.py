"""How far a score would move on other rows of the same kind: bootstrap intervals.

Efron's percentile bootstrap: rows are drawn again with replacement, the score is computed on each
draw, and the middle 95 % of its values is the interval. Repeats of a text must have been removed
before, or the rows are not independent and the interval is too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.evaluation import Labels, Probabilities, calibration_error

RESAMPLES: Final = 2_000
LEVEL: Final = 0.95
SEED: Final = 20_261_125
"""Fixed: the same rows give the same report."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score lies in 95 of 100 draws of the rows; both ends in the unit of the score."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier told of rows of one task: (n,) class indices, once for each seed."""

    labels: Labels
    told: Sequence[Labels]
    classes: int

    def macro_f1(self, rows: NDArray[np.int64] | slice = slice(None)) -> float:
        """Mean over the seeds, on ``rows`` (indices into n; default all)."""
        labels = self.labels[rows]
        return float(np.mean([macro_f1(labels, told[rows], self.classes) for told in self.told]))


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second of two classifiers is on the same rows, in macro-F1."""

    macro_f1: float
    interval: Interval

    @property
    def beyond_noise(self) -> bool:
        """Whether 0 lies outside the interval."""
        return not self.interval.low <= 0.0 <= self.interval.high


def intervals(labels: Labels, probabilities: Probabilities) -> dict[str, Interval]:
    """Of ``accuracy``, ``macro_f1`` (over the labels that occur) and ``ece``.

    ``labels`` is (n,) indices into the columns of ``probabilities``, (n, classes); n > 0.
    """
    predicted = probabilities.argmax(axis=1)
    classes = probabilities.shape[1]
    found: dict[str, list[float]] = {"accuracy": [], "macro_f1": [], "ece": []}
    for drawn in _draws(len(labels)):
        found["accuracy"].append(float((predicted[drawn] == labels[drawn]).mean()))
        found["macro_f1"].append(macro_f1(labels[drawn], predicted[drawn], classes))
        found["ece"].append(calibration_error(labels[drawn], probabilities[drawn]))
    return {name: _middle(np.array(values)) for name, values in found.items()}


def difference(
    first: Sequence[Answers], second: Sequence[Answers], *, comparisons: int = 1
) -> Difference:
    """Compare two classifiers on the same rows of one or more tasks: the mean gain in macro-F1.

    Paired: both are scored on the same draw, so what makes rows hard for both cancels out. Whoever
    makes several ``comparisons`` finds one of them beyond noise sooner or later; the interval is
    wider by that (Bonferroni).
    """
    gained = np.mean(
        [
            [new.macro_f1(drawn) - old.macro_f1(drawn) for drawn in _draws(len(old.labels), task)]
            for task, (old, new) in enumerate(zip(first, second, strict=True))
        ],
        axis=0,
    )
    whole = [new.macro_f1() - old.macro_f1() for old, new in zip(first, second, strict=True)]
    return Difference(float(np.mean(whole)), _middle(gained, (1 - LEVEL) / comparisons))


def macro_f1(labels: Labels, predicted: Labels, classes: int) -> float:
    """Mean F1 over the labels that occur in ``labels``; by counting, which is fast."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    table = counts.reshape(classes, classes)
    true, told, right = table.sum(axis=1), table.sum(axis=0), table.diagonal()
    present = true > 0
    return float((2 * right[present] / (true[present] + told[present])).mean())


def interval(answers: Answers) -> Interval:
    """Of the mean macro-F1."""
    return _middle(np.array([answers.macro_f1(drawn) for drawn in _draws(len(answers.labels))]))


def _draws(rows: int, stream: int = 0) -> Iterator[NDArray[np.int64]]:
    draw = np.random.default_rng((SEED, stream))
    for _ in range(RESAMPLES):
        yield draw.integers(0, rows, size=rows)


def _middle(values: NDArray[np.float64], outside: float = 1 - LEVEL) -> Interval:
    low, high = np.percentile(values, [50 * outside, 100 - 50 * outside])
    return Interval(float(low), float(high))
