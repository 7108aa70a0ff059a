"""Labels written shortly, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.store import labels
from pipeline.store.database import Database
from pipeline.store.labels import LabelledText, NewLabel, Origin, Task
from pipeline.store.pinning import Outside, pin_texts
from tests.fakes import MONDAY

MINUTE = timedelta(minutes=1)


def event(
    annotator: str,
    text: str,
    value: str | None,
    *,
    task: Task = "sentiment",
    minute: float = 0,
    origin: Origin = "page",
    suggestion: str | None = None,
) -> NewLabel:
    """``annotator`` says ``value`` of the text with that hash, so many minutes after Monday."""
    at = MONDAY + minute * MINUTE
    key = hashlib.sha256(f"{annotator}\0{text}\0{task}\0{value}\0{at}".encode()).hexdigest()
    said = (key, at, annotator, text, task, value, origin)
    return NewLabel(*said, suggestion=suggestion)


def pinned(db: Database, *titles: str, now: datetime = MONDAY) -> list[LabelledText]:
    """Texts from outside, pinned without a label."""
    with db.write() as connection:
        found = pin_texts(connection, [Outside(title, "") for title in titles], now)
        made = [found[Outside(title, "").hash] for title in titles]
        texts = [one for one in made if isinstance(one, LabelledText)]
        labels.add(connection, texts, [])
    return texts


def say(db: Database, events: Sequence[NewLabel]) -> int:
    """Add events on pinned texts."""
    with db.write() as connection:
        return labels.add(connection, [], events)
