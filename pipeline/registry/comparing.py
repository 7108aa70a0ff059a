"""Two versions on the same labelled rows: by how much they differ, and on which texts.

This module brings torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from models import dataset, taxonomy
from models.evaluation import Judged, judged, score
from models.intervals import Answers, Interval, difference, intervals
from models.versions import Version

HEADLINES: Final = Path(dataset.__file__).parent / "headlines/bearwatch_headlines.jsonl"
"""Ours; their split ``holdout`` is what versions are compared on when nothing else is given."""
HOLDOUT: Final = "holdout"

LEAST_ROWS: Final = 20
"""Of a class, so that its F1 is worth a line."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version's scores on a task, each with its 95 % interval."""

    accuracy: float
    macro_f1: float
    ece: float
    intervals: dict[str, Interval]
    per_class: dict[str, float]
    """F1 of the classes with ``LEAST_ROWS`` or more."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A text that the two label differently. Probabilities are of the labels they chose."""

    id: str
    text: str
    label: str
    first: str
    first_probability: float
    second: str
    second_probability: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Both versions on the ``n`` rows that are labelled for one task."""

    n: int
    first: Side
    second: Side
    gain: float
    """Macro-F1 of the second less that of the first ..."""
    interval: Interval
    """... in 95 of 100 draws of the rows, both judged on the same draw."""
    beyond_noise: bool
    differ: int
    """Texts that they label differently ..."""
    first_right: int
    """... and on which the first, ..."""
    second_right: int
    """... or the second is right."""
    disagreements: tuple[Disagreement, ...]
    """Those that they are surest of, at most so many as were asked for."""


def labelled_rows(
    file: Path | None, split: str | None, topics: Path | None = None
) -> pd.DataFrame:
    """The rows to compare on: of a file, or the held-out fifth of our own headlines.

    Raises:
        DatasetError: the file cannot be read, or has no row of that split.
    """
    if file is None:
        file, split = HEADLINES, split or HOLDOUT
    rows = dataset.read([file], taxonomy.load(topics))
    if split is None:
        return rows
    known = sorted(set(rows["split"]))
    rows = rows[rows["split"] == split]
    if rows.empty:
        raise dataset.DatasetError(f"{file} has no rows of split {split!r}, only {known}")
    return rows


def compare(
    first: Version, second: Version, rows: pd.DataFrame, *, most: int = 20
) -> dict[str, Compared]:
    """Both versions on ``rows`` as :func:`models.dataset.read` gives them, by task.

    Raises:
        DatasetError: no row has a label.
    """
    ours, theirs = judged(first, rows), judged(second, rows)
    if not ours:
        raise dataset.DatasetError("no row has a label to compare with")
    return {task: _compared(ours[task], theirs[task], most) for task in ours}


def _compared(first: Judged, second: Judged, most: int) -> Compared:
    labels = [_named(one)[0] for one in (first, second)]
    told = [_named(one)[1] for one in (first, second)]
    sure = [one.probabilities.max(axis=1) for one in (first, second)]
    gain = difference(*([_answers(one)] for one in (first, second)))
    differ = np.flatnonzero(told[0] != told[1])
    surest = differ[np.argsort(-(sure[0] + sure[1])[differ], kind="stable")]
    return Compared(
        n=len(first.labels),
        first=_side(first),
        second=_side(second),
        gain=gain.macro_f1,
        interval=gain.interval,
        beyond_noise=gain.beyond_noise,
        differ=len(differ),
        first_right=int((told[0] == labels[0])[differ].sum()),
        second_right=int((told[1] == labels[0])[differ].sum()),
        disagreements=tuple(
            Disagreement(
                first.ids[row],
                first.texts[row],
                str(labels[0][row]),
                str(told[0][row]),
                float(sure[0][row]),
                str(told[1][row]),
                float(sure[1][row]),
            )
            for row in surest[:most]
        ),
    )


def _named(one: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Labels and answers as names: two versions may number their topics differently."""
    names = np.array(one.names)
    return names[one.labels], names[one.probabilities.argmax(axis=1)]


def _answers(one: Judged) -> Answers:
    return Answers(one.labels, [one.probabilities.argmax(axis=1)], len(one.names))


def _side(one: Judged) -> Side:
    report = score(one.labels, one.probabilities, one.names)
    return Side(
        report.accuracy,
        report.macro_f1,
        report.ece,
        intervals(one.labels, one.probabilities),
        {name: c.f1 for name, c in report.per_class.items() if c.support >= LEAST_ROWS},
    )


def moved_most(compared: Compared) -> Sequence[tuple[str, float, float]]:
    """Classes with their F1 in both, those that changed most first."""
    ours: Mapping[str, float] = compared.first.per_class
    theirs = compared.second.per_class
    both = [(name, ours[name], theirs[name]) for name in ours if name in theirs]
    return sorted(both, key=lambda one: -abs(one[2] - one[1]))
