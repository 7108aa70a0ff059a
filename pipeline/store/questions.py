"""What the labelling page reads: an article as it is asked about, and what somebody has said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, select

from pipeline.store.database import Database
from pipeline.store.labels import StoredLabel
from pipeline.store.tables import article, label, labelled_text, mention, text
from pipeline.store.tables import skip as skipped

COMPANIES: Final = 8
"""Companies of an article that are shown, the most relevant first."""

_EVENT: Final = tuple(label.c[name] for name in StoredLabel.__slots__)
_QUESTION: Final = (
    *(article.c[name] for name in ("source", "id", "text_hash", "url", "published_at")),
    *(article.c[name] for name in ("topic", "topic_probability", "sentiment", "version")),
    *(article.c[name] for name in ("p_negative", "p_neutral", "p_positive")),
    text.c.title,
    text.c.body,
    skipped.c.at.is_not(None).label("skipped"),
)


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


@dataclass(frozen=True, slots=True)
class Desk:
    """One view of the database for one annotator: what a page needs, in one transaction."""

    annotator: str
    connection: Connection

    def question(self, source: str, of_id: str) -> Question | None:
        """The article as it is asked about; None if it, or its text, is not there."""
        mine = and_(
            skipped.c.text_hash == article.c.text_hash, skipped.c.annotator == self.annotator
        )
        query = (
            select(*_QUESTION)
            .join(text, text.c.hash == article.c.text_hash)
            .outerjoin(skipped, mine)
            .where(article.c.source == source, article.c.id == of_id)
            .where(article.c.deleted.is_(False))
        )
        row = self.connection.execute(query).one_or_none()
        if row is None:
            return None
        companies = (
            select(mention.c.symbol)
            .where(mention.c.source == source, mention.c.id == of_id)
            .order_by(mention.c.relevance.desc(), mention.c.symbol)
            .limit(COMPANIES)
        )
        symbols = tuple(self.connection.execute(companies).scalars())
        return Question(**row._mapping, companies=symbols)

    def events(self, after_seq: int) -> list[StoredLabel]:
        """What the annotator has said since the event ``after_seq``, in the order of storing.

        Without what was said of texts that were taken down.
        """
        query = (
            select(*_EVENT)
            .join(labelled_text, labelled_text.c.hash == label.c.text_hash)
            .where(label.c.annotator == self.annotator, label.c.seq > after_seq)
            .order_by(label.c.seq)
        )
        return [StoredLabel(*row) for row in self.connection.execute(query)]

    def last_skip(self) -> tuple[str, datetime] | None:
        """The text that the annotator has skipped last, and when."""
        query = (
            select(skipped.c.text_hash, skipped.c.at)
            .where(skipped.c.annotator == self.annotator)
            .order_by(skipped.c.at.desc(), skipped.c.text_hash)
            .limit(1)
        )
        row = self.connection.execute(query).one_or_none()
        return None if row is None else (row.text_hash, row.at)

    def heard_of(self, text_hash: str) -> tuple[str, list[StoredLabel]]:
        """A pinned text's title, and all that anybody said of it in order; none if it has gone."""
        query = (
            select(labelled_text.c.title, *_EVENT)
            .join(labelled_text, labelled_text.c.hash == label.c.text_hash)
            .where(label.c.text_hash == text_hash)
            .order_by(label.c.seq)
        )
        rows = self.connection.execute(query).all()
        return (rows[0].title if rows else "", [StoredLabel(*row[1:]) for row in rows])

    def article_with(self, text_hash: str) -> tuple[str, str] | None:
        """An article (source, id) that has this text now; of several the first by name."""
        query = (
            select(article.c.source, article.c.id)
            .where(article.c.text_hash == text_hash, article.c.deleted.is_(False))
            .order_by(article.c.source, article.c.id)
            .limit(1)
        )
        row = self.connection.execute(query).one_or_none()
        return None if row is None else (row.source, row.id)


@contextmanager
def desk(db: Database, annotator: str) -> Iterator[Desk]:
    """What ``annotator`` works at, until the context ends."""
    with db.read() as connection:
        yield Desk(annotator, connection)
