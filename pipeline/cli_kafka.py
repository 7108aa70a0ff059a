"""The commands about Kafka: its topics, and what is sent to it."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import (
    Config,
    File,
    Json,
    Servers,
    load_settings,
    reported,
    show,
    stderr,
)

kafka = typer.Typer(no_args_is_help=True, help="Look after Kafka.")
ingest = typer.Typer(no_args_is_help=True, help="Send articles to Kafka.")


@kafka.command("create-topics")
def create_topics(
    *,
    servers: Servers = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Of the articles: the most workers at a time.")
    ] = 4,
    replication: Annotated[
        int | None, typer.Option(min=1, max=100, help="Copies; default the brokers' own.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make the topics that are missing; those that exist stay as they are."""
    from pipeline.ingesting import make_topics

    with reported():
        found = load_settings(config, kafka=servers)
        show(make_topics(found, partitions, replication), as_json=as_json)


@ingest.command("file")
def ingest_file(
    file: File, *, servers: Servers = None, as_json: Json = False, config: Config = None
) -> None:
    """Send a file's lines. Sending it again changes nothing."""
    from pipeline.ingesting import send_file

    with reported():
        show(send_file(load_settings(config, kafka=servers), stderr, file), as_json=as_json)
