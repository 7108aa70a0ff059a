"""The event log: what operators decided and said, and what the detector made of it.

Rows are only ever added. Kinds written here:

* ``accept``   - somebody asks that an incident's level be taken as normal: {incident, note}
* ``accepted`` - the detector took it, at a boundary of event time: {incident, key, since, ...}
* ``feedback`` - somebody says what an incident was worth: {incident, verdict, note}
* ``version``  - another version classifies from now on: {from, to, offsets}
* ``swapped``  - the detector heard of that, at a boundary of event time: {request, version, at}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, select

from pipeline.store.database import Database
from pipeline.store.tables import event

Kind = Literal["accept", "accepted", "feedback", "version", "swapped"]
ABOUT_INCIDENTS: Final[tuple[Kind, ...]] = ("accept", "accepted", "feedback")
LONGEST_ACTOR: Final = 64


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A row to be added. ``at`` is the wall clock's; event times are in ``value``."""

    at: datetime
    kind: Kind
    actor: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the log; ``seq`` rises with every one."""

    seq: int
    at: datetime
    kind: str
    actor: str
    value: dict[str, Any]


def append(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Add rows, in this order, within a transaction of the caller's."""
    for one in events:
        connection.execute(
            event.insert().values(
                at=one.at,
                kind=one.kind,
                actor=one.actor[:LONGEST_ACTOR],
                value=json.dumps(one.value, ensure_ascii=False),
            )
        )


def write(db: Database, new: NewEvent) -> None:
    """Add one row."""
    with db.write() as connection:
        append(connection, [new])


def read(db: Database, *kinds: Kind, after: int = 0) -> list[Event]:
    """Events of these kinds with ``seq`` greater than ``after``, in order."""
    query = select(event).where(event.c.kind.in_(kinds), event.c.seq > after)
    with db.read() as connection:
        rows = connection.execute(query.order_by(event.c.seq)).all()
    return [Event(r.seq, r.at, r.kind, r.actor, json.loads(r.value)) for r in rows]


def of_incident(db: Database, incident: str) -> list[Event]:
    """What the log has about one incident, in order."""
    named = event.c.value.contains(json.dumps(incident), autoescape=True)
    query = select(event).where(event.c.kind.in_(ABOUT_INCIDENTS), named)
    with db.read() as connection:
        rows = connection.execute(query.order_by(event.c.seq)).all()
    found = [Event(r.seq, r.at, r.kind, r.actor, json.loads(r.value)) for r in rows]
    return [one for one in found if one.value.get("incident") == incident]


def withdraw_accepted(db: Database) -> None:
    """Delete what the detector itself decided; by other settings it would have decided otherwise.

    For databases that are thrown away.
    """
    with db.write() as connection:
        connection.execute(delete(event).where(event.c.kind == "accepted"))
