"""Dead letters are told to Kafka at least once, in pieces, and never hold the monitor up."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ingest.kafka.errors import Unreachable
from ingest.kafka.producer import Message, Refused
from ingest.rejection import Rejected
from pipeline import dead_topic
from pipeline.count import Keys
from pipeline.dead_topic import AT_ONCE, SHORT_BYTES, DeadLetterTopic
from pipeline.detect import Detection
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor
from pipeline.observe import Observer
from pipeline.settings import Settings
from pipeline.step import DeadLetter, Origin
from pipeline.store import dead_letters, lease
from pipeline.store.database import Database
from pipeline.store.lease import LeaseLost
from tests.fakes import MONDAY, ManualClock

LEASE = timedelta(seconds=30)


class Post:
    """A producer that keeps what it is sent, fails as it is told, and refuses what is large."""

    def __init__(self, *errors: Exception, largest: int = 10**9) -> None:
        self.errors = list(errors)
        self.largest = largest
        self.calls: list[int] = []
        self.sent: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> tuple[Refused, ...]:
        self.calls.append(len(messages))
        if self.errors:
            raise self.errors.pop(0)
        large = [m for m in messages if len(m.value) > self.largest]
        self.sent += [m for m in messages if m not in large]
        return tuple(Refused(m, "too_large") for m in large)

    def keys(self) -> list[str]:
        return [message.key.decode() for message in self.sent]


def bury(db: Database, *raws: bytes, begin: int = 0) -> None:
    with db.write() as connection:
        letters = [
            DeadLetter(
                Origin("news.raw", 0, begin + n),
                Rejected(raw, "not_json", "not JSON"),
                MONDAY + timedelta(seconds=begin + n),
            )
            for n, raw in enumerate(raws)
        ]
        dead_letters.write(connection, letters)


def take(db: Database) -> int:
    return lease.take(db, "test", now=MONDAY, keep_for=LEASE)


def topic(db: Database, post: Post, jitter: float = 0.0) -> DeadLetterTopic:
    return DeadLetterTopic(db, post, "news.dead", jitter=lambda: jitter)


def test_letter_is_told_once_with_its_bytes_and_where_it_was(db: Database) -> None:
    bury(db, b"\xff{", b"")
    post, epoch = Post(), take(db)
    told = topic(db, post)
    assert told.waiting() == 2
    assert told.publish(MONDAY, epoch=epoch) == ["delivered", "delivered"]
    assert told.publish(MONDAY, epoch=epoch) == []
    assert told.waiting() == 0
    assert post.keys() == ["news.raw/0/0", "news.raw/0/1"]
    assert {message.topic for message in post.sent} == {"news.dead"}
    fields = json.loads(post.sent[0].value)
    assert b64decode(fields.pop("raw")) == b"\xff{"
    assert fields == {
        "version": 1,
        "topic": "news.raw",
        "partition": 0,
        "offset": 0,
        "reason": "not_json",
        "detail": "not JSON",
        "received_at": "2026-03-02T00:00:00+00:00",
        "size": 2,
        "truncated": False,
    }


def test_pieces_are_bounded_in_number_and_bytes(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(db, *(b"x" for _ in range(AT_ONCE + 1)))
    post, epoch = Post(), take(db)
    topic(db, post).publish(MONDAY, epoch=epoch)
    assert post.calls == [AT_ONCE, 1]
    # 40 bytes a piece: three, then one that is larger by itself, then what is left
    monkeypatch.setattr(dead_topic, "BYTES_AT_ONCE", 40)
    bury(db, b"x" * 10, b"x" * 10, b"x" * 20, b"x" * 50, b"x" * 10, begin=1_000)
    post = Post()
    topic(db, post).publish(MONDAY, epoch=epoch)
    assert post.calls == [3, 1, 1]


def test_turn_ends_when_its_time_is_up(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bury(db, *(b"x" for _ in range(AT_ONCE + 1)))
    monkeypatch.setattr(dead_topic, "TURN_S", 0.0)
    post = Post()
    told = topic(db, post)
    told.publish(MONDAY, epoch=take(db))
    assert post.calls == [AT_ONCE]
    assert told.waiting() == 1


def test_broker_that_is_away_is_asked_less_and_less_often(db: Database) -> None:
    bury(db, b"{")
    away = Unreachable("no answer")
    post, epoch, clock = Post(away, away, away, away), take(db), ManualClock()
    told = topic(db, post, jitter=0.5)
    asked = []
    for second in range(60):
        if told.publish(clock(), epoch=epoch):
            asked.append(second)
        clock.move(timedelta(seconds=1))
    # Rests of 1, 2, 4 and 8 s, of each three quarters with this jitter, in ticks of a second.
    assert asked == [0, 1, 3, 6, 12]
    assert (post.keys(), told.waiting()) == (["news.raw/0/0"], 0)
    # After a success it begins with short rests again.
    bury(db, b"{", begin=5)
    post.errors = [away]
    assert told.publish(clock(), epoch=epoch) == ["retried"]
    clock.move(timedelta(seconds=0.75))
    assert told.publish(clock(), epoch=epoch) == ["delivered"]


def test_letter_too_large_for_the_topic_goes_shortened_and_holds_nothing_up(db: Database) -> None:
    bury(db, b"a", b"x" * 300_000, b"b")
    post = Post(largest=200_000)
    assert topic(db, post).publish(MONDAY, epoch=take(db)) == ["delivered"] * 3
    large = json.loads(post.sent[-1].value)
    assert (large["truncated"], large["size"], large["offset"]) == (True, 300_000, 1)
    assert b64decode(large["raw"]) == b"x" * SHORT_BYTES


def test_letter_that_the_topic_never_takes_is_given_up_and_kept(db: Database) -> None:
    bury(db, b"a", b"x" * 300_000, b"b")
    post = Post(largest=10_000)
    told = topic(db, post)
    outcomes = told.publish(MONDAY, epoch=take(db))
    assert outcomes == ["delivered", "gave_up", "delivered"]
    assert told.waiting() == 0
    kept = dead_letters.find(db, Origin("news.raw", 0, 1))
    assert kept is not None
    assert kept.raw == b"x" * 300_000


def test_monitor_that_lost_the_lease_before_the_mark_only_repeats(db: Database) -> None:
    bury(db, b"a", b"b")
    post = Post()
    old, new = take(db), take(db)
    with pytest.raises(LeaseLost):
        topic(db, post).publish(MONDAY, epoch=old)
    assert topic(db, post).publish(MONDAY, epoch=new) == ["delivered", "delivered"]
    assert post.keys() == ["news.raw/0/0", "news.raw/0/1"] * 2


def test_monitor_tells_and_shows_what_waits_only_where_kafka_is(db: Database) -> None:
    keys = Keys(frozenset(), frozenset())
    bury(db, b"a", b"b")
    clock = ManualClock()

    def tick(dead: DeadLetterTopic | None) -> str:
        monitor = Monitor(
            db,
            keys=keys,
            detection=Detection(db, keys.tested(), Settings(), names={}, sinks=()),
            channels={},
            lateness=timedelta(minutes=10),
            fresh_for=timedelta(minutes=1),
            epoch=take(db),
            keep_for=LEASE,
            clock=clock,
            dead=dead,
        )
        metrics = Metrics(
            program_version="1", topics=(), keys=(), sinks=("dead_topic",), partitions=()
        )
        Observer(metrics, db, clock).ticked(monitor, monitor.tick(clock()))
        return metrics.exposition().decode()

    assert "\nbearwatch_dead_letters_unpublished NaN" in tick(None)
    assert dead_letters.waiting(db) == 2
    page = tick(topic(db, Post(Unreachable("no answer"))))
    assert "\nbearwatch_dead_letters_unpublished 2.0" in page
    retried = 'bearwatch_deliveries_total{outcome="retried",sink="dead_topic"} 1.0'
    assert retried in page
    page = tick(topic(db, Post()))
    assert "\nbearwatch_dead_letters_unpublished 0.0" in page
    assert retried.replace("retried", "delivered").replace("1.0", "2.0") in page
