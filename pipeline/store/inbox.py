"""The inbox: records that were handed in, waiting in the database to be read once.

Offsets are dense and rise in the order of the commits: a reader that has read all below N will
never see a row below N appear. So writers take turns. Each raises the one row of ``inbox_end``,
which PostgreSQL keeps locked until its transaction ends; a sequence would hand out numbers at
once, and of two writers the one with the lower number may commit last, behind the reader's back.
A rolled back writer gives its numbers back. SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, select

from ingest.files import MAX_POLL_BYTES, Record
from pipeline.step import Partition
from pipeline.store import bulk
from pipeline.store.database import Database, upsert
from pipeline.store.tables import inbox, inbox_end, source_position

TOPIC: Final = "inbox"
PARTITION: Final[Partition] = (TOPIC, 0)
NAME: Final = "inbox"

FORGET_ROWS: Final = 1_000
"""Rows that one transaction of :func:`forget` removes: writers wait for it on SQLite."""


def put(
    db: Database,
    records: Sequence[bytes],
    *,
    at: datetime,
    also: Callable[[Connection], None] | None = None,
) -> None:
    """Append ``records`` in order, received ``at``: all of them or none. Durable on return.

    ``also`` runs in the same transaction, after them; an exception of it undoes them. It should
    be short, as every other writer waits meanwhile.

    Raises:
        DatabaseAway: it is not known whether they are stored; put them again.
    """
    with db.write_durably() as connection:
        if records:
            first = _take_offsets(connection, len(records))
            rows = [
                {"offset": first + n, "raw": raw, "received_at": at}
                for n, raw in enumerate(records)
            ]
            bulk.insert(connection, inbox, rows)
        if also is not None:
            also(connection)


def read(db: Database, from_offset: int, limit: int) -> list[Record]:
    """Up to ``limit`` records from ``from_offset`` on, in order; about 16 MiB at most."""
    with db.read() as connection:
        sizes = connection.execute(
            select(inbox.c.offset, func.length(inbox.c.raw))
            .where(inbox.c.offset >= from_offset)
            .order_by(inbox.c.offset)
            .limit(limit)
        ).all()
        if not sizes:
            return []
        last, total = 0, 0
        for offset, size in sizes:
            last = offset
            total += size
            if total >= MAX_POLL_BYTES:
                break
        rows = connection.execute(
            select(inbox)
            .where(inbox.c.offset >= from_offset, inbox.c.offset <= last)
            .order_by(inbox.c.offset)
        )
        return [Record(TOPIC, 0, row.offset, row.raw, row.received_at) for row in rows]


def end(db: Database) -> int:
    """The offset that the next record will get."""
    with db.read() as connection:
        return connection.execute(select(inbox_end.c.next)).scalar() or 0


def position(db: Database) -> int:
    """How far the inbox has been read and its records stored as articles."""
    table = source_position
    query = select(table.c.next).where(table.c.topic == TOPIC, table.c.partition == 0)
    with db.read() as connection:
        return connection.execute(query).scalar() or 0


def forget(db: Database, below: int) -> int:
    """Remove up to :data:`FORGET_ROWS` of the oldest rows below ``below``; returns how many.

    Only for rows that have been read: ``below`` is at most the stored :func:`position`, which
    never goes back.
    """
    oldest = (
        select(inbox.c.offset)
        .where(inbox.c.offset < below)
        .order_by(inbox.c.offset)
        .limit(FORGET_ROWS)
    )
    with db.write() as connection:
        return connection.execute(delete(inbox).where(inbox.c.offset.in_(oldest))).rowcount


def _take_offsets(connection: Connection, number: int) -> int:
    """The first of ``number`` new offsets; every other writer waits from here to our commit."""
    insert = upsert(connection, inbox_end)
    statement = (
        insert.values(name=NAME, next=number)
        .on_conflict_do_update(
            index_elements=["name"], set_={"next": inbox_end.c.next + insert.excluded.next}
        )
        .returning(inbox_end.c.next)
    )
    end_now: int = connection.execute(statement).scalar_one()
    return end_now - number
