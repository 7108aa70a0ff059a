"""A worker or a monitor with the tests' classifier: a program to be killed.

``python -m tests.integration.stub_part worker URL FILE`` or ``… monitor URL``; each ends when
there is nothing left to do, or with SIGTERM. In the place of a file, ``{"kafka": …}`` are settings
of Kafka; with ``"follow": true`` the worker goes on when it has caught up.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

from ingest.files import JsonlSource
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.source import KafkaSource
from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.parts import Seat, keep_watching, keep_working, open_when_there
from pipeline.process import now, stop_on_signals
from pipeline.settings import Settings
from pipeline.sources import FileSource, Source
from pipeline.store.database import Database
from pipeline.worker import Worker
from tests.fakes import COMPANIES, TOPICS, classify, link

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire0", "wire1"}))
LATENESS = timedelta(minutes=10)
LEASE = timedelta(seconds=12)
"""On a busy machine a shorter one runs out while its holder only waits for the processor."""
POLL_RECORDS = 20
"""Small polls: many transactions to be killed in."""


def source_of(where: str) -> Source:
    if not where.startswith("{"):
        return FileSource(JsonlSource(Path(where), clock=now, max_records=POLL_RECORDS))
    given = json.loads(where)
    return KafkaSource(
        KafkaSettings.model_validate(given["kafka"]),
        clock=now,
        max_records=given.get("poll_records", POLL_RECORDS),
        until_idle=not given.get("follow"),
    )


def work(db: Database, source: Source, stop: Event | None = None) -> None:
    stop = stop or Event()
    worker = Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=LATENESS,
        clock=now,
        name=f"worker:{os.getpid()}",
        stop=stop,
    )
    keep_working(worker, stop, lambda _: None)
    source.close()


def watch(db: Database, stop: Event | None = None) -> None:
    def make(epoch: int) -> Monitor:
        return Monitor(
            db,
            keys=KEYS,
            detection=Detection(db, KEYS.tested(), Settings(), names={}, sinks=()),
            channels={},
            lateness=LATENESS,
            fresh_for=timedelta(minutes=1),
            epoch=epoch,
            keep_for=LEASE,
            clock=now,
        )

    seat = Seat(db, f"monitor:{os.getpid()}", LEASE, now)
    keep_watching(seat, make, stop or Event(), lambda *_: None, until_idle=True)


def main(what: str, url: str, *where: str) -> None:
    with stop_on_signals() as stop:
        db = open_when_there(url, stop)
        if db is None:
            return
        if what == "worker":
            work(db, source_of(where[0]), stop)
        else:
            watch(db, stop)
        db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
