"""The index of near-duplicates: what is stored of each article, and who stands near whom.

Two articles are compared if they share a key and are among each other's :data:`WINDOW` nearest in
time under it: thousands of one template cost no more than a few. The window depends on what is
stored alone, so the answer does not depend on the order of arrival, and who is affected by a
change is known: the next of each key.

Workers write; what a replaced or deleted article leaves behind stays as a *ghost*, which
is compared with nothing, until the monitor has found whom its going affects.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import BigInteger, Text

from ingest import near
from ingest.stories import HORIZON
from pipeline.step import Scored
from pipeline.store import bulk, neighbours
from pipeline.store.bulk import Name
from pipeline.store.neighbours import WINDOW, Kept, Place, decoded, stored
from pipeline.store.tables import EPOCH, MILLISECOND, neighbour, shape, signature


def write(connection: Connection, live: Sequence[Scored]) -> None:
    """Store shapes and keys of articles that have them."""
    dated = [item for item in live if item.shape is not None]
    if not dated:
        return
    rows = [
        {
            **_named(item),
            "published_at": item.article.published_at,
            "gone": False,
            "value": item.shape,
            "keys": array("q", item.keys).tobytes(),
        }
        for item in dated
    ]
    bulk.insert(connection, shape, rows, _new)
    rows = [
        {
            "key": key,
            "published_at": item.article.published_at,
            **_named(item),
            "bits": item.bits,
        }
        for item in dated
        for key in item.keys
    ]
    if rows:
        bulk.insert(connection, neighbour, rows, _new)


def _named(item: Scored) -> dict[str, Any]:
    return {
        "source": item.article.source,
        "id": item.article.id,
        "revision": item.article.revision,
    }


def _new(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
    return insert.on_conflict_do_nothing()


def leave(connection: Connection, names: Sequence[Name]) -> None:
    """Make ghosts of what is stored of ``names``."""
    about = bulk.among(connection, shape.c.source, shape.c.id, names)
    connection.execute(update(shape).where(about).values(gone=True))


def load(connection: Connection, names: Iterable[Name]) -> list[Kept]:
    """What is stored of ``names``, ghosts too."""
    about = bulk.among(connection, shape.c.source, shape.c.id, names)
    return [_kept(row) for row in connection.execute(select(shape).where(about)).all()]


def _kept(row: Any) -> Kept:  # noqa: ANN401 - a row of the table
    place = (row.published_at, row.source, row.id)
    return Kept(place, row.revision, row.gone, tuple(array("q", row.keys)), row.value)


def affected_by(
    connection: Connection, names: Sequence[Name], until: datetime | None
) -> set[Name]:
    """Who may repeat another article now that ``names`` have come, changed or gone.

    Nobody published after ``until``; None: nobody at all.
    """
    moved = load(connection, names)
    found = neighbours.later(connection, moved, until) if until else set()
    forget(connection, [one for one in moved if one.gone])
    return found


def repeated(connection: Connection, names: Iterable[Name]) -> dict[Name, list[Place]]:
    """The earlier articles that each of ``names`` is a near-duplicate of."""
    own = [one for one in load(connection, names) if not one.gone]
    found: dict[Name, list[Place]] = {}
    for number, source, of_id, at, value in neighbours.earlier(connection, own):
        one = own[number]
        if near.repeats(one.shape, decoded(value)):
            found.setdefault(one.name, []).append((EPOCH + at * MILLISECOND, source, of_id))
    return found


def all_repeats(connection: Connection) -> Iterator[tuple[Name, Place]]:
    """Every article that repeats another nearly, with the earliest: all computed anew."""
    kept = {
        (*row[:2], row.revision): _kept(row)
        for row in connection.execute(select(shape).where(~shape.c.gone))
    }
    c = neighbour.c
    firsts: dict[Name, Place] = {}
    nearest: deque[tuple[Kept | None, int]] = deque(maxlen=WINDOW)
    key = None
    for row in connection.execute(
        select(neighbour).order_by(c.key, c.published_at, c.source, c.id, c.revision)
    ):
        if row.key != key:
            key = row.key
            nearest.clear()
        one = kept.get((row.source, row.id, row.revision))
        for other, other_bits in nearest:
            if one and other and _repeats(one, other, row.key, other_bits):
                firsts[one.name] = min(firsts.get(one.name, other.place), other.place)
        nearest.append((one, row.bits))
    yield from firsts.items()


def _repeats(later: Kept, earlier: Kept, key: int, bits: int) -> bool:
    near_by = later.place[0] - earlier.place[0] <= HORIZON
    needs = later.needs(key)
    return near_by and bits & needs == needs and near.repeats(later.shape, earlier.shape)


def forget(connection: Connection, kept: Sequence[Kept]) -> None:
    """Remove shapes and their keys."""
    rows = [
        {"key": key, "at": stored(one.place[0]), "source": one.place[1], "id": one.place[2],
         "revision": one.revision}
        for one in kept
        for key in one.keys
    ]  # fmt: skip
    _delete(connection, neighbour, ("key", "at", "source", "id", "revision"), rows)
    rows = [{"source": o.place[1], "id": o.place[2], "revision": o.revision} for o in kept]
    _delete(connection, shape, ("source", "id", "revision"), rows)


def prune(connection: Connection, before: datetime, *, limit: int) -> int:
    """Remove what is stored of up to ``limit`` articles published before that; their number."""
    query = select(shape).where(shape.c.published_at < before)
    old = [_kept(row) for row in connection.execute(query.order_by("published_at").limit(limit))]
    if old:
        forget(connection, old)
        names = {one.name for one in old}
        exact = bulk.among(connection, signature.c.source, signature.c.id, names)
        connection.execute(delete(signature).where(exact, signature.c.published_at < before))
    return len(old)


def _delete(
    connection: Connection, table: Table, names: Sequence[str], rows: list[dict[str, Any]]
) -> None:
    """Delete by primary key, in the way each database is quickest at."""
    if not rows:
        return
    columns = {"at": "published_at"}
    if connection.dialect.name != "postgresql":
        where = " AND ".join(f"{columns.get(name, name)} = :{name}" for name in names)
        connection.execute(text(f"DELETE FROM {table.name} WHERE {where}"), rows)  # noqa: S608
        return
    where = " AND ".join(f"t.{columns.get(name, name)} = p.{name}" for name in names)
    arrays = ", ".join(f":{name}" for name in names)
    statement = text(
        f"DELETE FROM {table.name} t USING unnest({arrays}) AS p({', '.join(names)}) "  # noqa: S608
        f"WHERE {where}"
    ).bindparams(*(bindparam(name, type_=_array(name)) for name in names))
    connection.execute(statement, {name: [row[name] for row in rows] for name in names})


def _array(name: str) -> postgresql.ARRAY[Any]:
    return postgresql.ARRAY(Text() if name in ("source", "id") else BigInteger())
