"""How fast the monitor counts with a full index: 2 million articles inside the horizon.

``python -m tests.benchmarks.bench_counting [--articles N] [--queued N] [--only sqlite|postgresql]``
builds the index in bulk, stores the queued articles as a worker does, and counts them. Beside
it, the same index rows are inserted plainly: what any way of keeping them costs at least.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from sqlalchemy import Connection

from ingest.article import Article
from ingest.near import shape_of
from ingest.stories import bands
from models.prediction import Prediction
from pipeline.count import Keys
from pipeline.step import Origin, Scored
from pipeline.store import articles, bulk, lease
from pipeline.store.counting import count_changed
from pipeline.store.database import Database, open_database
from pipeline.store.tables import article, neighbour, shape, signature
from tests.fakes import COMPANIES, MONDAY, TOPICS
from tests.integration.postgres import own_server

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire0"}))
WORDS = 4_000
"""Names that headlines draw from, the first far oftener than the last."""
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
    """``number`` articles inside the horizon before Tuesday 0:00: index rows and article rows."""
    source = titles(1)
    step = timedelta(hours=23) / number
    for start in range(0, number, 5_000):
        items = [
            scored(f"old{n}", next(source), MONDAY + timedelta(hours=1) + n * step)
            for n in range(start, min(number, start + 5_000))
        ]
        with db.write() as connection:
            _insert(connection, items)


def _insert(connection: Connection, items: list[Scored]) -> None:
    def plain(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
        return insert

    rows = [articles._article_row(item) for item in items]  # noqa: SLF001
    for row in rows:
        row.update(story_source=row["source"], story_id=row["id"], copy_source=None, copy_id=None)
    bulk.insert(connection, article, rows, plain)
    exact = [row for item in items for row in articles._signature_rows(item)]  # noqa: SLF001
    bulk.insert(connection, signature, exact, plain)
    bulk.insert(connection, shape, shape_rows(items), plain)
    bulk.insert(connection, neighbour, neighbour_rows(items), plain)


def shape_rows(items: list[Scored]) -> list[dict[str, Any]]:
    return [
        {
            "source": item.article.source,
            "id": item.article.id,
            "revision": 0,
            "published_at": item.article.published_at,
            "gone": False,
            "value": item.shape,
            "keys": array("q", item.keys).tobytes(),
        }
        for item in items
    ]


def neighbour_rows(items: list[Scored], *, revision: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "published_at": item.article.published_at,
            "source": item.article.source,
            "id": item.article.id,
            "revision": revision,
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
        bands=bands(title, ""), shape=value.encode(), keys=keys, language="en",
    )  # fmt: skip


def measure(name: str, db: Database, number: int, queued: int) -> None:
    begun = perf_counter()
    build(db, number)
    write(f"{name}: {number:,} articles in the index, built in {perf_counter() - begun:.0f} s\n")
    source = titles(2)
    at = MONDAY + timedelta(hours=24)
    items = [scored(f"new{n}", next(source), at + n * timedelta(milliseconds=40)) for n in range(queued)]
    begun, cpu = perf_counter(), process_time()
    for start in range(0, queued, 1_000):
        with db.write() as connection:
            articles.write(connection, items[start : start + 1_000])
    tell(name, "stored by a worker", queued, perf_counter() - begun, process_time() - cpu)
    epoch = lease.take(db, "bench", now=datetime.now(UTC), keep_for=timedelta(hours=1))
    begun, cpu = perf_counter(), process_time()
    stories = 0
    while (done := count_changed(db, KEYS, epoch)).taken:
        stories += sum(story for _, story in done.articles)
    spent, spent_cpu = perf_counter() - begun, process_time() - cpu
    tell(name, "counted", queued, spent, spent_cpu)
    write(f"{name}: {stories:,} stories of {queued:,}\n")
    rows = neighbour_rows(items, revision=1)
    begun, cpu = perf_counter(), process_time()
    for start in range(0, len(rows), 6_000):
        with db.write() as connection:
            bulk.insert(connection, neighbour, rows[start : start + 6_000])
    plain = perf_counter() - begun
    tell(name, "their index rows inserted plainly", queued, plain, process_time() - cpu)
    write(f"{name}: counting takes {spent / plain:.1f} times as long as inserting those rows\n")


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
            measure(name, db, options.articles, options.queued)
            db.close()


if __name__ == "__main__":
    main()
