"""The command that says whether an installation can work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from pipeline.commands import Config, Json, Model, Servers, Url, load_settings, show
from pipeline.settings import InvalidSettings

app = typer.Typer()


@app.command()
def doctor(
    *,
    servers: Servers = None,
    db: Url = None,
    model: Model = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check settings, database, Kafka, classifier, clock and disk, and say how to mend what fails.

    Nothing is changed. Exit status 1 if something fails; a warning is none.
    """
    from pipeline.doctor.command import examined, passed, report, unreadable

    try:
        found = load_settings(config, db=db, kafka=servers, model=model)
    except InvalidSettings as error:
        findings = unreadable(error)
    else:
        with _quiet():
            findings = examined(found)
    show(report(findings), as_json=as_json)
    if not passed(findings):
        raise typer.Exit(1)


@contextmanager
def _quiet() -> Iterator[None]:
    """No log meanwhile: what a check meets is told by its finding, in better words."""
    handlers = [(handler, handler.level) for handler in logging.getLogger().handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)
