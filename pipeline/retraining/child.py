"""The process that trains: ``python -m pipeline.retraining.child FOLDER``.

A process of its own, so that a training that runs out of memory, hangs or is killed takes nothing
with it, and its memory is given back. It is told what to do by files, tells how it goes by a line
of JSON now and then, and leaves its result as a file; database and registry are its parent's.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

import numpy as np
import pandas as pd

from models import dataset, evaluation, label_quality, taxonomy, training, versions
from models.card import CARD, VersionError
from models.checkpoint import CheckpointError
from models.labelled_files import read_frame
from models.recipe import Progress, Recipe
from models.taxonomy import Taxonomy
from models.versions import Version
from pipeline.retraining import job
from pipeline.retraining.job import Answered, Doubt, Job, Result, Told
from pipeline.retraining.staging import BASE

NICENESS: Final = 10
"""Workers on the same machine come first."""

PARENT_GONE: Final = 3
DIGITS: Final = 6


def main(folder: Path) -> int:
    """Train, or go on with a training that was interrupted; leave the result."""
    lock = (folder / job.LOCK).open("w")
    # A former child may be alive for a moment after its parent was killed: two must not write.
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.nice(NICENESS)
    told = job.read_job(folder)
    try:
        result = work(folder, told, say)
    except BrokenPipeError:
        return PARENT_GONE
    job.write(folder / job.RESULT, result)
    return 0


def say(**facts: object) -> None:
    """One line to the parent. If it is gone, this process ends with the error."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def work(folder: Path, told: Job, say: Callable[..., None]) -> Result:
    """Look at the labels, train, and let both versions answer the sealed and the recent rows."""
    began = monotonic()
    labels = taxonomy.load(Path(told.topics) if told.topics else None)
    encoder = Path(told.encoder) if told.encoder else None
    start = Path(told.start) if told.start else versions.SHIPPED
    champion = versions.load(start, precision="fp32", labels=labels, encoder=encoder)
    say(at="looking at the labels")
    doubts = doubtful(champion, folder, told)
    if any(one.share - one.usual > told.contradicted and one.low > 0 for one in doubts.values()):
        return Result(doubts, seconds=monotonic() - began)

    candidate = trained(folder, told, start, labels, say)
    say(at="comparing")
    sealed = dataset.read([folder / job.SEALED], labels)
    # The base first, so that its part of the answers can be told apart.
    sealed = sealed.sort_values("split", key=lambda split: split != BASE, kind="stable")
    recent = pd.read_json(folder / job.RECENT, lines=True, dtype=False)
    say(at="scoring recent articles")
    both = [_told(version, recent) for version in (champion, candidate)]
    return Result(
        doubts,
        candidate=candidate.card.id,
        added=tuple(name for name in candidate.topics if name not in champion.card.topics),
        rows={name: candidate.card.recipe[name] for name in ("training_rows", "inner_rows")},
        answered=answered(champion, candidate, sealed),
        base={
            task: int((sealed[task].notna() & (sealed["split"] == BASE)).sum())
            for task in dataset.TASKS
        },
        champion_recent=both[0],
        candidate_recent=both[1],
        seconds=monotonic() - began,
    )


def trained(
    folder: Path, told: Job, start: Path, labels: Taxonomy, say: Callable[..., None]
) -> Version:
    """The candidate: made now, gone on with, or finished by a former process.

    What a power cut has left damaged is thrown away, and made again.
    """
    out = folder / job.VERSION
    encoder = Path(told.encoder) if told.encoder else None

    def show(at: Progress) -> None:
        say(at="training", step=at.step, steps=at.steps, epoch=at.epoch, epochs=at.epochs)

    def make() -> Version:
        if not (out / CARD).exists():
            data = [folder / name for name in (job.REHEARSAL, job.LABELS)]
            training.train(
                [path for path in data if path.stat().st_size],
                out,
                Recipe(**told.recipe),
                show,
                start=start,
                rehearsed=[folder / job.REHEARSAL],
                labels=labels,
                encoder=encoder,
            )
        return versions.load(out, precision="fp32", labels=labels, encoder=encoder)

    try:
        return make()
    except (VersionError, CheckpointError) as error:
        say(at="training anew", reason=str(error))
        shutil.rmtree(out)
        return make()


def doubtful(champion: Version, folder: Path, told: Job) -> dict[str, Doubt]:
    """What speaks against the new labels, per task that has enough of them."""
    frames = [
        read_frame(folder / name)
        for name in (job.REHEARSAL, job.LABELS)
        if (folder / name).stat().st_size
    ]
    if not frames:
        return {}
    rows = pd.concat(frames, ignore_index=True).astype(object)
    rows = rows[rows["split"] == dataset.TRAIN].reset_index(drop=True)
    rows = rows.reindex(columns=["id", "text", "story", *dataset.TASKS])
    rows = rows.where(rows.notna(), None)
    new = rows["id"].isin(set(told.new)).to_numpy()
    found = label_quality.contradicted(champion, rows, new)
    return {task: Doubt(one.labels, one.share, one.usual, one.low) for task, one in found.items()}


def answered(champion: Version, candidate: Version, rows: pd.DataFrame) -> dict[str, Answered]:
    """Both versions' probabilities beside the labels, in one order of names."""
    old, new = (evaluation.judged(version, rows) for version in (champion, candidate))
    found = {}
    for task, one in old.items():
        other = new[task]
        order = [list(other.names).index(name) for name in one.names]
        found[task] = Answered(
            names=tuple(one.names),
            labels=tuple(one.labels.tolist()),
            champion=_rounded(one.probabilities),
            candidate=_rounded(other.probabilities[:, order]),
        )
    return found


def _rounded(values: evaluation.Probabilities) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, np.round(values, DIGITS).tolist()))


def _told(version: Version, recent: pd.DataFrame) -> tuple[Told, ...]:
    if recent.empty:
        return ()
    return tuple(
        Told(one.topic, one.sentiment) for one in version.predict(recent["text"].tolist())
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
