"""The command `bearwatch`: each subcommand is a few lines over the modules beside this one.

Results go to standard output, everything else to standard error. Whatever needs torch is imported
inside its command, so that the others answer at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer
from rich.console import Console

from pipeline import logs, settings
from pipeline.display import Shown
from pipeline.errors import expected
from pipeline.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
incident_commands = typer.Typer(no_args_is_help=True, help="Incidents and their evidence.")
app.add_typer(database, name="db")
app.add_typer(incident_commands, name="incidents")

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; default bearwatch.toml if it is there."),
]
Url = Annotated[str | None, typer.Option("--db", metavar="URL", help="Database URL.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Model = Annotated[
    Path | None, typer.Option("--model", help="Folder of a version; default the shipped one.")
]
Precision = Annotated[
    str | None, typer.Option("--precision", help="auto, fp32 or bf16.", metavar="P")
]
File = Annotated[Path, typer.Argument(help="A .jsonl or .jsonl.gz file of articles.")]

stderr = Console(stderr=True)


@app.callback()
def _describe() -> None:
    """Bearwatch: watch financial news, and be told when negative news spikes."""


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when the stream has ended.")] = False,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """The whole pipeline on two weeks of invented sample news, in a fresh database."""
    from pipeline.run import run_demo

    stay = not once and not as_json and sys.stdout.isatty()
    with _reported():
        # Port 0: a demo must not fail because something else is being watched already.
        found = _settings(config, model=model, precision=precision, metrics={"port": 0})
        _print(run_demo(found, stderr, stay=stay), as_json=as_json)


@app.command()
def run(
    *,
    source: Annotated[Path, typer.Option("--source", help="File to read and follow.")],
    db: Url = None,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Read a file and follow it, until stopped; the next start goes on from there."""
    from pipeline.run import run_file

    with _reported():
        run_file(_settings(config, db=db, model=model, precision=precision), stderr, source)


@app.command()
def replay(
    file: File,
    *,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """A dated file in event time, as fast as it goes. Without --db it keeps nothing."""
    from pipeline.run import run_replay

    with _reported():
        found = _settings(config, db=db, model=model, precision=precision)
        _print(run_replay(found, stderr, file, keep=db is not None), as_json=as_json)


@app.command()
def classify(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...")] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", help="One text per line.")] = None,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Topic and sentiment of texts."""
    from pipeline.classifying import classify_texts

    with _reported():
        given = list(texts or [])
        if file is not None:
            given += [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        if not given:
            raise typer.BadParameter("give texts, or --file with one text per line")
        found = _settings(config, model=model, precision=precision)
        _print(classify_texts(found, given), as_json=as_json)


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL rows with text and sentiment and/or topic.")],
    *,
    split: Annotated[str | None, typer.Option(help="Only rows of this split.")] = None,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Compare a version with labels: accuracy, F1, calibration, a report per class."""
    from pipeline.classifying import evaluate_file

    with _reported():
        found = _settings(config, model=model, precision=precision)
        _print(evaluate_file(found, file, split), as_json=as_json)


@app.command()
def train(
    *,
    data: Annotated[list[Path], typer.Option("--data", help="Labelled JSONL; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the version; must not exist.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Version to go on from; default the prompt.")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of the recipe; may be repeated.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Tune the prompt and the heads on labelled rows, and store the version."""
    from pipeline.classifying import train_version

    with _reported():
        _settings(config)
        shown = train_version(data, out, stderr, start=start, changes=recipe or [])
        _print(shown, as_json=as_json)


@app.command()
def stats(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """What is stored: articles, stories, dead letters, totals per topic and company."""
    from pipeline.inspecting import show_stats

    with _reported():
        _print(show_stats(_settings(config, db=db)), as_json=as_json)


@incident_commands.command("list")
def list_incidents(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Every incident with its evidence, oldest first."""
    from pipeline.inspecting import show_incidents

    with _reported():
        _print(show_incidents(_settings(config, db=db)), as_json=as_json)


@database.command()
def verify(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Compute copies and buckets again from the articles; exit status 1 if they differ."""
    from pipeline.inspecting import verify_database

    with _reported():
        shown = verify_database(_settings(config, db=db))
        _print(shown, as_json=as_json)
        if shown.result["total"]:
            raise typer.Exit(1)


@app.command("config")
def show_config(*, as_json: Json = False, config: Config = None) -> None:
    """The settings in force, secrets masked."""
    with _reported():
        _print(Shown(_settings(config).masked()), as_json=as_json)


def main() -> None:
    """Run the command line; the entry point of the installed program."""
    app()


class _CurrentStderr:
    """Standard error as it is at the moment: a progress display puts itself in front of it."""

    def write(self, text: str) -> int:
        """Write to whatever stands for standard error now."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return sys.stderr.isatty()


@contextmanager
def _reported() -> Iterator[None]:
    """Errors that the user can mend as one line and exit status 2; the rest as tracebacks."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (*expected(), FileExistsError, FileNotFoundError)):
            raise
        stderr.print(f"error: {error}", style="bold red", markup=False, highlight=False)
        raise typer.Exit(2) from error


def _settings(
    config: Path | None,
    *,
    db: str | None = None,
    model: Path | None = None,
    precision: str | None = None,
    metrics: dict[str, object] | None = None,
) -> Settings:
    """Settings with the command line's on top; sets up logging by them."""
    given: dict[str, dict[str, object]] = {
        "database": {"url": db},
        "model": {"folder": model, "precision": precision},
        "metrics": metrics or {},
    }
    found = settings.load(config, overrides=given)
    logs.configure(found.log, cast("TextIO", _CurrentStderr()))
    return found


def _print(shown: Shown, *, as_json: bool) -> None:
    if as_json or shown.view is None:
        sys.stdout.write(json.dumps(shown.result, indent=2, ensure_ascii=False) + "\n")
    else:
        Console().print(shown.view)
