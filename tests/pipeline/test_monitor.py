"""From stored articles to incidents: the same, however the way there was cut up."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from alerts.channels import Notification, Refused, Unreachable
from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.retrying import backoff
from pipeline.settings import Settings
from pipeline.store import lease, tables
from pipeline.store.database import Database
from pipeline.store.incidents import Incident, incidents
from pipeline.store.lease import LeaseLost
from pipeline.store.verify import verify
from pipeline.worker import Worker
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, classify, link

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES))
LATENESS = timedelta(minutes=10)
LEASE = timedelta(seconds=30)
BURST = MONDAY + timedelta(days=9, hours=13)
"""A Wednesday, 24 negative stories about one company within two hours."""


class Mailbox:
    """A channel that keeps what it is sent, or raises what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[Notification] = []

    def send(self, notification: Notification) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(notification)


def stream(days: float = 10) -> list[bytes]:
    """Four stories an hour, a fifth of them negative, and the burst; in order of time."""
    draw = random.Random(5)  # noqa: S311 - a fixed sequence, not a secret
    times = [
        MONDAY + timedelta(minutes=15 * n + 10 * draw.random()) for n in range(int(96 * days))
    ]
    news = [(at, _title(number, draw)) for number, at in enumerate(times)]
    news += [
        (BURST + timedelta(minutes=5 * n), f"negative Energy ACM trouble {n}") for n in range(24)
    ]
    return [
        json.dumps(
            {
                "source": f"wire{number % 4}",
                "id": str(number),
                "title": title,
                "published_at": at.isoformat(),
            }
        ).encode()
        for number, (at, title) in enumerate(sorted(news))
    ]


def _title(number: int, draw: random.Random) -> str:
    mood = draw.choice(["negative", "positive", "calm", "calm", "calm"])
    return f"{mood} {draw.choice(TOPICS)} {draw.choice(['ACM', 'BRK', '', '', ''])} story {number}"


def monitor(db: Database, channel: Mailbox, now: datetime) -> Monitor:
    detection = Detection(db, KEYS.tested(), Settings(), names={"ACM": "Acme"}, sinks=("box",))
    return Monitor(
        db,
        keys=KEYS,
        detection=detection,
        channels={"box": channel},
        lateness=LATENESS,
        fresh_for=timedelta(minutes=1),
        epoch=lease.take(db, "test", now=now, keep_for=LEASE),
        keep_for=LEASE,
        clock=lambda: now,
    )


def play(
    db: Database,
    values: list[bytes],
    *,
    poll: int,
    channel: Mailbox | None = None,
    fresh_monitor_every: int = 10**9,
    ends: bool = True,
) -> None:
    """Worker and monitor in turns, as the program does; a new monitor now and then."""
    clock = ManualClock(MONDAY + timedelta(days=30))
    channel = channel or Mailbox()
    source = ListSource({0: values}, clock=clock, max_records=poll, ends=ends)
    worker = Worker(
        db, source, classify=classify, link=link, lateness=LATENESS, clock=clock, name="test"
    )
    worker.start()
    watching = monitor(db, channel, clock())
    for turn in range(1, len(values) // poll + 4):
        worker.step(0.0)
        if turn % fresh_monitor_every == 0:
            watching = monitor(db, channel, clock())
        watching.tick(clock())
        clock.move(timedelta(seconds=1))


def published_at(raw: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(raw)["published_at"])


def essence(found: list[Incident]) -> list[tuple[Any, ...]]:
    return [
        (i.id, i.parent, i.severity, i.state, i.opened_at, i.resolved_at, i.revision, i.evidence)
        for i in found
    ]


@pytest.fixture(scope="module")
def replayed(opened: Callable[[], Database]) -> Iterator[tuple[Database, Mailbox]]:
    db, channel = opened(), Mailbox()
    play(db, stream(), poll=100, channel=channel)
    yield db, channel
    db.close()


def unsent(db: Database) -> list[str | None]:
    """Errors of the messages that were not delivered."""
    query = select(tables.outbox.c.error).where(tables.outbox.c.sent_at.is_(None))
    with db.read() as connection:
        return list(connection.execute(query).scalars())


def test_burst_about_one_company_is_one_leading_warning_with_its_headlines(
    replayed: tuple[Database, Mailbox],
) -> None:
    found = incidents(replayed[0])
    leading = [i for i in found if i.parent is None and i.severity != "info"]
    assert [(i.kind, i.key, i.rule) for i in leading] == [("company", "ACM", "negative_spike")]
    (acme,) = leading
    assert BURST < acme.opened_at < BURST + timedelta(hours=1)
    assert acme.resolved_at is not None
    assert acme.resolved_at > BURST + timedelta(hours=2)
    assert acme.evidence["observed"] >= 20
    assert acme.evidence["sources"] == 4
    assert all("ACM trouble" in story["headline"] for story in acme.evidence["stories"])


def test_what_else_the_burst_sets_off_is_part_of_it(replayed: tuple[Database, Mailbox]) -> None:
    found = {(i.kind, i.key): i for i in incidents(replayed[0]) if i.rule == "negative_spike"}
    leader = found["company", "ACM"].id
    assert found["topic", "Energy"].parent == leader
    assert found["all", "all"].parent == leader


def test_each_notification_is_delivered_once_and_says_what_it_is_about(
    replayed: tuple[Database, Mailbox],
) -> None:
    sent = [n for n in replayed[1].sent if n.kind == "company" and n.rule == "negative_spike"]
    changes = [n.change for n in sent]
    assert (changes[0], changes[-1]) == ("opened", "resolved")
    assert set(changes[1:-1]) <= {"escalated"}
    assert sent[0].title == "Acme (ACM): spike of negative news"
    assert len({(n.incident, n.revision) for n in replayed[1].sent}) == len(replayed[1].sent)


@pytest.mark.parametrize(("poll", "fresh"), [(7, 10**9), (40, 1), (10_000, 10**9)])
def test_small_steps_restarts_and_one_large_step_give_the_same_incidents(
    replayed: tuple[Database, Mailbox], opened: Callable[[], Database], poll: int, fresh: int
) -> None:
    db = opened()
    play(db, stream(), poll=poll, fresh_monitor_every=fresh)
    assert essence(incidents(db)) == essence(incidents(replayed[0]))
    assert verify(db, KEYS).total == 0
    db.close()


def test_order_of_arrival_within_the_lateness_changes_no_incident(
    replayed: tuple[Database, Mailbox], opened: Callable[[], Database]
) -> None:
    draw = random.Random(9)  # noqa: S311 - a fixed sequence, not a secret

    def arrival(raw: bytes) -> datetime:
        return published_at(raw) + timedelta(minutes=9 * draw.random())

    db = opened()
    play(db, sorted(stream(), key=arrival), poll=50)
    assert essence(incidents(db)) == essence(incidents(replayed[0]))
    db.close()


def test_silence_after_a_burst_leaves_the_incident_open(opened: Callable[[], Database]) -> None:
    db = opened()
    play(db, [raw for raw in stream() if published_at(raw) < BURST + timedelta(hours=2)], poll=100)
    found = [i for i in incidents(db) if (i.kind, i.rule) == ("company", "negative_spike")]
    assert [(i.state, i.resolved_at) for i in found] == [("firing", None)]
    db.close()


def test_half_a_century_without_news_costs_no_evaluations(opened: Callable[[], Database]) -> None:
    def old(year: int) -> bytes:
        article = {
            "source": "wire",
            "title": f"Macro {year}",
            "published_at": f"{year}-01-01T00:00:00Z",
        }
        return json.dumps(article).encode()

    db, clock = opened(), ManualClock(MONDAY)
    source = ListSource({0: [old(1970), old(2020)]}, clock=clock)
    worker = Worker(
        db, source, classify=classify, link=link, lateness=LATENESS, clock=clock, name="test"
    )
    worker.start()
    worker.step(0.0)
    evaluated = monitor(db, Mailbox(), clock()).tick(clock()).evaluated
    assert 36 <= evaluated <= 80
    db.close()


def test_monitor_that_lost_its_lease_changes_nothing(opened: Callable[[], Database]) -> None:
    db = opened()
    play(db, stream(1), poll=100)
    now = MONDAY + timedelta(days=40)
    old = monitor(db, Mailbox(), now)
    monitor(db, Mailbox(), now)
    with db.write() as connection:
        connection.execute(tables.changed.insert(), {"source": "wire0", "id": "0"})
    with pytest.raises(LeaseLost):
        old.tick(now)
    with db.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.changed)).scalar() == 1
    db.close()


def test_receiver_that_is_down_is_tried_again_later_and_told_once(
    opened: Callable[[], Database],
) -> None:
    db = opened()
    box = Mailbox(*[Unreachable("down")] * 3)
    play(db, stream(), poll=10_000, channel=box)
    now = MONDAY + timedelta(days=31)
    watching = monitor(db, box, now)
    for minute in range(30):
        watching.tick(now + timedelta(minutes=minute))
    delivered = len(box.sent)
    watching.tick(now + timedelta(days=1))
    assert delivered == len(box.sent) > 3
    assert len({(n.incident, n.revision) for n in box.sent}) == len(box.sent)
    assert unsent(db) == []
    db.close()


def test_receiver_that_refuses_is_not_asked_again(opened: Callable[[], Database]) -> None:
    db = opened()
    box = Mailbox(Refused("no such channel"))
    play(db, stream(), poll=10_000, channel=box)
    assert unsent(db) == ["no such channel"]
    db.close()


def test_stream_is_not_closed_before_its_end(opened: Callable[[], Database]) -> None:
    db, clock = opened(), ManualClock(MONDAY + timedelta(days=30))
    source = ListSource({0: stream(1)}, clock=clock, max_records=48, ends=False)
    worker = Worker(
        db, source, classify=classify, link=link, lateness=LATENESS, clock=clock, name="test"
    )
    worker.start()
    watching = monitor(db, Mailbox(), clock())
    worker.step(0.0)
    tick = watching.tick(clock(), closing=True)
    newest = max(published_at(raw) for raw in stream(1)[:48])
    assert not tick.ended
    assert tick.watermark.at is not None
    assert tick.watermark.at <= newest - LATENESS
    while worker.step(0.0).batch is not None:
        pass
    assert watching.tick(clock(), closing=True).ended
    db.close()


def test_backoff_doubles_up_to_five_minutes() -> None:
    waits = [backoff(attempts).total_seconds() for attempts in (0, 1, 2, 8, 9, 100)]
    assert waits == [1, 2, 4, 256, 300, 300]
