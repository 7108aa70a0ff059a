"""The command `bearwatch`: each subcommand is a few lines over the modules beside this one.

Results go to standard output, everything else to standard error. Whatever needs torch is imported
inside its command, so that the others answer at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import (
    cli_alerts,
    cli_articles,
    cli_calibrate,
    cli_dlq,
    cli_doctor,
    cli_incidents,
    cli_kafka,
    cli_labels,
    cli_models,
    cli_prompts,
    cli_retrain,
    cli_spikes,
    part_commands,
)
from pipeline.commands import (
    Config,
    File,
    Json,
    Model,
    Precision,
    Servers,
    Url,
    Web,
    load_settings,
    reported,
    show,
    stderr,
)
from pipeline.display import Shown

DEMO_REFRESH_S = 2
"""Two weeks pass in ten seconds: the live page has to hurry."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(part_commands.app)
app.add_typer(cli_doctor.app)
app.add_typer(cli_retrain.app)
app.add_typer(cli_kafka.kafka, name="kafka")
app.add_typer(cli_kafka.ingest, name="ingest")
app.add_typer(cli_dlq.dlq, name="dlq")
app.add_typer(cli_prompts.prompts, name="prompts")
app.add_typer(cli_models.models, name="models")
app.add_typer(cli_articles.articles, name="articles")
app.add_typer(cli_labels.labels, name="labels")
app.add_typer(cli_alerts.alerts, name="alerts")
app.add_typer(cli_calibrate.app)
app.add_typer(cli_spikes.spikes, name="spikes")
app.add_typer(database, name="db")
app.add_typer(cli_incidents.incidents, name="incidents")


@app.callback()
def _describe() -> None:
    """Bearwatch: watch financial news, and be told when negative news spikes."""


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when the stream has ended.")] = False,
    web: Web = True,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """The whole pipeline on two weeks of invented sample news, in a fresh database."""
    from pipeline.run import run_demo

    stay = not once and not as_json and sys.stdout.isatty()
    with reported():
        # Port 0: a demo must not fail because something else is being watched already.
        page: dict[str, object] = {"port": 0, "refresh_seconds": DEMO_REFRESH_S}
        found = load_settings(
            config, model=model, precision=precision, metrics={"port": 0}, web=page
        )
        show(run_demo(found, stderr, stay=stay, web=web), as_json=as_json)


@app.command()
def run(
    *,
    source: Annotated[
        Path | None,
        typer.Option("--source", help="File to read and follow; default feeds and pushes."),
    ] = None,
    servers: Servers = None,
    feeds: Annotated[
        list[str] | None,
        typer.Option("--feed", metavar="URL", help="RSS or Atom feed; may be repeated."),
    ] = None,
    web: Web = True,
    db: Url = None,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Everything in one process until stopped: a file, Kafka, or feeds and what is pushed.

    Pages show it meanwhile; articles are pushed to `bearwatch web`. The next start
    goes on where this one ended.
    """
    from pipeline.run import run_file, run_live

    with reported():
        if sum(map(bool, (source, servers, feeds))) > 1:
            raise typer.BadParameter(
                "give one of --source, --kafka and --feed; `bearwatch ingest` sends files and "
                "feeds to Kafka"
            )
        found = load_settings(
            config,
            db=db,
            model=model,
            precision=precision,
            kafka="" if feeds else servers,
            feeds={"urls": feeds},
        )
        if source is None:
            run_live(found, stderr, web=web)
        else:
            run_file(found, stderr, source, web=web)


@app.command()
def replay(
    file: File,
    *,
    report: Annotated[
        Path | None, typer.Option("--report", help="Folder for a page with pictures.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A detector's setting; twice compares."),
    ] = None,
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """A dated file in event time, as fast as it goes. Without --db it keeps nothing.

    --set incidents.open_score=1.95 --set incidents.open_score=2.24 judges the same counts by
    both, side by side.
    """
    from pipeline.replaying import Review
    from pipeline.run import run_replay

    with reported():
        found = load_settings(config, db=db, model=model, precision=precision)
        review = Review(found, tuple(changes or ()), report)
        if review.compares and db is not None:
            raise typer.BadParameter("--set twice compares in a database of its own: no --db")
        plain = not changes and report is None
        shown = run_replay(
            found, stderr, file, keep=db is not None, review=None if plain else review
        )
        show(shown, as_json=as_json)


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

    with reported():
        given = list(texts or [])
        if file is not None:
            given += [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        if not given:
            raise typer.BadParameter("give texts, or --file with one text per line")
        found = load_settings(config, model=model, precision=precision)
        show(classify_texts(found, given), as_json=as_json)


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL rows with text and sentiment and/or topic.")],
    *,
    split: Annotated[str | None, typer.Option(help="Only rows of this split.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for a page with intervals, slices, pictures and mistakes."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
    model: Model = None,
    precision: Precision = None,
) -> None:
    """Compare a version with labels: accuracy, F1, calibration, a report per class."""
    from pipeline.classifying import evaluate_file

    with reported():
        found = load_settings(config, model=model, precision=precision)
        show(evaluate_file(found, file, split, report), as_json=as_json)


@app.command()
def train(
    *,
    data: Annotated[list[Path], typer.Option("--data", help="Labelled JSONL; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the version; must not exist.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Version to go on from; default the prompt.")
    ] = None,
    judged: Annotated[
        list[Path] | None,
        typer.Option("--judged", help="Labelled rows to be judged on; its report lies in OUT."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="What is tuned: deep; or to compare: shallow, heads, full.")
    ] = "deep",
    device: Annotated[str, typer.Option(help="cpu, or cuda for a GPU.")] = "cpu",
    recipe: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of the recipe; may be repeated.")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for TensorBoard's event files, by step.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Tune the prompt and the heads on labelled rows, and store the version."""
    from pipeline.classifying import Wish, train_version

    with reported():
        changes = (f"method={method}", *(recipe or ()))
        wish = Wish(data, out, tuple(judged or ()), start, device, changes, tensorboard)
        show(train_version(load_settings(config), wish, stderr), as_json=as_json)


@app.command()
def stats(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """What is stored: articles, stories, dead letters, totals per topic and company."""
    from pipeline.inspecting import show_stats

    with reported():
        show(show_stats(load_settings(config, db=db)), as_json=as_json)


@database.command()
def verify(*, db: Url = None, as_json: Json = False, config: Config = None) -> None:
    """Compute copies and buckets again from the articles; exit status 1 if they differ."""
    from pipeline.inspecting import verify_database

    with reported():
        shown = verify_database(load_settings(config, db=db))
        show(shown, as_json=as_json)
        if shown.result["total"]:
            raise typer.Exit(1)


@app.command("config")
def show_config(*, as_json: Json = False, config: Config = None) -> None:
    """The settings in force, secrets masked."""
    with reported():
        show(Shown(load_settings(config).masked()), as_json=as_json)


def main() -> None:
    """Run the command line; the entry point of the installed program."""
    app()
