"""What is remembered of partitions whose processes ended in bad order; see pipeline.caution."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from pipeline.caution import Attempts, claimed
from pipeline.step import Partition
from pipeline.store.database import Database, upsert
from pipeline.store.tables import attempt


def claim(
    connection: Connection,
    positions: Mapping[Partition, int],
    *,
    run: str,
    span: int,
    held: Collection[Partition],
) -> dict[Partition, Attempts]:
    """Note that the process ``run`` has claimed these partitions, and lets go of others it held.

    In the transaction that claims the positions: its locks keep two claims apart.
    """
    before = _load(connection, {topic for topic, _ in positions})
    after = {
        partition: claimed(before.get(partition), position, run=run, span=span)
        for partition, position in positions.items()
    }
    rows = [_row(p, found) for p, found in sorted(after.items()) if found != before.get(p)]
    if rows:
        insert = upsert(connection, attempt)
        moved = {c.name: insert.excluded[c.name] for c in attempt.c if not c.primary_key}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["topic", "partition"], set_=moved), rows
        )
    _let_go(connection, set(held) - positions.keys(), run)
    return after


def begin(db: Database, partition: Partition, offset: int, *, run: str) -> bool:
    """Write down the one record that is about to be processed.

    False, and nothing written, when another process has claimed the partition since.
    """
    with db.write() as connection:
        done = connection.execute(
            update(attempt).where(_of(partition, run)).values(in_hand=offset)
        )
        return done.rowcount == 1


def let_go(db: Database, partitions: Collection[Partition], *, run: str) -> None:
    """Note that the process ``run`` ends in good order; what others have claimed stays theirs."""
    if partitions:
        with db.write() as connection:
            _let_go(connection, partitions, run)


def clear(db: Database, partitions: Collection[Partition], *, run: str) -> None:
    """Suspect these partitions no longer."""
    with db.write() as connection:
        for partition in sorted(partitions):
            calm = update(attempt).where(_of(partition, run)).values(careful_until=0)
            connection.execute(calm)


def _let_go(connection: Connection, partitions: Iterable[Partition], run: str) -> None:
    for partition in sorted(partitions):
        gone = update(attempt).where(_of(partition, run)).values(run=None, in_hand=None)
        connection.execute(gone)


def _load(connection: Connection, topics: Collection[str]) -> dict[Partition, Attempts]:
    query = select(attempt).where(attempt.c.topic.in_(topics))
    return {
        (row.topic, row.partition): Attempts(
            row.run,
            row.next,
            row.claims,
            row.careful_until,
            row.in_hand,
            row.suspect,
            row.deaths,
        )
        for row in connection.execute(query)
    }


def _of(partition: Partition, run: str) -> ColumnElement[bool]:
    topic, number = partition
    return and_(attempt.c.topic == topic, attempt.c.partition == number, attempt.c.run == run)


def _row(partition: Partition, found: Attempts) -> dict[str, Any]:
    topic, number = partition
    return {"topic": topic, "partition": number, **asdict(found)}
