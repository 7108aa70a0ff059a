"""A worker whose classifier ends the process at a marker, or takes its time: to be killed.

``python -m tests.faults.killing_part URL FILE SECONDS_PER_TEXT``; ends when the file has ended.
It says ``reading`` on standard output when it is about to begin.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Event

from ingest.files import JsonlSource
from models.prediction import Prediction
from pipeline.parts import keep_working
from pipeline.process import now
from pipeline.sources import FileSource
from pipeline.store.database import open_database
from pipeline.worker import Worker
from tests.fakes import classify, link
from tests.integration.stub_part import LATENESS

MARKER = "poisonous"
POLL_RECORDS = 20


def main(url: str, file: str, seconds: str) -> None:
    def slow(texts: Sequence[str]) -> Future[list[Prediction]]:
        for text in texts:
            if MARKER in text:
                os.abort()
            time.sleep(float(seconds))
        return classify(texts)

    db = open_database(url)
    source = FileSource(JsonlSource(Path(file), clock=now, max_records=POLL_RECORDS))
    worker = Worker(
        db,
        source,
        classify=slow,
        link=link,
        lateness=LATENESS,
        clock=now,
        name="worker",  # the same each time, as in a container
        poll_records=POLL_RECORDS,
    )
    sys.stdout.write("reading\n")
    sys.stdout.flush()
    keep_working(worker, Event(), lambda _: None)
    source.close()
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
