"""`models compare`: loads both versions, and shows the comparison as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from alerts.channels import plain
from models import taxonomy
from models import versions as loading
from models.intervals import Interval
from pipeline.display import LONGEST, Shown
from pipeline.registry import folders
from pipeline.registry.comparing import Compared, compare, labelled_rows, moved_most
from pipeline.registry.registry import Registry

CLASSES = 8
"""Classes that are shown, those first whose F1 moved most."""


def compare_versions(
    registry: Registry,
    first: str,
    second: str,
    *,
    file: Path | None,
    split: str | None,
    most: int,
    topics: Path | None = None,
) -> Shown:
    """Both on the same rows; the shipped version needs no registration."""
    rows, labels = labelled_rows(file, split, topics), taxonomy.load(topics)
    names = [_id(registry, one) for one in (first, second)]
    loaded = [
        loading.load(_folder(registry, one), precision="fp32", labels=labels) for one in names
    ]
    found = compare(loaded[0], loaded[1], rows, most=most)
    result = {"first": names[0], "second": names[1], "rows": len(rows)}
    return Shown(
        {**result, "tasks": {task: asdict(one) for task, one in found.items()}},
        Group(*_view(names[0], names[1], found)),
    )


def _id(registry: Registry, name: str) -> str:
    shipped = folders.shipped_id()
    return shipped if name and shipped.startswith(name) else registry.one(name).id


def _folder(registry: Registry, version: str) -> Path:
    return folders.SHIPPED if version == folders.shipped_id() else registry.folder_of(version)


def _view(first: str, second: str, found: Mapping[str, Compared]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for task, one in found.items():
        table = Table(title=f"{task}, {one.n:,} rows (95 % intervals)", title_justify="left")
        for name in ("", first, second):
            table.add_column(name)
        for name in ("macro_f1", "accuracy", "ece"):
            cells = [
                f"{getattr(side, name):.3f} ({_ends(side.intervals[name])})"
                for side in (one.first, one.second)
            ]
            table.add_row(name.replace("_", " "), *cells)
        table.add_section()
        for label, ours, theirs in moved_most(one)[:CLASSES]:
            table.add_row(escape(f"F1 of {label}"), f"{ours:.3f}", f"{theirs:.3f}")
        noise = "more than noise" if one.beyond_noise else "may be noise"
        parts += [
            table,
            f"{second} less {first}: macro F1 {one.gain:+.3f} ({_ends(one.interval, '+')}), "
            f"{noise}. They differ on {one.differ} texts, where {first} is right on "
            f"{one.first_right} and {second} on {one.second_right}.",
            *([_disagreements(first, second, one)] if one.disagreements else []),
        ]
    return parts


def _disagreements(first: str, second: str, one: Compared) -> Table:
    table = Table(title="Surest disagreements", title_justify="left", expand=True)
    for name, ratio in (("text", 4), ("label", None), (first, None), (second, None)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for each in one.disagreements:
        table.add_row(
            escape(plain(each.text, LONGEST)),
            escape(each.label),
            escape(f"{each.first} {each.first_probability:.0%}"),
            escape(f"{each.second} {each.second_probability:.0%}"),
        )
    return table


def _ends(found: Interval, sign: str = "") -> str:
    return f"{found.low:{sign}.3f} to {found.high:{sign}.3f}"
