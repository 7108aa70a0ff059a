"""The command about prompts: a prompt is tested, not guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import Config, Json, load_settings, reported, show, stderr

prompts = typer.Typer(no_args_is_help=True, help="Prompt texts against labelled rows.")


@prompts.callback()
def _describe() -> None:
    """Keep the group a group while it has one command."""


@prompts.command("test")
def rank(
    files: Annotated[list[Path], typer.Argument(help="Labelled rows, as for `train`.")],
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--prompts", help="Folder of *.yaml prompts; default the shipped one's parts."
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=0, help="Training rows to tune on; 0 tunes nothing.")
    ] = 2_000,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Trainings of each prompt.")] = 1,
    recipe: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of the recipe; may be repeated.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Score several prompts untuned and shortly tuned, ranked; say what is more than noise."""
    from pipeline.prompting import rank_prompts

    with reported():
        load_settings(config)
        shown = rank_prompts(
            files, folder, stderr, rows=rows, seeds=seeds, changes=["epochs=2", *(recipe or [])]
        )
        show(shown, as_json=as_json)
