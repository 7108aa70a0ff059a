"""Commands around the classifier alone: classify, evaluate, train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

from ingest.companies import Watchlist
from models import dataset, evaluation, taxonomy, training, versions
from models.board import board
from models.text import prepare
from pipeline.display import Shown, progress, report_table
from pipeline.recipes import changed
from pipeline.results import classify_result
from pipeline.settings import Settings


def classify_texts(settings: Settings, texts: list[str]) -> Shown:
    """Topic and sentiment of each text, in order."""
    version = versions.load(
        settings.model.folder,
        precision=settings.model.precision,
        labels=taxonomy.load(settings.model.topics),
    )
    predictions = version.predict([prepare(text) for text in texts])
    table = Table()
    for name in ("text", "topic", "sentiment"):
        table.add_column(name, overflow="fold")
    for text, p in zip(texts, predictions, strict=True):
        best = max(p.negative, p.neutral, p.positive)
        topic = f"{p.topic} {p.topic_probability:.0%}"
        table.add_row(escape(text), escape(topic), f"{p.sentiment} {best:.0%}")
    return Shown(classify_result(texts, predictions, version.id), table)


def evaluate_file(
    settings: Settings, file: Path, split: str | None, folder: Path | None = None
) -> Shown:
    """A report per task that the file has labels for; with ``folder`` also a page there."""
    version = versions.load(
        settings.model.folder,
        precision=settings.model.precision,
        labels=taxonomy.load(settings.model.topics),
    )
    rows = dataset.read([file], taxonomy.load(settings.model.topics))
    if split is not None:
        known = sorted(set(rows["split"]))
        rows = rows[rows["split"] == split]
        if rows.empty:
            raise dataset.DatasetError(f"{file} has no rows of split {split!r}, only {known}")
    found = evaluation.judged(version, rows)
    if not found:
        raise dataset.DatasetError(f"{file}: no row has a label to compare with")
    result = {
        task: asdict(evaluation.score(one.labels, one.probabilities, one.names))
        for task, one in found.items()
    }
    if folder is not None:
        _write_report(
            settings, folder, version.id, f"{file.name}, {split or 'every'} split", found
        )
    tables = [report_table(task, report) for task, report in result.items()]
    return Shown({"version": version.id, **result}, Group(*tables))


def _write_report(
    settings: Settings,
    folder: Path,
    version: str,
    source: str,
    found: Mapping[str, evaluation.Judged],
) -> None:
    from models import reporting

    watchlist = Watchlist.load(settings.companies.watchlist)
    more = {"several companies": lambda text: len(watchlist.find(text, "")) > 1}
    pages = {task: reporting.task_page(one, more) for task, one in found.items()}
    reporting.write(folder, version, source, found, pages)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be trained: on which rows, into which folder, how it differs from the usual."""

    data: Sequence[Path]
    out: Path
    judged: Sequence[Path] = ()
    start: Path | None = None
    device: str = "cpu"
    changes: Sequence[str] = ()
    board: Path | None = None


def train_version(settings: Settings, wish: Wish, console: Console) -> Shown:
    """Train on the rows whose split is ``train`` and store the version, with a report if asked."""
    recipe = changed(training.Recipe(), wish.changes)
    if recipe.distilled:
        raise dataset.DatasetError(
            "distilled is about rows to rehearse, which `bearwatch retrain` has; leave it out"
        )
    watchlist = Watchlist.load(settings.companies.watchlist)
    labels = taxonomy.load(settings.model.topics)
    with board(wish.board) as watching, progress(console) as display:
        task = display.add_task("training", total=None, facts="")

        def show(at: training.Progress) -> None:
            if watching is not None:
                watching.show(at)
            facts = f"epoch {at.epoch}/{at.epochs}, loss {at.loss:.3f}"
            display.update(task, total=at.steps, completed=at.step, facts=facts)
            for name, score in (at.scores or {}).items():
                console.print(
                    f"epoch {at.epoch}: {name} accuracy {score.accuracy:.3f}, "
                    f"macro F1 {score.macro_f1:.3f} on {score.n} inner rows"
                )

        card = training.train(
            wish.data,
            wish.out,
            recipe,
            show,
            start=wish.start,
            judged=wish.judged,
            labels=labels,
            device=wish.device,
            names=tuple(watchlist.names.values()),
        )
    result = {"version": card.id, "folder": str(wish.out), "scores": card.scores}
    if wish.judged:
        version = versions.load(wish.out, precision="fp32", labels=labels)
        found = evaluation.judged(version, dataset.read(wish.judged, labels))
        names = ", ".join(path.name for path in wish.judged)
        _write_report(settings, wish.out / "report", version.id, names, found)
    return Shown(result)
