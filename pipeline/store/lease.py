"""Who is the monitor: a lease with an epoch, so that one that wakes up late changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

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
    nothing. Waiting for the lease to run out is for the caller, who knows whether it stands by.
    """
    with db.write() as connection:
        insert = upsert(connection, monitor)
        row = {"name": NAME, "holder": holder, "epoch": 1, "lease_until": now + keep_for}
        statement = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": insert.excluded.holder,
                "lease_until": insert.excluded.lease_until,
                "epoch": monitor.c.epoch + 1,
            },
        ).returning(monitor.c.epoch)
        return int(connection.execute(statement, row).scalar_one())


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
