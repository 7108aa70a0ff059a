"""The rows of one training as files: labels, rows to rehearse, and the sealed rows to judge on.

On a fresh install the project's own labelled headlines are what is rehearsed and their sealed
fifth is what is judged on. Sealed labels join it as they come; the fifth itself never changes, so
the scores on it can be compared over the years.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

import models
from models import dataset, text
from models.prediction import SENTIMENTS
from models.taxonomy import Taxonomy

HEADLINES: Final = Path(models.__file__).parent / "headlines"
"""The project's own labelled rows: every ``*.jsonl`` there."""

BASE: Final = "base"
"""The sealed fifth of the project's own rows, by the ``split`` of a sealed row."""
LABELLED: Final = "labelled"
"""Sealed labels, likewise."""

COLUMNS: Final = ("id", "text", "topic", "sentiment", "split", "story")


@dataclass(frozen=True, slots=True)
class Rows:
    """``labels`` and ``rehearsal`` are trained on, ``sealed`` is judged on; no text of one is in
    another. Columns are :data:`COLUMNS`; ``new`` are ids of labels that no run has learned yet.

    ``unknown`` counts labels of topics that the list of topics lacks, which are left out.
    """

    labels: pd.DataFrame
    rehearsal: pd.DataFrame
    sealed: pd.DataFrame
    new: frozenset[str]
    unknown: int


def gather(
    labels: pd.DataFrame,
    sealed: pd.DataFrame,
    taxonomy: Taxonomy,
    *,
    new: Collection[str],
    most_rows: int,
    headlines: Path = HEADLINES,
) -> Rows:
    """Put together what a training sees, at most ``most_rows`` rows, the new ones first.

    ``labels`` and ``sealed`` are frames as ``pipeline.labels.training_rows`` gives them. What is
    left out to keep to ``most_rows`` is drawn by the rows' ids: the same rows stay. ``headlines``
    is a file of our own rows or a folder of such files: those of the split ``train`` are
    rehearsed, all others sealed.
    """
    files = sorted(headlines.glob("*.jsonl")) if headlines.is_dir() else [headlines]
    ours = dataset.read(files, taxonomy)
    ours["story"] = "headline:" + ours["id"]
    ours["group"] = ours["text"].map(_folded)
    base = ours[ours["split"] != dataset.TRAIN].assign(split=BASE)
    labels, unknown = _known(labels, taxonomy)
    held, unknown_held = _known(sealed, taxonomy)
    judged = _once(pd.concat([base, held.assign(split=LABELLED)], ignore_index=True))
    groups = set(judged["group"])
    labels = labels[~labels["group"].isin(groups)].assign(split=dataset.TRAIN)
    rehearsed = ours[ours["split"] == dataset.TRAIN]
    rehearsed = rehearsed[~rehearsed["group"].isin(groups | set(labels["group"]))]
    fresh = labels["id"].isin(set(new))
    room = max(0, most_rows - int(fresh.sum()))
    kept = _drawn(pd.concat([labels[~fresh], rehearsed], ignore_index=True), min(room, most_rows))
    old = labels[~fresh & labels["id"].isin(set(kept["id"]))]
    labels = pd.concat([_drawn(labels[fresh], most_rows), old], ignore_index=True)
    return Rows(
        labels=_plain(labels),
        rehearsal=_plain(rehearsed[rehearsed["id"].isin(set(kept["id"]))]),
        sealed=_plain(judged),
        new=frozenset(labels["id"]) & frozenset(new),
        unknown=unknown + unknown_held,
    )


def fingerprint(rows: Rows, *of: str) -> str:
    """Sixteen hex digits of all that a training's result depends on; ``of`` says what else.

    A training that was interrupted goes on where it finds the same.
    """
    digest = hashlib.sha256(json.dumps(of).encode())
    for frame in (rows.labels, rows.rehearsal, rows.sealed):
        digest.update(lines(frame).encode())
    return digest.hexdigest()[:16]


def lines(frame: pd.DataFrame) -> str:
    """Rows as JSON Lines, in the order of their ids; a missing label is left out."""
    rows = frame.sort_values("id").to_dict("records")
    return "".join(
        json.dumps({str(k): v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n"
        for row in rows
    )


def _known(frame: pd.DataFrame, taxonomy: Taxonomy) -> tuple[pd.DataFrame, int]:
    """Rows with labels that are in the lists, and how many labels were not."""
    frame = frame.reindex(columns=list(COLUMNS)).astype(object)
    frame = frame.where(frame.notna(), None)
    unknown = 0
    lists = {"topic": {one.name for one in taxonomy.topics}, "sentiment": set(SENTIMENTS)}
    for task, names in lists.items():
        fits = frame[task].isna() | frame[task].isin(names)
        unknown += int((~fits).sum())
        frame[task] = frame[task].where(fits, None)
    frame["group"] = frame["text"].map(_folded)
    return frame.dropna(subset=list(dataset.TASKS), how="all"), unknown


def _folded(raw: str) -> str:
    """Equal for repeats of a text; ``models.dataset`` groups by the same."""
    return text.fold(text.prepare(raw))


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop_duplicates("group", keep="first")


def _drawn(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    order = frame["id"].map(lambda id: hashlib.sha256(str(id).encode()).hexdigest())
    return frame.loc[order.sort_values().index[:most]]


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[list(COLUMNS)].astype(object)
    return frame.where(frame.notna(), None).sort_values("id").reset_index(drop=True)
