"""The commands for the parts of the pipeline as programs of their own: worker, monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import Config, Model, Precision, Url, load_settings, reported, stderr

app = typer.Typer()

UntilIdle = Annotated[
    bool, typer.Option("--until-idle", help="End when everything there is has been done.")
]


@app.command()
def worker(
    *,
    source: Annotated[Path, typer.Option("--source", help="File to read and follow.")],
    until_idle: UntilIdle = False,
    db: Url = None,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Read, classify and store; a monitor counts. Any number may run, each on its own source."""
    from ingest.files import JsonlSource
    from pipeline.parts import run_worker
    from pipeline.process import now
    from pipeline.sources import FileSource

    with reported():
        found = load_settings(config, db=db, model=model, precision=precision)
        follow = not until_idle and source.suffix != ".gz"
        most = found.sources.poll_records
        file = JsonlSource(source, clock=now, follow=follow, max_records=most)
        run_worker(found, stderr, FileSource(file))


@app.command()
def monitor(*, until_idle: UntilIdle = False, db: Url = None, config: Config = None) -> None:
    """Count, watch and tell what workers store. Of several monitors one is active."""
    from pipeline.parts import run_monitor

    with reported():
        run_monitor(load_settings(config, db=db), stderr, until_idle=until_idle)
