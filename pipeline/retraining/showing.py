"""Runs and their decisions for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from pipeline.display import Shown
from pipeline.retraining.run import Ended
from pipeline.store.retraining import Run


def shown(ended: Ended) -> Shown:
    """What became of a run: its reasons, and the numbers that they rest on."""
    head = f"retraining {ended.seq}: {ended.outcome}"
    if ended.candidate is not None:
        head += f", version {ended.candidate}"
    reasons = [f"  {escape(reason)}" for reason in ended.decision.get("reasons", ())]
    parts: list[Table | str] = [head, *reasons]
    if numbers := ended.decision.get("numbers"):
        parts.append(_numbers(numbers))
    return Shown(asdict(ended), Group(*parts))


def history_table(runs: Sequence[Run]) -> Shown:
    """The newest first, with their reasons."""
    table = Table()
    for name in ("run", "started", "by", "became", "candidate", "reasons"):
        table.add_column(name, overflow="fold")
    for one in runs:
        reasons = (one.decision or {}).get("reasons", ())
        table.add_row(
            str(one.seq),
            f"{one.started_at:%Y-%m-%d %H:%M}",
            one.trigger,
            one.state,
            one.candidate or "",
            escape("\n".join(reasons)),
        )
    return Shown({"runs": [_as_json(one) for one in runs]}, table)


def _numbers(numbers: Sequence[Mapping[str, Any]]) -> Table:
    table = Table()
    table.add_column("on sealed rows", overflow="fold")
    for name in ("rows", "champion", "candidate", "95 % of the gain"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in numbers:
        table.add_row(
            escape(one["name"]),
            str(one["rows"]),
            f"{one['champion']:.3f}",
            f"{one['candidate']:.3f}",
            f"{one['low']:+.3f} to {one['high']:+.3f}",
            one["verdict"],
        )
    return table


def _as_json(one: Run) -> dict[str, Any]:
    values = asdict(one)
    for name in ("started_at", "ended_at", "lease_until"):
        values[name] = None if values[name] is None else values[name].isoformat()
    return values
