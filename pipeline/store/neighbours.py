"""Who stands near whom under a key: the one question to the index, in each database's words.

Each key of an article is looked up by itself, on one side of it in time. PostgreSQL looks up at
once what is asked about those found: they are many, and would come here only to be sent back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final, Literal

from sqlalchemy import Connection, TextClause, bindparam, false, select, text, type_coerce
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import BigInteger, Text

from ingest import shapes
from ingest.shape import Shape, decode
from ingest.stories import HORIZON
from pipeline.store import bulk
from pipeline.store.bulk import Name
from pipeline.store.tables import EPOCH, MILLISECOND, shape

WINDOW: Final = 32
"""Articles of a key that one is compared with, on either side."""

Place = tuple[datetime, str, str]
"""published_at, source, id: the order of articles."""

Side = Literal["earlier", "later"]

Probe = tuple[int, int, int, str, str, int]
"""Number of the article; key; published_at as stored, source, id. Last, of what is found: the
bits it needs where it is earlier, the latest published_at where it is later."""

Candidate = tuple[int, str, str, int, bytes]
"""Number of the article that may repeat it; source, id, published_at as stored, encoded shape."""

_HORIZON_MS: Final = HORIZON // MILLISECOND

decoded = lru_cache(maxsize=4_096)(decode)
"""Shapes that were decoded lately: articles under the same keys come near each other in time."""


@dataclass(frozen=True)
class Kept:
    """What is stored of one revision of an article."""

    place: Place
    revision: int
    gone: bool
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
        return decoded(self.value)


def later(connection: Connection, kept: Sequence[Kept], until: datetime) -> set[Name]:
    """Those that share a key with one of ``kept``, of each key the nearest later ones.

    None of them was published after ``until``. From PostgreSQL come only those with a story.
    """
    probes = list(_later_probes(kept, stored(until)))
    if not probes:
        return set()
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_POSTGRES["later"], _columns(probes)).all()
        return {(source, of_id) for source, of_id in rows}
    return {name for _, names in _listed(connection, "later", probes) for name in names}


def earlier(connection: Connection, kept: Sequence[Kept]) -> list[Candidate]:
    """What each of ``kept`` may repeat: of each key the nearest earlier ones, but no ghosts."""
    probes = list(_earlier_probes(kept))
    if not probes:
        return []
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_POSTGRES["earlier"], _columns(probes)).all()
        return [(n, source, of_id, at, value) for n, source, of_id, at, value in rows]
    found: list[set[Name]] = [set() for _ in kept]
    for number, names in _listed(connection, "earlier", probes):
        found[number].update(names)
    others = _values(connection, set().union(*found))
    return [
        (number, *name, *others[name])
        for number, names in enumerate(found)
        for name in names & others.keys()
    ]


def stored(at: datetime) -> int:
    """A time as the database has it."""
    return (at - EPOCH) // MILLISECOND


def _later_probes(kept: Sequence[Kept], last: int) -> Iterator[Probe]:
    for number, one in enumerate(kept):
        at = stored(one.place[0])
        if at <= last:
            for key in one.keys:
                yield number, key, at, *one.name, min(at + _HORIZON_MS, last)


def _earlier_probes(kept: Sequence[Kept]) -> Iterator[Probe]:
    for number, one in enumerate(kept):
        at = stored(one.place[0])
        for key in one.keys:
            yield number, key, at, *one.name, one.needs(key)


def _columns(probes: Sequence[Probe]) -> dict[str, list[Any]]:
    return dict(zip(_NAMES, map(list, zip(*probes, strict=True)), strict=True))


def _listed(
    connection: Connection, side: Side, probes: Sequence[Probe]
) -> Iterator[tuple[int, list[Name]]]:
    values = json.dumps(probes, ensure_ascii=False)
    for number, listed in connection.execute(_SQLITE[side], {"probes": values}).all():
        if listed != "[]":
            yield number, [(source, of_id) for source, of_id in json.loads(listed)]


def _values(connection: Connection, names: set[Name]) -> dict[Name, tuple[int, bytes]]:
    """When each was published, and its encoded shape; not of ghosts."""
    if not names:
        return {}
    c = shape.c
    at = type_coerce(c.published_at, BigInteger)
    query = select(c.source, c.id, at, c.value).where(
        bulk.among(connection, c.source, c.id, names), c.gone == false()
    )
    return {(s, i): (at, value) for s, i, at, value in connection.execute(query).all()}


_NAMES: Final = ("ns", "keys", "ats", "sources", "ids", "last")
_BEFORE: Final = "ORDER BY published_at DESC, source DESC, id DESC"
_AFTER: Final = "ORDER BY published_at, source, id"
_SIDES: Final[dict[Side, tuple[str, str, str, str]]] = {
    "earlier": ("<", f">= p.at - {_HORIZON_MS}", _BEFORE, "c.bits & p.last = p.last"),
    "later": (">", "<= p.last", _AFTER, "true"),
}

_JOINED: Final[dict[Side, str]] = {
    "earlier": """
        SELECT f.n, s.source, s.id, s.published_at, s.value FROM found f
        JOIN shape s ON s.source = f.source AND s.id = f.id WHERE NOT s.gone
        """,
    "later": """
        SELECT DISTINCT a.source, a.id FROM found f
        JOIN article a ON a.source = f.source AND a.id = f.id WHERE a.story_id IS NOT NULL
        """,
}
"""What is asked about those found."""


def _in_postgres(side: Side) -> TextClause:
    compare, bound, order, filtered = _SIDES[side]
    kinds = {name: Text() if name in ("sources", "ids") else BigInteger() for name in _NAMES}
    return text(
        f"""
        WITH found AS (
            SELECT DISTINCT {"p.n, " * (side == "earlier")} c.source, c.id
            FROM unnest(:ns, :keys, :ats, :sources, :ids, :last)
                AS p(n, key, at, source, id, last)
            CROSS JOIN LATERAL (
                SELECT source, id, bits FROM neighbour
                WHERE key = p.key AND published_at {bound}
                AND (published_at, source, id)
                    {compare} (p.at, p.source COLLATE "C", p.id COLLATE "C")
                {order} LIMIT {WINDOW}
            ) c
            WHERE {filtered}
        ) {_JOINED[side]}
        """  # noqa: S608 - constants of this module
    ).bindparams(*(bindparam(n, type_=postgresql.ARRAY(kind)) for n, kind in kinds.items()))


def _in_sqlite(side: Side) -> TextClause:
    compare, bound, order, filtered = _SIDES[side]
    # Materialised: otherwise each row that is looked at would parse the JSON again.
    return text(
        f"""
        WITH p AS MATERIALIZED (
            SELECT value ->> 0 AS n, value ->> 1 AS key, value ->> 2 AS at, value ->> 3 AS source,
                value ->> 4 AS id, value ->> 5 AS last
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


_POSTGRES: Final = {side: _in_postgres(side) for side in _SIDES}
_SQLITE: Final = {side: _in_sqlite(side) for side in _SIDES}
