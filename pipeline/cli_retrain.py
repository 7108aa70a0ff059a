"""The command `bearwatch retrain`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import Config, Json, Url, load_settings, reported, show, stderr

app = typer.Typer()


@app.command()
def retrain(
    *,
    once: Annotated[bool, typer.Option("--once", help="Train now, decide, and end.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Train by the schedule and after so many labels.")
    ] = False,
    history: Annotated[
        int, typer.Option("--history", help="Show so many of the newest runs.", metavar="N")
    ] = 0,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="With --once: however few labels are new.")
    ] = False,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Learn from labels: train, compare on sealed rows, promote what is measurably better."""
    from pipeline.retraining import serve as programs

    with reported():
        if once + serve + (history > 0) != 1 or (anyway and not once):
            raise typer.BadParameter("give one of --once, --serve and --history N")
        found = load_settings(config, db=db)
        if serve:
            programs.run_serve(found, stderr)
        elif once:
            show(programs.run_once(found, stderr, anyway=anyway), as_json=as_json)
        else:
            show(programs.show_history(found, history), as_json=as_json)
