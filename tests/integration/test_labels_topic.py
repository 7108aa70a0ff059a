"""Labels from a real broker's topic, by the command that operators run."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from typer.testing import CliRunner

from ingest.kafka.producer import Message, Producer
from ingest.kafka.settings import KafkaSettings
from pipeline.cli import app
from pipeline.store import labels
from pipeline.store.database import open_database
from pipeline.store.positions import reports
from tests.integration import kafka

# kafka-python leaves the sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


def send(settings: KafkaSettings, numbers: range) -> None:
    producer = Producer(settings)
    try:
        values = [
            json.dumps({"text": f"Acme {n}", "sentiment": "negative", "annotator": "ann"}).encode()
            for n in numbers
        ]
        values.append(b"no label")
        messages = [Message(settings.labels_topic, b"key", value) for value in values]
        refused = producer.publish(messages)
        assert not refused
    finally:
        producer.close()


def test_labels_in_the_topic_are_stored_once_over_several_runs(
    broker_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = kafka.with_topics(broker_address)
    monkeypatch.setenv("BEARWATCH_KAFKA__LABELS_TOPIC", settings.labels_topic)
    monkeypatch.setenv("BEARWATCH_KAFKA__GROUP", settings.group)
    url = f"sqlite:///{tmp_path}/test.db"

    def listen() -> None:
        words = ["labels", "listen", "--kafka", broker_address, "--db", url, "--until-idle"]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.stderr

    send(settings, range(250))
    listen()
    send(settings, range(250, 300))
    listen()
    listen()
    db = open_database(url)
    try:
        assert (labels.counts(db).texts, labels.counts(db).events) == (300, 300)
        (report,) = reports(db)
        assert (report.topic, report.position) == (settings.labels_topic, 302)
    finally:
        db.close()
    looking = KafkaConsumer(
        bootstrap_servers=[broker_address],
        group_id=f"{settings.group}.labels",
        enable_auto_commit=False,
    )
    try:
        assert looking.committed(TopicPartition(settings.labels_topic, 0)) is None
    finally:
        looking.close()
