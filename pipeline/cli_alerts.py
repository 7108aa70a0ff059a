"""The command about where alerts go."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import Config, Json, Servers, load_settings, reported, show

alerts = typer.Typer(no_args_is_help=True, help="Where incidents are told.")


@alerts.callback()
def _describe() -> None:
    """Where incidents are told."""


@alerts.command("test")
def try_alerts(
    sink: Annotated[
        str | None, typer.Argument(help="log, kafka, alertmanager or apprise.NAME; default all.")
    ] = None,
    *,
    servers: Servers = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Send a test message to every sink of the settings; exit status 1 if one does not take it."""
    from pipeline.process import now
    from pipeline.sinks import NoSuchSink, try_sinks

    with reported():
        try:
            shown = try_sinks(load_settings(config, kafka=servers), sink, now)
        except NoSuchSink as error:
            raise typer.BadParameter(str(error)) from error
        show(shown, as_json=as_json)
        if shown.result["failed"]:
            raise typer.Exit(1)
