"""What `bearwatch spikes simulate` shows: the study of :mod:`alerts.study` as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isnan

import typer
from rich.console import Console, Group
from rich.table import Table

from alerts.simulation import RATES
from alerts.study import SPIKES, VOLUME, Plan, Row, study
from pipeline.display import Shown, progress
from pipeline.settings import Settings


def simulate_spikes(
    settings: Settings,
    console: Console,
    *,
    seeds: Sequence[int],
    days: int,
    rates: Sequence[float],
    keys: int,
    share_season: float,
) -> Shown:
    """Run the study by these settings, showing how far it is.

    Raises:
        typer.BadParameter: a rate that the generator does not know.
    """
    unknown = [rate for rate in rates if rate not in RATES]
    if unknown:
        known = ", ".join(f"{rate:g}" for rate in RATES)
        raise typer.BadParameter(f"--rate {unknown[0]:g}: the streams have rates of {known}")
    plan = Plan(keys, days, days // 3, share_season, tuple(sorted(set(rates))) or RATES)
    with progress(console) as display:
        bar = display.add_task("simulating", total=1.0, facts="")
        found = study(
            plan,
            seeds,
            settings.spikes,
            settings.incidents,
            advanced=lambda done: display.update(bar, completed=done, facts=f"{done:.0%}"),
        )
    tables = (
        ("Both tests, a bar for each rate at one false alarm per key and 30 days", found.tuned),
        ("The rules in force, the same for every rate", found.shipped),
    )
    mean = sum(row.false_alerts for row in found.shipped) / len(found.shipped)
    line = f"false alarms of the rules in force, mean of the rates: {mean:.2f} per key and 30 days"
    result = {
        "seeds": list(seeds),
        "spikes": list(SPIKES),
        "tuned": [_values(row) for row in found.tuned],
        "shipped": [_values(row) for row in found.shipped],
        "false_alerts": mean,
    }
    return Shown(result, Group(*(_table(title, rows) for title, rows in tables), line))


def _values(row: Row) -> dict[str, object]:
    """A row as JSON has it: null where there is no number."""
    values = asdict(row) | {"volume": _number(row.volume)}
    for name, numbers in (("recall", row.recall), ("delay", row.delay)):
        values[name] = [_number(value) for value in numbers]
    return values


def _number(value: float) -> float | None:
    return None if isnan(value) else value


def _text(value: float, form: str) -> str:
    return "-" if isnan(value) else format(value, form)


def _table(title: str, rows: Sequence[Row]) -> Table:
    caption = "negative stories an hour; false alarms per key and 30 quiet days"
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    names = ["rate", "false", *(f"x{factor:g} found, after" for factor in SPIKES)]
    for name in (*names, f"x{VOLUME:g} volume taken", "spikes"):
        table.add_column(name, justify="right")
    for row in rows:
        found = (
            f"{_text(recall, '.0%')}, {_text(minutes, '.0f')} min"
            for recall, minutes in zip(row.recall, row.delay, strict=True)
        )
        rate, false = f"{row.rate:g}", f"{row.false_alerts:.2f}"
        table.add_row(rate, false, *found, _text(row.volume, ".1%"), str(row.events))
    return table
