"""Feeds into a real broker: the cursor moves after Kafka has the articles, and not before."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer

import pytest
from kafka import KafkaConsumer
from typer.testing import CliRunner

from ingest.feeds.cursor import Cursor
from ingest.kafka.producer import Producer
from ingest.kafka.settings import KafkaSettings
from pipeline.cli import app
from pipeline.feeding import into_kafka
from pipeline.store import feeds
from pipeline.store.database import open_database
from tests.fakes import ManualClock
from tests.ingest.feeds import Answer, Site, item, rss, site
from tests.integration import kafka

# kafka-python leaves the sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def served() -> Iterator[Site]:
    with site() as found:
        found.answers["/feed"] = Answer(rss(item(2), item(1)), headers={"ETag": '"a"'})
        yield found


def sent(settings: KafkaSettings) -> list[tuple[bytes | None, str]]:
    """Key and id of every record of the raw topic."""
    consumer = KafkaConsumer(
        settings.raw_topic,
        bootstrap_servers=list(settings.servers),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        consumer_timeout_ms=5_000,
    )
    try:
        return [(record.key, json.loads(record.value)["id"]) for record in consumer]
    finally:
        consumer.close()


def test_command_sends_new_articles_once(
    broker_address: str, served: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = kafka.with_topics(broker_address)
    monkeypatch.setenv("BEARWATCH_KAFKA__RAW_TOPIC", settings.raw_topic)
    monkeypatch.setenv("BEARWATCH_FEEDS__ALLOW_PRIVATE", "true")
    monkeypatch.setenv("BEARWATCH_FEEDS__PER_HOST_SECONDS", "0")
    command = ["ingest", "feeds", served.url("/feed"), served.url("/none"), "--once", "--json"]
    command += ["--kafka", broker_address, "--db", f"sqlite:///{tmp_path}/test.db"]
    first = CliRunner().invoke(app, command)
    result = json.loads(first.stdout)
    assert (first.exit_code, result["new"], result["failed"]) == (0, 2, 1)
    assert {one["status"] for one in result["feeds"]} == {"read", "status"}
    second = json.loads(CliRunner().invoke(app, command).stdout)
    assert {one["status"] for one in second["feeds"]} == {"not_modified", "status"}
    found = [(b"127.0.0.1/urn:mill:1", "urn:mill:1"), (b"127.0.0.1/urn:mill:2", "urn:mill:2")]
    assert sent(settings) == found


def test_cursor_stays_while_kafka_has_not_answered(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    producer = Producer(KafkaSettings(servers=("127.0.0.1:9",)))
    stop = Event()
    store = into_kafka(db, producer, "news.raw", stop, ManualClock())
    ending = Timer(1.0, stop.set)
    ending.start()
    try:
        record = b'{"source": "s", "id": "1", "title": "t"}'
        assert not store("https://h.test/", [record], Cursor(etag="e"))
        assert feeds.load(db, ["https://h.test/"]) == {}
        assert store("https://h.test/", [], Cursor(etag="e"))  # nothing to send
        assert feeds.load(db, ["https://h.test/"]) == {"https://h.test/": Cursor(etag="e")}
    finally:
        ending.cancel()
        producer.close()
        db.close()


def test_command_without_a_feed_says_what_to_write() -> None:
    done = CliRunner().invoke(app, ["ingest", "feeds", "--once"])
    assert done.exit_code == 2
    assert "feeds.urls" in done.stderr


def test_address_that_is_none_is_refused_without_showing_it() -> None:
    done = CliRunner().invoke(app, ["ingest", "feeds", "ftp://me:hunter2@h.test/", "--once"])
    assert done.exit_code == 2
    assert "http://HOST/PATH" in done.stderr
    assert "hunter2" not in done.output
