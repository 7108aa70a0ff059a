"""The parent's side of a training's process: start it, hear how it goes, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from time import monotonic
from typing import IO, Any, Final

from pipeline.retraining import job
from pipeline.retraining.job import Result

LISTEN_S: Final = 0.5
ENDS_IN_S: Final = 10.0
LAST_LINES: Final = 20


Heard = Callable[[Mapping[str, Any]], None]
"""Given what the process tells: ``at`` what it is, in training also ``step`` and ``steps``."""


class TrainingFailed(Exception):
    """The process ended without a result; the message has the end of what it said."""


class Stopped(Exception):
    """This program was asked to end; the training can be gone on with."""


def run(
    folder: Path,
    *,
    stop: Event,
    alive: Callable[[], None],
    heard: Heard,
    longest_s: float,
) -> Result:
    """Do the job of ``folder`` in a process of its own, and give its result.

    ``alive`` is called at least every half a second, and ends the training by raising; ``heard``
    is given what the process tells.

    Raises:
        TrainingFailed: it ended with an error, was killed, or took longer than ``longest_s``.
        Stopped: ``stop`` was set.
    """
    complaints = folder / "stderr"
    with complaints.open("w+", encoding="utf-8") as file:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "pipeline.retraining.child", str(folder)],
            stdout=subprocess.PIPE,
            stderr=file,
            stdin=subprocess.DEVNULL,
            text=True,
            # Read by torch and by the linear algebra below numpy when they are loaded.
            env=os.environ | {"OMP_NUM_THREADS": str(job.read_job(folder).threads)},
        )
        patience = 0.0
        try:
            _hear(process, stop, alive, heard, monotonic() + longest_s)
            patience = ENDS_IN_S
        finally:
            _end(process, patience)
        if process.returncode == 0 and (result := job.read_result(folder)) is not None:
            return result
        file.seek(0)
        said = file.read().strip().splitlines()[-LAST_LINES:]
    how = f"status {process.returncode}" if process.returncode >= 0 else "a signal"
    last = said[-1] if said else "it said nothing"
    raise TrainingFailed(f"the training's process ended by {how}: {last}")


def _hear(
    process: subprocess.Popen[str],
    stop: Event,
    alive: Callable[[], None],
    heard: Heard,
    until: float,
) -> None:
    lines: Queue[str | None] = Queue()
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    # It ends, and closes the pipe, when the process does.
    Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    while True:
        alive()
        if stop.is_set():
            raise Stopped("the training was stopped; it goes on at the next start")
        if monotonic() > until:
            raise TrainingFailed(
                "the training took longer than [retraining] longest_minutes: train on fewer rows "
                "or epochs, or raise it"
            )
        try:
            line = lines.get(timeout=LISTEN_S)
        except Empty:
            continue
        if line is None:
            return
        try:
            told = json.loads(line)
        except ValueError:
            continue  # a library's remark
        heard(told)


def _read(stream: IO[str], lines: Queue[str | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str], patience: float) -> None:
    """Wait for its end so many seconds, then kill it: a training survives that."""
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=ENDS_IN_S)
