"""The commands about labels: into the database, out of it, what there is, what to label next."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import (
    Config,
    Json,
    Servers,
    Url,
    load_settings,
    reported,
    show,
    stderr,
)
from pipeline.part_commands import UntilIdle

labels = typer.Typer(no_args_is_help=True, help="What annotators say of texts.")

Form = Annotated[
    str | None,
    typer.Option("--format", help="jsonl, csv or label-studio; default by the name's ending."),
]


@labels.command("import")
def import_labels(
    file: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Label Studio's JSON; or .gz.")],
    *,
    form: Form = None,
    annotator: Annotated[
        str | None, typer.Option("--annotator", help="Whose labels, where a row names nobody.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad rows out and store the others.")
    ] = False,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Store the labels of a file. Twice is once; with a bad row nothing is stored."""
    from pipeline.labels.commands import import_file
    from pipeline.process import now, opened

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            shown = import_file(
                found,
                file,
                form=form,
                annotator=annotator,
                skip_bad=skip_bad,
                now=now(),
                topics=settings.model.topics,
            )
        show(shown, as_json=as_json)


@labels.command("export")
def export_labels(
    file: Annotated[Path | None, typer.Argument(help="Default: standard output.")] = None,
    *,
    form: Form = None,
    consensus: Annotated[
        bool,
        typer.Option("--consensus", help="One row a text, as the majority says, for training."),
    ] = False,
    db: Url = None,
    config: Config = None,
) -> None:
    """Write what counts now: a row for each text and annotator. It can be imported again."""
    from pipeline.labels.commands import export_file
    from pipeline.process import opened

    with reported(), opened(load_settings(config, db=db)) as found:
        number = export_file(found, file, form=form, consensus=consensus)
        if file is not None:
            sys.stdout.write(f"{number:,} rows written to {file}\n")


@labels.command("stats")
def label_stats(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Labels by annotator, how far annotators agree, what they dispute."""
    from pipeline.labels.summary import stats
    from pipeline.process import opened
    from pipeline.store.labels import counts, snapshot

    with reported(), opened(load_settings(config, db=db)) as found:
        show(stats(snapshot(found), counts(found)), as_json=as_json)


@labels.command("next")
def next_to_label(
    *,
    annotator: Annotated[str, typer.Option("--annotator", help="Who would be asked.")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 10,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """What the labelling page would ask, and why: where a label would teach the most."""
    from pipeline.labels.commands import show_next
    from pipeline.process import now, opened

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            shown = show_next(found, settings, annotator=annotator, now=now(), limit=limit)
            show(shown, as_json=as_json)


@labels.command("listen")
def listen_for_labels(
    *,
    servers: Servers = None,
    until_idle: UntilIdle = False,
    db: Url = None,
    config: Config = None,
) -> None:
    """Store labels from Kafka's topic, each once, until stopped."""
    from pipeline.labels.listening import run_listener

    with reported():
        found = load_settings(config, db=db, kafka=servers)
        run_listener(found, stderr, until_idle=until_idle)
