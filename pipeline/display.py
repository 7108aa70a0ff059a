"""What a person sees on a terminal: progress while it runs, and tables at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from alerts.channels import plain
from pipeline.store.incidents import Incident
from pipeline.store.summary import Stats
from pipeline.telling import copies, subject


@dataclass(frozen=True, slots=True)
class Shown:
    """A command's answer: for programs, and for people (None: the same JSON)."""

    result: dict[str, Any]
    view: RenderableType | None = None


COLOURS = {"critical": "bold red", "warn": "yellow", "info": "cyan"}
KINDS = ("all", "topic", "company", "source")
HEADLINES = 3
LONGEST = 90


def progress(console: Console) -> Progress:
    """A progress display for ``console``; silent where that is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def incident_table(incidents: Sequence[Incident]) -> Table:
    """Incidents with their numbers and headlines, leading ones first, each with what it leads."""
    table = Table(title="Incidents", title_justify="left", show_lines=True, expand=True)
    table.add_column("opened (UTC)", no_wrap=True)
    table.add_column("what, seen / usual", overflow="fold", ratio=2)
    table.add_column("headlines", overflow="fold", ratio=4)
    for incident in ordered(incidents):
        facts = incident.evidence
        opened = incident.opened_at.strftime("%a %d %b %H:%M")
        ended = incident.resolved_at.strftime("%H:%M") if incident.resolved_at else "open"
        colour = COLOURS[incident.severity]
        led = " (part of the above)" if incident.parent else ""
        numbers = (
            f"{facts['observed']} / {facts['expected']:.1f} in {facts['window_minutes']} min\n"
            f"share {facts['share']:.0%} / {facts['baseline_share']:.0%}"
        )
        table.add_row(
            f"{opened}\nto {ended}\n[{colour}]{incident.severity}[/]",
            escape(f"{subject(incident)}\n{incident.rule}{led}\n{numbers}"),
            "\n".join(escape(line) for line in headlines(facts["stories"])),
        )
    return table


def ordered(incidents: Sequence[Incident]) -> list[Incident]:
    """Leading incidents by opening, each followed by those that are part of it."""
    parents = {i.id: i for i in incidents}

    def place(incident: Incident) -> tuple[Any, ...]:
        leader = parents.get(incident.parent or "", incident)
        return leader.opened_at, leader.id, incident is not leader, incident.opened_at, incident.id

    return sorted(incidents, key=place)


def headlines(stories: Sequence[dict[str, Any]]) -> list[str]:
    """The first stories as lines: headline, source, copies; controls and markup made harmless."""
    return [
        f"- {plain(story['headline'], LONGEST)} "
        f"({plain(story['source'], 64)}{copies(story['copies'])})"
        for story in stories[:HEADLINES]
    ]


def report_table(title: str, report: dict[str, Any]) -> Table:
    """One task of an evaluation: a row per class, the averages below."""
    table = Table(title=title, title_justify="left")
    for name in ("class", "precision", "recall", "F1", "rows"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for label, row in report["per_class"].items():
        numbers = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
        table.add_row(escape(label), *numbers, str(row["support"]))
    table.add_section()
    table.add_row("macro F1", "", "", f"{report['macro_f1']:.3f}", str(report["n"]))
    table.add_row("accuracy", "", "", f"{report['accuracy']:.3f}", "")
    table.add_row("calibration error (ECE)", "", "", f"{report['ece']:.3f}", "")
    return table


def run_view(result: dict[str, Any], incidents: Sequence[Incident]) -> Group:
    """End of ``demo`` and ``replay``: a line of counts, and the incidents."""
    dead = sum(result["dead_letters"].values())
    line = (
        f"{result['articles']:,} articles, {result['stories']:,} stories, "
        f"{result['undated']} undated, {result['late']} late, {dead} dead letters; "
        f"{result['seconds']:.0f} s, {result['articles_per_second']:.0f} articles/s"
    )
    return Group(incident_table(incidents), line)


def stats_table(stats: Stats) -> Table:
    """Totals per key, the busiest of each kind first."""
    table = Table(title="Totals", title_justify="left")
    for name in ("kind", "key", "articles", "stories", "negative", "neutral", "positive"):
        table.add_column(name, justify="left" if name in ("kind", "key") else "right")
    for total in sorted(stats.totals, key=lambda t: (KINDS.index(t.kind), -t.articles, t.key)):
        numbers = (total.articles, total.stories, total.negative, total.neutral, total.positive)
        table.add_row(total.kind, escape(total.key), *(f"{number:,}" for number in numbers))
    return table
