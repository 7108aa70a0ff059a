"""What labels there are, how far annotators agree, and what they dispute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from scipy.stats import binomtest

from alerts.channels import plain
from pipeline.display import Shown
from pipeline.labels.consensus import Agreement, agreement, consensus
from pipeline.labels.drawing import reserved
from pipeline.store.labels import TASKS, Counts, Current, Snapshot, Task, votes

SHOWN: Final = 20
TITLE: Final = 60


@dataclass(frozen=True, slots=True)
class Matched:
    """How many of ``n`` labels are what the classifier had suggested; 95 % interval (Wilson)."""

    n: int
    same: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Disputed:
    """A text on whose ``task`` no majority agrees, and what each annotator says."""

    hash: str
    source: str | None
    id: str | None
    title: str
    task: Task
    said: dict[str, str]


def disputed(found: Snapshot) -> list[Disputed]:
    """Texts that annotators have to talk about, the newest first."""
    of_text = votes(found.labels)
    return [
        Disputed(key, one.source, one.id, one.title, task, {v.annotator: v.value for v in said})
        for key, one in reversed(found.texts.items())
        for task in TASKS
        if (said := of_text.get((key, task))) and consensus(said).disputed
    ]


def agreements(labels: Sequence[Current]) -> dict[Task, Agreement]:
    """Kappa or alpha of each task."""
    of_text = votes(labels)
    return {
        task: agreement({key: said for (key, of), said in of_text.items() if of == task})
        for task in TASKS
    }


def matched(labels: Sequence[Current], task: Task, *, at_random: bool) -> Matched:
    """Labels against the suggestions that stood there when they were given.

    Those on texts that were asked about ``at_random`` estimate how often the classifier is right
    about what is published. All of them together do not: most were asked about because it was
    unsure.
    """
    told = [
        one
        for one in labels
        if one.task == task
        and one.suggestion is not None
        and (not at_random or (one.origin == "page" and reserved(one.text_hash)))
    ]
    same = sum(one.value == one.suggestion for one in told)
    if not told:
        return Matched(0, 0, None, None)
    interval = binomtest(same, len(told)).proportion_ci(0.95, method="wilson")
    return Matched(len(told), same, float(interval.low), float(interval.high))


def stats(found: Snapshot, counts: Counts) -> Shown:
    """All of it, for programs and for people."""
    kappas = agreements(found.labels)
    disputes = disputed(found)
    right = {
        task: {
            "all": asdict(matched(found.labels, task, at_random=False)),
            "random": asdict(matched(found.labels, task, at_random=True)),
        }
        for task in TASKS
    }
    result: dict[str, Any] = {
        "texts": counts.texts,
        "held_out": counts.held_out,
        "disputed": counts.disputed,
        "events": counts.events,
        "labels": [asdict(one) for one in counts.labels],
        "agreement": {task: asdict(kappas[task]) for task in TASKS},
        "suggestions": right,
        "disputed_texts": [asdict(one) for one in disputes],
    }
    share = f" ({counts.held_out / counts.texts:.0%})" if counts.texts else ""
    line = (
        f"{counts.texts:,} labelled texts, {counts.held_out:,} held out{share}, "
        f"{counts.disputed:,} disputed; {counts.events:,} events"
    )
    parts: list[RenderableType] = [_table(counts, task) for task in TASKS if counts.labels]
    parts += [line, *(_kappa_line(task, kappas[task]) for task in TASKS)]
    parts += [
        _match_line(task, kind, right[task][kind]) for task in TASKS for kind in ("all", "random")
    ]
    if disputes:
        parts.append(_disputed_table(disputes))
    return Shown(result, Group(*parts))


def _table(counts: Counts, task: Task) -> Table:
    ours = [one for one in counts.labels if one.task == task]
    annotators = sorted({one.annotator for one in ours})
    table = Table(title=task, title_justify="left")
    table.add_column(task)
    for name in annotators:
        table.add_column(escape(plain(name, 20)), justify="right")
    table.add_column("all", justify="right")
    number = {(one.value, one.annotator): one.number for one in ours}
    totals = {v: sum(one.number for one in ours if one.value == v) for v, _ in number}
    for value in sorted(totals, key=lambda v: (-totals[v], v)):
        cells = [f"{number.get((value, name), 0):,}" for name in annotators]
        table.add_row(escape(value), *cells, f"{totals[value]:,}")
    return table


def _kappa_line(task: Task, found: Agreement) -> str:
    if found.value is None:
        return f"agreement on {task}: not known ({found.texts:,} texts have two annotators)"
    facts = f"{found.low:.2f} to {found.high:.2f}; {found.texts:,} texts"
    kappa = f"{found.measure} {found.value:.2f} ({facts}, {found.annotators} annotators)"
    return f"agreement on {task}: {kappa}"


def _match_line(task: Task, kind: str, found: dict[str, Any]) -> str:
    asked = "asked at random" if kind == "random" else "all"
    if not found["n"]:
        return f"suggested {task} was right, {asked}: not known"
    bounds = f"{found['low']:.0%} to {found['high']:.0%}"
    share = found["same"] / found["n"]
    return f"suggested {task} was right, {asked}: {share:.0%} ({bounds}; {found['n']:,} labels)"


def _disputed_table(found: Sequence[Disputed]) -> Table:
    title = f"Disputed, the newest {SHOWN} of {len(found)}" if len(found) > SHOWN else "Disputed"
    table = Table(title=title, title_justify="left", expand=True)
    table.add_column("article or text", overflow="fold", ratio=2)
    table.add_column("headline", overflow="fold", ratio=3)
    table.add_column("task", no_wrap=True)
    table.add_column("said", overflow="fold", ratio=2)
    for one in found[:SHOWN]:
        named = f"{one.source} {one.id}" if one.source else one.hash[:12]
        said = ", ".join(f"{who}: {value}" for who, value in sorted(one.said.items()))
        cells = (plain(named, 80), plain(one.title, TITLE), one.task, plain(said, 300))
        table.add_row(*(escape(cell) for cell in cells))
    return table
