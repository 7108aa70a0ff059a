"""The index of near-duplicates: what is stored of each article, and who stands near whom.

Two articles are compared if they share a key and are among each other's :data:`WINDOW` nearest in
time under it: thousands of one template cost no more than a few. The window depends on what is
stored alone, so the answer does not depend on the order of arrival, and who is affected by a
change is known: the next of each key.

Workers write; what a replaced or deleted article leaves behind stays as a *ghost*, which
is compared with nothing, until the monitor has found whom its going affects.
"""

from __future__ import annotations

import json
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

from sqlalchemy import (
    Connection,
    Table,
    TextClause,
    bindparam,
    delete,
    false,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import BigInteger, Text

from ingest import near, shapes
from ingest.shape import Shape, decode
from ingest.stories import HORIZON
from pipeline.step import Scored
from pipeline.store import bulk
from pipeline.store.bulk import Name
from pipeline.store.tables import EPOCH, MILLISECOND, neighbour, shape, signature

WINDOW: Final = 32
"""Articles of a key that one is compared with, on either side."""

_HORIZON_MS: Final = HORIZON // MILLISECOND

Place = tuple[datetime, str, str]
"""published_at, source, id: the order of articles."""

Side = Literal["earlier", "later"]


@dataclass(frozen=True)
class Kept:
    """What is stored of one revision of an article."""

    place: Place
    revision: int
    keys: tuple[int, ...]
    value: bytes

    @property
    def name(self) -> Name:
        """source, id."""
        return self.place[1], self.place[2]

    def needs(self, key: int) -> int:
        """The bits that an earlier article found by ``key`` must have."""
        return 0 if shapes.is_of_body(key) else self.needed

    @cached_property
    def needed(self) -> int:
        """What an earlier article must have."""
        return shapes.needed(self.shape)

    @cached_property
    def shape(self) -> Shape:
        """Decoded once."""
        return decode(self.value)


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


def load(connection: Connection, names: Iterable[Name], *, gone: bool = False) -> list[Kept]:
    """What is stored of ``names``: of those that are there, or of the ghosts."""
    about = bulk.among(connection, shape.c.source, shape.c.id, names)
    query = select(shape).where(about, shape.c.gone == gone)
    return [_kept(row) for row in connection.execute(query).all()]


def _kept(row: Any) -> Kept:  # noqa: ANN401 - a row of the table
    place = (row.published_at, row.source, row.id)
    return Kept(place, row.revision, tuple(array("q", row.keys)), row.value)


def affected_by(connection: Connection, names: Sequence[Name]) -> set[Name]:
    """Who may repeat another article now that ``names`` have come, changed or gone."""
    ghosts = load(connection, names, gone=True)
    moved = [*load(connection, names), *ghosts]
    found = {name for near_by in _neighbours(connection, moved, "later") for name in near_by}
    forget(connection, ghosts)
    return found


def repeated(connection: Connection, names: Iterable[Name]) -> dict[Name, list[Place]]:
    """The earlier articles that each of ``names`` is a near-duplicate of."""
    own = load(connection, names)
    near_by = _neighbours(connection, own, "earlier")
    others = _values(connection, set().union(*near_by))
    decoded: dict[Name, Shape] = {}
    found: dict[Name, list[Place]] = {}
    for one, candidates in zip(own, near_by, strict=True):
        for name in candidates & others.keys():
            at, value = others[name]
            if name not in decoded:
                decoded[name] = decode(value)
            if near.repeats(one.shape, decoded[name]):
                found.setdefault(one.name, []).append((at, *name))
    return found


def _values(connection: Connection, names: set[Name]) -> dict[Name, tuple[datetime, bytes]]:
    """When each was published, and its encoded shape; not of ghosts."""
    if not names:
        return {}
    c = shape.c
    query = select(c.source, c.id, c.published_at, c.value).where(
        bulk.among(connection, c.source, c.id, names), c.gone == false()
    )
    return {(s, i): (at, value) for s, i, at, value in connection.execute(query).all()}


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
        {"key": key, "at": _stored(one.place[0]), "source": one.place[1], "id": one.place[2],
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


def _neighbours(connection: Connection, kept: Sequence[Kept], side: Side) -> list[set[Name]]:
    """Of each, the articles that share a key, the nearest of each key."""
    found: list[set[Name]] = [set() for _ in kept]
    probes = [
        (number, key, _stored(one.place[0]), one.place[1], one.place[2], one.needs(key))
        for number, one in enumerate(kept)
        for key in one.keys
    ]
    if not probes:
        return found
    if connection.dialect.name == "postgresql":
        columns = dict(
            zip(
                ("ns", "keys", "ats", "sources", "ids", "needs"),
                map(list, zip(*probes, strict=True)),
                strict=True,
            )
        )
        for row in connection.execute(_POSTGRES[side], columns).all():
            found[row.n].add((row.source, row.id))
        return found
    values = json.dumps(probes, ensure_ascii=False)
    for number, listed in connection.execute(_SQLITE[side], {"probes": values}).all():
        if listed != "[]":
            found[number].update((source, of_id) for source, of_id in json.loads(listed))
    return found


def _stored(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


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
    return postgresql.ARRAY(Text() if name in ("source", "id", "sources", "ids") else BigInteger())


_BEFORE = "ORDER BY published_at DESC, source DESC, id DESC"
_AFTER = "ORDER BY published_at, source, id"


def _in_postgres(compare: str, bound: str, order: str, filtered: str) -> TextClause:
    return text(
        f"""
        SELECT p.n, c.source, c.id
        FROM unnest(:ns, :keys, :ats, :sources, :ids, :needs) AS p(n, key, at, source, id, needs)
        CROSS JOIN LATERAL (
            SELECT source, id, bits FROM neighbour
            WHERE key = p.key AND published_at {bound}
            AND (published_at, source, id)
                {compare} (p.at, p.source COLLATE "C", p.id COLLATE "C")
            {order} LIMIT {WINDOW}
        ) c
        WHERE {filtered}
        """  # noqa: S608 - constants of this module
    ).bindparams(
        *(bindparam(n, type_=_array(n)) for n in ("ns", "keys", "ats", "sources", "ids", "needs"))
    )


def _in_sqlite(compare: str, bound: str, order: str, filtered: str) -> TextClause:
    # Materialised: otherwise each row that is looked at would parse the JSON again.
    return text(
        f"""
        WITH p AS MATERIALIZED (
            SELECT value ->> 0 AS n, value ->> 1 AS key, value ->> 2 AS at, value ->> 3 AS source,
                value ->> 4 AS id, value ->> 5 AS needs
            FROM json_each(:probes)
        )
        SELECT p.n, (
            SELECT json_group_array(json_array(c.source, c.id)) FROM (
                SELECT source, id, bits FROM neighbour
                WHERE key = p.key AND published_at {bound}
                AND (published_at, source, id) {compare} (p.at, p.source, p.id)
                {order} LIMIT {WINDOW}
            ) c WHERE {filtered}
        )
        FROM p
        """  # noqa: S608 - constants of this module
    )


_SIDES: Final[dict[Side, tuple[str, str, str, str]]] = {
    "earlier": ("<", f">= p.at - {_HORIZON_MS}", _BEFORE, "c.bits & p.needs = p.needs"),
    "later": (">", f"<= p.at + {_HORIZON_MS}", _AFTER, "true"),
}
_POSTGRES: Final = {side: _in_postgres(*parts) for side, parts in _SIDES.items()}
_SQLITE: Final = {side: _in_sqlite(*parts) for side, parts in _SIDES.items()}
