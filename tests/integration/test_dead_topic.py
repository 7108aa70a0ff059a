"""Dead letters in a real broker's topic: all of them, also when it was away meanwhile."""

from __future__ import annotations

import gc
import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from kafka import KafkaConsumer, TopicPartition

from docker.kafka.broker import Broker
from ingest.kafka.producer import Producer
from ingest.kafka.settings import DEAD_RECORD_BYTES, KafkaSettings
from ingest.rejection import Rejected
from pipeline.dead_topic import DeadLetterTopic
from pipeline.step import DeadLetter, Origin
from pipeline.store import dead_letters, lease
from pipeline.store.database import Database, open_database
from pipeline.store.lease import LeaseLost
from tests.fakes import MONDAY
from tests.integration import kafka

PATIENCE_S = 90.0
RAWS = (b"\xff", b"", b"{", b"x" * (1_048_576 + 1))
"""The last one is the largest that is ever kept."""

# kafka-python leaves the sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/test.db")
    with found.write() as connection:
        letters = [
            DeadLetter(Origin("news.raw", 0, n), Rejected(raw, "not_json", "no"), MONDAY)
            for n, raw in enumerate(RAWS)
        ]
        dead_letters.write(connection, letters)
    yield found
    found.close()


def messages(settings: KafkaSettings) -> list[tuple[str, bytes]]:
    """Everything in the dead topic: key and the record's bytes."""
    tp = TopicPartition(settings.dead_topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=list(settings.servers), group_id=None, max_partition_fetch_bytes=2**23
    )
    try:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        end = consumer.end_offsets([tp])[tp]
        found = []
        deadline = monotonic() + PATIENCE_S
        while consumer.position(tp) < end:
            assert monotonic() < deadline, "the topic cannot be read to its end"
            for records in consumer.poll(timeout_ms=500).values():
                found += [(r.key.decode(), b64decode(json.loads(r.value)["raw"])) for r in records]
        return found
    finally:
        consumer.close()


def test_letters_of_an_outage_and_of_a_killed_monitor_are_all_in_the_topic(
    mortal_broker: Broker, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    settings = kafka.with_topics(mortal_broker.address)
    mortal_broker.kill()
    first = lease.take(db, "first", now=MONDAY, keep_for=timedelta(seconds=30))
    producer = Producer(settings, within_s=2.0, record_bytes=DEAD_RECORD_BYTES)
    topic = DeadLetterTopic(db, producer, settings.dead_topic)
    now = MONDAY
    assert topic.publish(now, epoch=first) == ["retried"]
    assert topic.waiting() == len(RAWS)
    mortal_broker.start()
    # It is stored by the broker, and the monitor is gone before it has noted that.
    second = lease.take(db, "second", now=MONDAY, keep_for=timedelta(seconds=30))
    lost = False
    deadline = monotonic() + PATIENCE_S
    while not lost:
        assert monotonic() < deadline, "the broker does not come back"
        now += timedelta(minutes=10)
        try:
            topic.publish(now, epoch=first)
        except LeaseLost:
            lost = True
    assert topic.waiting() == len(RAWS)
    assert topic.publish(now, epoch=second) == ["delivered"] * len(RAWS)
    assert topic.waiting() == 0
    producer.close()
    expected = [(f"news.raw/0/{n}", raw) for n, raw in enumerate(RAWS)]
    assert sorted(messages(settings)) == sorted(expected * 2)
    caplog.clear()  # it keeps exceptions, and these the sockets, beyond the end of the test
