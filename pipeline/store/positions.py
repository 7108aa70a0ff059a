"""Positions and reports of partitions: where the pipeline is in its sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, case, select, update

from pipeline.step import Partition
from pipeline.store.database import Database, StoreError, upsert
from pipeline.store.tables import source_position
from pipeline.watermark import Report


def claim(
    db: Database,
    partitions: Mapping[Partition, str | None],
    *,
    now: datetime,
    worker: str,
    also: Callable[[Connection, Mapping[Partition, int]], None] = lambda *_: None,
) -> dict[Partition, tuple[int, datetime | None]]:
    """Next offset and newest stored event time of each partition; a new one starts at 0.

    From now on ``worker`` is the one whose reports on them count.

    ``partitions`` gives each one's identity (None where the source has none): the sha256 of a
    file's first line, so that another file under the same name is not taken for the one read
    before. ``also`` is called in the same transaction with the next offsets, the rows locked.

    Raises:
        StoreError: a stored identity is another.
    """
    table = source_position
    with db.write() as connection:
        new = [
            {
                "topic": topic,
                "partition": number,
                "next": 0,
                "identity": identity,
                "end": 1,  # not known yet, so not idle: nobody has read this partition
                "reported_at": now,
                "finished": False,
                "worker": worker,
            }
            for (topic, number), identity in sorted(partitions.items())
        ]
        if new:
            insert = upsert(connection, table)
            statement = insert.on_conflict_do_update(
                index_elements=["topic", "partition"], set_={"worker": insert.excluded.worker}
            )
            connection.execute(statement, new)
        stored = connection.execute(
            select(table.c.topic, table.c.partition, table.c.next, table.c.newest_event)
            .add_columns(table.c.identity)
            .where(table.c.topic.in_({topic for topic, _ in partitions}))
        ).all()
        for row in stored:
            _check_identity(row.topic, row.identity, partitions.get((row.topic, row.partition)))
        ours = [row for row in stored if (row.topic, row.partition) in partitions]
        also(connection, {(row.topic, row.partition): row.next for row in ours})
    return {(row.topic, row.partition): (row.next, row.newest_event) for row in ours}


def leave_out(connection: Connection, positions: Mapping[Partition, int]) -> None:
    """Report partitions as read to their end for good: the watermark does not wait for them.

    For what carries no articles. Within the transaction of the caller's :func:`claim`.
    """
    table = source_position
    for (topic, number), position in positions.items():
        connection.execute(
            update(table)
            .where(table.c.topic == topic, table.c.partition == number)
            .values(end=position, finished=True)
        )


def report(
    db: Database,
    ends: Mapping[Partition, int],
    *,
    now: datetime,
    finished: bool,
    worker: str,
) -> bool:
    """Renew the reports of partitions whose position did not move.

    Only the end, the time and ``finished`` change, and an end behind the stored position is lifted
    to it; the position itself moves with its records alone. False, when another worker has claimed
    one of the partitions, or moved it, since this one did: what this one knows of it is old, and
    its row stays as it is. Then read the positions again.
    """
    table = source_position
    ours = True
    with db.write() as connection:
        for (topic, number), end in ends.items():
            done = connection.execute(
                update(table)
                .where(
                    table.c.topic == topic,
                    table.c.partition == number,
                    table.c.worker == worker,
                )
                .values(
                    end=case((table.c.next > end, table.c.next), else_=end),
                    reported_at=now,
                    finished=finished,
                )
            )
            ours = ours and done.rowcount == 1
    return ours


def reports(db: Database) -> Sequence[Report]:
    """Every partition's newest report."""
    with db.read() as connection:
        return [
            Report(
                row.topic,
                row.partition,
                row.next,
                row.end,
                row.newest_event,
                row.reported_at,
                row.finished,
            )
            for row in connection.execute(select(source_position))
        ]


def _check_identity(topic: str, stored: str | None, given: str | None) -> None:
    if stored is not None and given is not None and stored != given:
        raise StoreError(
            f"{topic} is not the file that was read before (its first line is another). "
            "Use another database for it (--db), or give the file another name."
        )
