"""A Kafka broker of the tests' own, started once per session from docker/kafka.

``BEARWATCH_TEST_KAFKA`` names a running one instead, HOST:PORT without security; the tests that
kill their broker have one of their own in any case.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from docker.kafka.broker import Broker, BrokerError, Listener, find_jars
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.topics import create_topics

HELP = (
    "no Kafka: install Java 17 and Maven (Debian's packages openjdk-17-jre-headless and maven), "
    "or name a running broker in BEARWATCH_TEST_KAFKA (HOST:PORT)"
)

_names = count()


def jars() -> Path:
    """The broker's jars. Without Java and Maven the test is skipped; in CI it fails."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        if os.environ.get("CI"):
            pytest.fail(HELP)
        pytest.skip(HELP)
    return find_jars()


@contextmanager
def own_broker(*others: Listener) -> Iterator[Broker]:
    """A broker that may be killed; ``others`` are listeners beside the one without security."""
    folder = Path(tempfile.mkdtemp(prefix="bearwatch-kafka-"))
    broker = Broker(folder, jars(), others=others)
    try:
        broker.start()
        yield broker
    except BrokerError as error:
        pytest.fail(str(error))
    finally:
        broker.stop()
        shutil.rmtree(folder)


@contextmanager
def address() -> Iterator[str]:
    """Where a broker listens for as long as the context lasts."""
    given = os.environ.get("BEARWATCH_TEST_KAFKA")
    if given:
        yield given
        return
    with own_broker() as broker:
        yield broker.address


def settings(server: str, **more: object) -> KafkaSettings:
    """Settings with topics and a group that nobody else uses."""
    name = f"test-{os.getpid()}-{next(_names)}"
    given: dict[str, object] = {
        "servers": (server,),
        "raw_topic": f"{name}.raw",
        "dead_topic": f"{name}.dead",
        "alerts_topic": f"{name}.alerts",
        "labels_topic": f"{name}.labels",
        "group": name,
        "session_timeout_seconds": 6,
    }
    return KafkaSettings.model_validate(given | more)


def with_topics(server: str, partitions: int = 1) -> KafkaSettings:
    """The same, with the topics made."""
    found = settings(server)
    create_topics(found, partitions)
    return found
