"""What the JSON API answers: its models are also its description at /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["all", "topic", "company"]
Mood = Literal["negative", "neutral", "positive"]
Severity = Literal["info", "warn", "critical"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class ProblemBody(_Model):
    """Why something was not answered, as RFC 9457 has it (application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    """What to do."""
    errors: list[str] = []
    """One line for each parameter that cannot be."""


class Status(_Model):
    """How things are. Times are event times unless said."""

    at: datetime | None
    """Counts are complete up to then; null: nothing was counted."""
    watermark: datetime | None
    waiting_records: int
    """Records that are known to exist and have not been read."""
    partitions: int
    silent_partitions: int
    """No worker has reported on them lately."""
    monitor_at_work: bool
    finished: bool
    """All was read, and nothing will follow: files that are not followed."""
    dead_letters: int
    """Counted up to 10,000."""
    classifier: str | None
    """The version that judged the newest article."""
    champion: str
    """The version that workers follow."""
    open_incidents: int


class KeyCounts(_Model):
    """A key's stories in the 24 hours, and in the hour, before ``at``."""

    kind: Kind
    key: str
    name: str
    """A company's name; else the key."""
    stories: int
    negative: int
    stories_last_hour: int
    negative_last_hour: int


class Keys(_Model):
    """Keys with a story in the 24 hours before ``at``."""

    at: datetime | None
    items: list[KeyCounts]


class Bucket(_Model):
    """Counts of [start, start + 5 min); the three moods count stories."""

    start: datetime
    articles: int
    stories: int
    negative: int
    neutral: int
    positive: int
    polarity: int
    """Sum over articles of round(10,000 x (p(positive) - p(negative)))."""


class Buckets(_Model):
    """Oldest first; empty buckets are left out."""

    items: list[Bucket]
    next: str | None = None
    """Where the rest is."""


class Series(_Model):
    """Stories of the hour before each time, beside the usual by today's baselines.

    The lists of the usual are null until enough hours were learned.
    """

    kind: Kind
    key: str
    times: list[datetime]
    stories: list[int]
    negative: list[int]
    expected: list[float] | None
    """Negative stories."""
    low: list[int] | None
    """95 % of the usual hours lie between ``low`` and ``high``, both included."""
    high: list[int] | None
    usual_share: list[float] | None


class IncidentItem(_Model):
    """An incident without its evidence."""

    id: str
    parent: str | None
    """The incident that leads: both rest on the same stories."""
    kind: str
    key: str
    rule: str
    severity: Severity
    state: str
    opened_at: datetime
    resolved_at: datetime | None
    changed_at: datetime
    revision: int
    told: Severity | None
    """The gravest severity that was sent out."""


class Incidents(_Model):
    """Newest first."""

    items: list[IncidentItem]
    next: str | None = None


class MessageItem(_Model):
    """A message about an incident; ``error`` if the last try failed."""

    sink: str
    revision: int
    created_at: datetime
    sent_at: datetime | None
    error: str | None


class IncidentWhole(IncidentItem):
    """An incident with all that is stored about it."""

    evidence: dict[str, Any]
    children: list[str]
    """Ids of those that are part of it."""
    messages: list[MessageItem]


class Article(_Model):
    """An article and how it was judged."""

    source: str
    id: str
    published_at: datetime
    received_at: datetime
    title: str
    url: str | None
    language: str | None
    topic: str | None
    topic_probability: float | None
    sentiment: Mood | None
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    version: str | None
    late: bool
    copy_source: str | None
    """It repeats this article; null: it is a story."""
    copy_id: str | None


class Articles(_Model):
    """Newest first."""

    items: list[Article]
    next: str | None = None


class LabelCount(_Model):
    """How many texts an annotator gives a value."""

    annotator: str
    task: str
    value: str
    number: int


class Labels(_Model):
    """The labels that count now, up to a minute ago."""

    labels: list[LabelCount]
    texts: int
    disputed: int
    """Texts with a task that no majority answers."""
    held_out: int
    """Texts that are judged on, never trained on."""
    events: int


class VersionItem(_Model):
    """A registered version of the classifier."""

    id: str
    made_at: datetime
    made_by: str
    parent: str | None
    champion: bool


class Versions(_Model):
    """Newest first. ``champion`` is the one that workers follow; it may be the one that ships."""

    champion: str
    items: list[VersionItem]


class VersionWhole(VersionItem):
    """A version with its card and the report it was registered with."""

    card: dict[str, Any]
    report: dict[str, Any] | None


class Promotion(_Model):
    """A change of the champion."""

    seq: int
    at: datetime
    version: str
    previous: str | None
    kind: Literal["promote", "rollback"]
    actor: str
    reason: str


class Promotions(_Model):
    """Newest first."""

    items: list[Promotion]


class Retraining(_Model):
    """A training from labels, and what became of it."""

    seq: int
    started_at: datetime
    ended_at: datetime | None
    trigger: str
    state: str
    labels_to: int
    champion: str | None
    candidate: str | None
    decision: dict[str, Any] | None


class Retrainings(_Model):
    """Newest first."""

    items: list[Retraining]
