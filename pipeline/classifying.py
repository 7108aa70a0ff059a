"""Commands around the classifier alone: classify, evaluate, train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

from models import dataset, evaluation, taxonomy, training, versions
from models.text import prepare
from pipeline.display import Shown, progress, report_table
from pipeline.results import classify_result
from pipeline.settings import Settings


def classify_texts(settings: Settings, texts: list[str]) -> Shown:
    """Topic and sentiment of each text, in order."""
    version = versions.load(settings.model.folder, precision=settings.model.precision)
    predictions = version.predict([prepare(text) for text in texts])
    table = Table()
    for name in ("text", "topic", "sentiment"):
        table.add_column(name, overflow="fold")
    for text, p in zip(texts, predictions, strict=True):
        best = max(p.negative, p.neutral, p.positive)
        topic = f"{p.topic} {p.topic_probability:.0%}"
        table.add_row(escape(text), escape(topic), f"{p.sentiment} {best:.0%}")
    return Shown(classify_result(texts, predictions, version.id), table)


def evaluate_file(settings: Settings, file: Path, split: str | None) -> Shown:
    """A report per task that the file has labels for."""
    version = versions.load(settings.model.folder, precision=settings.model.precision)
    rows = dataset.read([file], taxonomy.load())
    if split is not None:
        known = sorted(set(rows["split"]))
        rows = rows[rows["split"] == split]
        if rows.empty:
            raise dataset.DatasetError(f"{file} has no rows of split {split!r}, only {known}")
    report: dict[str, Any] = evaluation.evaluate(version, rows).as_json()
    tasks = [task for task in ("sentiment", "topic") if report.get(task)]
    tables = [report_table(task, report[task]) for task in tasks]
    return Shown({"version": version.id, **report}, Group(*tables))


def train_version(
    data: list[Path], out: Path, console: Console, *, epochs: int | None, seed: int | None
) -> Shown:
    """Train on the rows whose split is ``train`` and store the version in ``out``."""
    recipe = training.Recipe()
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    with progress(console) as display:
        task = display.add_task("training", total=None, facts="")

        def show(at: training.Progress) -> None:
            total = at.epochs * at.steps
            done = (at.epoch - 1) * at.steps + at.step
            facts = f"epoch {at.epoch}/{at.epochs}, loss {at.loss:.3f}"
            display.update(task, total=total, completed=done, facts=facts)
            for name, score in (at.scores or {}).items():
                console.print(
                    f"epoch {at.epoch}: {name} accuracy {score.accuracy:.3f}, "
                    f"macro F1 {score.macro_f1:.3f} on {score.n} inner rows"
                )

        card = training.train(data, out, recipe, show)
    return Shown({"version": card.id, "folder": str(out), "scores": card.scores})
