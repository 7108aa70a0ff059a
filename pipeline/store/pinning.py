"""Texts that labels hold on to: an article's or one from outside, and what story it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select

from pipeline.labels.drawing import held_out, story_key
from pipeline.store import bulk
from pipeline.store.bulk import Name
from pipeline.store.database import DatabaseAway, StoreError
from pipeline.store.hashing import text_hash
from pipeline.store.tables import article, label, labelled_text, text

SHOWN = 12
"""Hex digits by which messages name a text."""


class TakenDown(StoreError):
    """The text was removed, and labels do not bring it back."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text that has labels, or is about to. ``hash`` is that of :func:`text_hash`.

    ``source`` and ``id`` name the article as which it was labelled; None: it is from outside.
    ``story`` is equal for texts of one story. ``held_out`` was drawn for the story when its first
    label came at ``first_at``, and stays.
    """

    hash: str
    title: str
    body: str
    source: str | None
    id: str | None
    story: str
    first_at: datetime
    held_out: bool


@dataclass(frozen=True, slots=True)
class Outside:
    """A text that is handed in with its label; ``name`` if it says of which article it is."""

    title: str
    body: str
    name: Name | None = None

    @property
    def hash(self) -> str:
        """As articles' texts are hashed."""
        return text_hash(self.title, self.body)


def pin_article(connection: Connection, source: str, id: str, now: datetime) -> LabelledText:
    """The text of a stored article, for :func:`pipeline.store.labels.add` in this transaction.

    A writing transaction: a take-down that comes at the same time waits for its end.

    Raises:
        TakenDown: the article was deleted.
        StoreError: it is not stored, or its text is not kept any more.
    """
    columns = article.c
    row = connection.execute(
        select(columns.deleted, columns.text_hash, columns.story_source, columns.story_id)
        .where(columns.source == source, columns.id == id)
        .with_for_update(read=True)
    ).one_or_none()
    if row is None:
        raise StoreError(f"{source} {id}: no such article")
    if row.deleted:
        raise TakenDown(f"{source} {id}: it was taken down")
    if (pinned := _pinned(connection, [row.text_hash]).get(row.text_hash)) is not None:
        return pinned
    found = connection.execute(
        select(text.c.title, text.c.body).where(text.c.hash == row.text_hash)
    ).one_or_none()
    if found is None:
        raise StoreError(f"{source} {id}: its text is not kept any more")
    story = _story_of(connection, (row.story_source, row.story_id)) if row.story_id else None
    story = story or story_key(found.title, found.body)
    sealed = _sealed(connection, [story]).get(story, held_out(story))
    return LabelledText(
        row.text_hash, found.title, found.body, source, id, story, now, held_out=sealed
    )


def pin_texts(
    connection: Connection, texts: Sequence[Outside], now: datetime
) -> dict[str, LabelledText | TakenDown]:
    """Texts from outside by hash, for :func:`pipeline.store.labels.add` in this transaction.

    One that a stored article has is pinned as that article. One that was labelled and is not
    there any more was taken down, and so is every text of an article that was deleted.
    """
    by_hash = {one.hash: one for one in texts}
    pinned = _pinned(connection, by_hash)
    left = {key: one for key, one in by_hash.items() if key not in pinned}
    articles = _articles_with(connection, left)
    gone = _labelled_before(connection, left) - articles.keys()
    deleted = _deleted(connection, [one.name for one in left.values() if one.name])
    made: dict[str, LabelledText | TakenDown] = dict(pinned)
    keys: dict[str, str] = {}
    for key, one in left.items():
        if key in gone or (one.name in deleted and key not in articles):
            made[key] = TakenDown(f"text {key[:SHOWN]}: it was taken down")
        elif key in articles:
            made[key] = pin_article(connection, *articles[key], now)
        else:
            keys[key] = story_key(one.title, one.body)
    sealed = _sealed(connection, set(keys.values()))
    for key, story in keys.items():
        one = left[key]
        source, of_id = one.name or (None, None)
        drawn = sealed.get(story, held_out(story))
        made[key] = LabelledText(key, one.title, one.body, source, of_id, story, now, drawn)
    return made


def pin_each(
    connection: Connection, wanted: Sequence[Name | Outside], now: datetime
) -> list[LabelledText | StoreError]:
    """Stored articles by name and texts from outside, each pinned, or why it cannot be."""
    outside = [one for one in wanted if isinstance(one, Outside)]
    texts = pin_texts(connection, outside, now) if outside else {}
    named: dict[Name, LabelledText | StoreError] = {}
    for name in sorted({one for one in wanted if not isinstance(one, Outside)}):
        try:
            named[name] = pin_article(connection, *name, now)
        except DatabaseAway:
            raise
        except StoreError as error:
            named[name] = error
    return [texts[one.hash] if isinstance(one, Outside) else named[one] for one in wanted]


def forget(connection: Connection, names: Collection[Name], hashes: Collection[str]) -> int:
    """Remove what was pinned of deleted articles, whichever revision, and of ``hashes``; how many.

    A text that some other stored article has stays. Labels stay too, as events about a text that
    nobody has any more.
    """
    if not names and not hashes:
        return 0
    named = bulk.among(connection, labelled_text.c.source, labelled_text.c.id, names)
    theirs = or_(named, labelled_text.c.hash.in_(hashes))
    used = select(article.c.text_hash).where(article.c.text_hash == labelled_text.c.hash).exists()
    return connection.execute(delete(labelled_text).where(theirs, ~used)).rowcount


def _pinned(connection: Connection, hashes: Collection[str]) -> dict[str, LabelledText]:
    query = select(labelled_text).where(labelled_text.c.hash.in_(list(hashes)))
    # Locked, so that a take-down that comes now removes it after we have added to it.
    query = query.order_by(labelled_text.c.hash).with_for_update(read=True)
    return {row.hash: read_text(row) for row in connection.execute(query)}


def read_text(row: Row[Any]) -> LabelledText:
    """A row of the table ``labelled_text``."""
    return LabelledText(*(getattr(row, name) for name in LabelledText.__slots__))


def _articles_with(connection: Connection, hashes: Collection[str]) -> dict[str, Name]:
    """The first article by name that has each text now."""
    columns = article.c
    query = (
        select(columns.text_hash, columns.source, columns.id)
        .where(columns.text_hash.in_(list(hashes)), columns.deleted.is_(False))
        .order_by(columns.source.desc(), columns.id.desc())
        .with_for_update(read=True)
    )
    rows = connection.execute(query)
    return {row.text_hash: (row.source, row.id) for row in rows}


def _labelled_before(connection: Connection, hashes: Collection[str]) -> set[str]:
    query = select(label.c.text_hash).where(label.c.text_hash.in_(list(hashes))).distinct()
    return set(connection.execute(query).scalars())


def _deleted(connection: Connection, names: Collection[Name]) -> set[Name]:
    if not names:
        return set()
    columns = article.c
    query = select(columns.source, columns.id).where(
        bulk.among(connection, columns.source, columns.id, names), columns.deleted
    )
    return {(row.source, row.id) for row in connection.execute(query)}


def _story_of(connection: Connection, root: Name) -> str | None:
    """Of an article's story: the key that a text of it was pinned with, else its root's own."""
    columns = article.c
    of_story = and_(columns.story_source == root[0], columns.story_id == root[1])
    earlier = connection.execute(
        select(labelled_text.c.story)
        .join(article, article.c.text_hash == labelled_text.c.hash)
        .where(of_story)
        .order_by(labelled_text.c.first_at, labelled_text.c.hash)
        .limit(1)
    ).scalar()
    if earlier is not None:
        return str(earlier)
    first = connection.execute(
        select(text.c.title, text.c.body)
        .join(article, article.c.text_hash == text.c.hash)
        .where(columns.source == root[0], columns.id == root[1])
    ).one_or_none()
    return None if first is None else story_key(first.title, first.body)


def _sealed(connection: Connection, stories: Collection[str]) -> dict[str, bool]:
    """What was drawn for stories that have a text already."""
    query = select(labelled_text.c.story, labelled_text.c.held_out).where(
        labelled_text.c.story.in_(list(stories))
    )
    rows = connection.execute(query.order_by(labelled_text.c.first_at.desc()))
    return {row.story: row.held_out for row in rows}
