"""Workers and monitors on a real broker, killed, stopped and cut off: missing = 0, extra = 0.

Whatever was done to them, the database ends like that of an undisturbed worker that was given the
same partitions as lists: the same articles, buckets and incidents, and ``verify`` finds nothing.

By hand, on real news and with ten kills of each worker::

    BEARWATCH_TEST_NEWS=news.jsonl.gz pytest tests/integration/test_kafka_faults.py -s --timeout 0

BEARWATCH_TEST_SEED=N draws other moments; the seed is printed. BEARWATCH_TEST_BROKER_AWAY=60 keeps
the killed broker away for so many seconds.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from sqlalchemy import select

from docker.kafka.broker import Broker
from ingest.files import JsonlSource, Record
from ingest.kafka.producer import Message, Producer
from ingest.kafka.settings import KafkaSettings
from pipeline.ingesting import message
from pipeline.process import now
from pipeline.store import tables
from pipeline.store.database import Database, open_database
from pipeline.store.incidents import incidents
from pipeline.store.verify import verify
from pipeline.worker import Worker
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, classify, link
from tests.integration import kafka, postgres, stub_part
from tests.integration.programs import Parts, stored, until
from tests.integration.stub_part import KEYS, LATENESS

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
    pytest.mark.timeout(600),
]

NEWS = os.environ.get("BEARWATCH_TEST_NEWS")
SEED = int(os.environ.get("BEARWATCH_TEST_SEED", "11"))
KILLS = 10 if NEWS else 2
"""Of each worker."""

RECORDS = 2_400
PARTITIONS = 4
POLL_RECORDS = 200 if NEWS else 6
"""Small polls: many transactions to be killed in."""

AWAY_S = os.environ.get("BEARWATCH_TEST_BROKER_AWAY")
"""Of the killed broker; else drawn, up to three seconds."""

PAST_THE_SESSION_S = 8.0
"""The session is six seconds long."""


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()  # kafka-python leaves sockets of failed connections to it


@pytest.fixture(scope="module")
def own() -> Iterator[postgres.Postgres]:
    """A server that may be stopped."""
    with postgres.own_server() as server:
        yield server


def generated() -> list[bytes]:
    """In order but for less than the lateness; every tenth record comes twice."""
    draw = random.Random(3)  # noqa: S311 - a fixed sequence, not a secret
    lines: list[bytes] = []
    for number in range(RECORDS):
        if lines and draw.random() < 0.1:
            lines.append(lines[-1 - draw.randrange(min(5, len(lines)))])
            continue
        hours = 60 * number / RECORDS
        mood = draw.choice(["negative", "positive", "calm", "calm"])
        company = draw.choice(COMPANIES)
        if 50 <= hours < 54 and draw.random() < 0.8:
            mood, company = "negative", COMPANIES[0]
        story = str(draw.randrange(RECORDS)) if draw.random() < 0.1 else f"n-{number}"
        article = {
            "source": f"wire{number % 3}",
            "id": str(number),
            "title": f"{mood} {draw.choice(TOPICS)} {company} {story}",
            "published_at": (
                MONDAY + timedelta(hours=hours, minutes=9 * draw.random())
            ).isoformat(),
        }
        lines.append(json.dumps(article).encode())
    return lines


def news(*, short: bool = False) -> list[bytes]:
    """The lines of the file that was named, or generated ones."""
    if NEWS is None or short:
        return generated()
    source, lines = JsonlSource(Path(NEWS), clock=now, max_records=10_000), []
    while records := source.poll(0.0):
        lines += [record.value for record in records]
    source.close()
    return lines


def send(settings: KafkaSettings, lines: Sequence[bytes]) -> None:
    """As ``bearwatch ingest file`` does."""
    topic, producer = settings.raw_topic, Producer(settings)
    found: list[Message] = [
        message(Record(topic, 0, number, line, now()), topic) for number, line in enumerate(lines)
    ]
    for begin in range(0, len(found), 2_000):
        assert producer.publish(found[begin : begin + 2_000]) == ()
    producer.close()


@pytest.fixture(scope="module")
def sent(_mortal: Broker) -> KafkaSettings:
    """A topic with all the news in it."""
    if _mortal.process is None:
        _mortal.start()
    settings = kafka.with_topics(_mortal.address, PARTITIONS)
    send(settings, news())
    return settings


@pytest.fixture(scope="module")
def plain(sent: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed worker makes of the same partitions; nothing of ours reads them here."""
    partitions = [TopicPartition(sent.raw_topic, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=list(sent.servers), enable_auto_commit=False)
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    values: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}
    while sum(map(len, values.values())) < sum(ends.values()):
        for tp, records in consumer.poll(500).items():
            values[tp.partition] += [record.value for record in records]
    consumer.close()
    db = open_database(f"sqlite:///{tmp_path_factory.mktemp('plain')}/plain.db")
    clock = ManualClock(now())
    source = ListSource(values, clock=clock, max_records=500)
    worker = Worker(
        db, source, classify=classify, link=link, lateness=LATENESS, clock=clock, name="plain"
    )
    worker.start()
    while not worker.finished:
        worker.step(0.0)
    found = outcome(db)
    db.close()
    assert NEWS or len(found["articles"]) > RECORDS * 8 / 10
    assert NEWS or {i.severity for i in found["incidents"]} > {"info"}
    return found


def outcome(db: Database) -> dict[str, Any]:
    """Count and evaluate what is left to be, and read everything that must be the same."""
    stub_part.watch(db)
    assert verify(db, KEYS).differences == ()
    names = [
        c for c in tables.article.c if c.name != "received_at" and not c.name.startswith("record_")
    ]
    with db.read() as connection:
        return {
            "articles": connection.execute(select(*names).order_by("source", "id")).all(),
            "buckets": connection.execute(
                select(tables.bucket).order_by("kind", "key", "start")
            ).all(),
            "dead": connection.execute(
                select(tables.dead_letter.c.reason, tables.dead_letter.c.raw).order_by("raw")
            ).all(),
            "queued": connection.execute(select(tables.changed)).all(),
            "incidents": incidents(db),
        }


def assert_same(db: Database, plain: dict[str, Any]) -> None:
    found = outcome(db)
    for what, expected in plain.items():
        assert found[what] == expected, what


def total(plain: dict[str, Any]) -> int:
    return len(news()) if NEWS else RECORDS


def parts_of(
    db: Database,
    url: str,
    settings: KafkaSettings,
    *,
    workers: int,
    monitors: int = 1,
    follow: bool = False,
) -> Parts:
    given = {
        "kafka": settings.model_dump(mode="json", exclude_none=True),
        "poll_records": POLL_RECORDS,
        "follow": follow,
    }
    partitions = [(settings.raw_topic, number) for number in range(PARTITIONS)]
    return Parts(db, url, [json.dumps(given)] * workers, partitions, monitors=monitors)


def group_of(settings: KafkaSettings, name: str) -> KafkaSettings:
    return settings.model_copy(update={"group": f"{settings.group}-{name}"})


def drawn(name: str) -> random.Random:
    print(f"{name}: BEARWATCH_TEST_SEED={SEED}")  # noqa: T201 - shown when the test fails
    return random.Random(f"{name} {SEED}")  # noqa: S311 - a fixed sequence, not a secret


def disturb(
    db: Database, parts: Parts, draw: random.Random, *, workers: int, records: int
) -> None:
    """Kill each worker now and then, a monitor once, and stop one worker past its session."""
    victims = [number for number in range(workers) for _ in range(KILLS)]
    draw.shuffle(victims)
    targets = sorted(draw.sample(range(1, records * 8 // 10), len(victims)))
    stopped = draw.randrange(len(victims))
    for turn, (target, victim) in enumerate(zip(targets, victims, strict=True)):
        until(lambda target=target: stored(db) >= target, parts)  # type: ignore[misc]
        time.sleep(draw.uniform(0, 0.1))
        if turn == stopped:
            parts.kill(workers, signal.SIGKILL)  # the first monitor
            if workers > 1:
                parts.kill(1 - victim, signal.SIGSTOP)
                time.sleep(PAST_THE_SESSION_S)
                parts.kill(1 - victim, signal.SIGCONT)
        parts.kill(victim, signal.SIGKILL)


@pytest.mark.parametrize(("kind", "workers"), [("postgresql", 2), ("sqlite", 1)])
def test_killed_and_stopped_workers_end_like_an_undisturbed_run(
    request: pytest.FixtureRequest,
    mortal_broker: Broker,
    sent: KafkaSettings,
    plain: dict[str, Any],
    tmp_path: Path,
    kind: str,
    workers: int,
) -> None:
    on_file = kind == "sqlite"
    url = (
        f"sqlite:///{tmp_path}/test.db"
        if on_file
        else request.getfixturevalue("postgresql").fresh()
    )
    db = open_database(url)
    parts = parts_of(db, url, group_of(sent, kind), workers=workers, monitors=workers)
    try:
        disturb(db, parts, drawn(kind), workers=workers, records=total(plain))
        parts.finish()
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()


def test_partitions_doubled_under_load_lose_nothing(
    mortal_broker: Broker, plain: dict[str, Any], own: postgres.Postgres
) -> None:
    if NEWS:
        pytest.skip("records of other partitions can be late: generated ones are not")
    lines = news(short=True)
    settings = kafka.with_topics(mortal_broker.address, PARTITIONS)
    send(settings, lines[: RECORDS // 2])
    url = own.fresh()
    db = open_database(url)
    # Event time runs a thousand times faster than the clock here, and a partition that nobody
    # knows yet cannot hold the watermark: so the monitor looks when everything is stored.
    parts = parts_of(db, url, settings, workers=2, monitors=0, follow=True)
    try:
        until(lambda: stored(db) >= RECORDS // 8, parts)
        admin = KafkaAdminClient(bootstrap_servers=[mortal_broker.address])
        admin.create_partitions({settings.raw_topic: 2 * PARTITIONS})
        admin.close()
        send(settings, lines[RECORDS // 2 :])
        until(lambda: stored(db) == RECORDS, parts)
        parts.stop()
        with db.read() as connection:
            read = connection.execute(select(tables.source_position.c.next)).scalars().all()
        assert len(read) == 2 * PARTITIONS
        assert all(read)
        end(db, settings)
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()


def end(db: Database, settings: KafkaSettings) -> None:
    """Report every partition as read to its end, as a worker does that ends when idle."""
    given = {"kafka": settings.model_dump(mode="json", exclude_none=True)}
    stub_part.work(db, stub_part.source_of(json.dumps(given)))


def test_broker_that_is_absent_then_killed_in_mid_load_loses_nothing(
    mortal_broker: Broker, sent: KafkaSettings, plain: dict[str, Any], own: postgres.Postgres
) -> None:
    draw, records = drawn("broker"), total(plain)
    url = own.fresh()
    db = open_database(url)
    mortal_broker.stop()
    parts = parts_of(db, url, group_of(sent, "broker"), workers=2)
    try:
        time.sleep(3.0)
        assert stored(db) == 0
        mortal_broker.start()
        for target in sorted(draw.sample(range(1, records * 6 // 10), 2)):
            until(lambda target=target: stored(db) >= target, parts)  # type: ignore[misc]
            mortal_broker.kill()
            time.sleep(float(AWAY_S or draw.uniform(0, 3)))
            mortal_broker.start()
        parts.finish()
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()


def test_database_restarted_in_mid_load_loses_nothing(
    mortal_broker: Broker, sent: KafkaSettings, plain: dict[str, Any], own: postgres.Postgres
) -> None:
    draw, records = drawn("database"), total(plain)
    url = own.fresh()
    db = open_database(url)
    parts = parts_of(db, url, group_of(sent, "database"), workers=2)
    try:
        for target in sorted(draw.sample(range(1, records * 8 // 10), 2)):
            until(lambda target=target: stored(db) >= target, parts)  # type: ignore[misc]
            own.stop("immediate")
            time.sleep(draw.uniform(0, 1.5))
            own.start()
        parts.finish()
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()
