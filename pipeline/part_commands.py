"""The commands for the parts of the pipeline as programs of their own: worker, monitor, web."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline.commands import (
    Config,
    Json,
    Model,
    Precision,
    Servers,
    Url,
    load_settings,
    reported,
    show,
    stderr,
)
from pipeline.display import Shown

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
    inbox: Annotated[
        bool, typer.Option("--inbox", help="Read what was pushed to the database.")
    ] = False,
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
    from pipeline.sources import Source, open_file, open_inbox, open_kafka
    from pipeline.store.database import Database

    with reported():
        if (source is not None) + (servers is not None) + inbox > 1:
            raise typer.BadParameter("give one of --source, --kafka and --inbox")
        found = load_settings(config, db=db, model=model, precision=precision, kafka=servers)
        if source is None and not inbox and not found.kafka.servers:
            raise typer.BadParameter("give --kafka HOST:PORT, --inbox, or --source with a file")
        most = found.sources.poll_records

        def open_source(db: Database) -> Source:
            if source is not None:
                return open_file(source, clock=now, until_idle=until_idle, most=most)
            if inbox:
                return open_inbox(db, until_idle=until_idle, most=most)
            return open_kafka(found.kafka, clock=now, until_idle=until_idle, most=most)

        run_worker(found, stderr, open_source)


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


@app.command()
def web(*, servers: Servers = None, db: Url = None, config: Config = None) -> None:
    """Show incidents; take articles by HTTP, into Kafka or the database for a worker."""
    from pipeline.web.serve import run_web

    with reported():
        run_web(load_settings(config, db=db, kafka=servers), stderr)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="What you call it: a-z, 0-9, - and _.")],
    *,
    source: Annotated[
        list[str], typer.Option("--source", help="A source it may write for; may be repeated.")
    ],
    as_json: Json = False,
) -> None:
    """Make a token for pushing articles. It is shown this once and kept nowhere."""
    from pipeline.web.tokens import new

    with reported():
        secret, lines = new(name, tuple(source))
        view = f"{secret}\n\nGive it to the sender. Add these lines to bearwatch.toml:\n\n{lines}"
        show(Shown({"token": secret, "settings": lines}, Text(view)), as_json=as_json)


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="The name to log in with: a-z, 0-9, - and _.")],
    *,
    role: Annotated[str, typer.Option("--role", help="viewer, annotator, engineer or admin.")],
    token: Annotated[
        bool, typer.Option("--token", help="A token, for programs, instead of a password.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a password for somebody who uses the pages. It is shown this once and kept nowhere."""
    from pipeline.web.accounts import new

    with reported():
        secret, lines = new(name, role, token=token)
        view = f"{secret}\n\nGive it to {name}. Add these lines to bearwatch.toml:\n\n{lines}"
        kind = "token" if token else "password"
        show(Shown({kind: secret, "settings": lines}, Text(view)), as_json=as_json)
