"""Taking back what the detector wrote, so that the same counts are evaluated again."""

from __future__ import annotations

from sqlalchemy import delete, update

from pipeline.store.database import Database
from pipeline.store.lease import check
from pipeline.store.tables import baseline_hour, event, incident, monitor, outbox, watch


def forget_detection(db: Database, epoch: int, *, accepted: bool) -> None:
    """Delete incidents, machines, learned hours, messages and the cursor; counts stay.

    ``accepted``: also what the log says about levels that were accepted; with other settings
    they would not have been. What operators asked and said stays.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``; nothing was deleted.
    """
    with db.write() as connection:
        check(connection, epoch)
        for table in (outbox, incident, watch, baseline_hour):
            connection.execute(delete(table))
        if accepted:
            connection.execute(delete(event).where(event.c.kind == "accepted"))
        connection.execute(update(monitor).values(cursor=None))
