"""What the labelling page reads: an article as it is asked about, and what somebody has said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, exists, select

from pipeline.store.database import Database
from pipeline.store.labels import StoredLabel
from pipeline.store.tables import article, label, labelled_text, mention, text
from pipeline.store.tables import skip as skipped

COMPANIES: Final = 8
"""Companies of an article that are shown, the most relevant first."""


@dataclass(frozen=True, slots=True)
class Question:
    """An article with its text, its companies by relevance, and what the classifier says of it.

    ``skipped``: the annotator for whom it was read does not want to be asked about it.
    """

    source: str
    id: str
    text_hash: str
    title: str
    body: str
    url: str | None
    published_at: datetime | None
    topic: str | None
    topic_probability: float | None
    sentiment: str | None
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    version: str | None
    companies: tuple[str, ...]
    skipped: bool

    @property
    def sentiment_probability(self) -> float | None:
        """How sure the classifier is of the sentiment."""
        known = [p for p in (self.p_negative, self.p_neutral, self.p_positive) if p is not None]
        return max(known, default=None)


def question(db: Database, annotator: str, source: str, of_id: str) -> Question | None:
    """The article as ``annotator`` is asked about it; None if it, or its text, is not there."""
    if "\0" in source + of_id:  # PostgreSQL takes no such text
        return None
    named = and_(article.c.source == source, article.c.id == of_id)
    columns = (
        *(article.c[name] for name in ("source", "id", "text_hash", "url", "published_at")),
        *(article.c[name] for name in ("topic", "topic_probability", "sentiment", "version")),
        *(article.c[name] for name in ("p_negative", "p_neutral", "p_positive")),
        text.c.title,
        text.c.body,
        skipped.c.at.is_not(None).label("skipped"),
    )
    mine = and_(skipped.c.text_hash == article.c.text_hash, skipped.c.annotator == annotator)
    query = (
        select(*columns)
        .join(text, text.c.hash == article.c.text_hash)
        .outerjoin(skipped, mine)
        .where(named, article.c.deleted.is_(False))
    )
    companies = (
        select(mention.c.symbol)
        .where(mention.c.source == source, mention.c.id == of_id)
        .order_by(mention.c.relevance.desc(), mention.c.symbol)
        .limit(COMPANIES)
    )
    with db.read() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        symbols = tuple(connection.execute(companies).scalars())
    return Question(**row._mapping, companies=symbols)


def events_by(db: Database, annotator: str, after_seq: int) -> list[StoredLabel]:
    """What ``annotator`` has said since the event ``after_seq``, in the order of storing.

    Without what was said of texts that were taken down.
    """
    query = (
        select(label)
        .join(labelled_text, labelled_text.c.hash == label.c.text_hash)
        .where(label.c.annotator == annotator, label.c.seq > after_seq)
        .order_by(label.c.seq)
    )
    with db.read() as connection:
        return [
            StoredLabel(*(getattr(row, name) for name in StoredLabel.__slots__))
            for row in connection.execute(query)
        ]


def last_skip(db: Database, annotator: str) -> tuple[str, datetime] | None:
    """The text that ``annotator`` has skipped last, and when."""
    query = (
        select(skipped.c.text_hash, skipped.c.at)
        .where(skipped.c.annotator == annotator)
        .order_by(skipped.c.at.desc(), skipped.c.text_hash)
        .limit(1)
    )
    with db.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.text_hash, row.at)


def labelled_as(db: Database, text_hash: str) -> tuple[str, str, str] | None:
    """Title, and the article (source, id) that a pinned text was labelled as."""
    columns = (labelled_text.c.title, labelled_text.c.source, labelled_text.c.id)
    with db.read() as connection:
        row = connection.execute(
            select(*columns).where(labelled_text.c.hash == text_hash)
        ).one_or_none()
    return None if row is None or row.source is None else (row.title, row.source, row.id)


def article_with(db: Database, text_hash: str) -> tuple[str, str] | None:
    """An article (source, id) that has this text now; of several the first by name."""
    query = (
        select(article.c.source, article.c.id)
        .where(article.c.text_hash == text_hash, article.c.deleted.is_(False))
        .order_by(article.c.source, article.c.id)
        .limit(1)
    )
    with db.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.source, row.id)


def unanswered(db: Database, annotator: str, limit: int) -> list[tuple[str, str]]:
    """The newest articles (source, id) that ``annotator`` has neither labelled nor skipped."""
    said = exists().where(label.c.text_hash == article.c.text_hash, label.c.annotator == annotator)
    passed = exists().where(
        skipped.c.text_hash == article.c.text_hash, skipped.c.annotator == annotator
    )
    query = (
        select(article.c.source, article.c.id)
        .where(article.c.published_at.is_not(None), article.c.deleted.is_(False))
        .where(article.c.copy_id.is_(None), ~said, ~passed)
        .order_by(article.c.published_at.desc(), article.c.source, article.c.id)
        .limit(limit)
    )
    with db.read() as connection:
        return [(row.source, row.id) for row in connection.execute(query)]
