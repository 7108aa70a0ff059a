"""Labels as rows to train and to judge on: one row a text, by consensus, stories never divided."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models import text
from models.dataset import TRAIN
from pipeline.labels.consensus import consensus
from pipeline.labels.drawing import reserved
from pipeline.store.database import Database
from pipeline.store.labels import Snapshot, snapshot, votes
from pipeline.store.pinning import LabelledText

HOLDOUT = "holdout"
"""The split of sealed rows."""

COLUMNS = ("id", "text", "topic", "sentiment", "split", "story", "reserved")


@dataclass(frozen=True, slots=True)
class Rows:
    """``training`` and ``holdout`` have the columns :data:`COLUMNS`, in order of first labels.

    ``id`` is the text's hash, ``text`` is prepared as in serving, a missing label is None,
    ``reserved`` marks texts that were only asked about at random. No story is in both, and no
    repeat. ``disputed`` counts texts with a task that was left out because no majority answers
    it; ``labels_to`` is the newest event that was read.
    """

    training: pd.DataFrame
    holdout: pd.DataFrame
    disputed: int
    labels_to: int


def rows(db: Database) -> Rows:
    """All that labels say now, in one consistent view."""
    return rows_of(snapshot(db))


def rows_of(found: Snapshot) -> Rows:
    """The rows of what was read."""
    agreed: dict[str, dict[str, str | None]] = {}
    disputed: set[str] = set()
    for (key, task), said in votes(found.labels).items():
        told = consensus(said)
        agreed.setdefault(key, {})[task] = told.value
        if told.disputed:
            disputed.add(key)
    made = [
        _row(found.texts[key], agreed[key])
        for key in found.texts
        if key in agreed and any(agreed[key].values())
    ]
    frame = pd.DataFrame(made, columns=list(COLUMNS), dtype=object)
    frame = frame[frame["text"] != ""]
    holdout = frame[frame["split"] == HOLDOUT]
    # Stories may grow together after they were drawn: what is sealed wins.
    folded = frame["text"].map(text.fold)
    sealed = frame["story"].isin(set(holdout["story"])) | folded.isin(set(folded[holdout.index]))
    training = frame[(frame["split"] == TRAIN) & ~sealed]
    return Rows(
        training.reset_index(drop=True),
        holdout.reset_index(drop=True),
        len(disputed),
        found.newest,
    )


def _row(one: LabelledText, values: dict[str, str | None]) -> dict[str, object]:
    return {
        "id": one.hash,
        "text": text.prepare(one.title, one.body),
        "topic": values.get("topic"),
        "sentiment": values.get("sentiment"),
        "split": HOLDOUT if one.held_out else TRAIN,
        "story": one.story,
        "reserved": reserved(one.hash),
    }
