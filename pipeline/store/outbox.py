"""The outbox: what is to be told, to whom, and what became of it.

A row is written in the transaction that changes its incident. It ends sent, or with an error and
never tried again; rows that were sent tell what a sink knows of an incident.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select, update

from pipeline.store.database import Database
from pipeline.store.lease import NAME, LeaseLost, check
from pipeline.store.tables import incident, monitor, outbox

OLD_NEWS: Final = "old news"
"""Error of a row that nobody is called about, unless the news becomes fresh again."""

SUPERSEDED: Final = "there is a newer revision to tell"
NO_SUCH_SINK: Final = "this sink is not in the settings any more"
ERROR_LIMIT: Final = 500

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pending:
    """An unsent row of the outbox."""

    seq: int
    incident: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    known: bool
    """Whether there is such an incident."""
    resolved: bool
    """Whether it is over by now, whatever the message says."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sink was told of an incident, oldest first; never empty."""

    payloads: tuple[dict[str, Any], ...]


def waits() -> tuple[ColumnElement[bool], ...]:
    """What picks the rows that wait to be sent: neither given up, nor old news."""
    fresh = outbox.c.error.is_(None) | (outbox.c.error != OLD_NEWS)
    return (outbox.c.sent_at.is_(None), outbox.c.next_try < _NEVER, fresh)


def pending(
    db: Database,
    epoch: int,
    sink: str,
    now: datetime,
    *,
    failed_last: bool = False,
    limit: int = 100,
) -> list[Pending]:
    """Unsent messages for ``sink`` that are due, oldest first.

    ``failed_last``: those that failed most come last, so that one which always fails holds up no
    other.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``, and tells them.
    """
    order = (outbox.c.attempts, outbox.c.seq) if failed_last else (outbox.c.seq,)
    query = (
        select(outbox, incident.c.id.label("known"), incident.c.resolved_at)
        .outerjoin(incident, incident.c.id == outbox.c.incident)
        .where(outbox.c.sent_at.is_(None), outbox.c.next_try <= now, outbox.c.sink == sink)
        .order_by(*order)
        .limit(limit)
    )
    with db.read() as connection:
        newest = connection.execute(select(monitor.c.epoch).where(monitor.c.name == NAME)).scalar()
        if newest != epoch:
            raise LeaseLost(f"this monitor's epoch is {epoch}, the newest is {newest}")
        return [_pending(row) for row in connection.execute(query)]


def heard(db: Database, sink: str, incidents: Collection[str]) -> dict[str, Heard]:
    """What ``sink`` was told of those incidents; absent if nothing."""
    query = (
        select(outbox.c.incident, outbox.c.payload)
        .where(
            outbox.c.sink == sink,
            outbox.c.incident.in_(incidents),
            outbox.c.sent_at.is_not(None),
        )
        .order_by(outbox.c.revision, outbox.c.seq)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    with db.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.incident, []).append(json.loads(row.payload))
    return {name: Heard(tuple(payloads)) for name, payloads in found.items()}


def alive(db: Database, sink: str, since: datetime) -> list[str]:
    """Ids of incidents that ``sink`` knows and that are open, or of which it heard ``since``."""
    query = (
        select(outbox.c.incident)
        .distinct()
        .join(incident, incident.c.id == outbox.c.incident)
        .where(
            outbox.c.sink == sink,
            outbox.c.sent_at.is_not(None),
            or_(incident.c.resolved_at.is_(None), outbox.c.sent_at >= since),
        )
        .order_by(outbox.c.incident)
    )
    with db.read() as connection:
        return list(connection.execute(query).scalars())


def sent(db: Database, epoch: int, seq: int, now: datetime) -> None:
    """Mark a message as delivered.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``; so do the functions below.
    """
    _change(db, epoch, outbox.c.seq == seq, sent_at=now, error=None)


def failed(db: Database, epoch: int, seq: int, error: str, next_try: datetime | None) -> None:
    """Note a failed attempt and when to try again; None: never, it stays unsent with its error."""
    _change(
        db,
        epoch,
        outbox.c.seq == seq,
        attempts=outbox.c.attempts + 1,
        error=error[:ERROR_LIMIT],
        next_try=_NEVER if next_try is None else next_try,
    )


def drop(db: Database, epoch: int, seqs: Sequence[int], why: str) -> None:
    """Decide that messages are never sent."""
    _change(db, epoch, outbox.c.seq.in_(seqs), error=why, next_try=_NEVER)


def postpone(db: Database, epoch: int, seqs: Sequence[int], until: datetime) -> None:
    """Look at old news again ``until`` then: a newer story would make it fresh."""
    _change(db, epoch, outbox.c.seq.in_(seqs), error=OLD_NEWS, next_try=until)


def supersede(db: Database, epoch: int, sink: str) -> int:
    """Drop what waits for ``sink`` although it heard a later message on the incident, or will."""
    later = outbox.alias("later")
    newer = exists().where(
        later.c.incident == outbox.c.incident,
        later.c.sink == outbox.c.sink,
        later.c.seq > outbox.c.seq,
        or_(later.c.sent_at.is_not(None), later.c.next_try < _NEVER),
    )
    where = and_(outbox.c.sink == sink, _unsettled(), newer)
    return _change(db, epoch, where, error=SUPERSEDED, next_try=_NEVER)


def abandon(db: Database, epoch: int, sinks: Collection[str]) -> int:
    """Give up what waits for sinks that are not among ``sinks``; returns how many messages."""
    where = and_(_unsettled(), outbox.c.sink.not_in(sinks))
    return _change(db, epoch, where, error=NO_SUCH_SINK, next_try=_NEVER)


def _unsettled() -> ColumnElement[bool]:
    return and_(outbox.c.sent_at.is_(None), outbox.c.next_try < _NEVER)


def _pending(row: Row[Any]) -> Pending:
    return Pending(
        row.seq,
        row.incident,
        json.loads(row.payload),
        row.attempts,
        row.created_at,
        row.known is not None,
        row.resolved_at is not None,
    )


def _change(db: Database, epoch: int, where: ColumnElement[bool], **values: Any) -> int:  # noqa: ANN401 - columns of all types
    with db.write() as connection:
        check(connection, epoch)
        return int(connection.execute(update(outbox).where(where).values(**values)).rowcount)
