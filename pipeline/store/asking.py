"""What could be asked about: recent stories, as the classifier answered, that nobody labelled.

Every query reads a bounded number of rows by an index, however many articles and labels there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Row, Select, func, or_, select, type_coerce

from pipeline.store import bulk
from pipeline.store.bulk import Name
from pipeline.store.database import Database
from pipeline.store.tables import MILLISECOND, article, label, labelled_text, skip, text

EVENTS: Final = 10_000
"""Newest events by which topics are counted."""

PAGES: Final = 10
"""How often older stories are looked at when the newer ones are labelled."""

SECOND: Final = 500
"""Newest labelled texts of which some are asked about again."""

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
    """``fresh`` stories have no label.

    ``topics`` counts recent labels by topic; ``recent`` are headlines that got labels lately;
    ``asked`` is how often the annotator has answered or skipped.
    """

    fresh: list[Answered]
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


class View:
    """What is stored at one moment, in few questions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pool(
        self,
        annotator: str,
        *,
        since: datetime,
        until: datetime,
        languages: Collection[str],
        page: int,
        least: int,
    ) -> Pool:
        """Stories published in [``since``, ``until``]: of the newest ``page`` that are no copies.

        Where these hold less than ``least``, of as many before them, and so on for :data:`PAGES`.
        Neither what anybody has labelled is in it, nor a copy of that, nor what the annotator
        skipped. ``languages`` empty: of any language; uncertain ones always belong.
        """
        ask = self._connection.execute
        fresh: list[Answered] = []
        for _ in range(PAGES):
            found = ask(_newest_stories(since, until, languages, page)).all()
            fresh += _fresh(self._connection, _answered(found), annotator)
            if len(fresh) >= least or len(found) < page:
                break
            until = found[-1].published_at - MILLISECOND
        newest = func.coalesce(select(func.max(label.c.seq)).scalar_subquery(), 0)
        counted = (
            select(label.c.value, func.count())
            .where(label.c.seq > newest - EVENTS, label.c.task == "topic")
            .where(label.c.value.is_not(None))
            .group_by(label.c.value)
        )
        said, skipped = (
            select(func.count()).where(table.c.annotator == annotator).scalar_subquery()
            for table in (label, skip)
        )
        return Pool(
            fresh,
            {row[0]: row[1] for row in ask(counted)},
            _recent_titles(self._connection),
            int(ask(select(said + skipped)).scalar_one()),
        )

    def labelled_by_others(self, annotator: str, since: datetime) -> list[Answered]:
        """Of the newest texts with labels, those that others have labelled, stored still."""
        return _second(self._connection, annotator, since)

    def titles(self, hashes: Sequence[str]) -> dict[str, str]:
        """Headlines of texts that are still there."""
        query = select(text.c.hash, text.c.title)
        rows = self._connection.execute(
            query.where(bulk.one_of(self._connection, text.c.hash, hashes))
        )
        return {row.hash: row.title for row in rows}

    def told(self, names: Sequence[Name]) -> dict[Name, Told]:
        """Stored articles with text and answers, by name; what is gone is missing."""
        wanted = [field.name for field in fields(Told)]
        columns = [text.c[n] if n in ("title", "body") else article.c[n] for n in wanted]
        query = (
            select(*columns)
            .join(text, text.c.hash == article.c.text_hash)
            .where(bulk.among(self._connection, article.c.source, article.c.id, names))
            .where(article.c.sentiment.is_not(None))
        )
        rows = self._connection.execute(query)
        return {(row[0], row[1]): Told(*tuple(row)) for row in rows}

    def labelled_stories(self, stories: Collection[str]) -> set[str]:
        """Those of ``stories`` of which a text has a label."""
        query = select(labelled_text.c.hash, labelled_text.c.story).where(
            bulk.one_of(self._connection, labelled_text.c.story, stories)
        )
        found = {row.hash: row.story for row in self._connection.execute(query)}
        return {found[key] for key in _who_labelled(self._connection, found)}


@contextmanager
def view(db: Database) -> Iterator[View]:
    """One consistent view; nothing is written."""
    with db.read() as connection:
        yield View(connection)


def _newest_stories(
    since: datetime, until: datetime, languages: Collection[str], most: int
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
    return newest.order_by(a.published_at.desc()).limit(most)


def _fresh(connection: Connection, stories: Sequence[Answered], annotator: str) -> list[Answered]:
    known = _who_labelled(connection, [one.text_hash for one in stories]).keys()
    known |= _skipped(connection, [one.text_hash for one in stories], annotator)
    left = {(one.source, one.id): one for one in stories if one.text_hash not in known}
    columns = article.c
    copies = select(columns.story_source, columns.story_id, labelled_text.c.hash).join(
        labelled_text, labelled_text.c.hash == columns.text_hash
    )
    of_these = bulk.among(connection, columns.story_source, columns.story_id, left)
    told = [((row[0], row[1]), row[2]) for row in connection.execute(copies.where(of_these))]
    labelled = _who_labelled(connection, {key for _, key in told})
    for name, key in told:
        if key in labelled:
            left.pop(name, None)
    return list(left.values())


def _second(connection: Connection, annotator: str, since: datetime) -> list[Answered]:
    t = labelled_text.c
    newest = (
        select(t.hash, t.source, t.id)
        .where(t.first_at >= since)
        .order_by(t.first_at.desc())
        .limit(SECOND)
    )
    names = {row.hash: (row.source, row.id) for row in connection.execute(newest) if row.source}
    skipped = _skipped(connection, names, annotator)
    wanted = [
        names[key]
        for key, who in _who_labelled(connection, names).items()
        if annotator not in who and key not in skipped
    ]
    columns = article.c
    stored = select(*_COLUMNS).where(
        bulk.among(connection, columns.source, columns.id, wanted), columns.topic.is_not(None)
    )
    return [one for one in _answered(connection.execute(stored).all()) if one.text_hash in names]


_COLUMNS = (
    article.c.source,
    article.c.id,
    article.c.text_hash,
    article.c.topic,
    article.c.topic_probability,
    article.c.p_negative,
    article.c.p_neutral,
    article.c.p_positive,
    article.c.published_at,
)


def _who_labelled(connection: Connection, hashes: Collection[str]) -> dict[str, set[str]]:
    """Of each text that has a label which is not taken back, who says so."""
    if not hashes:
        return {}
    at = type_coerce(label.c.at, BigInteger)  # as stored: thousands of times are only compared
    query = select(label.c.text_hash, label.c.annotator, label.c.task, label.c.value, at)
    ordered = query.where(bulk.one_of(connection, label.c.text_hash, hashes)).order_by(label.c.seq)
    newest: dict[tuple[str, str, str], tuple[int, str | None]] = {}
    for text_hash, annotator, task, value, when in connection.execute(ordered):
        said = newest.get((text_hash, annotator, task))
        if said is None or when >= said[0]:
            newest[text_hash, annotator, task] = (when, value)
    found: dict[str, set[str]] = {}
    for (text_hash, annotator, _), (_, value) in newest.items():
        if value is not None:
            found.setdefault(text_hash, set()).add(annotator)
    return found


def _skipped(connection: Connection, hashes: Collection[str], annotator: str) -> set[str]:
    ours = skip.c.annotator == annotator, bulk.one_of(connection, skip.c.text_hash, hashes)
    return set(connection.execute(select(skip.c.text_hash).where(*ours)).scalars())


def _answered(rows: Sequence[Row[Any]]) -> list[Answered]:
    return [Answered(row[0], row[1], row[2], row[3], row[4], max(row[5:8])) for row in rows]


def _recent_titles(connection: Connection) -> list[str]:
    newest = select(label.c.text_hash).order_by(label.c.seq.desc()).limit(RECENT).subquery()
    query = select(labelled_text.c.title).where(
        labelled_text.c.hash.in_(select(newest.c.text_hash))
    )
    return list(connection.execute(query).scalars())
