"""Where pushed records go: Kafka's topic of raw articles, or the database's inbox."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import Final

import structlog

from ingest.kafka.settings import KafkaSettings
from pipeline.health import Health
from pipeline.settings import Settings
from pipeline.store import inbox
from pipeline.store.database import Database, DatabaseAway, open_database
from pipeline.web.publisher import Refused, Store
from pipeline.web.records import Incoming

CONNECT_S: Final = 1.0

log = structlog.get_logger()


class InboxStore:
    """The table `inbox`. A database that is away at the start is opened when it is there.

    Raises:
        StoreError: it cannot be opened, and waiting will not help.
    """

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self._url = url
        self._clock = clock
        self._db: Database | None = None
        self._lock = Lock()
        try:
            self._opened()
        except DatabaseAway as error:
            log.warning("database away: nothing can be pushed yet", reason=str(error))

    def store(self, records: Sequence[Incoming]) -> Refused:
        """See :func:`pipeline.store.inbox.put`; it refuses none."""
        inbox.put(self._opened(), [record.value for record in records], at=self._clock())
        return {}

    def ready(self) -> Health:
        """Whether the database answers."""
        try:
            found = self._opened().reachable()
        except DatabaseAway:
            found = False
        return Health(found, "ok" if found else "the database does not answer")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def _opened(self) -> Database:
        with self._lock:
            if self._db is None:
                self._db = open_database(self._url)
            return self._db


class KafkaStore:
    """The topic of raw articles. Brokers that are away are waited for, push by push.

    Raises:
        NoTopic: they answer, and know no such topic.
        BrokerError: they answer, and do not let us.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        from ingest.kafka.errors import Unreachable
        from ingest.kafka.producer import Producer
        from ingest.kafka.topics import require_topic

        self._settings = settings
        try:
            require_topic(settings, settings.raw_topic)
        except Unreachable as error:
            log.warning("Kafka away: nothing can be pushed yet", reason=str(error))
        self._producer = Producer(settings)

    def store(self, records: Sequence[Incoming]) -> Refused:
        """Return once all replicas in sync have each record, keyed by its article's name."""
        from ingest.kafka.producer import Message

        topic = self._settings.raw_topic
        messages = [Message(topic, f"{r.source}/{r.id}".encode(), r.value) for r in records]
        places = {id(message): place for place, message in enumerate(messages)}
        refused = self._producer.publish(messages)
        return {places[id(one.message)]: one.reason for one in refused}

    def ready(self) -> Health:
        """Whether any of the brokers that are asked first takes a connection."""
        for server in self._settings.servers:
            host, _, port = server.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
            except OSError:
                continue
            return Health(True, "ok")
        return Health(False, "no Kafka broker takes a connection")

    def close(self) -> None:
        """End the producer."""
        self._producer.close()


def open_store(settings: Settings, clock: Callable[[], datetime]) -> Store:
    """Kafka if brokers are named, else the inbox."""
    if settings.kafka.servers:
        return KafkaStore(settings.kafka)
    return InboxStore(settings.database.url.get_secret_value(), clock)
