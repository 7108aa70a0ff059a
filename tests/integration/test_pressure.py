"""News ten times as fast as the model: memory stays flat, partitions stay, the lag comes down.

``BEARWATCH_TEST_PRESSURE_SECONDS=300 BEARWATCH_TEST_PRESSURE_RATE=100`` with ``--timeout 0`` makes
it a matter of minutes instead of seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic

from ingest.kafka.producer import Message, Producer
from ingest.kafka.settings import KafkaSettings
from pipeline.store.database import Database, open_database
from tests.integration import kafka
from tests.integration.streams import article, positions, queued, stored

RATE = int(os.environ.get("BEARWATCH_TEST_PRESSURE_RATE", "300"))
"""Articles per second that the model can do."""

FASTER = 10
SECONDS = float(os.environ.get("BEARWATCH_TEST_PRESSURE_SECONDS", "12"))
PATIENCE_S = 120 + 10 * SECONDS
BODY = b"Invented text that makes an article as long as they are. " * 40
SLACK_BYTES = 24_000_000
"""Far less than the backlog: what a program's memory may grow by itself."""


def test_model_slower_than_the_news_costs_no_memory_and_no_partition(
    broker_address: str, tmp_path: Path
) -> None:
    settings = kafka.with_topics(broker_address, partitions=4)
    url = f"sqlite:///{tmp_path}/pressure.db"
    open_database(url).close()
    with running(url, settings) as worker:
        db = open_database(url)
        sent: list[int] = []
        publisher = Thread(target=publish, args=(settings, sent))
        publisher.start()
        begun = monotonic()
        watched = [
            (monotonic() - begun, resident(worker.pid), len(sent) - total(db))
            for _ in paced(publisher.is_alive)
        ]
        publisher.join(timeout=PATIENCE_S)
        lag = len(sent) - total(db)
        assert lag > len(sent) // 2, "the model was not the bottleneck: nothing was tested"
        worker.send_signal(signal.SIGUSR1)
        deadline = monotonic() + PATIENCE_S
        while total(db) < len(sent):
            assert monotonic() < deadline, f"{len(sent) - total(db)} are still missing"
            time.sleep(0.2)
        assert (len(stored(db)), queued(db)) == (len(sent), len(sent))
        db.close()
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        assert sought(worker) <= 2, "the group has moved partitions"
    # The first seconds fill the buffers of one fetch; from then on the backlog stays in Kafka.
    half = SECONDS / 2
    early = max(size for at, size, _ in watched if at < half)
    late = max(size for at, size, _ in watched if at >= half)
    assert lag * len(BODY) > 1.5 * SLACK_BYTES
    assert late - early < SLACK_BYTES
    assert max(lag for _, _, lag in watched[: len(watched) // 2]) < lag  # it rose to the end


def publish(settings: KafkaSettings, sent: list[int]) -> None:
    """Ten times what the model can do, for ``SECONDS``."""
    producer = Producer(settings)
    begun = monotonic()
    for second in range(int(SECONDS)):
        numbers = range(second * RATE * FASTER, (second + 1) * RATE * FASTER)
        messages = [
            Message(
                settings.raw_topic,
                f"wire/a{number}".encode(),
                article(number)[:-1] + b', "body": "' + BODY + b'"}',
            )
            for number in numbers
        ]
        assert producer.publish(messages) == ()
        sent += numbers
        time.sleep(max(0.0, begun + second + 1 - monotonic()))
    producer.close()


def paced(going_on: Callable[[], bool]) -> Iterator[None]:
    while going_on():
        time.sleep(0.25)
        yield


@contextmanager
def running(url: str, settings: KafkaSettings) -> Iterator[subprocess.Popen[bytes]]:
    """The slow worker, killed if it has not ended."""
    arguments = [url, settings.servers[0], settings.raw_topic, settings.group, str(RATE)]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.slow_worker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with worker:
        try:
            yield worker
        finally:
            worker.kill()


def sought(worker: subprocess.Popen[bytes]) -> int:
    """How often it was told where to read from, though it had partitions already."""
    assert worker.stdout is not None
    return sum(line != b"0 partitions\n" for line in worker.stdout.readlines())


def total(db: Database) -> int:
    """Records stored."""
    return sum(positions(db).values())


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
