"""Workers on a real broker, driven step by step in one thread, with the tests' classifier."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from time import monotonic

from sqlalchemy import func, select

from ingest.kafka.producer import Message, Producer
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.source import KafkaSource
from pipeline.metrics import Metrics
from pipeline.observe import Observer
from pipeline.process import now
from pipeline.store import tables
from pipeline.store.database import Database
from pipeline.worker import Worker
from tests.fakes import MONDAY, TOPICS, classify, link

PATIENCE_S = 90.0


def article(number: int) -> bytes:
    at = (MONDAY + timedelta(seconds=number)).isoformat()
    return json.dumps(
        {"source": "wire", "id": f"a{number}", "title": f"Macro {number}", "published_at": at}
    ).encode()


def messages(settings: KafkaSettings, numbers: Iterable[int]) -> list[Message]:
    return [Message(settings.raw_topic, f"wire/a{n}".encode(), article(n)) for n in numbers]


def publish(settings: KafkaSettings, values: Sequence[Message]) -> None:
    producer = Producer(settings)
    assert producer.publish(values) == ()
    producer.close()


class Member:
    """A worker and its source."""

    def __init__(self, db: Database, settings: KafkaSettings, name: str = "w") -> None:
        self.source = KafkaSource(settings, clock=now, max_records=50)
        self.worker = Worker(
            db,
            self.source,
            classify=classify,
            link=link,
            lateness=timedelta(minutes=10),
            clock=now,
            name=name,
        )
        self.worker.start()
        self.metrics = Metrics(program_version="1", topics=TOPICS, keys=(), sinks=())
        self._observer = Observer(self.metrics, db, now)
        self.stored = 0
        self.refused = 0

    def step(self, timeout_s: float = 0.1) -> None:
        done = self.worker.step(timeout_s)
        self.stored += len(done.batch.scored) if done.batch else 0
        self.refused += done.refused
        self._observer.worked(self.worker, done)

    def close(self) -> None:
        self.worker.close()
        self.source.close()


def drive(members: Sequence[Member], until: Callable[[], bool]) -> None:
    """Step in turns until the condition holds."""
    deadline = monotonic() + PATIENCE_S
    while not until():
        assert monotonic() < deadline, "it does not come about"
        for member in members:
            member.step()


def stored(db: Database) -> set[str]:
    """Ids of the articles that are stored."""
    with db.read() as connection:
        return set(connection.execute(select(tables.article.c.id)).scalars())


def queued(db: Database) -> int:
    """How often an article was stored: one that is stored twice is queued twice."""
    with db.read() as connection:
        return int(
            connection.execute(select(func.count()).select_from(tables.changed)).scalar_one()
        )


def positions(db: Database) -> dict[int, int]:
    with db.read() as connection:
        rows = connection.execute(select(tables.source_position))
        return {row.partition: row.next for row in rows}
