"""Forgetting what was detected, so that the same articles can be watched with other settings."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select, update

from pipeline.store.database import Database, StoreError
from pipeline.store.tables import baseline_hour, bucket, incident, monitor, outbox, watch


def forget_detection(db: Database) -> None:
    """Delete incidents, machines, messages and learned hours; articles and counts stay."""
    with db.write() as connection:
        for table in (incident, watch, outbox, baseline_hour):
            connection.execute(delete(table))
        connection.execute(update(monitor).values(cursor=None))


def copy_file(path: Path, to: Path) -> None:
    """Copy a SQLite database that may be in use, what is still in its log included.

    Raises:
        StoreError: it cannot be read, or is no SQLite database.
    """
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be copied as a SQLite database: {error}") from error


def counted_until(db: Database) -> tuple[datetime, datetime] | None:
    """Starts of the first and of the last bucket of ``all``; None if nothing was counted."""
    query = select(func.min(bucket.c.start), func.max(bucket.c.start)).where(
        bucket.c.kind == "all"
    )
    with db.read() as connection:
        first, last = connection.execute(query).one()
    return None if first is None else (first, last)
