"""What one tick of detection costs on many keys, and how large its state is.

``python -m tests.benchmarks.bench_detector [--keys N] [--ticks N] [--per-hour N]``. A fresh SQLite
file holds three hours of buckets; the detector has learned three weeks. Seconds are of this
process's processor time, numpy on one thread if OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import deque
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from sqlalchemy import update

from alerts.simulation import MONDAY
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKET, HOUR
from pipeline.detect import Detection
from pipeline.settings import Settings
from pipeline.store import lease
from pipeline.store.database import Database, open_database
from pipeline.store.tables import baseline_hour, bucket, monitor

DAYS = 21


def keys_of(number: int) -> list[tuple[str, str]]:
    topics = [("topic", f"topic {index}") for index in range(20)]
    companies = [("company", f"C{index}") for index in range(number - 21)]
    return [("all", "all"), *topics, *companies]


def rates_of(number: int, per_hour: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Stories an hour: few keys have most of them."""
    draw = np.random.default_rng(3)
    rates = draw.lognormal(0.0, 1.5, number - 21)
    rates *= per_hour * 0.6 / rates.sum()
    return np.concatenate([[per_hour], np.full(20, per_hour / 20.0), rates])


def fill(db: Database, keys: list[tuple[str, str]], per_hour: float, ticks: int) -> None:
    """Three weeks of learned hours, and buckets up to the last tick."""
    draw = np.random.default_rng(4)
    rates = rates_of(len(keys), per_hour)
    with db.write() as connection:
        for hour in range(DAYS * 24 - 7):
            stories = draw.poisson(rates)
            negative = draw.binomial(stories, 0.2)
            rows = [
                {
                    "kind": keys[row][0],
                    "key": keys[row][1],
                    "hour": MONDAY + hour * HOUR,
                    "negative": int(negative[row]),
                    "stories": int(stories[row]),
                    "negative_last15": int(negative[row]) // 4,
                    "stories_last15": int(stories[row]) // 4,
                }
                for row in np.flatnonzero(stories)
            ]
            connection.execute(baseline_hour.insert(), rows)
        first = MONDAY + timedelta(days=DAYS) - 9 * HOUR
        for number in range(9 * 12 + ticks):
            stories = draw.poisson(rates / 12.0)
            negative = draw.binomial(stories, 0.2)
            rows = [
                {
                    "kind": keys[row][0],
                    "key": keys[row][1],
                    "start": first + number * BUCKET,
                    "articles": int(stories[row]),
                    "stories": int(stories[row]),
                    "negative": int(negative[row]),
                    "neutral": 0,
                    "positive": 0,
                    "polarity": 0,
                }
                for row in np.flatnonzero(stories)
            ]
            if rows:
                connection.execute(bucket.insert(), rows)


def megabytes(thing: object, seen: set[int] | None = None) -> float:
    """Of all arrays that an object holds, however deep."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0.0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return float(thing.nbytes) / 1e6
    parts: list[object]
    if isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, list | tuple | deque):
        parts = list(thing)
    else:
        names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())]
        parts = [getattr(thing, name) for name in names]
    return sum((megabytes(part, seen) for part in parts), 0.0)


def measure(number: int, ticks: int, per_hour: float) -> dict[str, object]:
    keys = keys_of(number)
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'bench.db'}")
        fill(db, keys, per_hour, ticks)
        begin = MONDAY + timedelta(days=DAYS)
        epoch = lease.take(db, "bench", now=begin, keep_for=timedelta(days=1))
        with db.write() as connection:
            connection.execute(update(monitor).values(cursor=begin - BUCKET))
        detection = Detection(db, keys, Settings(), names={}, sinks=())
        begun = process_time()
        detection.resume()
        resumed = process_time() - begun
        spent, walls = [], []
        for tick in range(ticks):
            wall, cpu = perf_counter(), process_time()
            runs = list(detection.run(begin + tick * BUCKET, epoch=epoch, now=begin))
            spent.append(process_time() - cpu)
            walls.append(perf_counter() - wall)
            assert sum(run.evaluated for run in runs) == 1
        detector: SpikeDetector = detection._detector
        size = megabytes(detector)
        db.close()
    return {
        "keys": number,
        "stories_per_hour": per_hour,
        "ticks": ticks,
        "tick_cpu_s_median": round(float(np.median(spent)), 4),
        "tick_cpu_s_most": round(max(spent), 4),
        "tick_wall_s_median": round(float(np.median(walls)), 4),
        "resume_cpu_s": round(resumed, 2),
        "state_mb": round(size, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--ticks", type=int, default=26)
    parser.add_argument("--per-hour", type=float, default=2_000.0)
    given = parser.parse_args()
    found = measure(given.keys, given.ticks, given.per_hour)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
