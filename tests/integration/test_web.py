"""Pushes while the broker or the database dies: what was answered with 200 is there."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition

from docker.kafka.broker import Broker, free_port
from ingest.kafka.settings import KafkaSettings
from pipeline.store import inbox
from pipeline.store.database import open_database
from pipeline.store.summary import stats
from tests.integration import kafka, postgres
from tests.web.served import TOKEN, Sender, article, serving, settings, work

ROOT = Path(__file__).parent.parent.parent
BEARWATCH = [sys.executable, "-c", "from pipeline.cli import main; main()"]
PATIENCE_S = 90.0

# kafka-python leaves the sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def own() -> Iterator[postgres.Postgres]:
    """A server that may be stopped."""
    with postgres.own_server() as server:
        yield server


class Steady:
    """Pushes one article after the other, each until it is taken; keeps what it was told."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self.stored: list[str] = []
        self.codes: list[int] = []
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            number = len(self.stored)
            code = self._sender.push(article(number)).status_code
            self.codes.append(code)
            if code == 200:
                self.stored.append(f"a{number}")
            self._stop.wait(0.02)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)


def test_pushed_articles_are_in_the_topic_whatever_happens_to_the_broker(
    mortal_broker: Broker, tmp_path: Path
) -> None:
    found = kafka.with_topics(mortal_broker.address)
    url = f"sqlite:///{tmp_path}/unused.db"
    with serving(settings(url, found, answer_within_seconds=2)) as sender:
        assert sender.http.get("/readyz").status_code == 200
        steady = Steady(sender)
        try:
            _until(lambda: len(steady.stored) >= 20)
            mortal_broker.kill()
            before = len(steady.codes)
            _until(lambda: 503 in steady.codes[before:])
            assert sender.http.get("/healthz").status_code == 200
            assert sender.http.get("/readyz").status_code == 503
            down = len(steady.codes)
            _until(lambda: len(steady.codes) >= down + 2)
            assert 200 not in steady.codes[down:]
            mortal_broker.start()
            stored = len(steady.stored)
            _until(lambda: len(steady.stored) >= stored + 20)
        finally:
            steady.stop()
            if mortal_broker.process is None:
                mortal_broker.start()
    assert set(steady.codes) == {200, 503}
    values = [json.loads(value) for value in in_topic(mortal_broker.address, found)]
    assert {value["id"] for value in values} >= set(steady.stored)
    assert not (tmp_path / "unused.db").exists()  # with Kafka no database is needed


def test_database_that_is_stopped_is_503_and_a_retry_is_stored_once(
    own: postgres.Postgres,
) -> None:
    url = own.fresh()
    with serving(settings(url)) as sender:
        assert sender.push(article(1)).status_code == 200
        own.stop()
        answer = sender.push(article(2))
        assert (answer.status_code, answer.json()["outcome"]) == (503, "unavailable")
        assert sender.http.get("/readyz").status_code == 503
        own.start()
        _until(lambda: sender.push(article(2)).status_code == 200)
        _until(lambda: sender.http.get("/readyz").status_code == 200)
    db = open_database(url)
    work(db)
    assert stats(db).articles == 2
    db.close()


def test_server_waits_for_a_database_that_is_away_at_its_start(own: postgres.Postgres) -> None:
    url = own.fresh()
    own.stop()
    with serving(settings(url)) as sender:
        assert sender.push(article(1)).status_code == 503
        assert sender.http.get("/healthz").status_code == 200
        own.start()
        _until(lambda: sender.push(article(1)).status_code == 200)


@pytest.mark.parametrize("broker_away", [False, True])
def test_sigterm_finishes_what_is_in_hand_and_ends_within_ten_seconds(
    tmp_path: Path, broker_away: bool
) -> None:
    port = free_port()
    environment = {n: v for n, v in os.environ.items() if not n.startswith("BEARWATCH_")} | {
        "BEARWATCH_WEB__PORT": str(port),
        "BEARWATCH_WEB__CONCURRENT_REQUESTS": "1",
        "BEARWATCH_WEB__ANSWER_WITHIN_SECONDS": "2",
        "BEARWATCH_WEB__TOKENS__WIRE__TOKEN": TOKEN,
        "BEARWATCH_WEB__TOKENS__WIRE__SOURCES": "wire",
    }
    if broker_away:
        environment["BEARWATCH_KAFKA__SERVERS"] = f"127.0.0.1:{free_port()}"
    url = f"sqlite:///{tmp_path}/web.db"
    process = subprocess.Popen([*BEARWATCH, "web", "--db", url], env=environment, cwd=ROOT)
    sender = Sender(f"http://127.0.0.1:{port}")
    try:
        _until(lambda: process.poll() is not None or _answers(sender))
        body = json.dumps(article(1)).encode()
        head = (
            f"POST /articles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with _in_hand(sender, head.encode() + body[:10]) as slow:
            process.send_signal(signal.SIGTERM)
            _until(lambda: not _listens(port))
            slow.sendall(body[10:])
            status = slow.recv(65_536).partition(b"\r\n")[0]
        assert (b" 503 " if broker_away else b" 200 ") in status
        assert process.wait(timeout=10) == 0
    finally:
        sender.http.close()
        process.kill()
        process.wait(timeout=10)
    if not broker_away:
        db = open_database(url)
        assert [record.value for record in inbox.read(db, 0, 10)] == [body]
        db.close()


def in_topic(server: str, found: KafkaSettings) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=[server], enable_auto_commit=False)
    partition = TopicPartition(found.raw_topic, 0)
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        deadline = time.monotonic() + PATIENCE_S
        while consumer.position(partition, timeout_ms=5_000) < end:
            assert time.monotonic() < deadline
            for records in consumer.poll(500).values():
                values += [record.value for record in records]
        return values
    finally:
        consumer.close()


def _in_hand(sender: Sender, begun: bytes) -> socket.socket:
    """A connection whose push has begun, and is the one in hand."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        slow = sender.connect()
        slow.sendall(begun)
        # Answered at once, it came while one of ours was in hand: it begins anew.
        while not select.select([slow], [], [], 0.05)[0]:
            assert time.monotonic() < deadline, "it does not come in hand"
            if sender.push([]).json()["outcome"] == "busy":
                return slow
        slow.close()


def _answers(sender: Sender) -> bool:
    try:
        return sender.http.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)
