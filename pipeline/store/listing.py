"""Rows for programs, page by page: every query is bounded by an index and a limit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select, true, tuple_

from alerts.windows import BUCKET
from pipeline.store.buckets import Key
from pipeline.store.database import Database
from pipeline.store.tables import article, bucket, mention, text

Place = tuple[datetime, str, str]
"""published_at, source, id: the order of articles."""

MOST_BUCKETS: Final = 2000
"""Buckets of a key that are looked through for one page of articles."""


@dataclass(frozen=True, slots=True)
class BucketRow:
    """Counts of [start, start + 5 min); the three moods count stories."""

    start: datetime
    articles: int
    stories: int
    negative: int
    neutral: int
    positive: int
    polarity: int


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article as it was counted; ``sentiment`` is its own, whatever the key."""

    source: str
    id: str
    published_at: datetime
    received_at: datetime
    title: str
    url: str | None
    language: str | None
    topic: str | None
    topic_probability: float | None
    sentiment: str | None
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    version: str | None
    late: bool
    copy_source: str | None
    copy_id: str | None

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return self.published_at, self.source, self.id


def bucket_rows(
    db: Database, key: Key, since: datetime, until: datetime, *, limit: int
) -> list[BucketRow]:
    """Buckets of a key that start in [since, until), oldest first; empty ones have no row."""
    names = BucketRow.__slots__
    query = (
        select(*(bucket.c[name] for name in names))
        .where(bucket.c.kind == key[0], bucket.c.key == key[1])
        .where(bucket.c.start >= since, bucket.c.start < until)
        .order_by(bucket.c.start)
        .limit(limit)
    )
    with db.read() as connection:
        return [BucketRow(*row) for row in connection.execute(query)]


def article_rows(
    db: Database, key: Key, *, before: Place | None, limit: int, languages: Collection[str] = ()
) -> tuple[list[ArticleRow], bool]:
    """The newest articles counted under a key, newest first, and whether there may be more.

    The key's buckets say where they are, so that rare keys are found as fast as common ones.
    ``languages`` are those that are counted; empty: all.
    """
    starts, more = _starts(db, key, before, limit)
    if not starts:
        return [], False
    at = article.c.published_at
    order = (at, article.c.source, article.c.id)
    query = (
        select(
            *(article.c[name] for name in ArticleRow.__slots__ if name != "title"), text.c.title
        )
        .join(text, text.c.hash == article.c.text_hash)
        .where(or_(*(and_(at >= first, at < last) for first, last in _runs(starts))))
        .where(article.c.deleted.is_(False), _counted(languages))
    )
    if key[0] == "company":
        named = and_(mention.c.source == article.c.source, mention.c.id == article.c.id)
        query = query.join(mention, named).where(mention.c.symbol == key[1])
    elif key[0] == "topic":
        query = query.where(article.c.topic == key[1])
    if before is not None:
        query = query.where(tuple_(*order) < before)
    with db.read() as connection:
        rows = connection.execute(
            query.order_by(*(column.desc() for column in order)).limit(limit + 1)
        ).all()
    found = [ArticleRow(**row._mapping) for row in rows[:limit]]
    return found, more or len(rows) > limit


def _starts(
    db: Database, key: Key, before: Place | None, limit: int
) -> tuple[list[datetime], bool]:
    """Newest buckets of a key that together hold more than ``limit`` articles, and whether there
    are older ones. The first may be partly behind ``before``: one bucket more makes up for it."""
    query = select(bucket.c.start, bucket.c.articles).where(
        bucket.c.kind == key[0], bucket.c.key == key[1], bucket.c.articles > 0
    )
    if before is not None:
        query = query.where(bucket.c.start <= before[0])
    query = query.order_by(bucket.c.start.desc()).limit(min(limit + 2, MOST_BUCKETS))
    starts: list[datetime] = []
    held = 0
    with db.read() as connection:
        for start, articles in connection.execute(query):
            if held > limit:
                return starts, True
            whole = before is None or start + BUCKET <= before[0]
            held += articles if whole else 0
            starts.append(start)
    return starts, len(starts) > limit


def _runs(starts: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Buckets as stretches of time, neighbours put together."""
    runs: list[tuple[datetime, datetime]] = []
    for start in sorted(starts):
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + BUCKET)
        else:
            runs.append((start, start + BUCKET))
    return runs


def _counted(languages: Collection[str]) -> ColumnElement[bool]:
    if not languages:
        return true()
    return article.c.language.is_(None) | article.c.language.in_(languages)
