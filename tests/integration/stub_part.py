"""A worker or a monitor with the tests' classifier: a program to be killed.

``python -m tests.integration.stub_part worker URL FILE`` or ``… monitor URL``; each ends when
there is nothing left to do.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

from ingest.files import JsonlSource
from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.parts import Seat, keep_watching, keep_working, open_when_there
from pipeline.process import now
from pipeline.settings import Settings
from pipeline.sources import FileSource
from pipeline.store.database import Database
from pipeline.worker import Worker
from tests.fakes import COMPANIES, TOPICS, classify, link

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire0", "wire1"}))
LATENESS = timedelta(minutes=10)
LEASE = timedelta(seconds=6)
POLL_RECORDS = 20
"""Small polls: many transactions to be killed in."""


def work(db: Database, path: Path) -> None:
    source = FileSource(JsonlSource(path, clock=now, max_records=POLL_RECORDS))
    worker = Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=LATENESS,
        clock=now,
        name=f"worker:{os.getpid()}",
    )
    keep_working(worker, Event(), lambda _: None)
    source.close()


def watch(db: Database) -> None:
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
    keep_watching(seat, make, Event(), lambda *_: None, until_idle=True)


def main(what: str, url: str, *files: str) -> None:
    db = open_when_there(url, Event())
    assert db is not None
    if what == "worker":
        work(db, Path(files[0]))
    else:
        watch(db)
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
