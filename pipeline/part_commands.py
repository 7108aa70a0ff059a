"""The commands for the parts of the pipeline as programs of their own: worker, monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import (
    Config,
    Model,
    Precision,
    Servers,
    Url,
    load_settings,
    reported,
    stderr,
)

app = typer.Typer()

UntilIdle = Annotated[
    bool, typer.Option("--until-idle", help="End when everything there is has been done.")
]


@app.command()
def worker(
    *,
    source: Annotated[
        Path | None, typer.Option("--source", help="File to read and follow.")
    ] = None,
    servers: Servers = None,
    until_idle: UntilIdle = False,
    db: Url = None,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Read, classify and store; a monitor counts. Any number may share Kafka's partitions."""
    from pipeline.parts import run_worker
    from pipeline.process import now
    from pipeline.sources import Source, open_file, open_kafka

    with reported():
        if source is not None and servers is not None:
            raise typer.BadParameter("give --source or --kafka, not both")
        found = load_settings(config, db=db, model=model, precision=precision, kafka=servers)
        most = found.sources.poll_records
        opened: Source
        if source is not None:
            opened = open_file(source, clock=now, until_idle=until_idle, most=most)
        elif found.kafka.servers:
            opened = open_kafka(found.kafka, clock=now, until_idle=until_idle, most=most)
        else:
            raise typer.BadParameter("give --kafka HOST:PORT, or --source with a file")
        run_worker(found, stderr, opened)


@app.command()
def monitor(
    *,
    servers: Servers = None,
    until_idle: UntilIdle = False,
    db: Url = None,
    config: Config = None,
) -> None:
    """Count, watch and tell what workers store. Of several monitors one is active.

    With --kafka it publishes dead letters in Kafka's dead topic.
    """
    from pipeline.parts import run_monitor

    with reported():
        found = load_settings(config, db=db, kafka=servers)
        run_monitor(found, stderr, until_idle=until_idle)
