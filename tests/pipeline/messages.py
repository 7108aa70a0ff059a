"""Incidents and their messages, put into the outbox as the detection does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from alerts.channels import Notification
from alerts.evidence import Evidence, Story
from alerts.incidents import Change, What
from alerts.rules import Severity
from pipeline.store import incidents, lease, tables
from pipeline.store.database import Database
from pipeline.store.incidents import Evaluation, Incident, Message
from pipeline.telling import notification, to_json
from tests.fakes import MONDAY, ListSource, ManualClock, store_all

LEASE: Final = timedelta(seconds=30)
FACTS: Final = Evidence(*(9, 1.0, 0, 4, 12, 0.8, 0.2, 1e-6, 1e-5, 60, 9.0, 2, 3, 20.0))


def take(db: Database, now: datetime = MONDAY) -> int:
    """The lease's next epoch."""
    return lease.take(db, "test", now=now, keep_for=LEASE)


def publish(db: Database, *times: datetime, title: str = "negative Energy ACM") -> None:
    """Store a story of those times: by it news is fresh, or is not."""
    lines = [
        json.dumps(
            {
                "source": "wire",
                "id": at.isoformat(),
                "title": f"{title} {at.isoformat()}",
                "published_at": at.isoformat(),
            }
        ).encode()
        for at in times
    ]
    topic = f"news {times[0].isoformat()}"
    store_all(
        db,
        ListSource({0: lines}, clock=ManualClock(times[-1]), topic=topic),
        ManualClock(times[-1]),
    )


class Teller:
    """Writes what becomes of incidents, with a message for each sink, in the lease's epoch."""

    def __init__(self, db: Database, *sinks: str, key: str = "ACM") -> None:
        self._db = db
        self._sinks = sinks
        self._key = key
        self.incidents: dict[str, Incident] = {}

    def tell(
        self,
        name: str,
        what: What,
        at: datetime,
        severity: Severity = "warn",
        *,
        written: datetime | None = None,
        sinks: Sequence[str] | None = None,
        headline: str = "Acme falls",
    ) -> Incident:
        """The incident ``name`` has changed; the message is ``written`` then, or ``at``."""
        before = self.incidents.get(name)
        story = Story("1", headline, "wire", "https://example.org/1", 2, at)
        facts = replace(FACTS, stories=(story,)).to_json() | {"name": "Acme", "story_ids": []}
        over = what == "resolved"
        incident = Incident(
            id=name,
            kind="company",
            key=self._key,
            rule="negative_spike",
            severity=severity,
            state="cooling" if over else "firing",
            opened_at=before.opened_at if before else at,
            changed_at=at,
            revision=before.revision + 1 if before else 1,
            evidence=facts,
            resolved_at=at if over else None,
            told=severity,
        )
        self.incidents[name] = incident
        payload = to_json(notification(incident, Change(what, notify=True), at))
        done = Evaluation(at, incidents={name: incident})
        done.messages += [
            Message(name, incident.revision, sink, payload, written or at)
            for sink in (self._sinks if sinks is None else sinks)
        ]
        with self._db.read() as connection:
            epoch = connection.execute(select(tables.monitor.c.epoch)).scalar_one()
        incidents.save(self._db, epoch, done)
        return incident


def evaluated(db: Database, until: datetime) -> None:
    """Detection has come so far in event time."""
    with db.write() as connection:
        connection.execute(update(tables.monitor).values(cursor=until))


class Box:
    """A channel that keeps what it is sent, or raises what it is given first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[Notification] = []

    def send(self, notification: Notification) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(notification)

    @property
    def heard(self) -> list[tuple[str, int, What]]:
        return [(n.incident, n.revision, n.change) for n in self.sent]


class MemoryBox(Box):
    """One that forgets, like Alertmanager."""

    every = timedelta(seconds=60)
    lasts = timedelta(seconds=300)

    def __init__(self, *errors: Exception) -> None:
        super().__init__(*errors)
        self.kept: list[list[Notification]] = []

    def keep(self, notifications: Sequence[Notification]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.kept.append(list(notifications))


def errors_of(db: Database, sink: str) -> list[tuple[str, int, str | None]]:
    """Incident, revision and error of what is unsent, oldest first."""
    box = tables.outbox.c
    query = select(box.incident, box.revision, box.error).where(
        box.sink == sink, box.sent_at.is_(None)
    )
    with db.read() as connection:
        return [
            (r.incident, r.revision, r.error) for r in connection.execute(query.order_by(box.seq))
        ]
