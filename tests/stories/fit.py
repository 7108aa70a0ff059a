"""Fit the weights of the copy rule on the labelled pairs, and say what to expect of it.

``python -m tests.stories.fit`` leaves one author's pairs out after the other: weights from the
others', and the threshold that has most copies at a precision of :data:`AIM` over all that were
left out. ``--write`` fits on all open pairs and writes ``ingest/near.json`` for the package.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from ingest.likeness import SIGNS
from ingest.near import weighed
from ingest.weights import FILE, Weights
from tests.stories.measure import Pair, files, looked_up, pairs_of

AIM: Final = 0.998
GIVEN: Final = 0.0025
"""Recall that is given up for a higher threshold: another author's pairs will be other pairs."""
TRUST: Final = 1.0
"""What one pair counts against the wish for small weights (scikit-learn's ``C``)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A labelled pair as the rule sees it: numbers to weigh, or decided without."""

    id: str
    kind: str
    author: str
    same: bool
    found: bool
    weighed: bool | tuple[float, ...]

    def score(self, weights: Weights) -> float:
        """What is compared with the threshold; a pair the index does not find has none."""
        if not self.found or self.weighed is False:
            return -inf
        return inf if self.weighed is True else weights.score(self.weighed)


def seen(paths: Iterable[Path]) -> list[Seen]:
    """All pairs of some files; of ``pairs_open_a2.jsonl`` the author is ``a``."""
    return [
        seen_of(pair, path.stem.split("_")[-1][0]) for path in paths for pair in pairs_of(path)
    ]


def seen_of(pair: Pair, author: str) -> Seen:
    """One pair."""
    earlier, later, found = looked_up(pair)
    return Seen(pair["id"], pair["kind"], author, pair["same"], found, weighed(later, earlier))


def fitted(every: Sequence[Seen]) -> Weights:
    """A logistic model whose weights keep their signs; its threshold is even odds.

    scikit-learn's has no bounds on weights. Numbers are standardised first, so that the penalty
    is fair to all, and the weights are given for numbers as they are.
    """
    held = [(one.weighed, one.same) for one in every if isinstance(one.weighed, tuple)]
    x = np.array([numbers for numbers, _ in held])
    y = np.where([same for _, same in held], 1.0, -1.0)
    mean, spread = x.mean(0), x.std(0)
    spread[spread == 0] = 1
    z = np.column_stack([np.ones(len(x)), (x - mean) / spread])
    free, least, most = (None, None), (0, None), (None, 0)
    bounds = [free, *({0: free, 1: least, -1: most}[sign] for sign in SIGNS.values())]
    start = np.zeros(z.shape[1])
    found = minimize(_loss, start, (z, y), jac=True, bounds=bounds, method="L-BFGS-B")
    weights = found.x[1:] / spread
    held_weights = tuple(float(weight) for weight in weights)
    return Weights(held_weights, float(found.x[0] - weights @ mean), 0.0, {})


def _loss(weights: Floats, z: Floats, y: Floats) -> tuple[float, Floats]:
    margin = y * (z @ weights)
    penalised = np.concatenate([[0.0], weights[1:]])
    slope = -TRUST * (y / (1 + np.exp(margin))) @ z + penalised
    return float(TRUST * np.logaddexp(0, -margin).sum() + penalised @ penalised / 2), slope


def left_out(every: Sequence[Seen]) -> list[float]:
    """The score of each pair by weights that none of its author's pairs had a part in."""
    of = {
        author: fitted([one for one in every if one.author != author])
        for author in {one.author for one in every}
    }
    return [one.score(of[one.author]) for one in every]


def threshold(scores: Sequence[float], same: Sequence[bool]) -> float:
    """The highest score that gives up no more than :data:`GIVEN` of the recall there is.

    That is the best at a precision of :data:`AIM`; infinite if none has this precision.
    """
    found: list[tuple[float, int]] = []
    right = 0
    ordered = sorted(zip(scores, same, strict=True), reverse=True)
    for number, (score, is_same) in enumerate(ordered, start=1):
        right += is_same
        last = number == len(ordered) or ordered[number][0] < score
        if last and right >= AIM * number and np.isfinite(score):
            found.append((score, right))
    best = max((right for _, right in found), default=0)
    return next((score for score, right in found if right >= best - GIVEN * sum(same)), inf)


def fit(paths: Sequence[Path]) -> Weights:
    """The weights of all pairs, with the threshold of :func:`left_out`, and what they are from."""
    every = seen(paths)
    found = fitted(every)
    least = threshold(left_out(every), [one.same for one in every])
    digests = {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}
    return Weights(found.weights, found.intercept, least, digests)


def main() -> None:
    """Fit, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    options = parser.parse_args()
    paths = files("open")
    every = seen(paths)
    scores = left_out(every)
    weights = fit(paths)
    said = [score >= weights.threshold for score in scores]
    console = Console(width=100)
    console.print(_table("left out", every, said, lambda one: one.author))
    console.print(_table("kind", every, said, lambda one: one.kind))
    for name, weight in zip(SIGNS, weights.weights, strict=True):
        console.print(f"{name:18} {weight:8.3f}")
    console.print(f"intercept {weights.intercept:.3f}, threshold {weights.threshold:.3f}")
    if options.write:
        weights.write(FILE)
        console.print(f"{FILE} written")


def _table(
    first: str, every: Sequence[Seen], said: Sequence[bool], of: Callable[[Seen], str]
) -> Table:
    counts = Counter((of(one), one.same, so) for one, so in zip(every, said, strict=True))
    counts += Counter(("all", one.same, so) for one, so in zip(every, said, strict=True))
    table = Table(first, "pairs", "copies", "found", "false", "precision", "recall")
    for name in sorted({name for name, *_ in counts}):
        right, wrong = counts[name, True, True], counts[name, False, True]
        copies = right + counts[name, True, False]
        others = wrong + counts[name, False, False]
        table.add_row(
            name,
            *map(str, (copies + others, copies, right, wrong)),
            f"{right / (right + wrong):.3f}" if right + wrong else "-",
            f"{right / copies:.3f}" if copies else "-",
        )
    return table


if __name__ == "__main__":
    main()
