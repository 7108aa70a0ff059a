"""The commands about incidents: look, accept a level, say what they were worth."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pipeline.commands import Config, Json, Url, load_settings, reported, show

incidents = typer.Typer(no_args_is_help=True, help="Incidents and their evidence.")


class State(StrEnum):
    """Of an incident."""

    open = "open"
    resolved = "resolved"


class Least(StrEnum):
    """Severities, least grave first."""

    info = "info"
    warn = "warn"
    critical = "critical"


class Verdict(StrEnum):
    """What an incident was worth: the keys of ``pipeline.pages.view.VERDICTS``."""

    useful = "useful"
    not_useful = "not-useful"
    late = "late"
    duplicate = "duplicate"
    wrong_labels = "wrong-labels"


Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the first 4 digits or more.")]
Actor = Annotated[str | None, typer.Option("--by", help="Who says so; default your login name.")]
Note = Annotated[str, typer.Option("--note", help="Why; kept with it.")]


@incidents.command("list")
def list_incidents(
    *,
    state: Annotated[State | None, typer.Option("--state", help="Only those.")] = None,
    severity: Annotated[Least | None, typer.Option("--severity", help="This or graver.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Symbol, topic, or all.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="12h, 7d, or a date in UTC.")
    ] = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Incidents, oldest first; with --json all their numbers and headlines."""
    from pipeline import incident_commands as commands
    from pipeline.process import now, opened
    from pipeline.store.looking import Wanted

    with reported(), opened(load_settings(config, db=db)) as found:
        try:
            begin = commands.since(since, now()) if since else None
        except commands.WrongTime as error:
            raise typer.BadParameter(str(error)) from error
        which = Wanted(
            open=None if state is None else state is State.open,
            least=None if severity is None else severity.value,
            key=key,
            since=begin,
        )
        show(commands.list_incidents(found, which), as_json=as_json)


@incidents.command("show")
def show_incident(
    incident: Id, *, db: Url = None, as_json: Json = False, config: Config = None
) -> None:
    """One incident: its counts against the usual, its stories, how it went, what was said."""
    from pipeline import incident_commands as commands
    from pipeline.process import opened

    with reported(), opened(load_settings(config, db=db)) as found:
        show(commands.show_incident(found, incident), as_json=as_json)


@incidents.command("accept")
def accept(
    incident: Id,
    *,
    note: Note = "",
    actor: Actor = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take the level of an open incident as the new normal of its company or topic."""
    from pipeline import incident_commands as commands
    from pipeline.process import now, opened

    with reported(), opened(load_settings(config, db=db)) as found:
        shown = commands.accept(found, incident, actor=actor, note=note, now=now())
        show(shown, as_json=as_json)


@incidents.command("feedback")
def feedback(
    incident: Id,
    verdict: Verdict,
    *,
    note: Note = "",
    actor: Actor = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say what an incident was worth; it is shown with it."""
    from pipeline import incident_commands as commands
    from pipeline.process import now, opened

    with reported(), opened(load_settings(config, db=db)) as found:
        shown = commands.feedback(
            found, incident, verdict.value, actor=actor, note=note, now=now()
        )
        show(shown, as_json=as_json)
