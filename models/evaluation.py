"""Numbers in, numbers out: accuracy, macro-F1, per-class report, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

if TYPE_CHECKING:
    import pandas as pd

    from models.versions import Version

CALIBRATION_BINS = 15
"""Equal-width bins of confidence, the usual number since Guo et al. (2017)."""

LEAST_FOR_TEMPERATURE = 100
"""Fewer examples give a temperature that is noise; 1 is used instead."""

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One label's row of the report; 0 where a ratio has no denominator."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class TaskReport:
    """One head's scores on ``n`` rows. ``macro_f1`` is over the labels that occur in the rows."""

    n: int
    accuracy: float
    macro_f1: float
    ece: float
    per_class: dict[str, ClassScore]


@dataclass(frozen=True, slots=True)
class Judged:
    """One head's answers to the rows that are labelled for it, n > 0, in the order of the rows.

    ``labels`` (n,) are indices into ``names``; ``probabilities`` (n, len(names)).
    """

    names: Sequence[str]
    ids: list[str]
    texts: list[str]
    labels: Labels
    probabilities: Probabilities


@dataclass(frozen=True, slots=True)
class Report:
    """A version's scores; a task without labelled rows is ``None``."""

    version: str
    sentiment: TaskReport | None
    topic: TaskReport | None

    def as_json(self) -> dict[str, object]:
        """For ``json.dump``; a task without labelled rows is left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def evaluate(version: Version, rows: pd.DataFrame) -> Report:
    """Score a version on rows as ``dataset.read`` gives them, every split alike.

    Raises:
        ValueError: a label that the version does not know.
    """
    reports = {
        task: score(found.labels, found.probabilities, found.names)
        for task, found in judged(version, rows).items()
    }
    return Report(version.id, reports.get("sentiment"), reports.get("topic"))


def judged(version: Version, rows: pd.DataFrame) -> dict[str, Judged]:
    """Answers beside labels, for ``sentiment`` and ``topic`` as far as rows are labelled.

    Raises:
        ValueError: a label that the version does not know.
    """
    topic, sentiment = version.probabilities(rows["text"].tolist())
    answers = {"sentiment": (version.sentiments, sentiment), "topic": (version.topics, topic)}
    found = {}
    for task, (names, probabilities) in answers.items():
        labelled = rows[task].notna().to_numpy()
        if labelled.any():
            ours = rows[labelled]
            found[task] = Judged(
                names=names,
                ids=[*map(str, ours["id"])],
                texts=ours["text"].tolist(),
                labels=np.array([names.index(str(label)) for label in ours[task]]),
                probabilities=probabilities[labelled],
            )
    return found


def score(labels: Labels, probabilities: Probabilities, names: Sequence[str]) -> TaskReport:
    """Compare ``labels``, (n,) indices into ``names``, with (n, len(names)) probabilities."""
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(names)), zero_division=0.0
    )
    per_class = {
        names[i]: ClassScore(float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i in present
    }
    return TaskReport(
        n=len(labels),
        accuracy=float(accuracy_score(labels, predicted)),
        macro_f1=float(f1[present].mean()),
        ece=calibration_error(labels, probabilities),
        per_class=per_class,
    )


def calibration_error(labels: Labels, probabilities: Probabilities) -> float:
    """Expected calibration error: |accuracy - confidence| averaged over bins, weighted by rows."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(np.sum(gaps))


def temperature(labels: Labels, logits: Probabilities) -> float:
    """The divisor of later logits that minimises the negative log-likelihood here.

    Between 0.2 and 5; 1 for fewer than ``LEAST_FOR_TEMPERATURE`` rows. Guo et al. (2017).
    """
    if len(labels) < LEAST_FOR_TEMPERATURE:
        return 1.0
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature))
        return float(-scaled[rows, labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(found.x))


def log_softmax(logits: Probabilities) -> Probabilities:
    """Row-wise, stable."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalised: Probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised
