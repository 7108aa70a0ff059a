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

from sqlalchemy import ColumnElement, func, or_, select, update

from pipeline.store.database import Database
from pipeline.store.lease import check
from pipeline.store.tables import incident, outbox

OLD_NEWS: Final = "old news"
"""Error of a row that nobody is called about, as long as the news does not become fresh again."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pending:
    """An unsent row of the outbox."""

    seq: int
    incident: str
    sink: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sink was told of an incident: every payload in order, and when the last was sent."""

    payloads: tuple[dict[str, Any], ...]
    sent_at: datetime


def pending(
    db: Database, now: datetime, *, sink: str | None = None, limit: int = 100
) -> list[Pending]:
    """Unsent messages that are due, oldest first; those that failed most come last."""
    where: list[ColumnElement[bool]] = [outbox.c.sent_at.is_(None), outbox.c.next_try <= now]
    if sink is not None:
        where.append(outbox.c.sink == sink)
    query = select(outbox).where(*where).order_by(outbox.c.attempts, outbox.c.seq).limit(limit)
    with db.read() as connection:
        return [
            Pending(
                row.seq,
                row.incident,
                row.sink,
                json.loads(row.payload),
                row.attempts,
                row.created_at,
            )
            for row in connection.execute(query)
        ]


def heard(db: Database, sink: str, incidents: Collection[str]) -> dict[str, Heard]:
    """What ``sink`` was told of those incidents; absent if nothing."""
    query = (
        select(outbox.c.incident, outbox.c.payload, outbox.c.sent_at)
        .where(
            outbox.c.sink == sink,
            outbox.c.incident.in_(incidents),
            outbox.c.sent_at.is_not(None),
        )
        .order_by(outbox.c.revision, outbox.c.seq)
    )
    found: dict[str, Heard] = {}
    with db.read() as connection:
        for row in connection.execute(query):
            before = found[row.incident].payloads if row.incident in found else ()
            found[row.incident] = Heard((*before, json.loads(row.payload)), row.sent_at)
    return found


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


def state(db: Database) -> tuple[int, datetime | None]:
    """Messages that wait to be sent, and when the oldest of them was written.

    What was given up does not wait; nor does old news, which nobody is called about.
    """
    waits = (outbox.c.error.is_(None)) | (outbox.c.error != OLD_NEWS)
    query = select(func.count(), func.min(outbox.c.created_at)).where(
        outbox.c.sent_at.is_(None), outbox.c.next_try < _NEVER, waits
    )
    with db.read() as connection:
        waiting, oldest = connection.execute(query).one()
    return int(waiting), oldest


def sent(db: Database, epoch: int, seqs: Sequence[int], now: datetime) -> None:
    """Mark messages as delivered.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``; so do the functions below.
    """
    _change(db, epoch, outbox.c.seq.in_(seqs), sent_at=now, error=None)


def failed(db: Database, epoch: int, seq: int, error: str, next_try: datetime | None) -> None:
    """Note a failed attempt and when to try again; None: never, it stays unsent with its error."""
    _change(
        db,
        epoch,
        outbox.c.seq == seq,
        attempts=outbox.c.attempts + 1,
        error=error[:500],
        next_try=_NEVER if next_try is None else next_try,
    )


def drop(db: Database, epoch: int, seqs: Sequence[int], why: str) -> None:
    """Decide that messages are never sent."""
    _change(db, epoch, outbox.c.seq.in_(seqs), error=why, next_try=_NEVER)


def postpone(db: Database, epoch: int, seqs: Sequence[int], until: datetime) -> None:
    """Look at old news again ``until`` then: a newer story would make it fresh."""
    _change(db, epoch, outbox.c.seq.in_(seqs), error=OLD_NEWS, next_try=until)


def abandon(db: Database, epoch: int, sinks: Collection[str]) -> int:
    """Give up what waits for sinks that are not among ``sinks``; returns how many messages."""
    where = outbox.c.sent_at.is_(None) & (outbox.c.next_try < _NEVER)
    error = "this sink is not in the settings any more"
    return _change(db, epoch, where & outbox.c.sink.not_in(sinks), error=error, next_try=_NEVER)


def _change(db: Database, epoch: int, where: ColumnElement[bool], **values: Any) -> int:  # noqa: ANN401 - columns of all types
    with db.write() as connection:
        check(connection, epoch)
        return int(connection.execute(update(outbox).where(where).values(**values)).rowcount)
