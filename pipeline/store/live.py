"""What the live page reads: sums of buckets and single rows, whatever the number of articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, and_, case, func, or_, select, type_coerce

from alerts.windows import BUCKET
from pipeline.store.buckets import IntArray, Key
from pipeline.store.database import Database
from pipeline.store.tables import EPOCH, MILLISECOND, article, bucket, dead_letter, monitor


@dataclass(frozen=True, slots=True)
class Watching:
    """The monitor's row: ``lease_until`` by the wall clock, the others are event times."""

    lease_until: datetime
    watermark: datetime | None
    cursor: datetime | None


@dataclass(frozen=True, slots=True)
class Total:
    """Stories of one key over a stretch of time, and over its newest part."""

    stories: int
    negative: int
    stories_lately: int
    negative_lately: int


def watching(db: Database) -> Watching | None:
    """What the monitor has saved of itself; None before there was one."""
    columns = (monitor.c.lease_until, monitor.c.watermark, monitor.c.cursor)
    with db.read() as connection:
        row = connection.execute(select(*columns)).one_or_none()
    return None if row is None else Watching(*row)


def counted_until(db: Database) -> datetime | None:
    """End of the newest bucket; None before anything was counted."""
    query = select(func.max(bucket.c.start)).where(bucket.c.kind == "all", bucket.c.key == "all")
    with db.read() as connection:
        newest = connection.execute(query).scalar()
    return None if newest is None else newest + BUCKET


def totals(db: Database, first: datetime, lately: datetime, last: datetime) -> dict[Key, Total]:
    """Sums over [first, last) per key, and over [lately, last); of all kinds but sources."""

    def recent(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.sum(case((bucket.c.start >= lately, column), else_=0))

    counts = (bucket.c.stories, bucket.c.negative)
    query = (
        select(bucket.c.kind, bucket.c.key, *map(func.sum, counts), *map(recent, counts))
        .where(bucket.c.start >= first, bucket.c.start < last, bucket.c.kind != "source")
        .group_by(bucket.c.kind, bucket.c.key)
    )
    with db.read() as connection:
        rows = connection.execute(query).all()
    return {(kind, key): Total(*map(int, sums)) for kind, key, *sums in rows}


def columns(
    db: Database, keys: Sequence[Key], first: datetime, step: timedelta, count: int
) -> Mapping[Key, IntArray]:
    """Negative and all stories per ``step``, (2, ``count``) for each key, from ``first`` on."""
    found: dict[Key, IntArray] = {key: np.zeros((2, count), dtype=np.int64) for key in keys}
    start = type_coerce(bucket.c.start, BigInteger)
    column = (start - (first - EPOCH) // MILLISECOND) // (step // MILLISECOND)
    wanted = [
        and_(bucket.c.kind == kind, bucket.c.key.in_([key for of, key in keys if of == kind]))
        for kind in sorted({kind for kind, _ in keys})
    ]
    query = (
        select(
            bucket.c.kind,
            bucket.c.key,
            column.label("place"),
            func.sum(bucket.c.negative),
            func.sum(bucket.c.stories),
        )
        .where(or_(*wanted), bucket.c.start >= first, bucket.c.start < first + count * step)
        .group_by(bucket.c.kind, bucket.c.key, "place")
    )
    with db.read() as connection:
        for kind, key, place, negative, stories in connection.execute(query) if keys else ():
            found[kind, key][:, place] = negative, stories
    return found


def newest_version(db: Database) -> str | None:
    """The classifier that judged the newest dated article."""
    known = article.c.published_at.is_not(None), article.c.version.is_not(None)
    query = select(article.c.version).where(*known).order_by(article.c.published_at.desc())
    with db.read() as connection:
        version: str | None = connection.execute(query.limit(1)).scalar()
    return version


def dead_letters(db: Database, *, most: int) -> int:
    """How many are stored, counted no further than ``most``."""
    some = select(dead_letter.c.reason).limit(most).subquery()
    with db.read() as connection:
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
