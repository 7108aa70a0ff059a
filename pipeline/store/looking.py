"""What pages and commands read about incidents: lists by filter, families, what was sent."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from alerts.rules import SEVERITIES, Severity
from pipeline.store.database import Database
from pipeline.store.incidents import Incident, read_incident
from pipeline.store.tables import incident, outbox


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents; None: any."""

    open: bool | None = None
    least: Severity | None = None
    """This severity or a graver one."""
    kind: str | None = None
    key: str | None = None
    since: datetime | None = None
    """Opened then or later."""
    before: datetime | None = None
    """Opened before."""
    leading: bool = False
    """Only those that are no part of another."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message about an incident: written when, sent when; ``error`` if the last try failed.

    It tells of ``change``, by which the incident became this ``severity`` at ``at`` in event
    time; empty and None where it does not say.
    """

    sink: str
    revision: int
    created_at: datetime
    sent_at: datetime | None
    error: str | None
    change: str
    severity: str
    at: datetime | None


def wanted(db: Database, which: Wanted, *, limit: int) -> list[Incident]:
    """The newest incidents that are wanted, newest first."""
    query = select(incident).order_by(incident.c.opened_at.desc(), incident.c.id)
    if which.open is not None:
        over = incident.c.resolved_at
        query = query.where(over.is_(None) if which.open else over.is_not(None))
    if which.least is not None:
        query = query.where(incident.c.severity.in_(SEVERITIES[SEVERITIES.index(which.least) :]))
    if which.kind is not None:
        query = query.where(incident.c.kind == which.kind)
    if which.key is not None:
        query = query.where(incident.c.key == which.key)
    if which.since is not None:
        query = query.where(incident.c.opened_at >= which.since)
    if which.before is not None:
        query = query.where(incident.c.opened_at < which.before)
    if which.leading:
        query = query.where(incident.c.parent.is_(None))
    with db.read() as connection:
        return [read_incident(row) for row in connection.execute(query.limit(limit))]


def children(db: Database, parents: Collection[str]) -> list[Incident]:
    """Those that are part of one of ``parents``, in the order in which they opened."""
    query = select(incident).where(incident.c.parent.in_(parents))
    with db.read() as connection:
        rows = connection.execute(query.order_by(incident.c.opened_at, incident.c.id))
        return [read_incident(row) for row in rows]


def told(db: Database, of_incident: str, *, most: int = 100) -> list[Told]:
    """What was written to the outbox about one incident, oldest first."""
    columns = (
        outbox.c.sink,
        outbox.c.revision,
        outbox.c.created_at,
        outbox.c.sent_at,
        outbox.c.error,
        outbox.c.payload,
    )
    query = select(*columns).where(outbox.c.incident == of_incident).order_by(outbox.c.seq)
    with db.read() as connection:
        return [_told(*row) for row in connection.execute(query.limit(most))]


def _told(
    sink: str,
    revision: int,
    created_at: datetime,
    sent_at: datetime | None,
    error: str | None,
    payload: str,
) -> Told:
    said = json.loads(payload)
    at = said.get("at")
    return Told(
        sink,
        revision,
        created_at,
        sent_at,
        error,
        str(said.get("change") or ""),
        str(said.get("severity") or ""),
        datetime.fromisoformat(at) if at else None,
    )
