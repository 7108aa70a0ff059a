"""What all commands share: their options, their settings, how they print and how they fail."""

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
Servers = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Kafka's brokers, comma-separated."),
]
Web = Annotated[
    bool, typer.Option("--web/--no-web", help="Show it on the live page, from this process.")
]
File = Annotated[Path, typer.Argument(help="A .jsonl or .jsonl.gz file of articles.")]

stderr = Console(stderr=True)


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
def reported() -> Iterator[None]:
    """Errors that the user can mend as one line and exit status 2; the rest as tracebacks."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (*expected(), FileExistsError, FileNotFoundError)):
            raise
        # Not wrapped: a path that is cut in two cannot be copied.
        stderr.print(
            f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from error


def load_settings(
    config: Path | None,
    *,
    db: str | None = None,
    model: Path | None = None,
    precision: str | None = None,
    kafka: str | None = None,
    metrics: dict[str, object] | None = None,
    feeds: dict[str, object] | None = None,
    web: dict[str, object] | None = None,
) -> Settings:
    """Settings with the command line's on top; sets up logging by them."""
    given: dict[str, dict[str, object]] = {
        "database": {"url": db},
        "model": {"folder": model, "precision": precision},
        "kafka": {"servers": kafka},
        "metrics": metrics or {},
        "feeds": feeds or {},
        "web": web or {},
    }
    found = settings.load(config, overrides=given)
    logs.configure(found.log, cast("TextIO", _CurrentStderr()))
    return found


def show(shown: Shown, *, as_json: bool) -> None:
    """A result on standard output: for people, or as one JSON document."""
    if as_json or shown.view is None:
        sys.stdout.write(json.dumps(shown.result, indent=2, ensure_ascii=False) + "\n")
    else:
        Console().print(shown.view)
