"""Whether labels can be believed: those that everything else speaks against.

A label is *contradicted* where the champion, which was tuned on it, says something else and so
does a simple model that was fitted on other labelled rows, without this one (cross-validation by
story). What the second lacks rows for, the first knows.
Labels of a careful annotator are contradicted at about the rate of rows that are trusted; labels
at random several times as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold

from models.classifier import pad
from models.dataset import TASKS
from models.versions import Version

FOLDS: Final = 5
BATCH_ROWS: Final = 64
SHRINKAGE: Final = 100.0
"""Of the least squares, which take a fraction of a second where logistic regression takes half a
minute, and tell the same."""

LEAST_LABELS: Final = 30
"""Fewer labels of a task, new or trusted: nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Of one task: how many new labels, and what share of them and of the trusted ones is
    contradicted. ``low`` is the lower end of the difference's 95 % interval."""

    labels: int
    share: float
    usual: float
    low: float

    @property
    def excess(self) -> float:
        """By how much more the new labels are contradicted."""
        return self.share - self.usual


def contradicted(
    version: Version, rows: pd.DataFrame, new: NDArray[np.bool_]
) -> dict[str, Contradicted]:
    """Per task, how the ``new`` rows compare with the others, which are trusted.

    ``rows`` has the columns of ``dataset.read``, and ``story``, by which rows that belong together
    are kept together; ``new`` is (rows,).
    """
    vectors = _vectors(version, rows["text"].tolist())
    topic, sentiment = version.probabilities(rows["text"].tolist())
    told = {"topic": (version.topics, topic), "sentiment": (version.sentiments, sentiment)}
    found = {}
    for task in TASKS:
        labelled = rows[task].notna().to_numpy()
        if min((labelled & new).sum(), (labelled & ~new).sum()) < LEAST_LABELS:
            continue
        names, probabilities = told[task]
        labels = rows.loc[labelled, task].to_numpy().astype(str)
        champion = np.array(names)[probabilities[labelled].argmax(axis=1)]
        other = _cross_validated(
            vectors[labelled], labels, rows.loc[labelled, "story"].to_numpy().astype(str)
        )
        tuned = [*version.card.topics, *version.card.sentiments]
        # Of a topic known by its sentence alone the champion is no witness.
        against = (champion != labels) & (other != labels) & np.isin(labels, tuned)
        found[task] = _compare(against[new[labelled]], against[~new[labelled]])
    return found


def _compare(new: NDArray[np.bool_], usual: NDArray[np.bool_]) -> Contradicted:
    share, known = float(new.mean()), float(usual.mean())
    spread = (share * (1 - share) / len(new) + known * (1 - known) / len(usual)) ** 0.5
    return Contradicted(len(new), share, known, share - known - 1.96 * spread)


def _cross_validated(
    vectors: NDArray[np.float64], labels: NDArray[np.str_], stories: NDArray[np.str_]
) -> NDArray[np.str_]:
    """Each row's label as a model says that has not seen its story."""
    told = np.empty_like(labels)
    folds = GroupKFold(n_splits=min(FOLDS, len(set(stories))), shuffle=True, random_state=7)
    for fitted, asked in folds.split(vectors, labels, stories):
        model = RidgeClassifier(alpha=SHRINKAGE)
        told[asked] = model.fit(vectors[fitted], labels[fitted]).predict(vectors[asked])
    return told


@torch.inference_mode()
def _vectors(version: Version, texts: list[str]) -> NDArray[np.float64]:
    """(texts, width): what the heads read, every column with mean 0 and spread 1."""
    ids = version.encode(texts)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    width = version.classifier.topic_head.in_features
    found = np.empty((len(ids), width))
    for start in range(0, len(order), BATCH_ROWS):
        batch = order[start : start + BATCH_ROWS]
        rows, mask = pad([ids[i] for i in batch], version.pad_id)
        found[batch] = version.classifier.features(rows, mask).double().numpy()
    spread = found.std(axis=0)
    centred: NDArray[np.float64] = (found - found.mean(axis=0)) / np.maximum(spread, 1e-9)
    return centred
