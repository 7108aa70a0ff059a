"""Labelled rows: read, prepared, freed of repeats, split, checked for leaks. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from models import text
from models.groups import near_groups
from models.labelled_files import FileError, read_frame
from models.prediction import SENTIMENTS
from models.taxonomy import Taxonomy

TASKS = ("topic", "sentiment")
"""Columns that may hold a label. A row may carry either or both."""

TRAIN = "train"
"""The only split that is trained on. A file without a split column is all training rows; in a
file that has one, an empty value is not ``train``."""


POSTS_SHARE = 0.3
"""Half of the posts about shares say nothing that a wire would not say: a single row does not
tell what it is, the file that it is from does. News has such signs in under a tenth."""


class DatasetError(ValueError):
    """The labelled rows cannot be used; the message says which and why."""


class Leak(DatasetError):
    """A row to be evaluated on, or a repeat of it, is among the rows to be trained on."""


@dataclass(frozen=True, slots=True)
class Split:
    """Disjoint by groups of near-duplicates. ``inner`` chooses the epoch and the temperatures;
    both frames are as :func:`read` gives them. The counts say what was left out of training, in
    rows."""

    training: pd.DataFrame
    inner: pd.DataFrame
    repeats: int
    conflicts: int
    held_out: int


def read(paths: Sequence[Path], taxonomy: Taxonomy) -> pd.DataFrame:
    """Rows of files (:func:`read_frame`): id, text, topic, sentiment, split, domain, posts, group.

    ``text`` is prepared as in serving. A missing label is ``None``. ``domain`` is the file's name.
    ``posts`` is 1.0 where at least ``POSTS_SHARE`` of a file's texts carry a sign of a post.
    ``group`` is equal for texts that differ in case, punctuation, links or spacing only. Rows
    without text after preparation are dropped.

    Raises:
        DatasetError: unreadable, no ``text``, no label column, or an unknown label.
    """
    if not paths:
        raise DatasetError("no file of labelled rows was given")
    frame = pd.concat([_read(path) for path in paths], ignore_index=True)
    _refuse_unknown(frame, "topic", [label.name for label in taxonomy.topics])
    _refuse_unknown(frame, "sentiment", list(SENTIMENTS))
    frame["text"] = frame["text"].map(text.prepare)
    frame["group"] = frame["text"].map(_group)
    return frame[frame["group"] != _group("")].reset_index(drop=True)


def split(rows: pd.DataFrame, *, inner_share: float, seed: int) -> Split:
    """Make training and inner rows of the rows whose split is ``train``.

    Repeats become one row with the labels of all. Where they contradict each other in a task, that
    task's label is dropped: neither can be trusted. Near-duplicates (:mod:`models.groups`) of a
    row of another split are held out; others go to the same side of this one, by a hash, so files
    may be added without moving them.
    """
    rows = rows.assign(near=_near(rows))
    ours = rows[rows["split"] == TRAIN]
    judged = set(rows.loc[rows["split"] != TRAIN, "near"])
    free = ours[~ours["near"].isin(judged)]
    merged, conflicts = _merge(free)
    labelled = merged.dropna(subset=list(TASKS), how="all").reset_index(drop=True)
    inner = labelled["near"].map(lambda near: _draw(near, seed) < inner_share).astype(bool)
    return Split(
        training=labelled[~inner].drop(columns="near").reset_index(drop=True),
        inner=labelled[inner].drop(columns="near").reset_index(drop=True),
        repeats=len(free) - len(merged),
        conflicts=conflicts,
        held_out=len(ours) - len(free),
    )


def refuse_leak(training: pd.DataFrame, judged: pd.DataFrame) -> None:
    """Stop before training on what will be evaluated on, or on a near-duplicate of it.

    Raises:
        Leak: naming the first few rows, by id.
    """
    near = near_groups([*training["text"], *judged["text"]])
    leaked = training[np.isin(near[: len(training)], near[len(training) :])]
    if len(leaked):
        first = ", ".join(map(str, leaked["id"].head(5)))
        raise Leak(
            f"{len(leaked)} training rows repeat rows to be evaluated on, or nearly: {first}"
        )


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = read_frame(path)
    except FileError as error:
        raise DatasetError(str(error)) from error
    if "text" not in frame.columns:
        raise DatasetError(f"{path}: rows have no 'text'")
    if not set(TASKS) & set(frame.columns):
        raise DatasetError(f"{path}: rows have neither 'topic' nor 'sentiment'")
    if not frame["text"].map(lambda value: isinstance(value, str)).all():
        raise DatasetError(f"{path}: a row's 'text' is not a string")
    if "split" not in frame.columns:
        frame["split"] = TRAIN
    if "id" not in frame.columns:
        frame["id"] = [f"{path.name}:{number}" for number in range(len(frame))]
    columns = frame.reindex(columns=["id", "text", "topic", "sentiment", "split"]).astype(object)
    posts = float(frame["text"].map(text.signed).mean() >= POSTS_SHARE)
    return columns.where(columns.notna(), None).assign(
        domain=path.name.partition(".")[0], posts=posts
    )


def _refuse_unknown(frame: pd.DataFrame, task: str, known: Sequence[str]) -> None:
    if unknown := sorted(set(map(str, frame[task].dropna())) - set(known)):
        raise DatasetError(
            f"unknown {task}: {', '.join(unknown[:5])}; known are {', '.join(known)}"
        )


def _merge(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    groups = rows.groupby("group", sort=False)
    merged = groups.first()  # the first value that is not missing, per column
    conflicts = 0
    for task in TASKS:
        contradicted = groups[task].nunique() > 1
        conflicts += int(contradicted.sum())
        merged[task] = merged[task].astype(object).where(~contradicted, None)
    return merged.reset_index(), conflicts


def _near(rows: pd.DataFrame) -> pd.Series[str]:
    """Per row the smallest ``group`` among its near-duplicates: the same name for all of them."""
    first: pd.Series[str] = rows.groupby(near_groups(rows["text"].tolist()))["group"].transform(
        "min"
    )
    return first


def _group(prepared: str) -> str:
    return hashlib.sha256(text.fold(prepared).encode()).hexdigest()[:24]


def _draw(group: str, seed: int) -> float:
    """A number in [0, 1) fixed by the group and the seed."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
