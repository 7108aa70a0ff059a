"""Labels from rows into the database: all are checked before the first one is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.labels.reading import BadRow, Fields, Known, LabelError, Said, read_row
from pipeline.store import labels
from pipeline.store.database import Database, StoreError
from pipeline.store.labels import LabelledText, NewLabel
from pipeline.store.pinning import pin_each

PIECE: Final = 100
"""Labels of one transaction: workers never wait long for the lock."""

SHOWN: Final = 20

Row = tuple[str, Fields | BadRow]
Placed = tuple[str, Said]
Bad = tuple[str, str]
"""Where it stands, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """``new`` events were stored, ``known`` ones were there; ``bad`` rows were left out."""

    new: int
    known: int
    bad: tuple[Bad, ...]


def import_rows(
    db: Database,
    rows: Iterable[Row],
    known: Known,
    *,
    now: datetime,
    annotator: str | None = None,
    skip_bad: bool = False,
) -> Imported:
    """Store what ``rows`` say. Doing it twice stores it once.

    A label whose row gives no time is dated ``now``, and is the same one when it comes again with
    the same annotator, text and value. ``annotator`` is for rows that name none.

    Raises:
        LabelError: a row is bad, and ``skip_bad`` was not asked for: nothing is stored.
    """
    good, bad = _read(rows, known, annotator, now)
    for piece in _pieces(good):
        with db.rehearse() as connection:
            pinned = pin_each(connection, [said.what for _, said in piece], now)
        bad += _refused(piece, pinned)
    if bad and not skip_bad:
        raise LabelError(in_words(bad))
    refused = {where for where, _ in bad}
    good = [(where, said) for where, said in good if where not in refused]
    new = 0
    for piece in _pieces(good):
        with db.write() as connection:
            pinned = pin_each(connection, [said.what for _, said in piece], now)
            texts = [one for one in pinned if isinstance(one, LabelledText)]
            events = [
                new_label(said, one.hash, now)
                for (_, said), one in zip(piece, pinned, strict=True)
                if isinstance(one, LabelledText)
            ]
            new += labels.add(connection, texts, labels.unsaid(connection, events))
    return Imported(new, len(good) - new, tuple(bad))


def new_label(said: Said, text_hash: str, now: datetime) -> NewLabel:
    """The event of a row of a file."""
    at = None if said.at is None else said.at.isoformat()
    identity = ["import", said.annotator, text_hash, said.task, said.value, at]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return NewLabel(
        key, said.at or now, said.annotator, text_hash, said.task, said.value, "import"
    )


def in_words(bad: Sequence[Bad]) -> str:
    """The first bad rows, a line each."""
    lines = [f"  {where}: {why}" for where, why in bad[:SHOWN]]
    if len(bad) > SHOWN:
        lines.append(f"  and {len(bad) - SHOWN} more")
    head = f"{len(bad)} bad rows, nothing was stored; mend them, or leave them out by --skip-bad:"
    return "\n".join([head.replace("1 bad rows", "1 bad row") if len(bad) == 1 else head, *lines])


def _read(
    rows: Iterable[Row], known: Known, annotator: str | None, now: datetime
) -> tuple[list[Placed], list[Bad]]:
    good: list[Placed] = []
    bad: list[Bad] = []
    for where, fields in rows:
        try:
            if isinstance(fields, BadRow):
                raise fields
            found = read_row(fields, known, annotator=annotator, now=now)
        except BadRow as error:
            bad.append((where, str(error)))
        else:
            good += [(where, said) for said in found]
    return good, bad


def _refused(piece: Sequence[Placed], pinned: Sequence[LabelledText | StoreError]) -> list[Bad]:
    """Each row once, though it may hold two labels."""
    found = {
        where: str(one)
        for (where, _), one in zip(piece, pinned, strict=True)
        if isinstance(one, StoreError)
    }
    return list(found.items())


def _pieces(rows: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    for start in range(0, len(rows), PIECE):
        yield rows[start : start + PIECE]
