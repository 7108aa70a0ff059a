"""What a training's own process is told, and what it tells: files of JSON in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.retraining.gate import Compared

JOB: Final = "job.json"
RESULT: Final = "result.json"
VERSION: Final = "version"
"""Folder of the version that is made."""

LOCK: Final = "lock"
REHEARSAL: Final = "bearwatch_headlines.jsonl"  # a name whose origin and licence are known
LABELS: Final = "labels.jsonl"
SEALED: Final = "sealed.jsonl"
RECENT: Final = "recent.jsonl"


@dataclass(frozen=True, slots=True)
class Job:
    """``start`` is the champion's folder, None the version that ships; ``topics`` the file of
    labels, ``encoder`` a folder, None for what ships. ``new`` are ids of rows of ``LABELS``."""

    start: str | None
    topics: str | None
    encoder: str | None
    recipe: Mapping[str, Any]
    threads: int
    contradicted: float
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of one task's new labels: the share that everything speaks against, and what is usual."""

    labels: int
    share: float
    usual: float
    low: float


@dataclass(frozen=True, slots=True)
class Answered:
    """One task's sealed rows: their labels, and both versions' probabilities for each name."""

    names: tuple[str, ...]
    labels: tuple[int, ...]
    champion: tuple[tuple[float, ...], ...]
    candidate: tuple[tuple[float, ...], ...]

    def compared(self, rows: slice = slice(None)) -> Compared:
        """As the gate takes it."""
        return Compared(
            self.names,
            np.array(self.labels[rows], dtype=np.int64),
            np.array(self.champion[rows], dtype=np.float64),
            np.array(self.candidate[rows], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What one version says of one recent article: a topic and a sentiment by name."""

    topic: str
    sentiment: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a training's process found out. Without ``candidate`` nothing was trained, since the
    labels are in doubt. ``base`` is how many rows of each task, the first ones, are of the sealed
    headlines, which never change; ``added`` are the topics that the champion was not tuned on."""

    doubts: dict[str, Doubt]
    candidate: str | None = None
    added: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    answered: dict[str, Answered] = field(default_factory=dict)
    base: dict[str, int] = field(default_factory=dict)
    champion_recent: tuple[Told, ...] = ()
    candidate_recent: tuple[Told, ...] = ()
    seconds: float = 0.0


def write(path: Path, value: Job | Result) -> None:
    """Write by rename: the file is whole or absent."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(asdict(value)), encoding="utf-8")
    part.replace(path)


def read_job(folder: Path) -> Job:
    """The folder's job."""
    values = json.loads((folder / JOB).read_text(encoding="utf-8"))
    return Job(**values | {"new": tuple(values["new"])})


def read_result(folder: Path) -> Result | None:
    """The folder's result; None while there is none."""
    try:
        values = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    answered = {
        task: Answered(
            names=tuple(one["names"]),
            labels=tuple(one["labels"]),
            champion=tuple(map(tuple, one["champion"])),
            candidate=tuple(map(tuple, one["candidate"])),
        )
        for task, one in values["answered"].items()
    }
    recent = {
        name: tuple(Told(**one) for one in values[name])
        for name in ("champion_recent", "candidate_recent")
    }
    doubts = {task: Doubt(**one) for task, one in values["doubts"].items()}
    more = {"answered": answered, "doubts": doubts, "added": tuple(values["added"])}
    return Result(**values | more | recent)
