"""How fast the monitor counts with a full index: 2 million articles inside the horizon.

``python -m tests.benchmarks.bench_counting [--articles N] [--queued N] [--only sqlite]``
builds the index in bulk, stores the queued articles as a worker does, and counts them. Beside
it, the same index rows are inserted plainly: what any way of keeping them costs at least.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from ingest.article import Article
from ingest.shape import Shape
from ingest.shapes import bits, shape_of
from ingest.stories import bands
from models.prediction import Prediction
from pipeline.count import Keys
from pipeline.step import Origin, Scored
from pipeline.store import articles, bulk, lease
from pipeline.store.counting import count_changed
from pipeline.store.database import Database, open_database
from pipeline.store.tables import EPOCH, MILLISECOND, neighbour
from tests.fakes import COMPANIES, MONDAY, TOPICS
from tests.integration.postgres import own_server

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire0"}))
WORDS = 4_000
"""Names that headlines draw from, the first far oftener than the last."""
POOL = 200_000
"""Articles whose headlines are drawn."""
COPIES = 0.1
VERBS = ("raises", "cuts", "sees", "denies", "reports", "delays", "wins", "sells")
THINGS = ("outlook", "dividend", "stake", "order", "profit", "plant", "bond", "jobs")
PREDICTION = Prediction("Energy", 0.9, 0.6, 0.3, 0.1, "bench")


def titles(seed: int) -> Iterator[str]:
    """Headlines with hot templates: a tenth repeats one of the last 1,000 nearly."""
    draw = random.Random(seed)  # noqa: S311 - a fixed sequence, not a secret
    last: list[str] = []
    while True:
        if last and draw.random() < COPIES:
            yield f"UPDATE 1-{draw.choice(last)}"
            continue
        first, second = (f"Firm{int(WORDS * draw.random() ** 3)}x" for _ in range(2))
        title = (
            f"{first} {draw.choice(VERBS)} {draw.choice(THINGS)} at {second} "
            f"by {draw.randrange(1, 400) / 10} pct on {draw.choice(THINGS)}"
        )
        last = [*last[-999:], title]
        yield title


def build(db: Database, number: int) -> None:
    """``number`` articles in the 23 h before Tuesday 1:00, by the quickest way into each database.

    Headlines are drawn for ``POOL`` articles; the others have the same shapes moved to other
    numbers, so that they resemble each other as these do, and fill the index.
    """
    source = titles(1)
    pool = [shape_of(next(source), "") for _ in range(min(number, POOL))]
    first, step = _ms(MONDAY + timedelta(hours=1)), 23 * 3_600_000 / number
    shapes, keys = [], []
    for n in range(number):
        value, own, said = moved(pool[n % len(pool)], n // len(pool))
        name, at = f"old{n}", first + int(n * step)
        shapes.append((f"wire{n % 3}", name, at, value, array("q", own).tobytes()))
        keys += [(key, at, f"wire{n % 3}", name, said) for key in own]
    keys.sort()
    if db.engine.dialect.name == "postgresql":
        _copy_postgres(db, shapes, keys)
    else:
        _copy_sqlite(db, shapes, keys)


def moved(made: tuple[Shape, tuple[int, ...]], by: int) -> tuple[bytes, tuple[int, ...], int]:
    """The same in another world: numbers of one world meet none of another."""
    value, keys = made
    other = replace(value, order=tuple((mark + by * 63 * 7_919) % 2**32 for mark in value.order))
    apart = (by * 0x61C8864680B583EB & 0x7FFFFFFFFFFFFFFF) >> 1 << 1
    return other.encode(), tuple(key ^ apart for key in keys), bits(other)


KEY = "key, published_at, source, id, revision, bits"
_ARTICLES = """
    INSERT INTO article (source, id, revision, deleted, symbols, extra, published_at, received_at,
        late, topic, topic_probability, sentiment, polarity, version, story_source, story_id,
        record_topic, record_partition, record_offset)
    SELECT source, id, 0, {false}, '[]', '{{}}', published_at, published_at, {false},
        'Energy', 0.9, 'negative', -5000, 'bench', source, id, 'bench', 0, 0 FROM shape"""
_SIGNATURES = """
    INSERT INTO signature (band, hash, published_at, source, id)
    SELECT 0, 'exact' || id, published_at, source, id FROM shape"""
_CONTRIBUTIONS = """
    INSERT INTO contribution (source, id, value) SELECT source, id, '[]' FROM shape"""


def _copy_sqlite(db: Database, shapes: list[Any], keys: list[Any]) -> None:
    path = db.engine.url.database
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO shape (source, id, revision, published_at, gone, value, keys) "
            "VALUES (?, ?, 0, ?, 0, ?, ?)",
            shapes,
        )
        connection.executemany(
            "INSERT INTO neighbour (key, published_at, source, id, bits, revision) "
            "VALUES (?, ?, ?, ?, ?, 0)",
            keys,
        )
        for statement in (_ARTICLES, _SIGNATURES, _CONTRIBUTIONS):
            connection.execute(statement.format(false="0"))
        connection.commit()


def _copy_postgres(db: Database, shapes: list[Any], keys: list[Any]) -> None:
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        cursor.execute("SET statement_timeout = 0; SET synchronous_commit = off")
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
        cursor.execute("ALTER TABLE neighbour DROP CONSTRAINT pk_neighbour")
        columns = "source, id, published_at, value, keys, revision, gone"
        with cursor.copy(f"COPY shape ({columns}) FROM STDIN") as copy:
            for row in shapes:
                copy.write_row((*row, 0, False))
        columns = "key, published_at, source, id, bits, revision"
        with cursor.copy(f"COPY neighbour ({columns}) FROM STDIN") as copy:
            for row in keys:
                copy.write_row((*row, 0))
        cursor.execute(f"ALTER TABLE neighbour ADD CONSTRAINT pk_neighbour PRIMARY KEY ({KEY})")
        for statement in (_ARTICLES, _SIGNATURES, _CONTRIBUTIONS):
            cursor.execute(statement.format(false="false"))
        driver.commit()
        driver.autocommit = True
        cursor.execute("ANALYZE")
        connection.invalidate()


def _ms(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


def neighbour_rows(items: list[Scored], *, revision: int) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "published_at": item.article.published_at,
            "source": item.article.source,
            "id": item.article.id,
            "revision": revision,
            "bits": item.bits,
        }
        for item in items
        for key in item.keys
    ]


def scored(name: str, title: str, at: datetime) -> Scored:
    found = Article(
        source=f"wire{len(name) % 3}", id=name, title=title, body="", url=None, published_at=at,
        received_at=at, undated=None, symbols=(), action="add", revision=0, extra="{}",
    )  # fmt: skip
    value, keys = shape_of(title, "")
    return Scored(
        found, Origin("bench", 0, 0), late=False, prediction=PREDICTION,
        bands=bands(title, ""), shape=value.encode(), keys=keys, bits=bits(value), language="en",
    )  # fmt: skip


def measure(name: str, db: Database, number: int, queued: int, *, shuffled: bool) -> None:
    begun = perf_counter()
    build(db, number)
    write(f"{name}: {number:,} articles in the index, built in {perf_counter() - begun:.0f} s\n")
    source = titles(2)
    at = MONDAY + timedelta(hours=24)
    items = [
        scored(f"new{n}", next(source), at + n * timedelta(milliseconds=40)) for n in range(queued)
    ]
    rows = neighbour_rows(items, revision=1)
    if shuffled:
        random.Random(3).shuffle(items)  # noqa: S311 - a fixed sequence, not a secret
    begun, cpu = perf_counter(), process_time()
    for start in range(0, queued, 1_000):
        with db.write() as connection:
            articles.write(connection, items[start : start + 1_000])
    tell(name, "stored by a worker", queued, perf_counter() - begun, process_time() - cpu)
    epoch = lease.take(db, "bench", now=datetime.now(UTC), keep_for=timedelta(hours=1))
    begun, cpu, server = perf_counter(), process_time(), server_cpu()
    stories = 0
    while (done := count_changed(db, KEYS, epoch)).taken:
        stories += sum(story for _, story in done.articles)
    spent, spent_cpu = perf_counter() - begun, process_time() - cpu
    tell(name, "counted", queued, spent, spent_cpu)
    if name == "PostgreSQL":
        each = 1e6 * (server_cpu() - server) / queued
        write(f"{name}: {each:.0f} us of the server's processor time each\n")
    write(f"{name}: {stories:,} stories of {queued:,}\n")
    begun, cpu = perf_counter(), process_time()
    for start in range(0, len(rows), 6_000):
        with db.write() as connection:
            bulk.insert(connection, neighbour, rows[start : start + 6_000])
    plain = perf_counter() - begun
    tell(name, "their index rows inserted plainly", queued, plain, process_time() - cpu)
    write(f"{name}: counting takes {spent / plain:.1f} times as long as inserting those rows\n")


def server_cpu() -> float:
    """Seconds of processor time that all PostgreSQL processes of this machine have had."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            of, _, rest = stat.read_text().rpartition(")")
            if "(postgres" in of:
                ticks += sum(int(number) for number in rest.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def tell(name: str, what: str, number: int, seconds: float, cpu: float) -> None:
    write(
        f"{name}: {what}: {number / seconds:,.0f}/s by the clock, {number / cpu:,.0f}/s of this "
        f"process's processor time ({1e6 * cpu / number:.0f} us each)\n"
    )


def write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=2_000_000)
    parser.add_argument("--queued", type=int, default=20_000)
    parser.add_argument(
        "--shuffled", action="store_true", help="the queued articles come in no order of time"
    )
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    with ExitStack() as stack:
        urls = {}
        if options.only != "postgresql":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            urls["SQLite"] = f"sqlite:///{Path(folder)}/bench.db"
        if options.only != "sqlite":
            urls["PostgreSQL"] = stack.enter_context(own_server()).fresh()
        for name, url in urls.items():
            db = open_database(url)
            measure(name, db, options.articles, options.queued, shuffled=options.shuffled)
            db.close()


if __name__ == "__main__":
    main()
