"""The commands about dead letters: records that are no article, kept with their bytes."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from pipeline.commands import Config, Json, Servers, Url, load_settings, reported, show

dlq = typer.Typer(no_args_is_help=True, help="Records that are no article: look, send in again.")

Reason = Annotated[str | None, typer.Option("--reason", help="Only those of this reason.")]
Letters = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]...", help="As `dlq list` names them."),
]


@dlq.command("list")
def list_letters(
    *,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """The newest dead letters, and how many there are of each reason."""
    from pipeline import dead_letters
    from pipeline.process import opened

    with reported(), opened(load_settings(config, db=db)) as found:
        show(dead_letters.list_letters(found, reason=reason, limit=limit), as_json=as_json)


@dlq.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="The exact bytes, and nothing else, on standard output.")
    ] = False,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """One dead letter: why it is none, and its record made safe for a terminal."""
    from pipeline import dead_letters
    from pipeline.process import opened

    with reported(), opened(load_settings(config, db=db)) as found:
        if raw:
            sys.stdout.buffer.write(dead_letters.find(found, letter).raw)
            sys.stdout.buffer.flush()
        else:
            show(dead_letters.show_letter(found, letter), as_json=as_json)


@dlq.command("replay")
def replay_letters(
    letters: Letters = None,
    *,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    servers: Servers = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Read dead letters by today's rules, and send those in again that are articles now.

    To Kafka where it is configured, else to the database's inbox. Those of reason kills_process
    only when they are named. Doing it twice changes nothing.
    """
    from pipeline import dead_letters
    from pipeline.process import now, opened

    with reported(), ExitStack() as stack:
        if letters and reason is not None:
            raise typer.BadParameter("name dead letters or give --reason, not both")
        settings = load_settings(config, db=db, kafka=servers)
        found = stack.enter_context(opened(settings))
        send: dead_letters.Send | None = None
        if settings.kafka.servers and not dry_run:
            from ingest.kafka.producer import Producer
            from ingest.kafka.topics import require_topic

            require_topic(settings.kafka, settings.kafka.raw_topic)
            producer = Producer(settings.kafka)
            stack.callback(producer.close)
            send = dead_letters.to_kafka(settings, found, producer)
        elif not dry_run:
            send = dead_letters.to_inbox(found)
        done = dead_letters.replay(
            found,
            send,
            names=letters or (),
            reason=reason,
            now=now(),
            labels_topic=settings.kafka.labels_topic,
        )
        show(dead_letters.replay_view(done, dry_run=dry_run), as_json=as_json)
