"""Reading buckets as matrices, and the hours that taught the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from alerts.windows import BUCKET
from pipeline.store.database import Database
from pipeline.store.tables import baseline_hour, bucket

IntArray = npt.NDArray[np.int64]
Key = tuple[str, str]
"""kind, key."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts of [first, first + T buckets): a row per key, a column per 5-minute bucket.

    ``negative`` and ``stories`` are (K, T) for the keys asked for; ``articles`` is (T,), of
    ``all``, and tells silence (0) from a bucket in which everything was a copy.
    """

    first: datetime
    negative: IntArray
    stories: IntArray
    articles: IntArray

    def column(self, at: datetime) -> int:
        """Index of the bucket that starts at ``at``; may lie outside the matrix."""
        return (at - self.first) // BUCKET


@dataclass(frozen=True, slots=True)
class Hour:
    """What one hour [at, at + 1 h) teaches, in stories: arrays of (K,), a number per key."""

    at: datetime
    negative: IntArray
    stories: IntArray
    negative_last15: IntArray
    stories_last15: IntArray


def read_matrix(db: Database, keys: Sequence[Key], first: datetime, last: datetime) -> Matrix:
    """Buckets that start in [first, last), both on bucket boundaries."""
    row_of = {key: number for number, key in enumerate(keys)}
    columns = max(0, (last - first) // BUCKET)
    negative = np.zeros((len(keys), columns), dtype=np.int64)
    stories = np.zeros_like(negative)
    articles = np.zeros(columns, dtype=np.int64)
    query = select(
        bucket.c.kind, bucket.c.key, bucket.c.start, bucket.c.articles, bucket.c.stories
    ).add_columns(bucket.c.negative)
    with db.read() as connection:
        found = connection.execute(query.where(bucket.c.start >= first, bucket.c.start < last))
        for kind, key, start, count, story_count, negative_count in found:
            column = (start - first) // BUCKET
            if kind == "all":
                articles[column] = count
            row = row_of.get((kind, key))
            if row is not None:
                negative[row, column] = negative_count
                stories[row, column] = story_count
    return Matrix(first, negative, stories, articles)


def of_key(db: Database, key: Key, first: datetime, last: datetime) -> tuple[IntArray, IntArray]:
    """Negative and all stories of one key per bucket of [first, last), both on boundaries."""
    found = np.zeros((2, max(0, (last - first) // BUCKET)), dtype=np.int64)
    query = select(bucket.c.start, bucket.c.negative, bucket.c.stories).where(
        bucket.c.kind == key[0], bucket.c.key == key[1]
    )
    with db.read() as connection:
        rows = connection.execute(query.where(bucket.c.start >= first, bucket.c.start < last))
        for start, negative, stories in rows:
            found[:, (start - first) // BUCKET] = negative, stories
    return found[0], found[1]


def first_bucket(db: Database, after: datetime | None) -> datetime | None:
    """Start of the oldest bucket that starts at ``after`` or later (None: of all); None: none."""
    query = select(func.min(bucket.c.start)).where(bucket.c.kind == "all")
    if after is not None:
        query = query.where(bucket.c.start >= after)
    with db.read() as connection:
        return connection.execute(query).scalar()


def learned_hours(
    db: Database,
    keys: Sequence[Key],
    *,
    after: datetime | None = None,
    last: datetime | None = None,
) -> Iterator[Hour]:
    """Every hour that taught the baselines, oldest first; absent rows are zeros.

    Only those that begin later than ``after`` and not later than ``last``, where these are given.

    A key that is no longer tested is passed over; a new one has zeros in the hours before it came.
    """
    row_of = {key: number for number, key in enumerate(keys)}
    query = select(baseline_hour).order_by(baseline_hour.c.hour)
    if after is not None:
        query = query.where(baseline_hour.c.hour > after)
    if last is not None:
        query = query.where(baseline_hour.c.hour <= last)
    with db.read() as connection:
        rows = connection.execute(query)
        for at, group in groupby(rows, key=lambda row: row.hour):
            arrays = np.zeros((4, len(keys)), dtype=np.int64)
            for row in group:
                number = row_of.get((row.kind, row.key))
                if number is not None:
                    arrays[:, number] = (
                        row.negative,
                        row.stories,
                        row.negative_last15,
                        row.stories_last15,
                    )
            yield Hour(at, *arrays)


def closed_hours(
    db: Database, keys: Sequence[Key], first: datetime, last: datetime
) -> Iterator[Hour]:
    """Hours that start in [first, last), both whole hours, summed from their buckets, oldest
    first.

    An hour in which ``all`` was silent is not among them: it teaches nothing.
    """
    row_of = {key: number for number, key in enumerate(keys)}
    query = select(
        bucket.c.kind, bucket.c.key, bucket.c.start, bucket.c.negative, bucket.c.stories
    ).where(bucket.c.start >= first, bucket.c.start < last)
    with db.read() as connection:
        rows = connection.execute(query.order_by(bucket.c.start))
        for at, group in groupby(rows, key=lambda row: whole_hour(row.start)):
            arrays = np.zeros((4, len(keys)), dtype=np.int64)
            for row in group:
                number = row_of.get((row.kind, row.key))
                if number is not None:
                    last15 = row.start >= at + HOUR - 3 * BUCKET
                    both = (row.negative, row.stories)
                    arrays[:2, number] += both
                    arrays[2:, number] += both if last15 else (0, 0)
            yield Hour(at, *arrays)


def whole_hour(at: datetime) -> datetime:
    """Start of the hour that holds ``at``."""
    return at.replace(minute=0, second=0, microsecond=0)


def hour_rows(hour: Hour, keys: Sequence[Key]) -> list[dict[str, object]]:
    """Rows of ``baseline_hour``: one per key with stories, and always one for ``all``.

    The row of ``all`` says that the hour was not silent, so that absent rows mean 0.
    """
    return [
        {
            "kind": kind,
            "key": key,
            "hour": hour.at,
            "negative": int(hour.negative[number]),
            "stories": int(hour.stories[number]),
            "negative_last15": int(hour.negative_last15[number]),
            "stories_last15": int(hour.stories_last15[number]),
        }
        for number, (kind, key) in enumerate(keys)
        if kind == "all" or hour.stories[number]
    ]
