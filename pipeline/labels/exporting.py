"""Labels as rows for files: one for each text and annotator, or the consensus on each text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models import text
from models.dataset import TRAIN
from pipeline.labels.reading import Fields
from pipeline.labels.training_rows import HOLDOUT, Rows
from pipeline.store.labels import Snapshot
from pipeline.store.pinning import LabelledText

CONSENSUS = ("id", "text", "topic", "sentiment", "split")


def label_rows(found: Snapshot) -> list[Fields]:
    """What each annotator says of each text now, in the order in which texts got labels.

    ``text`` and ``split`` are for training: sealed texts are not of the split ``train``. Reading
    the rows again, here or elsewhere, gives the same labels.
    """
    by_text: dict[str, dict[str, dict[str, Any]]] = {}
    for one in found.labels:
        row = by_text.setdefault(one.text_hash, {}).setdefault(one.annotator, {})
        row |= {one.task: one.value, f"{one.task}_at": moment(one.at)}
    return [
        {**_text_fields(pinned), "annotator": annotator, **said}
        for key, pinned in found.texts.items()
        for annotator, said in sorted(by_text.get(key, {}).items())
    ]


def consensus_rows(rows: Rows) -> list[Fields]:
    """Rows to train and judge on, as `bearwatch train` and `bearwatch evaluate` read them."""
    made: list[Fields] = []
    for frame in (rows.training, rows.holdout):
        for row in frame.to_dict("records"):
            made.append(
                {name: row[name] for name in ("id", "text", "topic", "sentiment", "split")}
            )
    return made


def moment(at: datetime) -> str:
    """A time as rows write it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text_fields(pinned: LabelledText) -> dict[str, Any]:
    fields = {
        "source": pinned.source,
        "id": pinned.id,
        "title": pinned.title,
        "body": pinned.body or None,
        "text": text.prepare(pinned.title, pinned.body),
        "split": HOLDOUT if pinned.held_out else TRAIN,
    }
    return {name: value for name, value in fields.items() if value is not None}
