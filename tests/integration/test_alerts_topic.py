"""Incidents in a real broker's topic, each revision in order under the incident's id."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic

from kafka import KafkaConsumer, TopicPartition

from ingest.kafka.settings import KafkaSettings
from pipeline.delivery import Delivery
from pipeline.settings import Settings
from pipeline.sinks import policy, remote_sinks
from pipeline.store.database import open_database
from tests.fakes import MONDAY, ManualClock
from tests.integration import kafka
from tests.pipeline.messages import Teller, publish, take

PATIENCE_S = 90.0
HOUR = timedelta(hours=1)


def messages(settings: KafkaSettings, number: int) -> list[tuple[str, dict[str, object]]]:
    """The first so many messages of the topic: key and value."""
    tp = TopicPartition(settings.alerts_topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=list(settings.servers), group_id=None)
    try:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        found: list[tuple[str, dict[str, object]]] = []
        deadline = monotonic() + PATIENCE_S
        while len(found) < number:
            assert monotonic() < deadline, "the topic cannot be read"
            for records in consumer.poll(timeout_ms=500).values():
                found += [(r.key.decode(), json.loads(r.value)) for r in records]
        return found
    finally:
        consumer.close()


def test_every_revision_is_in_the_topic(broker_address: str, tmp_path: Path) -> None:
    brokers = kafka.with_topics(broker_address)
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    take(db)
    publish(db, MONDAY)
    teller = Teller(db, "kafka")
    teller.tell("i1", "opened", MONDAY)
    teller.tell("i1", "escalated", MONDAY + HOUR, "critical", headline="Acme\u202e falls\n<!here>")
    settings = Settings.model_validate(
        {
            "kafka": brokers.model_dump(),
            "web": {"base_url": "https://news.example.com/bearwatch/"},
        }
    )
    with ExitStack() as stack:
        (sink,) = (channels := remote_sinks(settings, ManualClock(), stack))
        assert sink == "kafka"
        tell = Delivery(db, sink, channels[sink], policy(settings), epoch=1)
        assert tell.turn(MONDAY + HOUR) == ["delivered", "delivered"]
    db.close()
    found = messages(brokers, 2)
    assert [key for key, _ in found] == ["i1", "i1"]
    assert [(value["revision"], value["severity"]) for _, value in found] == [
        (1, "warn"),
        (2, "critical"),
    ]
    last = found[1][1]
    assert last["link"] == "https://news.example.com/bearwatch/incidents/i1"
    assert last["late"] is False
    assert "Acme falls <!here> (wire, 2 copies)" in last["lines"]  # type: ignore[operator] # a list
    assert last["at"] == (MONDAY + HOUR).isoformat()
