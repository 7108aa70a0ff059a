"""What somebody says on the labelling page, as events to be stored."""

from __future__ import annotations

import hashlib
from datetime import datetime

from pipeline.store.labels import NewLabel, StoredLabel, Task
from pipeline.store.questions import Question


def label_of(
    annotator: str, found: Question, task: Task, value: str, once: str, now: datetime
) -> NewLabel:
    """``annotator`` says ``value`` of what was shown; ``once`` is the form's own value."""
    suggestion, probability = (
        (found.sentiment, found.sentiment_probability)
        if task == "sentiment"
        else (found.topic, found.topic_probability)
    )
    return NewLabel(
        key=_key("page", annotator, found.text_hash, task, once),
        at=now,
        annotator=annotator,
        text_hash=found.text_hash,
        task=task,
        value=value,
        origin="page",
        suggestion=suggestion,
        probability=probability,
        version=found.version,
    )


def taken_back(one: StoredLabel, now: datetime) -> NewLabel:
    """Whoever said ``one`` does not say it any more."""
    return NewLabel(
        key=_key("back", one.annotator, str(one.seq)),
        at=now,
        annotator=one.annotator,
        text_hash=one.text_hash,
        task=one.task,
        value=None,
        origin="page",
    )


def _key(*parts: str) -> str:
    """Equal for a form that is sent twice, different for every other event."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
