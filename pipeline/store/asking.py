"""What could be asked about: recent stories, as the classifier answered, that nobody labelled.

Every query reads a bounded number of rows by an index, however many articles and labels there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from pipeline.store import bulk
from pipeline.store.bulk import Name
from pipeline.store.database import Database
from pipeline.store.tables import article, label, labelled_text, skip, text

EVENTS: Final = 10_000
"""Newest events by which topics are counted."""

RECENT: Final = 60
"""Newest events whose headlines are what was asked about lately."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A stored story and what the classifier answered. The last is its sentiment's probability."""

    source: str
    id: str
    text_hash: str
    topic: str
    topic_probability: float
    sentiment_probability: float


@dataclass(frozen=True, slots=True)
class Pool:
    """``fresh`` stories have no label; ``labelled`` ones have, by others than the annotator.

    ``topics`` counts recent labels by topic; ``recent`` are headlines that got labels lately;
    ``asked`` is how often the annotator has answered or skipped.
    """

    fresh: list[Answered]
    labelled: list[Answered]
    topics: dict[str, int]
    recent: list[str]
    asked: int


@dataclass(frozen=True, slots=True)
class Told:
    """An article as it is shown to whoever labels it, with the classifier's answers."""

    source: str
    id: str
    text_hash: str
    title: str
    body: str
    url: str | None
    published_at: datetime | None
    topic: str
    topic_probability: float
    sentiment: str
    p_negative: float
    p_neutral: float
    p_positive: float
    version: str


def read_pool(
    db: Database,
    annotator: str,
    *,
    since: datetime,
    until: datetime,
    languages: Collection[str],
    most: int,
) -> Pool:
    """Stories published in [``since``, ``until``]: the newest ``most`` that are no copies.

    Neither what the annotator has labelled or skipped is in it, nor a copy of what anybody has
    labelled. ``languages`` empty: of any language; uncertain ones always belong.
    """
    with db.read() as connection:
        newest = func.coalesce(select(func.max(label.c.seq)).scalar_subquery(), 0)
        counted = (
            select(label.c.value, func.count())
            .where(label.c.seq > newest - EVENTS, label.c.task == "topic")
            .where(label.c.value.is_not(None))
            .group_by(label.c.value)
        )
        asked = sum(
            connection.execute(
                select(func.count()).select_from(table).where(table.c.annotator == annotator)
            ).scalar_one()
            for table in (label, skip)
        )
        return Pool(
            _answered(connection, _fresh(annotator, since, until, languages, most)),
            _answered(connection, _labelled(annotator, since, most)),
            {row[0]: row[1] for row in connection.execute(counted)},
            _recent_titles(connection),
            asked,
        )


def titles(db: Database, hashes: Sequence[str]) -> dict[str, str]:
    """Headlines of texts that are still there."""
    query = select(text.c.hash, text.c.title).where(text.c.hash.in_(hashes))
    with db.read() as connection:
        return {row.hash: row.title for row in connection.execute(query)}


def told(db: Database, names: Sequence[Name]) -> dict[Name, Told]:
    """Stored articles with text and answers, by name; what is gone meanwhile is missing."""
    names_of = [field.name for field in fields(Told)]
    columns = [text.c[name] if name in ("title", "body") else article.c[name] for name in names_of]
    with db.read() as connection:
        query = (
            select(*columns)
            .join(text, text.c.hash == article.c.text_hash)
            .where(bulk.among(connection, article.c.source, article.c.id, names))
            .where(article.c.sentiment.is_not(None))
        )
        return {(row[0], row[1]): Told(*tuple(row)) for row in connection.execute(query)}


def labelled_stories(db: Database, stories: Collection[str]) -> set[str]:
    """Those of ``stories`` of which a text has a label."""
    query = select(labelled_text.c.story).where(
        labelled_text.c.story.in_(list(stories)), _says(labelled_text.c.hash, None)
    )
    with db.read() as connection:
        return set(connection.execute(query).scalars())


def _fresh(
    annotator: str, since: datetime, until: datetime, languages: Collection[str], most: int
) -> Select[Any]:
    a = article.c
    newest = select(*_COLUMNS).where(
        a.published_at >= since,
        a.published_at <= until,
        a.copy_source.is_(None),
        a.deleted.is_(False),
        a.topic.is_not(None),
    )
    if languages:
        newest = newest.where(or_(a.language.is_(None), a.language.in_(languages)))
    pool = newest.order_by(a.published_at.desc()).limit(most).subquery("pool")
    copies = article.alias("member")
    of_story = and_(
        copies.c.story_source == pool.c.source,
        copies.c.story_id == pool.c.id,
        copies.c.text_hash != pool.c.text_hash,
    )
    told_already = (
        select(labelled_text.c.hash)
        .join(copies, copies.c.text_hash == labelled_text.c.hash)
        .where(of_story, _says(labelled_text.c.hash, None))
        .exists()
    )
    return select(pool).where(
        ~_says(pool.c.text_hash, None), ~_skipped(pool.c.text_hash, annotator), ~told_already
    )


def _labelled(annotator: str, since: datetime, most: int) -> Select[Any]:
    """Of the newest texts that others have labelled, those that are stored articles' still."""
    a, t = article.c, labelled_text.c
    newest = (
        select(t.hash, t.source, t.id)
        .where(t.first_at >= since)
        .order_by(t.first_at.desc())
        .limit(most)
        .subquery("newest")
    )
    named = and_(a.source == newest.c.source, a.id == newest.c.id, a.text_hash == newest.c.hash)
    return (
        select(*_COLUMNS)
        .join(newest, named)
        .where(a.topic.is_not(None), _says(newest.c.hash, None))
        .where(~_says(newest.c.hash, annotator), ~_skipped(newest.c.hash, annotator))
    )


_COLUMNS = (
    article.c.source,
    article.c.id,
    article.c.text_hash,
    article.c.topic,
    article.c.topic_probability,
    article.c.p_negative,
    article.c.p_neutral,
    article.c.p_positive,
)


def _says(text_hash: ColumnElement[str], annotator: str | None) -> ColumnElement[bool]:
    """Whether ``annotator`` (None: anybody) says something of a text that is not taken back."""
    later = label.alias("later")
    same_time = and_(later.c.at == label.c.at, later.c.seq > label.c.seq)
    replaced = exists().where(
        later.c.text_hash == label.c.text_hash,
        later.c.annotator == label.c.annotator,
        later.c.task == label.c.task,
        or_(later.c.at > label.c.at, same_time),
    )
    said = select(label.c.seq).where(
        label.c.text_hash == text_hash, label.c.value.is_not(None), ~replaced
    )
    return (said if annotator is None else said.where(label.c.annotator == annotator)).exists()


def _skipped(text_hash: ColumnElement[str], annotator: str) -> ColumnElement[bool]:
    return exists().where(skip.c.annotator == annotator, skip.c.text_hash == text_hash)


def _answered(connection: Connection, query: Select[Any]) -> list[Answered]:
    return [
        Answered(row[0], row[1], row[2], row[3], row[4], max(row[5:8]))
        for row in connection.execute(query)
    ]


def _recent_titles(connection: Connection) -> list[str]:
    newest = select(label.c.text_hash).order_by(label.c.seq.desc()).limit(RECENT).subquery()
    query = select(labelled_text.c.title).where(
        labelled_text.c.hash.in_(select(newest.c.text_hash))
    )
    return list(connection.execute(query).scalars())
