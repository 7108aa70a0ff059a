"""The command that sets the thresholds by a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import Config, Json, Model, Precision, load_settings, reported, show, stderr
from pipeline.settings import DEFAULT_FILE

app = typer.Typer()


@app.command()
def calibrate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A quiet past: .jsonl or .jsonl.gz of articles, or .db, a database of bearwatch.",
        ),
    ],
    *,
    per_day: Annotated[
        float | None,
        typer.Option(
            "--per-day", min=0.0, help="Leading incidents a day, whole fleet; default 2."
        ),
    ] = None,
    per_month: Annotated[
        float | None,
        typer.Option("--per-month", min=0.0, help="Or: incidents per key and 30 days."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Set the scores to open so that a quiet past would have kept a budget of incidents.

    Writes one value into the settings file (--config, or bearwatch.toml), which every command
    reads from then on.
    """
    from pipeline.calibrating import Budget, calibrate

    with reported():
        if per_day is not None and per_month is not None:
            raise typer.BadParameter("give one of --per-day and --per-month")
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"{missing[0]}: no such file")
        budget = Budget(None if per_month is not None else (per_day or 2.0), per_month)
        if per_day == 0.0:
            raise typer.BadParameter("--per-day 0 would silence everything")
        found = load_settings(config, model=model, precision=precision, metrics={"port": 0})
        target = None if dry_run else (config or DEFAULT_FILE)
        shown = calibrate(found, stderr, files, budget, write_to=target)
        show(shown, as_json=as_json)
