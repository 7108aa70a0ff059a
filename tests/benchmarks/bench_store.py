"""How many articles a second worker and monitor store and count, with a stub for the classifier.

``python -m tests.benchmarks.bench_store [--articles N] [--database URL] [--profile]``. Without a
URL it measures a fresh SQLite file and a fresh PostgreSQL, one after the other, in turns.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from pipeline.count import Keys
from pipeline.store import lease
from pipeline.store.counting import count_changed
from pipeline.store.database import Database, open_database
from pipeline.store.verify import verify
from pipeline.worker import Worker
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, classify, link
from tests.integration.postgres import own_server

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire0", "wire1"}))
POLL_RECORDS = 1_024
COPIES = 0.1
"""Share of articles that repeat an earlier one."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds by the clock and of this process's processor time; the server's is not in it."""

    stored_s: float
    stored_cpu_s: float
    counted_s: float
    counted_cpu_s: float


def lines(number: int) -> Iterator[bytes]:
    draw = random.Random(11)  # noqa: S311 - a fixed sequence, not a secret
    for index in range(number):
        of = draw.randrange(index + 1) if draw.random() < COPIES else index
        mood = ("negative", "positive", "calm", "calm")[of % 4]
        company = (*COMPANIES, "", "")[of % 7 % 4]
        at = MONDAY + timedelta(seconds=20 * index)
        article = {
            "source": f"wire{index % 8}",
            "id": str(index),
            "title": f"{mood} {TOPICS[of % 3]} {company} story number {of}",
            "body": "Invented text of a usual length. " * 12,
            "url": f"https://wire.example/{index}",
            "published_at": at.isoformat(),
        }
        yield json.dumps(article).encode()


def measure(db: Database, values: list[bytes]) -> Speed:
    clock = ManualClock(MONDAY + timedelta(days=30))
    worker = Worker(
        db,
        ListSource({0: values}, clock=clock, max_records=POLL_RECORDS),
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=clock,
        name="bench",
    )
    worker.start()
    begun, cpu = perf_counter(), process_time()
    while not worker.finished:
        worker.step(0.0)
    stored, stored_cpu = perf_counter(), process_time()
    now = datetime.now(UTC)
    epoch = lease.take(db, "bench", now=now, keep_for=timedelta(hours=1))
    while count_changed(db, KEYS, epoch).taken:
        pass
    counted, counted_cpu = perf_counter(), process_time()
    return Speed(stored - begun, stored_cpu - cpu, counted - stored, counted_cpu - stored_cpu)


def report(name: str, number: int, speed: Speed) -> None:
    both = number / (speed.stored_s + speed.counted_s)
    sys.stdout.write(
        f"{name}: stored {number / speed.stored_s:,.0f}/s "
        f"({1000 * speed.stored_cpu_s / number:.2f} CPU s per 1,000), "
        f"counted {number / speed.counted_s:,.0f}/s "
        f"({1000 * speed.counted_cpu_s / number:.2f} CPU s per 1,000), "
        f"both in turn {both:,.0f}/s\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", metavar="URL", help="an empty database")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    values = list(lines(options.articles))
    with ExitStack() as stack:
        if options.database:
            urls = {"given": options.database}
            options.rounds = 1
        else:
            server = stack.enter_context(own_server())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for turn in range(options.rounds):
            if not options.database:
                urls = {
                    "SQLite": f"sqlite:///{folder}/{turn}.db",
                    "PostgreSQL": server.fresh(),
                }
            for name, url in urls.items():
                db = open_database(url)
                profile = cProfile.Profile()
                if options.profile:
                    profile.enable()
                speed = measure(db, values)
                profile.disable()
                report(name, len(values), speed)
                if options.profile:
                    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
                wrong = verify(db, KEYS).differences
                if wrong:
                    sys.exit(f"{name}: {wrong}")
                db.close()


if __name__ == "__main__":
    main()
