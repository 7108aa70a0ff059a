"""The commands about the statistics of spikes: how good they are, and what they may cost."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import Config, Json, load_settings, reported, show, stderr

spikes = typer.Typer(no_args_is_help=True, help="The statistics of spikes.")


@spikes.command("simulate")
def simulate(
    *,
    seed: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    days: Annotated[int, typer.Option("--days", min=22, help="Of which a third warms up.")] = 84,
    rate: Annotated[
        list[float] | None,
        typer.Option("--rate", help="Negative stories an hour: 0.5, 5, 50, 500; all by default."),
    ] = None,
    keys: Annotated[int, typer.Option("--keys", min=1, help="Keys of each rate.")] = 16,
    share_season: Annotated[
        float,
        typer.Option(
            "--share-season", min=1.0, max=8.0, help="Peak over trough of the share's day."
        ),
    ] = 1.0,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Recall, false alarms and delay on made-up streams with known spikes, per rate.

    By the settings in force, so that a change can be tried before it is made.
    """
    from pipeline.simulating import simulate_spikes

    with reported():
        found = load_settings(config)
        shown = simulate_spikes(
            found,
            stderr,
            seeds=seed or [1],
            days=days,
            rates=rate or [],
            keys=keys,
            share_season=share_season,
        )
        show(shown, as_json=as_json)
