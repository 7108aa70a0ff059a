"""Numbers about what is stored: what `bearwatch stats` prints and what the tests compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from pipeline.store.database import Database
from pipeline.store.outbox import waits
from pipeline.store.tables import article, bucket, dead_letter, outbox


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over all time of one (kind, key); sentiments count stories."""

    kind: str
    key: str
    articles: int
    stories: int
    negative: int
    neutral: int
    positive: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What is stored. ``articles`` are those not deleted, undated ones included."""

    articles: int
    stories: int
    undated: int
    late: int
    dead_letters: dict[str, int]
    totals: tuple[Total, ...]


def stats(db: Database) -> Stats:
    """Count everything; the dead letters by reason, the totals in order of kind and key."""
    live = article.c.deleted.is_(False)
    with db.read() as connection:

        def count(*where: ColumnElement[bool]) -> int:
            query = select(func.count()).select_from(article).where(live, *where)
            return int(connection.execute(query).scalar_one())

        reasons = select(dead_letter.c.reason, func.count()).group_by(dead_letter.c.reason)
        sums = [func.sum(bucket.c[name]) for name in Total.__slots__[2:]]
        totals = (
            select(bucket.c.kind, bucket.c.key, *sums)
            .group_by(bucket.c.kind, bucket.c.key)
            .order_by(bucket.c.kind, bucket.c.key)
        )
        return Stats(
            articles=count(),
            stories=count(article.c.copy_id.is_(None)),
            undated=count(article.c.published_at.is_(None)),
            late=count(article.c.late),
            dead_letters={
                row[0]: row[1]
                for row in connection.execute(reasons.order_by(dead_letter.c.reason))
            },
            totals=tuple(
                Total(kind, key, *map(int, values))
                for kind, key, *values in connection.execute(totals)
            ),
        )


def outbox_state(db: Database) -> tuple[int, datetime | None]:
    """Messages that wait to be sent, and when the oldest of them was written.

    What was given up does not wait, nor does old news, which nobody is called about.
    """
    with db.read() as connection:
        waiting, oldest = connection.execute(
            select(func.count(), func.min(outbox.c.created_at)).where(*waits())
        ).one()
    return int(waiting), oldest
