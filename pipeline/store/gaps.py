"""Gaps: parts of a partition that its broker could not deliver. Written beside the position."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, select

from ingest.kafka.gap import Gap
from pipeline.store.database import Database
from pipeline.store.tables import Instant, Serial, metadata

gap = Table(
    "gap",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("resume", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),  # ingest.kafka.gap.GapReason
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
"""Reading went on at ``resume`` instead of ``start``; behind it, or before after a truncation."""


def write(connection: Connection, gaps: Sequence[Gap], *, at: datetime) -> None:
    """Store ``gaps`` in the transaction that moves the position over them."""
    if gaps:
        rows = [
            {
                "topic": one.topic,
                "partition": one.partition,
                "start": one.start,
                "resume": one.resume,
                "reason": one.reason,
                "at": at,
            }
            for one in gaps
        ]
        connection.execute(gap.insert(), rows)


def gaps(db: Database) -> list[Gap]:
    """Every gap there was, oldest first."""
    with db.read() as connection:
        rows = connection.execute(select(gap).order_by(gap.c.seq))
        return [Gap(r.topic, r.partition, r.start, r.resume, r.reason) for r in rows]
