"""A level that lasts is offered, accepted, and usual from then on: by the event log alone."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pytest

from alerts.rules import IncidentSettings
from alerts.windows import BUCKET
from pipeline.accepting import ITSELF, Accepted
from pipeline.count import bucket_start
from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.settings import Settings
from pipeline.store import events, lease
from pipeline.store.again import forget_detection
from pipeline.store.database import Database
from pipeline.store.events import NewEvent
from pipeline.store.incidents import Incident, incidents
from pipeline.worker import Worker
from tests.fakes import MONDAY, ListSource, ManualClock, classify, link
from tests.pipeline.test_monitor import KEYS, LATENESS, LEASE, Mailbox, essence, published_at

CHANGED = MONDAY + timedelta(days=4, hours=6)
"""From here on there are six negative stories an hour about one company, for good."""
QUICK = IncidentSettings(offer_after=timedelta(hours=10), accept_after=timedelta(hours=20))
NOW = MONDAY + timedelta(days=30)


def stream() -> list[bytes]:
    """Two stories an hour, a fifth negative; then six more, all of them negative."""
    draw = random.Random(3)  # noqa: S311 - a fixed sequence, not a secret
    news: list[tuple[datetime, str]] = []
    for number in range(2 * 24 * 6):
        mood = draw.choice(["negative", "positive", "calm", "calm", "calm"])
        at = MONDAY + timedelta(minutes=30 * number + 20 * draw.random())
        news.append((at, f"{mood} Energy {draw.choice(['ACM', 'BRK'])} story {number}"))
    for number in range(6 * 42):
        at = CHANGED + timedelta(minutes=10 * number + 8 * draw.random())
        news.append((at, f"negative Energy ACM trouble {number}"))
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


@dataclass
class Desk:
    """Worker and monitor over one database, in steps of as many records as are asked for."""

    db: Database
    settings: IncidentSettings = QUICK
    box: Mailbox = field(default_factory=Mailbox)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    ends: bool = True

    def __post_init__(self) -> None:
        self.source = ListSource({0: []}, clock=self.clock, max_records=10_000, ends=self.ends)
        self.worker = Worker(
            self.db,
            self.source,
            classify=classify,
            link=link,
            lateness=LATENESS,
            clock=self.clock,
            name="test",
        )
        self.worker.start()
        self.restart()

    def restart(self) -> None:
        found = Settings(incidents=self.settings)
        self.detection = Detection(
            self.db, KEYS.tested(), found, names={"ACM": "Acme"}, sinks=("box",)
        )
        epoch = lease.take(self.db, "test", now=self.clock(), keep_for=LEASE)
        self.monitor = Monitor(
            self.db,
            keys=KEYS,
            detection=self.detection,
            channels={"box": self.box},
            lateness=LATENESS,
            fresh_for=timedelta(minutes=1),
            epoch=epoch,
            keep_for=LEASE,
            clock=self.clock,
        )

    def read(self, values: list[bytes], *, restarts: bool = False) -> None:
        """In pieces of 50 records, with a new monitor before each if wanted."""
        for begin in range(0, len(values), 50):
            self.source.values["news", 0] += values[begin : begin + 50]
            self.worker.step(0.0)
            if restarts:
                self.restart()
            self.monitor.tick(self.clock())

    @property
    def incident(self) -> Incident:
        """The company's spike."""
        (found,) = [
            i
            for i in incidents(self.db)
            if (i.kind, i.rule) == ("company", "negative_spike") and i.opened_at >= CHANGED
        ]
        return found


@pytest.fixture
def desks(opened: Callable[[], Database]) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def desk(settings: IncidentSettings = QUICK) -> Desk:
        made.append(Desk(opened(), settings))
        return made[-1]

    yield desk
    for one in made:
        one.db.close()


def accept(desk: Desk) -> None:
    value = {"incident": desk.incident.id, "note": "they are in court now"}
    events.write(desk.db, NewEvent(NOW, "accept", "ann", value))


def accepted(desk: Desk) -> list[events.Event]:
    found = events.read(desk.db, "accepted")
    return [one for one in found if one.value["incident"] == desk.incident.id]


def scores(desk: Desk) -> list[float]:
    """Of a lasting hour of the new level, by the baselines as they are."""
    negative = np.zeros((len(desk.detection.keys), 36), dtype=np.int64)
    row = desk.detection.keys.index(("company", "ACM"))
    negative[row, -12:] = 1
    at = bucket_start(CHANGED) + timedelta(days=2)
    return [float(s) for s in desk.detection._detector.score(at, negative, negative).s_count]


HALF = [raw for raw in stream() if published_at(raw) < CHANGED + timedelta(hours=15)]
REST = stream()[len(HALF) :]


def test_level_that_lasts_is_offered_once_then_accepted_by_itself_and_resolved(
    desks: Callable[..., Desk],
) -> None:
    desk = desks()
    desk.read(stream())
    incident = desk.incident
    told = [n for n in desk.box.sent if n.incident == incident.id]
    offers = [n for n in told if any("bearwatch incidents accept" in line for line in n.lines)]
    assert [n.change for n in offers] == ["updated"]
    assert incident.id[:12] in " ".join(offers[0].lines)
    (taken,) = accepted(desk)
    assert (taken.actor, taken.value["request"]) == (ITSELF, None)
    waited = datetime.fromisoformat(taken.value["at"]) - incident.opened_at
    assert QUICK.accept_after <= waited <= QUICK.accept_after + timedelta(minutes=5)
    assert incident.resolved_at is not None
    assert incident.resolved_at > datetime.fromisoformat(taken.value["at"])
    history = [change["what"] for change in incident.evidence["history"]]
    assert history[0] == "opened"
    assert history[-3:] == ["offered", "accepted", "resolved"]
    assert incident.evidence["standing"] == ""


def test_without_acceptance_it_stays_open(desks: Callable[..., Desk]) -> None:
    never = timedelta(days=300)
    desk = desks(IncidentSettings(offer_after=never, accept_after=never))
    desk.read(stream())
    assert (desk.incident.resolved_at, accepted(desk)) == (None, [])
    assert "accept" not in desk.incident.evidence["note"]


def test_accepted_by_an_operator_it_is_usual_from_the_next_evaluation_on(
    desks: Callable[..., Desk],
) -> None:
    desk = desks()
    desk.read(HALF)
    before = scores(desk)
    accept(desk)
    desk.read(REST)
    (taken,) = accepted(desk)
    assert (taken.actor, taken.value["since"]) == ("ann", desk.incident.opened_at.isoformat())
    assert max(scores(desk)) < 1.0 < max(before)
    assert desk.incident.resolved_at is not None


def test_restarts_before_and_after_acceptance_change_nothing(desks: Callable[..., Desk]) -> None:
    steady, restarted = desks(), desks()
    for desk in (steady, restarted):
        desk.read(HALF, restarts=desk is restarted)
        accept(desk)
        desk.read(REST, restarts=desk is restarted)
    assert essence(incidents(restarted.db)) == essence(incidents(steady.db))
    assert [e.value for e in accepted(restarted)] == [e.value for e in accepted(steady)]
    restarted.restart()
    assert scores(restarted) == scores(steady)


def test_counts_and_log_alone_give_the_same_incidents_again(desks: Callable[..., Desk]) -> None:
    desk = desks()
    desk.read(HALF)
    accept(desk)
    desk.read(REST)
    first, log = essence(incidents(desk.db)), events.read(desk.db, *events.ABOUT_INCIDENTS)
    was = scores(desk)
    forget_detection(desk.db)
    assert incidents(desk.db) == []
    desk.restart()
    desk.monitor.tick(NOW)
    assert essence(incidents(desk.db)) == first
    assert events.read(desk.db, *events.ABOUT_INCIDENTS) == log
    assert scores(desk) == was


@pytest.mark.parametrize(("after", "applied"), [(0, True), (1, False)])
def test_acceptance_in_the_log_counts_from_the_boundary_it_names(
    desks: Callable[..., Desk], after: int, applied: bool
) -> None:
    desk = desks()
    desk.read(HALF)
    cursor = lease.progress(desk.db).cursor
    assert cursor is not None
    incident, at = desk.incident, cursor + after * BUCKET
    key = (incident.kind, incident.key)
    taken = Accepted(incident.id, key, incident.opened_at, at, "ann")
    events.write(desk.db, taken.event(NOW))
    desk.restart()
    assert (max(scores(desk)) < 1.0) is applied
