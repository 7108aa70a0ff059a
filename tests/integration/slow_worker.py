"""A worker on Kafka whose classifier is slow until it is told to hurry: a program to be watched.

``python -m tests.integration.slow_worker URL SERVERS TOPIC GROUP RATE``; SIGUSR1 lets it hurry,
SIGTERM ends it. It writes a line each time that it is told where to read from.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event

from ingest.kafka.settings import KafkaSettings
from ingest.kafka.source import KafkaSource
from models.prediction import Prediction
from pipeline.parts import keep_working
from pipeline.process import now, stop_on_signals
from pipeline.store.database import open_database
from pipeline.worker import Worker
from tests.fakes import link, predict

POLL_RECORDS = 200


class Told(KafkaSource):
    """Says when it is sought: at the start, and after the group has moved partitions."""

    def seek(self, positions: Mapping[tuple[str, int], int]) -> None:
        sys.stdout.write(f"{len(positions)} partitions\n")
        sys.stdout.flush()
        super().seek(positions)


def main(url: str, servers: str, topic: str, group: str, rate: str) -> None:
    hurry = Event()
    signal.signal(signal.SIGUSR1, lambda *_: hurry.set())
    settings = KafkaSettings(
        servers=(servers,), raw_topic=topic, group=group, session_timeout_seconds=6
    )
    model = ThreadPoolExecutor(1)

    def answer(texts: Sequence[str]) -> list[Prediction]:
        hurry.wait(len(texts) / float(rate))
        return [predict(text) for text in texts]

    def classify(texts: Sequence[str]) -> Future[list[Prediction]]:
        return model.submit(answer, texts)

    db = open_database(url)
    source = Told(settings, clock=now, max_records=POLL_RECORDS)
    with stop_on_signals() as stop:
        worker = Worker(
            db,
            source,
            classify=classify,
            link=link,
            lateness=timedelta(minutes=10),
            clock=now,
            name=f"slow:{os.getpid()}",
            stop=stop,
        )
        keep_working(worker, stop, lambda _: None)
    model.shutdown(cancel_futures=True)
    source.close()
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
