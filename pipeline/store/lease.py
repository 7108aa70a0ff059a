"""Who is the monitor: a lease with an epoch, so that one that wakes up late changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.sql.dml import ReturningInsert

from pipeline.store.database import Database, upsert
from pipeline.store.tables import monitor

NAME = "monitor"


class LeaseLost(Exception):
    """Another monitor has taken over: start again from the database."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the monitor has saved of itself: its watermark and the newest boundary it evaluated."""

    watermark: datetime | None
    cursor: datetime | None


def take(db: Database, holder: str, *, now: datetime, keep_for: timedelta) -> int:
    """Become the monitor, whoever was it before; returns the new epoch.

    The epoch fences the previous holder: its next transaction finds another number and changes
    nothing. One that should wait for its turn calls :func:`take_if_free`.
    """
    with db.write() as connection:
        taken = _take(connection, holder, now, keep_for, where=None)
        return connection.execute(taken).scalar_one()


def take_if_free(db: Database, holder: str, *, now: datetime, keep_for: timedelta) -> int | None:
    """Become the monitor if nobody is, or ``holder`` itself was; returns the new epoch, or None.

    ``now`` is compared with a time that another machine wrote: their clocks should agree to
    within a few seconds. Where they do not, the lease changes hands too early or too late, and
    the epoch still keeps every count right.
    """
    free = (monitor.c.lease_until <= now) | (monitor.c.holder == holder)
    with db.write() as connection:
        taken = _take(connection, holder, now, keep_for, where=free)
        return connection.execute(taken).scalar_one_or_none()


def renew(db: Database, epoch: int, *, until: datetime) -> None:
    """Keep the lease until then; a time in the past gives it back.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``.
    """
    with db.write() as connection:
        check(connection, epoch)
        connection.execute(update(monitor).values(lease_until=until))


def check(connection: Connection, epoch: int) -> None:
    """Raise :class:`LeaseLost` unless ``epoch`` is the newest; call first in each transaction.

    The row stays locked until the transaction ends, so nobody can take over in its midst.
    """
    query = select(monitor.c.epoch).where(monitor.c.name == NAME).with_for_update()
    newest = connection.execute(query).scalar()
    if newest != epoch:
        raise LeaseLost(f"this monitor's epoch is {epoch}, the newest is {newest}")


def progress(db: Database) -> Progress:
    """The saved watermark and cursor; both None before the first article was counted."""
    with db.read() as connection:
        row = connection.execute(select(monitor.c.watermark, monitor.c.cursor)).one_or_none()
    return Progress(None, None) if row is None else Progress(row.watermark, row.cursor)


def save_watermark(db: Database, epoch: int, watermark: datetime) -> None:
    """Store a new watermark.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``.
    """
    with db.write() as connection:
        check(connection, epoch)
        connection.execute(update(monitor).values(watermark=watermark))


def _take(
    connection: Connection,
    holder: str,
    now: datetime,
    keep_for: timedelta,
    *,
    where: ColumnElement[bool] | None,
) -> ReturningInsert[int]:
    until = now + keep_for
    insert = upsert(connection, monitor)
    return (
        insert.values(name=NAME, holder=holder, epoch=1, lease_until=until)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": holder,
                "lease_until": until,
                "epoch": monitor.c.epoch + 1,
                "decided_to": None,  # the holder before may have been of a version without it
            },
            where=where,
        )
        .returning(monitor.c.epoch)
    )
