"""The commands that bring articles in, and those about Kafka."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import (
    Config,
    File,
    Json,
    Servers,
    Url,
    load_settings,
    reported,
    show,
    stderr,
)

kafka = typer.Typer(no_args_is_help=True, help="Look after Kafka.")
ingest = typer.Typer(no_args_is_help=True, help="Bring articles in.")


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


@ingest.command("feeds")
def ingest_feeds(
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL...", help="RSS or Atom feeds; default those of the settings."),
    ] = None,
    *,
    servers: Servers = None,
    db: Url = None,
    once: Annotated[
        bool, typer.Option("--once", help="Ask every feed once, tell what came, and end.")
    ] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Read feeds into Kafka, or without --kafka into the database, until stopped."""
    from pipeline.feeding import poll_feeds, poll_once

    with reported():
        given: dict[str, object] = {"urls": urls or None}
        found = load_settings(config, db=db, kafka=servers, feeds=given)
        if not once:
            poll_feeds(found, stderr)
            return
        shown = poll_once(found, stderr)
        show(shown, as_json=as_json)
        if shown.result["failed"] == len(shown.result["feeds"]):
            raise typer.Exit(1)
