"""From the outbox to a sink: at least once, the newest of what piled up, and nothing old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Final

import pytest

from alerts.channels import Channel, Refused, Unreachable
from pipeline.delivery import AT_ONCE, LOOK_AGAIN, Delivery, Keeper, Policy
from pipeline.store.database import Database
from pipeline.store.lease import LeaseLost
from pipeline.store.outbox import NO_SUCH_SINK, OLD_NEWS, SUPERSEDED, abandon
from pipeline.store.summary import outbox_state
from tests.fakes import MONDAY
from tests.pipeline.messages import Box, MemoryBox, Teller, errors_of, evaluated, publish, take

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
PAGER: Final = "apprise.desk"
RECORD: Final = "kafka"


def delivery(
    db: Database,
    channel: Channel,
    sink: str = PAGER,
    *,
    epoch: int = 1,
    jitter: float = 0.5,
    link: str | None = None,
) -> Delivery:
    policy = Policy(link=link)
    return Delivery(db, sink, channel, policy, epoch=epoch, jitter=lambda: jitter)


@pytest.fixture
def desk(db: Database) -> Teller:
    """Writes for a pager, with a story of the last minute on its key."""
    take(db)
    publish(db, MONDAY - MINUTE)
    return Teller(db, PAGER)


def test_message_is_told_once_with_a_link_to_its_page(db: Database, desk: Teller) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box()
    tell = delivery(db, box, link="https://news.example.com")
    assert tell.turn(MONDAY) == ["delivered"]
    assert tell.turn(MONDAY + HOUR) == delivery(db, box).turn(MONDAY + HOUR) == []
    assert box.heard == [("i1", 1, "opened")]
    assert box.sent[0].link == "https://news.example.com/incidents/i1"
    assert not box.sent[0].late


def test_message_has_no_link_where_no_address_is_set(db: Database, desk: Teller) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box()
    delivery(db, box).turn(MONDAY)
    assert box.sent[0].link is None


def test_after_an_outage_only_the_newest_revision_is_told(db: Database, desk: Teller) -> None:
    box = Box(*[Unreachable("down")] * 3)
    tell = delivery(db, box)
    desk.tell("i1", "opened", MONDAY)
    assert tell.turn(MONDAY) == ["retried"]
    desk.tell("i1", "escalated", MONDAY + MINUTE, "critical")
    desk.tell("i2", "opened", MONDAY + MINUTE)
    now = MONDAY + 2 * MINUTE
    while box.errors:
        tell.turn(now)
        now += MINUTE
    tell.turn(now)
    tell.turn(now + MINUTE)
    assert sorted(box.heard) == [("i1", 2, "opened"), ("i2", 1, "opened")]
    assert errors_of(db, PAGER) == [("i1", 1, SUPERSEDED)]


def test_incident_that_came_and_went_during_an_outage_is_not_told(
    db: Database, desk: Teller
) -> None:
    box = Box(Unreachable("down"))
    tell = delivery(db, box)
    desk.tell("i1", "opened", MONDAY)
    tell.turn(MONDAY)
    desk.tell("i1", "resolved", MONDAY + MINUTE)
    assert tell.turn(MONDAY + HOUR) == []
    assert box.sent == []
    assert outbox_state(db) == (0, None)


def test_whoever_heard_that_it_began_hears_that_it_is_over(db: Database, desk: Teller) -> None:
    box = Box()
    desk.tell("i1", "opened", MONDAY)
    delivery(db, box).turn(MONDAY)
    desk.tell("i1", "resolved", MONDAY + HOUR)
    # However late: a page that nobody takes back is worse.
    delivery(db, box).turn(MONDAY + 40 * HOUR)
    assert box.heard == [("i1", 1, "opened"), ("i1", 2, "resolved")]
    assert box.sent[1].told == ("warn",)


def test_escalation_that_was_not_told_is_not_told_once_it_is_over(
    db: Database, desk: Teller
) -> None:
    box = Box()
    desk.tell("i1", "opened", MONDAY)
    tell = delivery(db, box)
    tell.turn(MONDAY)
    box.errors = [Unreachable("down")]
    desk.tell("i1", "escalated", MONDAY + MINUTE, "critical")
    tell.turn(MONDAY + MINUTE)
    desk.tell("i1", "resolved", MONDAY + HOUR, "critical")
    tell.turn(MONDAY + HOUR)
    assert box.heard == [("i1", 1, "opened"), ("i1", 3, "resolved")]
    assert box.sent[1].told == ("warn",)
    # It has heard of no critical one: the resolution only named what it had become.
    desk.tell("i1", "reopened", MONDAY + HOUR, "critical")
    tell.turn(MONDAY + 2 * HOUR)
    assert (box.sent[2].change, box.sent[2].told) == ("reopened", ("warn",))


def test_backlog_of_two_days_calls_nobody_and_is_recorded_as_late(db: Database) -> None:
    take(db)
    now = MONDAY + 48 * HOUR
    # The key is busy: the workers have stored what is new before the monitor evaluates it.
    publish(db, MONDAY, now - MINUTE)
    teller = Teller(db, PAGER, RECORD)
    teller.tell("i1", "opened", MONDAY, written=now)
    teller.tell("i1", "resolved", MONDAY + 3 * HOUR, written=now)
    teller.tell("i2", "opened", MONDAY + HOUR, "critical", written=now)
    pager, record = Box(), Box()
    tell = delivery(db, pager)
    for minute in range(0, 60, 5):
        tell.turn(now + minute * MINUTE)
    evaluated(db, now - 7 * HOUR)
    tell.turn(now + HOUR)
    assert pager.sent == []
    assert delivery(db, record, RECORD).turn(now) == ["delivered"] * 3
    assert record.heard == [("i1", 1, "opened"), ("i1", 2, "resolved"), ("i2", 1, "opened")]
    assert all(note.late for note in record.sent)
    # Nobody waits for it, so no alarm is raised about its age.
    assert outbox_state(db) == (0, None)


@pytest.mark.parametrize(
    ("age", "told"), [(HOUR, True), (6 * HOUR - MINUTE, True), (7 * HOUR, False)]
)
def test_newest_story_decides_whether_news_is_old(
    db: Database, age: timedelta, told: bool
) -> None:
    take(db)
    publish(db, MONDAY - age)
    Teller(db, PAGER).tell("i1", "opened", MONDAY - age, written=MONDAY)
    box = Box()
    delivery(db, box).turn(MONDAY)
    assert bool(box.sent) is told


def test_old_incident_calls_once_news_on_it_is_fresh_again(db: Database) -> None:
    take(db)
    publish(db, MONDAY - 10 * HOUR)
    Teller(db, PAGER).tell("i1", "opened", MONDAY - 10 * HOUR, written=MONDAY)
    evaluated(db, MONDAY)
    box = Box()
    tell = delivery(db, box)
    tell.turn(MONDAY)
    assert errors_of(db, PAGER) == [("i1", 1, OLD_NEWS)]
    publish(db, MONDAY + MINUTE)
    assert tell.turn(MONDAY + MINUTE) == []
    assert tell.turn(MONDAY + LOOK_AGAIN) == ["delivered"]


def test_good_news_on_the_key_makes_no_old_incident_fresh(db: Database) -> None:
    take(db)
    publish(db, MONDAY - 10 * HOUR)
    publish(db, MONDAY, title="positive Energy ACM")
    Teller(db, PAGER).tell("i1", "opened", MONDAY - 10 * HOUR, written=MONDAY)
    evaluated(db, MONDAY)
    box = Box()
    delivery(db, box).turn(MONDAY)
    assert box.sent == []


def test_records_get_every_revision_in_order_even_after_an_outage(db: Database) -> None:
    take(db)
    publish(db, MONDAY)
    teller, box = Teller(db, RECORD), Box(Unreachable("down"))
    tell = delivery(db, box, RECORD)
    teller.tell("i1", "opened", MONDAY)
    tell.turn(MONDAY)
    teller.tell("i1", "escalated", MONDAY + MINUTE, "critical")
    teller.tell("i1", "resolved", MONDAY + HOUR, "critical")
    assert tell.turn(MONDAY + HOUR) == ["delivered"] * 3
    assert [revision for _, revision, _ in box.heard] == [1, 2, 3]


def test_sink_that_is_away_is_asked_less_and_less_often_but_every_five_minutes(
    db: Database, desk: Teller
) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box(*[Unreachable("down")] * 1000)
    tell = delivery(db, box, jitter=0.999_999)
    asked = [s for s in range(1800) if tell.turn(MONDAY + s * SECOND)]
    gaps = [b - a for a, b in pairwise(asked)]
    assert gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]


def test_rest_is_any_part_of_the_longest(db: Database, desk: Teller) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box(*[Unreachable("down")] * 4)
    tell = delivery(db, box, jitter=0.25)
    asked = [n for n in range(40) if tell.turn(MONDAY + n * SECOND / 4)]
    # Quarters of 1, 2, 4 and 8 s, in ticks of a quarter of a second; the last is delivered.
    assert asked == [0, 1, 3, 7, 15]


def test_after_a_success_rests_are_short_again(db: Database, desk: Teller) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box(*[Unreachable("down")] * 4)
    tell = delivery(db, box)
    now = MONDAY
    while box.errors:
        tell.turn(now)
        now += MINUTE
    assert tell.turn(now) == ["delivered"]
    desk.tell("i2", "opened", now)
    box.errors = [Unreachable("down")]
    assert tell.turn(now) == ["retried"]
    assert tell.turn(now + SECOND) == ["delivered"]


def test_sink_that_is_away_is_asked_for_one_message_not_for_each(
    db: Database, desk: Teller
) -> None:
    for number in range(5):
        desk.tell(f"i{number}", "opened", MONDAY)
    box = Box(Unreachable("down"))
    tell = delivery(db, box)
    assert tell.turn(MONDAY) == ["retried"]
    assert tell.turn(MONDAY + 0.1 * SECOND) == []
    assert tell.turn(MONDAY + MINUTE) == ["delivered"] * 5


def test_message_that_always_fails_holds_up_no_other(db: Database, desk: Teller) -> None:
    class Picky(Box):
        def send(self, notification: object) -> None:
            if getattr(notification, "incident", "") == "bad":
                raise Unreachable("cannot digest this")
            super().send(notification)  # type: ignore[arg-type] # as it came

    desk.tell("bad", "opened", MONDAY)
    desk.tell("good", "opened", MONDAY)
    box = Picky()
    tell = delivery(db, box)
    assert tell.turn(MONDAY) == ["retried"]
    assert "delivered" in tell.turn(MONDAY + SECOND)
    assert box.heard == [("good", 1, "opened")]


def test_refused_message_is_given_up_at_once_and_the_next_is_told(
    db: Database, desk: Teller
) -> None:
    desk.tell("i1", "opened", MONDAY)
    desk.tell("i2", "opened", MONDAY)
    box = Box(Refused("no such channel"))
    assert delivery(db, box).turn(MONDAY) == ["gave_up", "delivered"]
    assert errors_of(db, PAGER) == [("i1", 1, "no such channel")]
    assert outbox_state(db) == (0, None)


def test_message_is_given_up_when_it_could_not_be_delivered_for_a_day(
    db: Database, desk: Teller
) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box(*[Unreachable("down")] * 10_000)
    tell = delivery(db, box)
    publish(db, *(MONDAY + hour * HOUR for hour in range(26)))
    outcomes = []
    for minute in range(0, 26 * 60, 30):
        evaluated(db, MONDAY + minute * MINUTE)
        outcomes += tell.turn(MONDAY + minute * MINUTE)
    assert set(outcomes[:-1]) == {"retried"}
    assert outcomes[-1] == "gave_up"
    assert outbox_state(db) == (0, None)


def test_channel_that_fails_in_an_unforeseen_way_is_tried_again(
    db: Database, desk: Teller
) -> None:
    desk.tell("i1", "opened", MONDAY)
    box = Box(TypeError("a bug in a library"))
    tell = delivery(db, box)
    assert tell.turn(MONDAY) == ["retried"]
    assert tell.turn(MONDAY + MINUTE) == ["delivered"]


@pytest.mark.parametrize("sink", [PAGER, RECORD])
def test_monitor_that_lost_its_lease_tells_nothing(db: Database, desk: Teller, sink: str) -> None:
    desk.tell("i1", "opened", MONDAY, sinks=[sink])
    take(db)
    box = Box()
    with pytest.raises(LeaseLost):
        delivery(db, box, sink, epoch=1).turn(MONDAY)
    assert box.sent == []
    assert delivery(db, box, sink, epoch=2).turn(MONDAY) == ["delivered"]


def test_other_sinks_messages_are_left_alone(db: Database) -> None:
    take(db)
    publish(db, MONDAY)
    Teller(db, PAGER, RECORD, "apprise.other").tell("i1", "opened", MONDAY)
    assert delivery(db, Box()).turn(MONDAY) == ["delivered"]
    assert errors_of(db, "apprise.other") == [("i1", 1, None)]
    assert outbox_state(db) == (2, MONDAY)
    assert abandon(db, 1, (PAGER, RECORD)) == 1
    assert errors_of(db, "apprise.other") == [("i1", 1, NO_SUCH_SINK)]
    assert errors_of(db, RECORD) == [("i1", 1, None)]


def test_more_messages_than_a_turn_takes_are_told_in_the_next(db: Database) -> None:
    take(db)
    teller, box = Teller(db, RECORD), Box()
    for number in range(AT_ONCE + 1):
        teller.tell(f"i{number}", "opened", MONDAY)
    tell = delivery(db, box, RECORD)
    assert [len(tell.turn(MONDAY)) for _ in range(3)] == [AT_ONCE, 1, 0]


class TestSinkThatForgets:
    """What is firing is told again and again, what has ended for a while."""

    @pytest.fixture
    def fired(self, db: Database) -> tuple[Teller, MemoryBox, Callable[..., Delivery]]:
        take(db)
        publish(db, MONDAY)
        teller, box = Teller(db, "alertmanager"), MemoryBox()
        assert isinstance(box, Keeper)
        teller.tell("i1", "opened", MONDAY)
        return teller, box, lambda: delivery(db, box, "alertmanager")

    def test_is_told_every_minute_what_fires(
        self, fired: tuple[Teller, MemoryBox, Callable[..., Delivery]]
    ) -> None:
        _, box, make = fired
        tell = make()
        for second in range(0, 300, 5):
            tell.turn(MONDAY + second * SECOND)
        assert len(box.sent) == 1
        assert len(box.kept) == 5
        assert all([note.incident for note in kept] == ["i1"] for kept in box.kept)

    def test_is_told_at_once_after_a_restart(
        self, fired: tuple[Teller, MemoryBox, Callable[..., Delivery]]
    ) -> None:
        _, box, make = fired
        make().turn(MONDAY)
        make().turn(MONDAY + SECOND)
        assert len(box.kept) == 2

    def test_is_told_of_an_escalation_what_it_knew_before(
        self, fired: tuple[Teller, MemoryBox, Callable[..., Delivery]]
    ) -> None:
        teller, box, make = fired
        make().turn(MONDAY)
        teller.tell("i1", "escalated", MONDAY + MINUTE, "critical")
        make().turn(MONDAY + MINUTE)
        assert box.sent[-1].told == ("warn",)
        assert box.kept[-1][0].told == ("warn", "critical")

    def test_is_told_for_a_while_that_it_is_over(
        self, fired: tuple[Teller, MemoryBox, Callable[..., Delivery]]
    ) -> None:
        teller, box, make = fired
        tell = make()
        tell.turn(MONDAY)
        teller.tell("i1", "resolved", MONDAY + MINUTE)
        for second in range(60, 1200, 30):
            tell.turn(MONDAY + second * SECOND)
        changes = [[note.change for note in kept] for kept in box.kept]
        assert changes[:2] == [["opened"], ["resolved"]]
        assert 5 <= changes.count(["resolved"]) <= 7
        assert changes[-1] == []

    def test_is_asked_again_soon_when_it_was_away(
        self, fired: tuple[Teller, MemoryBox, Callable[..., Delivery]]
    ) -> None:
        _, box, make = fired
        tell = make()
        tell.turn(MONDAY)
        box.errors = [Unreachable("restarting")] * 1000
        for second in range(200):
            tell.turn(MONDAY + second * SECOND)
        box.errors, before = [], len(box.kept)
        for second in range(200, 261):
            tell.turn(MONDAY + second * SECOND)
        assert len(box.kept) > before
