"""An evaluation as a folder: numbers for programs, a page for people, pictures for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models import pictures
from models.evaluation import Judged, TaskReport, score
from models.intervals import LEVEL, RESAMPLES, Interval, intervals, macro_f1
from models.slices import SLICES

REPORT: Final = "report.json"
PAGE: Final = "report.md"
MISTAKES: Final = 10
"""How many of the surest wrong answers are shown."""

_MARKUP: Final = str.maketrans(
    {"<": "&lt;", ">": "&gt;", **{mark: "\\" + mark for mark in "\\`*_[]|!#"}}
)


@dataclass(frozen=True, slots=True)
class SliceScore:
    """Scores on the ``n`` rows of one slice; macro-F1 is over the labels that occur in it."""

    n: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer, and how sure the classifier was of it, 0..1."""

    id: str
    text: str
    label: str
    answer: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TaskPage:
    """All that is said of one head. ``confusion`` is rows of counts, label by answer."""

    names: list[str]
    report: TaskReport
    intervals: dict[str, Interval]
    slices: dict[str, SliceScore]
    confusion: list[list[int]]
    mistakes: list[Mistake]


def task_page(found: Judged, more: Mapping[str, Callable[[str], bool]] | None = None) -> TaskPage:
    """Scores with intervals, per slice (``more`` adds to ``SLICES``), and the surest mistakes."""
    predicted = found.probabilities.argmax(axis=1)
    classes = len(found.names)
    slices = {}
    for name, test in {**SLICES, **(more or {})}.items():
        inside = np.array([*map(test, found.texts)], dtype=bool)
        if inside.any():
            labels, told = found.labels[inside], predicted[inside]
            accuracy = float((labels == told).mean())
            slices[name] = SliceScore(int(inside.sum()), accuracy, macro_f1(labels, told, classes))
    counts = np.bincount(found.labels * classes + predicted, minlength=classes * classes)
    return TaskPage(
        names=list(found.names),
        report=score(found.labels, found.probabilities, found.names),
        intervals=intervals(found.labels, found.probabilities),
        slices=slices,
        confusion=counts.reshape(classes, classes).tolist(),
        mistakes=_mistakes(found),
    )


def write(
    folder: Path,
    version: str,
    source: str,
    found: Mapping[str, Judged],
    pages: Mapping[str, TaskPage],
) -> None:
    """Write ``report.json``, ``report.md`` and two SVG pictures for each task into ``folder``.

    ``source`` says in words what rows were judged. The folder may exist; its report is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for task, judged in found.items():
        pictures.confusion(judged, folder / f"{task}_confusion.svg")
        pictures.reliability(judged, folder / f"{task}_reliability.svg")
    content = {"version": version, "data": source} | {t: asdict(p) for t, p in pages.items()}
    (folder / REPORT).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / PAGE).write_text(markdown(version, source, pages), "utf-8")


def markdown(version: str, source: str, pages: Mapping[str, TaskPage]) -> str:
    """The page: per task the scores, the classes, the slices, the pictures and the mistakes."""
    parts = [f"# Version {version}", f"Judged on {_cell(source)}."]
    parts.append(f"Intervals are {LEVEL:.0%} of {RESAMPLES:,} bootstrap draws of the rows.")
    for task, page in pages.items():
        parts += [f"## {task}", _scores(page), _classes(page.report), _slices(page)]
        parts.append(
            f"![Confusion: {task}]({task}_confusion.svg) "
            f"![Reliability: {task}]({task}_reliability.svg)"
        )
        if page.mistakes:
            parts += ["The surest mistakes:", _mistake_table(page.mistakes)]
    return "\n\n".join(parts) + "\n"


def _mistakes(found: Judged) -> list[Mistake]:
    predicted = found.probabilities.argmax(axis=1)
    confidence = found.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != found.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    return [
        Mistake(
            found.ids[i],
            found.texts[i],
            found.names[found.labels[i]],
            found.names[predicted[i]],
            round(float(confidence[i]), 4),
        )
        for i in surest
    ]


def _scores(page: TaskPage) -> str:
    values = {
        "accuracy": page.report.accuracy,
        "macro_f1": page.report.macro_f1,
        "ece": page.report.ece,
    }
    rows = [
        (
            name,
            f"{value:.3f}",
            f"{page.intervals[name].low:.3f} to {page.intervals[name].high:.3f}",
        )
        for name, value in values.items()
    ]
    return _table((f"{page.report.n} rows", "score", "interval"), rows)


def _classes(report: TaskReport) -> str:
    rows = [
        (name, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", str(row.support))
        for name, row in report.per_class.items()
    ]
    return _table(("class", "precision", "recall", "F1", "rows"), rows)


def _slices(page: TaskPage) -> str:
    rows = [
        (name, str(part.n), f"{part.accuracy:.3f}", f"{part.macro_f1:.3f}")
        for name, part in page.slices.items()
    ]
    return _table(("slice", "rows", "accuracy", "macro F1"), rows)


def _mistake_table(mistakes: Sequence[Mistake]) -> str:
    rows = [(m.id, m.text, m.label, m.answer, f"{m.confidence:.2f}") for m in mistakes]
    return _table(("id", "text", "label", "answer", "confidence"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: str) -> str:
    """Text that no reader of Markdown takes for markup: a headline may hold anything."""
    return " ".join(value.split()).translate(_MARKUP)
