"""What a row says: who labels what as what. Files, Label Studio and Kafka all come to this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ingest.text import clean_body, has_hidden
from ingest.timestamps import instant
from models import taxonomy
from models import text as texts
from models.prediction import SENTIMENTS
from pipeline.store.labels import TASKS, Task
from pipeline.store.pinning import Outside

MAX_ANNOTATOR: Final = 64
MAX_TITLE_CHARS: Final = texts.READ_CHARACTERS
MAX_BODY_BYTES: Final = 200_000
MAX_SKEW: Final = timedelta(minutes=5)
"""A label dated further ahead would outrank whatever the annotator says until then."""

Fields = Mapping[str, object]


class LabelError(ValueError):
    """Rows of labels cannot be used; the message says which and why."""


class BadRow(LabelError):
    """One row is no label; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Known:
    """Values that may be said, by task."""

    values: Mapping[Task, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Said:
    """One label as a row gives it: of the article ``name``, or of ``text``, which may name one.

    ``value`` None takes back what the annotator said before. ``at`` None: the row does not say.
    """

    annotator: str
    task: Task
    value: str | None
    at: datetime | None
    name: tuple[str, str] | None
    text: Outside | None

    @property
    def what(self) -> tuple[str, str] | Outside:
        """What is labelled: the text that the row holds, else the article that it names."""
        if self.text is not None:
            return self.text
        assert self.name is not None  # noqa: S101 - a row that has neither is refused
        return self.name


def known_values(topics: Path | None = None) -> Known:
    """The topics that are classified, by the settings' file, and the three sentiments."""
    names = tuple(topic.name for topic in taxonomy.load(topics).topics)
    return Known({"topic": names, "sentiment": SENTIMENTS})


def read_row(fields: Fields, known: Known, *, annotator: str | None, now: datetime) -> list[Said]:
    """The labels of one row.

    ``task`` and ``value`` for one label, or ``topic`` and ``sentiment`` for one of each; a missing
    or empty one is no label. The text is ``title`` with ``body``, or ``text``; without it
    ``source`` and ``id`` name a stored article. ``at``, or ``topic_at`` and ``sentiment_at``, is
    RFC 3339. ``annotator`` is for rows that name none. Other fields are ignored.

    Raises:
        BadRow: what is missing or wrong.
    """
    who = _annotator(fields.get("annotator"), annotator)
    name, text = _what(fields)
    found = [
        Said(who, task, _value(task, value, known), _at(fields, task, now), name, text)
        for task, value in _labels(fields)
    ]
    if not found:
        raise BadRow("no label: give task and value, or topic, or sentiment")
    return found


def _annotator(value: object, default: str | None) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        value = default
    if value is None:
        raise BadRow("no annotator: give one in the row, or for all of them by --annotator")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ANNOTATOR:
        raise BadRow(f"annotator must be a text of 1 to {MAX_ANNOTATOR} characters")
    if value != value.strip() or has_hidden(value) or not _writable(value):
        raise BadRow("annotator must not hold control characters or begin or end with a space")
    return value


def _what(fields: Fields) -> tuple[tuple[str, str] | None, Outside | None]:
    name = _name(fields)
    title, body = _string(fields, "title"), _string(fields, "body")
    whole = _string(fields, "text")
    if not (title or body):
        title = whole
    if not title:
        if body:
            raise BadRow("a body without title: give the headline as title, or all of it as text")
        if name is None:
            raise BadRow("no text: give text, or title, or source and id of a stored article")
        return name, None
    return name, Outside(*_cleaned(title, body), name)


def _name(fields: Fields) -> tuple[str, str] | None:
    source, of_id = _string(fields, "source"), fields.get("id")
    if not source:
        return None  # an id alone is the row's own
    if isinstance(of_id, int) and not isinstance(of_id, bool):
        of_id = str(of_id)
    if not isinstance(of_id, str) or not of_id:
        raise BadRow("a source without id: both name an article, or leave both out")
    if len(source) > 64 or len(of_id) > 128 or has_hidden(source + of_id):
        raise BadRow("source has at most 64 characters and id 128, none of them hidden")
    return source, of_id


def _string(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not _writable(value):
        raise BadRow(f"{name} must be a text of whole characters")
    return value


def _writable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cleaned(title: str, body: str) -> tuple[str, str]:
    """Without control and bidi characters. What a stored article says stays as it is, so its
    text keeps its name when it is exported and read again."""
    title, body = " ".join(clean_body(title).split()), clean_body(body)
    if len(title) > MAX_TITLE_CHARS or len(body.encode()) > MAX_BODY_BYTES:
        raise BadRow(f"text over {MAX_TITLE_CHARS:,} characters; the classifier reads 2,000")
    if not title or not texts.prepare(title, body):
        raise BadRow("the text says nothing once links and control characters are gone")
    return title, body


def _labels(fields: Fields) -> Iterable[tuple[Task, object]]:
    if fields.get("task") not in (None, ""):
        task = fields["task"]
        if task not in TASKS:
            raise BadRow(f"unknown task {_shown(task)}; known are {', '.join(TASKS)}")
        if "value" not in fields:
            raise BadRow("a task without value; a value of null takes a label back")
        return [(task, fields["value"])]
    return [(task, fields[task]) for task in TASKS if fields.get(task) not in (None, "")]


def _value(task: Task, value: object, known: Known) -> str | None:
    if value is None or value == "":
        return None
    values = known.values[task]
    if not isinstance(value, str) or value not in values:
        raise BadRow(f"unknown {task} {_shown(value)}; known are {', '.join(values)}")
    return value


def _at(fields: Fields, task: Task, now: datetime) -> datetime | None:
    for name in (f"{task}_at", "at"):
        value = fields.get(name)
        if value in (None, ""):
            continue
        at = instant(value) if isinstance(value, str) else None
        if at is None:
            raise BadRow(f"{name} must be a time with an offset, such as 2026-05-02T09:30:00Z")
        if at - now > MAX_SKEW:
            raise BadRow(f"{name} lies in the future")
        return at
    return None


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a file holds
    return ascii(value)[:60]
