"""How fast the next articles to label are found among many articles and labels.

``python -m tests.benchmarks.bench_labels [--articles N] [--labels N] [--database URL]``.
Rows are generated; without a URL a fresh PostgreSQL is measured. Labels lie on the newest
articles: most of the pool is labelled already, the slowest case.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from sqlalchemy import Table, text

from pipeline.labels.choosing import next_articles
from pipeline.labels.drawing import held_out, story_key
from pipeline.settings import Settings
from pipeline.store import bulk, labels, tables
from pipeline.store.database import Database, open_database
from pipeline.store.hashing import text_hash
from tests.fakes import MONDAY
from tests.integration.postgres import own_server

AT_ONCE = 5_000
EVERY = timedelta(seconds=30)
WORDS = [f"{a}{b}" for a in "bacodefugihojukelima" for b in "lanorestivoxumpyk"]
TOPICS = [f"topic {number}" for number in range(20)]


def title(number: int) -> str:
    """A headline of nine of 340 words and a figure."""
    draw = random.Random(number)  # noqa: S311 - a fixed sequence, not a secret
    return " ".join((*draw.choices(WORDS, k=9), str(number)))


def articles(number: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of ``article`` and ``text``, oldest first; one in five is a copy of the one before."""
    draw = random.Random(7)  # noqa: S311 - a fixed sequence, not a secret
    for n in range(number):
        of = n - 1 if n % 5 == 4 else n
        words, body = title(of), "Invented text of a usual length. " * 8
        at = MONDAY + n * EVERY
        negative = draw.random()
        neutral = (1 - negative) * draw.random()
        row = dict.fromkeys(column.name for column in tables.article.c)
        row |= {
            "source": f"wire{n % 8}",
            "id": str(n),
            "revision": 0,
            "deleted": False,
            "text_hash": text_hash(words, body),
            "symbols": "[]",
            "extra": "{}",
            "published_at": at,
            "received_at": at,
            "late": False,
            "language": "en",
            "topic": draw.choice(TOPICS),
            "topic_probability": 0.3 + 0.7 * draw.random(),
            "sentiment": "negative",
            "p_negative": negative,
            "p_neutral": neutral,
            "p_positive": 1 - negative - neutral,
            "version": "bench+0",
            "copy_source": f"wire{of % 8}" if of != n else None,
            "copy_id": str(of) if of != n else None,
            "story_source": f"wire{of % 8}",
            "story_id": str(of),
            "record_topic": "bench",
            "record_partition": 0,
            "record_offset": n,
        }
        stored = {"hash": row["text_hash"], "title": words, "body": body, "first_seen": at}
        yield row, stored


def fill(db: Database, number: int, labelled: int) -> None:
    """Articles, and ``labelled`` labels by three annotators on stories of the newest."""
    rows: list[dict[str, Any]] = []
    texts: dict[str, dict[str, Any]] = {}
    for row, stored in articles(number):
        rows.append(row)
        texts[stored["hash"]] = stored
        if len(rows) == AT_ONCE:
            _write(db, tables.article, rows)
            _write(db, tables.text, list(texts.values()))
            rows, texts = [], {}
    pinned: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for row, stored in articles(number):
        n = int(str(row["id"]))
        if row["copy_id"] is not None or n % 3 == 0 or (number - n) * 3 // 5 > labelled // 2:
            continue
        story = story_key(stored["title"], stored["body"])
        pinned.append(
            {
                **{name: stored[name] for name in ("hash", "title", "body")},
                **{name: row[name] for name in ("source", "id")},
                "story": story,
                "first_at": row["published_at"],
                "held_out": held_out(story),
            }
        )
        for task, value in (("topic", row["topic"]), ("sentiment", row["sentiment"])):
            said.append(
                {
                    "key": text_hash(stored["hash"], task),
                    "at": row["published_at"],
                    "annotator": f"annotator {n % 3}",
                    "text_hash": stored["hash"],
                    "task": task,
                    "value": value,
                    "origin": "page",
                }
            )
    for start in range(0, len(pinned), AT_ONCE):
        _write(db, tables.labelled_text, pinned[start : start + AT_ONCE])
    for start in range(0, len(said), AT_ONCE):
        _write(db, tables.label, said[start : start + AT_ONCE])


def _write(db: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    with db.write() as connection:
        bulk.insert(connection, table, rows, lambda insert: insert.on_conflict_do_nothing())


def measure(db: Database, number: int, rounds: int) -> list[float]:
    """Seconds of each answer; between them the first choice gets a label, as on the page."""
    taken: list[float] = []
    now = MONDAY + number * EVERY
    for turn in range(rounds):
        annotator = f"annotator {turn % 4}"
        begun = perf_counter()
        found = next_articles(db, annotator=annotator, settings=Settings(), now=now, limit=1)
        taken.append(perf_counter() - begun)
        one = found[0]
        with db.write() as connection:
            pinned = labels.pin_article(connection, one.source, one.id, now)
            key = text_hash(annotator, one.text_hash)
            new = labels.NewLabel(key, now, annotator, one.text_hash, "topic", one.topic, "page")
            labels.add(connection, [pinned], [new])
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", metavar="URL", help="an empty database, or one filled so")
    parser.add_argument("--filled", action="store_true", help="it was filled before")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database or stack.enter_context(own_server()).fresh()
        db = open_database(url)
        stack.callback(db.close)
        if not options.filled:
            fill(db, options.articles, options.labels)
            with db.write() as connection:
                connection.execute(text("ANALYZE"))
        counts = labels.newest_seq(db)
        taken = [1000 * one for one in measure(db, options.articles, options.rounds)]
        p95 = quantiles(taken, n=20)[-1]
        sys.stdout.write(
            f"{options.articles:,} articles, {counts:,} labels, {len(taken)} answers: "
            f"median {median(taken):.0f} ms, p95 {p95:.0f} ms, most {max(taken):.0f} ms\n"
        )


if __name__ == "__main__":
    main()
