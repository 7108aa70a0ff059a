"""The commands about versions: register, compare, promote, roll back, and which was it when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import Config, Json, Url, load_settings, reported, show

models = typer.Typer(no_args_is_help=True, help="Versions of the classifier, and the champion.")

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")]
Actor = Annotated[str | None, typer.Option("--by", help="Who does it; default your login name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]


@models.command("list")
def list_versions(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Every version that was registered, the newest first, and the champion."""
    from pipeline.process import opened
    from pipeline.registry import commands

    with reported(), opened(load_settings(config, db=db)) as found:
        show(commands.listing(found), as_json=as_json)


@models.command("show")
def show_version(
    version: Id, *, db: Url = None, as_json: Json = False, config: Config = None
) -> None:
    """One version: its card and report, and when it was the champion."""
    from pipeline.process import opened
    from pipeline.registry import commands
    from pipeline.registry.registry import open_registry

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            registry = open_registry(settings, found)
            show(commands.show_version(found, registry, version), as_json=as_json)


@models.command("register")
def register(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="As `train` has written it.")],
    *,
    actor: Actor = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Verify a version and keep it, so that it can be promoted."""
    from pipeline.process import now, opened
    from pipeline.registry import commands
    from pipeline.registry.registry import open_registry

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            registry = open_registry(settings, found)
            shown = commands.register(registry, folder, by=actor, now=now())
            show(shown, as_json=as_json)


@models.command("compare")
def compare(
    first: Id,
    second: Id,
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled rows; default the held-out headlines of our own."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only rows of this split.")] = None,
    most: Annotated[
        int, typer.Option("--texts", min=0, max=10_000, help="Disagreements shown, at most.")
    ] = 10,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Two versions on the same labelled rows: scores with intervals, and where they disagree."""
    from pipeline.process import opened
    from pipeline.registry.registry import open_registry

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            from pipeline.registry.compare_view import compare_versions  # it brings torch

            shown = compare_versions(
                open_registry(settings, found),
                first,
                second,
                file=data,
                split=split,
                most=most,
                topics=settings.model.topics,
            )
            show(shown, as_json=as_json)


@models.command("promote")
def promote(
    version: Id,
    *,
    reason: Reason,
    actor: Actor = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a version the champion, after it was verified here; running workers take it."""
    from pipeline.process import now, opened
    from pipeline.registry import commands
    from pipeline.registry.registry import open_registry

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            registry = open_registry(settings, found)
            shown = commands.promote(registry, version, by=actor, reason=reason, now=now())
            show(shown, as_json=as_json)


@models.command("rollback")
def rollback(
    *,
    reason: Reason,
    actor: Actor = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Go back to the champion before this one, after it was verified here; again: further."""
    from pipeline.process import now, opened
    from pipeline.registry import commands
    from pipeline.registry.registry import open_registry

    with reported():
        settings = load_settings(config, db=db)
        with opened(settings) as found:
            registry = open_registry(settings, found)
            show(commands.rollback(registry, by=actor, reason=reason, now=now()), as_json=as_json)


@models.command("history")
def history(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Who made which version the champion, when and why."""
    from pipeline.process import opened
    from pipeline.registry import commands

    with reported(), opened(load_settings(config, db=db)) as found:
        show(commands.history(found), as_json=as_json)


@models.command("at")
def at(
    time: Annotated[
        str | None, typer.Argument(metavar="TIME", help="12h, 7d, or a time in UTC.")
    ] = None,
    *,
    article: Annotated[
        str | None,
        typer.Option("--article", metavar="SOURCE/ID", help="Which version labelled it."),
    ] = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Which version was the champion at a time, or labelled an article."""
    from pipeline import incident_commands
    from pipeline.process import now, opened
    from pipeline.registry import commands

    with reported(), opened(load_settings(config, db=db)) as found:
        if (time is None) == (article is None):
            raise typer.BadParameter("give a TIME, or --article SOURCE/ID")
        if article is not None:
            show(commands.of_article(found, article), as_json=as_json)
            return
        try:
            when = incident_commands.since(time or "", now())
        except incident_commands.WrongTime as error:
            raise typer.BadParameter(str(error)) from error
        show(commands.at(found, when), as_json=as_json)
