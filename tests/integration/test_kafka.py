"""A real broker: nothing lost, nothing twice, and what it cannot deliver is written down."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from sqlalchemy import select

from docker.kafka.broker import Broker
from ingest.decoding import MAX_RECORD_BYTES
from ingest.kafka.errors import NoTopic, Unreachable
from ingest.kafka.gap import Gap
from ingest.kafka.producer import Message, Producer, Refused
from ingest.kafka.settings import RECORD_BYTES, KafkaSettings
from ingest.kafka.topics import create_topics, require_topic
from pipeline.store import tables
from pipeline.store.database import Database, open_database
from pipeline.store.gaps import gaps
from tests.integration import kafka
from tests.integration.streams import (
    Member,
    article,
    drive,
    messages,
    positions,
    publish,
    queued,
    stored,
)

# kafka-python leaves the sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Delivery is the same on both databases, which have tests of their own."""
    found = open_database(f"sqlite:///{tmp_path}/test.db")
    yield found
    found.close()


@pytest.fixture
def join(db: Database) -> Iterator[Callable[..., Member]]:
    """Starts members, and makes those that are left leave."""
    members: list[Member] = []

    def start(settings: KafkaSettings, name: str = "w") -> Member:
        members.append(Member(db, settings, name))
        return members[-1]

    yield start
    for member in members:
        member.close()


def ids(numbers: range) -> set[str]:
    return {f"a{n}" for n in numbers}


def test_topics_are_made_once_and_left_alone_afterwards(broker_address: str) -> None:
    settings = kafka.settings(broker_address)
    first = create_topics(settings, 3)
    assert [(topic.name, topic.partitions, topic.created) for topic in first] == [
        (settings.raw_topic, 3, True),
        (settings.dead_topic, 1, True),
        (settings.alerts_topic, 1, True),
        (settings.labels_topic, 1, True),
    ]
    again = create_topics(settings, 5)
    assert [(topic.partitions, topic.created) for topic in again] == [(3, False)] + [
        (1, False)
    ] * 3


def test_position_is_the_databases_and_nothing_is_committed_to_kafka(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address, 2)
    publish(settings, messages(settings, range(100)))
    first = join(settings)
    drive([first], lambda: len(stored(db)) == 100)
    first.close()
    publish(settings, messages(settings, range(100, 130)))
    second = join(settings)
    drive([second], lambda: len(stored(db)) == 130)
    assert (first.stored, second.stored, queued(db)) == (100, 30, 130)
    assert sum(positions(db).values()) == 130
    looking = KafkaConsumer(
        bootstrap_servers=[broker_address], group_id=settings.group, enable_auto_commit=False
    )
    try:
        assert looking.committed(TopicPartition(settings.raw_topic, 0), timeout_ms=5_000) is None
    finally:
        looking.close()


def test_poison_is_kept_with_its_reason_and_holds_nothing_up(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address)
    topic = settings.raw_topic
    poison = [b"", b"\xff\xfe", b"{", b'{"title": 3}', b"x" * (MAX_RECORD_BYTES + 1)]
    sent = [Message(topic, b"k", value) for value in poison]
    publish(settings, [*messages(settings, range(5)), *sent, *messages(settings, range(5, 10))])
    member = join(settings)
    drive([member], lambda: positions(db) == {0: 15})
    assert stored(db) == ids(range(10))
    with db.read() as connection:
        rows = connection.execute(select(tables.dead_letter).order_by("offset")).all()
    assert [(row.offset, row.reason, row.raw) for row in rows] == [
        (5 + n, reason, poison[n])
        for n, reason in enumerate(["empty", "not_utf8", "not_json", "schema", "too_large"])
    ]


def test_second_member_comes_and_goes_without_loss_or_doubling(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address, 4)
    publish(settings, messages(settings, range(400)))
    first = join(settings, "first")
    drive([first], lambda: first.stored >= 100)
    second = join(settings, "second")
    drive([first, second], lambda: len(second.source.partitions()) == 2)
    publish(settings, messages(settings, range(400, 800)))
    drive([first, second], lambda: second.stored >= 100)
    second.close()
    drive([first], lambda: len(first.source.partitions()) == 4)
    publish(settings, messages(settings, range(800, 900)))
    drive([first], lambda: len(stored(db)) == 900)
    assert stored(db) == ids(range(900))
    assert queued(db) == 900
    assert sum(positions(db).values()) == 900


def test_partitions_added_under_load_are_read_from_their_beginning(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address, 2)
    publish(settings, messages(settings, range(100)))
    member = join(settings)
    drive([member], lambda: member.stored >= 50)
    admin = KafkaAdminClient(bootstrap_servers=[broker_address])
    admin.create_partitions({settings.raw_topic: 4})
    # A producer that asks too early learns of two partitions only and fills no others.
    drive([member], lambda: partitions_of(admin, settings.raw_topic) == 4)
    admin.close()
    publish(settings, messages(settings, range(100, 300)))
    drive([member], lambda: len(stored(db)) == 300)
    assert stored(db) == ids(range(300))
    assert len(positions(db)) == 4
    assert all(positions(db).values())


def partitions_of(admin: KafkaAdminClient, topic: str) -> int:
    return sum(len(t["partitions"]) for t in admin.describe_topics() if t["name"] == topic)


def test_records_deleted_before_they_were_read_are_a_gap(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address)
    publish(settings, messages(settings, range(10)))
    member = join(settings)
    drive([member], lambda: positions(db) == {0: 10})
    member.close()
    publish(settings, messages(settings, range(10, 40)))
    admin = KafkaAdminClient(bootstrap_servers=[broker_address])
    admin.delete_records({TopicPartition(settings.raw_topic, 0): 25}, timeout_ms=10_000)
    admin.close()
    late = join(settings)
    drive([late], lambda: positions(db) == {0: 40})
    assert gaps(db) == [Gap(settings.raw_topic, 0, 10, 25, "deleted")]
    assert 'bearwatch_gaps_total{reason="deleted"} 1.0' in late.metrics.exposition().decode()
    assert stored(db) == ids(range(10)) | ids(range(25, 40))


def test_oversized_message_is_refused_and_the_others_are_stored(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address)
    large = Message(settings.raw_topic, b"large", b"x" * (RECORD_BYTES + 1))
    few = messages(settings, range(6))
    producer = Producer(settings)
    assert producer.publish([*few[:3], large, *few[3:]]) == (Refused(large, "too_large"),)
    assert producer.publish(messages(settings, range(6, 8))) == ()
    producer.close()
    member = join(settings)
    drive([member], lambda: len(stored(db)) == 8)
    assert stored(db) == ids(range(8))


def test_producer_goes_on_after_a_refusal_that_ends_an_idempotent_one(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.settings(broker_address)
    admin = KafkaAdminClient(bootstrap_servers=[broker_address])
    narrow = {"num_partitions": 1, "configs": {"max.message.bytes": "20000"}}
    admin.create_topics({settings.raw_topic: narrow}, wait_for_metadata=True)
    admin.close()
    noise = b"".join(str(hash(str(n))).encode() for n in range(5_000))  # lz4 leaves it large
    large = Message(settings.raw_topic, b"large", noise)
    few = messages(settings, range(6))
    producer = Producer(settings)
    assert producer.publish([*few[:3], large, *few[3:]]) == (Refused(large, "too_large"),)
    assert producer.publish(messages(settings, range(6, 8))) == ()
    producer.close()
    member = join(settings)
    drive([member], lambda: len(stored(db)) == 8)


def test_missing_topic_is_told_with_what_to_do(broker_address: str) -> None:
    settings = kafka.settings(broker_address)
    with pytest.raises(NoTopic, match="create-topics"):
        require_topic(settings, settings.raw_topic)


def test_worker_waits_for_a_topic_that_is_not_there_and_says_so(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.settings(broker_address)
    member = join(settings)
    drive([member], lambda: "create-topics" in str(member.source.trouble))
    assert not member.source.partitions()
    create_topics(settings, 2)
    publish(settings, messages(settings, range(20)))
    drive([member], lambda: len(stored(db)) == 20 and member.source.trouble is None)


def test_records_of_every_size_up_to_the_limit_are_read(
    broker_address: str, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(broker_address)
    sizes = [200, 20_000, 250_000, MAX_RECORD_BYTES // 2, MAX_RECORD_BYTES - 1, MAX_RECORD_BYTES]
    noise = random.Random(1).randbytes(MAX_RECORD_BYTES).hex()  # noqa: S311 - lz4 leaves it large
    values = []
    for number, size in enumerate(sizes):
        start = article(number)[:-1] + b', "note": "'
        values.append(start + noise[: size - len(start) - 2].encode() + b'"}')
    assert [len(value) for value in values] == sizes
    largest = b"x" * (RECORD_BYTES - 200)  # a key and what Kafka adds are part of a record
    publish(settings, [Message(settings.raw_topic, b"k", value) for value in [*values, largest]])
    member = join(settings)
    drive([member], lambda: positions(db) == {0: len(sizes) + 1})
    # What is too much for an article is a dead letter with its bytes, so it was read as well.
    with db.read() as connection:
        dead = {row.offset: row for row in connection.execute(select(tables.dead_letter))}
    assert ids(range(len(sizes))) - stored(db) == {f"a{n}" for n in dead if n < len(sizes)}
    assert {"a0", "a1", "a2"} <= stored(db)
    assert dead[len(sizes)].reason == "too_large"
    assert all(row.raw == (*values, largest)[n][: len(row.raw)] for n, row in dead.items())


def test_broker_absent_at_the_start_is_waited_for(
    mortal_broker: Broker, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(mortal_broker.address)
    publish(settings, messages(settings, range(20)))
    mortal_broker.stop()
    member = join(settings)
    for _ in range(10):
        member.step()
    assert member.stored == 0
    assert "no answer" in str(member.source.trouble)
    mortal_broker.start()
    drive([member], lambda: len(stored(db)) == 20)
    assert member.source.trouble is None


def test_killed_broker_loses_nothing_that_it_had_acknowledged(
    mortal_broker: Broker, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(mortal_broker.address, 2)
    publish(settings, messages(settings, range(200)))
    member = join(settings)
    drive([member], lambda: member.stored >= 100)
    mortal_broker.kill()
    producer = Producer(settings, within_s=2.0)
    with pytest.raises(Unreachable) as told:
        producer.publish(messages(settings, range(200, 300)))
    assert told.value.retryable
    for _ in range(5):
        member.step()
    mortal_broker.start()
    producer.close()
    publish(settings, messages(settings, range(200, 300)))
    drive([member], lambda: len(stored(db)) == 300)
    assert stored(db) == ids(range(300))
    assert queued(db) == 300


def test_damaged_batch_is_stepped_over_and_is_a_gap(
    mortal_broker: Broker, db: Database, join: Callable[..., Member]
) -> None:
    settings = kafka.with_topics(mortal_broker.address)
    for begin in (0, 10, 20):  # a batch each
        publish(settings, messages(settings, range(begin, begin + 10)))
    mortal_broker.stop()  # in order: after a kill it would look for damage, and cut it off
    (segment,) = mortal_broker.folder.glob(f"data/{settings.raw_topic}-0/*.log")
    content = bytearray(segment.read_bytes())
    second = len(content) // 2
    content[second] ^= 0xFF
    segment.write_bytes(content)
    mortal_broker.start()
    member = join(settings)
    drive([member], lambda: positions(db) == {0: 30})
    found = gaps(db)  # one, unless stepping through the batch took several polls
    assert found
    assert {gap.reason for gap in found} == {"corrupt"}
    assert [n for gap in found for n in range(gap.start, gap.resume)] == list(range(10, 20))
    assert stored(db) == ids(range(10)) | ids(range(20, 30))
