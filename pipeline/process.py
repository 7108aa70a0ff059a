"""What every program that runs for long needs: signals, clock, database, health pages."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from types import FrameType

from ingest.kafka.settings import DEAD_RECORD_BYTES
from pipeline.health import Health, Progress, Server, serve
from pipeline.metrics import Metrics
from pipeline.monitor import DeadLetters
from pipeline.settings import Settings
from pipeline.store.database import Database, open_database

PUBLISHED_WITHIN_S = 2.0
"""One piece of dead letters: a broker that is away must not hold up the counting for long."""


def process_name() -> str:
    """Host and process: the name that reports and the lease carry."""
    return f"{socket.gethostname()}:{os.getpid()}"[:64]


def serve_health(
    settings: Settings,
    db: Database,
    metrics: Metrics,
    health: Progress,
    stack: ExitStack,
    trouble: Callable[[], str | None] = lambda: None,
) -> Server:
    """Answer /metrics, /healthz and /readyz until ``stack`` ends.

    ``trouble`` says why the source cannot be read, from any thread.
    """

    def ready() -> Health:
        # The model was loaded before this server was.
        reasons = [] if db.reachable() else ["the database does not answer"]
        if (found := trouble()) is not None:
            reasons.append(f"the source cannot be read: {found}")
        return Health(not reasons, "; ".join(reasons) or "ok")

    server = serve(
        metrics.exposition,
        health=lambda: health.health(monotonic()),
        ready=ready,
        host=settings.metrics.host,
        port=settings.metrics.port,
    )
    stack.callback(server.close)
    return server


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set; a second one of them ends the program at once."""
    stop = Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def dead_topic(settings: Settings, db: Database, stack: ExitStack) -> DeadLetters | None:
    """Where dead letters are told; None without Kafka."""
    if not settings.kafka.servers:
        return None
    from ingest.kafka.producer import Producer
    from pipeline.dead_topic import DeadLetterTopic

    producer = Producer(
        settings.kafka, within_s=PUBLISHED_WITHIN_S, record_bytes=DEAD_RECORD_BYTES
    )
    stack.callback(producer.close)
    return DeadLetterTopic(db, producer, settings.kafka.dead_topic)


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database of the settings, closed at the end."""
    db = open_database(settings.database.url.get_secret_value())
    try:
        yield db
    finally:
        db.close()


def now() -> datetime:
    """The wall clock: the only place where the pipeline asks it."""
    return datetime.now(UTC)
