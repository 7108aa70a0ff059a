"""Records that are no article: kept with their bytes, told to Kafka, sent in again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_, update

from pipeline.step import DeadLetter, Origin
from pipeline.store import bulk
from pipeline.store.database import Database
from pipeline.store.lease import check
from pipeline.store.tables import dead_letter

_NAME = (dead_letter.c.topic, dead_letter.c.partition, dead_letter.c.offset)
_FACTS = (
    *_NAME,
    dead_letter.c.reason,
    dead_letter.c.detail,
    dead_letter.c.at,
    dead_letter.c.published_at,
    dead_letter.c.replayed_at,
    func.length(dead_letter.c.raw).label("size"),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored dead letter. ``size`` is that of the whole record in bytes."""

    origin: Origin
    reason: str
    detail: str
    at: datetime
    """When the record was received."""
    size: int
    published_at: datetime | None = None
    """When the dead topic had it; None: not yet."""
    replayed_at: datetime | None = None
    """When it was sent in again as an article; None: never."""
    raw: bytes = b""
    """The record; empty in lists."""


@dataclass(frozen=True, slots=True)
class Count:
    """Dead letters of one reason, and how many of them were sent in again."""

    reason: str
    letters: int
    replayed: int


def write(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Store dead letters in the transaction that moves the position; known ones stay as is."""
    rows = [
        {
            "topic": letter.origin.topic,
            "partition": letter.origin.partition,
            "offset": letter.origin.offset,
            "reason": letter.rejected.reason,
            "detail": letter.rejected.detail,
            "raw": letter.rejected.raw,
            "at": letter.at,
        }
        for letter in letters
    ]
    if rows:
        bulk.insert(connection, dead_letter, rows, lambda insert: insert.on_conflict_do_nothing())


def counts(db: Database) -> list[Count]:
    """How many there are, by reason."""
    table = dead_letter.c
    query = (
        select(table.reason, func.count(), func.count(table.replayed_at))
        .group_by(table.reason)
        .order_by(table.reason)
    )
    with db.read() as connection:
        return [Count(*row) for row in connection.execute(query)]


def newest(db: Database, *, reason: str | None, limit: int) -> list[Letter]:
    """The newest first, without their bytes."""
    table = dead_letter.c
    query: Select[Any] = select(*_FACTS)
    query = query.order_by(table.at.desc(), *(c.desc() for c in _NAME)).limit(limit)
    if reason is not None:
        query = query.where(table.reason == reason)
    with db.read() as connection:
        return [_letter(row) for row in connection.execute(query)]


def find(db: Database, origin: Origin) -> Letter | None:
    """One, with its bytes."""
    with db.read() as connection:
        found = _with_bytes(connection, [origin])
    return found[0] if found else None


def unpublished(db: Database, *, most: int, most_bytes: int) -> list[Letter]:
    """Of those that the dead topic has not had, the oldest, with their bytes.

    At most ``most``, and no more after ``most_bytes`` are reached: at least one, however large.
    """
    table = dead_letter.c
    query = select(*_NAME, func.length(table.raw).label("size")).where(
        table.published_at.is_(None)
    )
    with db.read() as connection:
        return _piece(connection, query.order_by(table.at, *_NAME).limit(most), most_bytes)


def waiting(db: Database) -> int:
    """How many the dead topic has not had."""
    query = select(func.count()).where(dead_letter.c.published_at.is_(None))
    with db.read() as connection:
        return int(connection.execute(query).scalar_one())


def mark_published(db: Database, epoch: int, origins: Sequence[Origin], at: datetime) -> None:
    """Note that the dead topic has them.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``; it will publish them again.
    """
    with db.write() as connection:
        check(connection, epoch)
        _mark(connection, origins, published_at=at)


def to_replay(
    db: Database,
    *,
    reason: str | None,
    never: str,
    after: Origin | None,
    most: int,
    most_bytes: int,
) -> list[Letter]:
    """Those never sent in again, in order of their names, beginning behind ``after``.

    ``reason`` None: of any reason but ``never``. Bounded as :func:`unpublished`.
    """
    table = dead_letter.c
    query = select(*_NAME, func.length(table.raw).label("size")).where(
        table.replayed_at.is_(None),
        table.reason != never if reason is None else table.reason == reason,
    )
    if after is not None:
        query = query.where(tuple_(*_NAME) > _values(after))
    with db.read() as connection:
        return _piece(connection, query.order_by(*_NAME).limit(most), most_bytes)


def replayed(db: Database, origins: Sequence[Origin], at: datetime) -> None:
    """Note that they were sent in again, in a transaction of its own."""
    with db.write() as connection:
        mark_replayed(connection, origins, at)


def mark_replayed(connection: Connection, origins: Sequence[Origin], at: datetime) -> None:
    """Note that they were sent in again."""
    _mark(connection, origins, replayed_at=at)


def _mark(connection: Connection, origins: Sequence[Origin], **values: datetime) -> None:
    if not origins:
        return
    table = dead_letter.c
    statement = (
        update(dead_letter)
        .where(
            table.topic == bindparam("of_topic"),
            table.partition == bindparam("of_partition"),
            table.offset == bindparam("of_offset"),
        )
        .values(**values)
    )
    rows = [
        {"of_topic": o.topic, "of_partition": o.partition, "of_offset": o.offset} for o in origins
    ]
    connection.execute(statement, rows)


def _piece(connection: Connection, query: Select[Any], most_bytes: int) -> list[Letter]:
    taken: list[Origin] = []
    size = 0
    for row in connection.execute(query).all():
        if taken and size + row.size > most_bytes:
            break
        taken.append(Origin(row.topic, row.partition, row.offset))
        size += row.size
    found = {letter.origin: letter for letter in _with_bytes(connection, taken)}
    return [found[origin] for origin in taken]


def _with_bytes(connection: Connection, origins: Sequence[Origin]) -> list[Letter]:
    named = tuple_(*_NAME).in_([(o.topic, o.partition, o.offset) for o in origins])
    query: Select[Any] = select(*_FACTS, dead_letter.c.raw).where(named)
    return [_letter(row, row.raw) for row in connection.execute(query)]


def _values(origin: Origin) -> Any:  # noqa: ANN401 - a row of literals
    return tuple_(origin.topic, origin.partition, origin.offset)


def _letter(row: Row[Any], raw: bytes = b"") -> Letter:
    return Letter(
        Origin(row.topic, row.partition, row.offset),
        row.reason,
        row.detail,
        row.at,
        row.size,
        row.published_at,
        row.replayed_at,
        raw,
    )
