"""Forgetting what was detected, so that the same articles can be watched with other settings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update

from pipeline.store.database import Database
from pipeline.store.tables import baseline_hour, bucket, incident, monitor, outbox, watch


def forget_detection(db: Database) -> None:
    """Delete incidents, machines, messages and learned hours; articles and counts stay."""
    with db.write() as connection:
        for table in (incident, watch, outbox, baseline_hour):
            connection.execute(delete(table))
        connection.execute(update(monitor).values(cursor=None))


def counted_until(db: Database) -> tuple[datetime, datetime] | None:
    """Starts of the first and of the last bucket of ``all``; None if nothing was counted."""
    query = select(func.min(bucket.c.start), func.max(bucket.c.start)).where(
        bucket.c.kind == "all"
    )
    with db.read() as connection:
        first, last = connection.execute(query).one()
    return None if first is None else (first, last)
