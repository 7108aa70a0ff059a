"""Cursors of feeds: loaded at the start, moved with the records they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection, select

from ingest.feeds.cursor import Cursor, seen_from, seen_text
from ingest.feeds.settings import shown
from pipeline.store.database import Database, upsert
from pipeline.store.tables import feed_cursor


class Put(Protocol):
    """Appends records to the inbox in one transaction, in which ``also`` runs too."""

    def __call__(
        self,
        db: Database,
        records: Sequence[bytes],
        *,
        at: datetime,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """All of it is stored, or nothing."""


def load(db: Database, urls: Iterable[str]) -> dict[str, Cursor]:
    """The stored cursors of these feeds, by URL; a feed that is new has none."""
    wanted = {_key(url): url for url in urls}
    with db.read() as connection:
        rows = connection.execute(select(feed_cursor)).all()
    return {
        wanted[row.feed]: Cursor(
            row.etag, row.last_modified, seen_from(row.seen), row.next_at, row.failures
        )
        for row in rows
        if row.feed in wanted
    }


def save(db: Database, url: str, cursor: Cursor, *, at: datetime) -> None:
    """Move the cursor of one feed in a transaction of its own."""
    with db.write() as connection:
        write(connection, url, cursor, at=at)


def save_with(
    db: Database, put: Put, url: str, records: Sequence[bytes], cursor: Cursor, *, at: datetime
) -> None:
    """Store the records and move the cursor in one transaction."""

    def also(connection: Connection) -> None:
        write(connection, url, cursor, at=at)

    put(db, records, at=at, also=also)


def write(connection: Connection, url: str, cursor: Cursor, *, at: datetime) -> None:
    """Move the cursor of one feed within a transaction. ``at`` is the time of doing so."""
    values = {
        "url": shown(url),
        "etag": cursor.etag,
        "last_modified": cursor.last_modified,
        "seen": seen_text(cursor.seen),
        "next_at": cursor.next_at,
        "failures": cursor.failures,
        "at": at,
    }
    statement = upsert(connection, feed_cursor).values(feed=_key(url), **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["feed"], set_=dict(values)))


def _key(url: str) -> str:
    return sha256(url.encode()).hexdigest()
