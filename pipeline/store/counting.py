"""The monitor's counting transaction: changed articles to copies, contributions and buckets."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from pipeline.count import (
    Contribution,
    Countable,
    Keys,
    Opinion,
    contribution,
    decode,
    deltas,
)
from pipeline.store import bulk
from pipeline.store.copies import (
    Name,
    Stored,
    affected_by,
    decide,
    decided_to,
    named,
    note_decided,
    opinion_of,
)
from pipeline.store.database import Database
from pipeline.store.lease import check
from pipeline.store.removal import redact
from pipeline.store.tables import bucket, changed, mention
from pipeline.store.tables import contribution as remembered

CHUNK = 250
"""Queue rows a transaction: tens of milliseconds, so that workers never wait long for the lock."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one transaction did: queue rows taken, and the articles whose contribution changed."""

    taken: int
    articles: tuple[tuple[Stored, bool], ...] = ()
    """Newly counted ones, each with whether it is a story (False: a copy)."""
    redacted: int = 0
    """Incidents that showed an article which is deleted now, and do no more."""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no cycles meanwhile: what counting makes by the thousands goes away without that.

    With so many objects in hand Python would look often, and at all that the program ever loaded.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@_no_collection()
def count_changed(db: Database, keys: Keys, epoch: int, *, limit: int = CHUNK) -> Counted:
    """Take up to ``limit`` rows from the queue and bring copies and buckets up to date with them.

    Call until ``taken`` is 0. One transaction: the queue rows go away with what they caused.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``.
    """
    with db.write() as connection:
        check(connection, epoch)
        queue = connection.execute(select(changed).order_by(changed.c.seq).limit(limit)).all()
        if not queue:
            return Counted(0)
        names = list(dict.fromkeys((row.source, row.id) for row in queue))
        until = decided_to(connection)
        affected = affected_by(connection, names, until)
        decide(connection, affected)
        note_decided(connection, affected.values(), until)
        counted = _recount(connection, affected, keys)
        redacted = redact(connection, [n for n in names if n in affected and affected[n].deleted])
        connection.execute(
            delete(changed).where(bulk.one_of(connection, changed.c.seq, (r.seq for r in queue)))
        )
    return Counted(len(queue), tuple(counted), redacted)


def _recount(
    connection: Connection, affected: Mapping[Name, Stored], keys: Keys
) -> list[tuple[Stored, bool]]:
    """Move the buckets by (contribution now - contribution before) and remember the new ones."""
    before = {
        (row.source, row.id): decode(row.value)
        for row in connection.execute(
            select(remembered).where(named(connection, remembered, affected))
        )
    }
    mentions = load_mentions(connection, affected)
    after = {n: contribution_of(a, mentions.get(n, ()), keys) for n, a in affected.items()}
    _move_buckets(connection, [(before.get(name), now) for name, now in after.items()])
    _remember(connection, before, after)
    return [
        (affected[name], now.story)
        for name, now in after.items()
        if now is not None and name not in before
    ]


def load_mentions(
    connection: Connection, names: Iterable[Name]
) -> dict[Name, tuple[tuple[str, Opinion], ...]]:
    """Companies of each article with the opinion about them."""
    found: dict[Name, tuple[tuple[str, Opinion], ...]] = {}
    for row in connection.execute(select(mention).where(named(connection, mention, names))):
        pair = (row.symbol, opinion_of(row))
        found[row.source, row.id] = (*found.get((row.source, row.id), ()), pair)
    return found


def contribution_of(
    item: Stored, companies: tuple[tuple[str, Opinion], ...], keys: Keys
) -> Contribution | None:
    """What a stored article adds; None for one that is deleted, undated or in another language."""
    if item.deleted or item.published_at is None or item.opinion is None or item.topic is None:
        return None
    if not keys.counted(item.language):
        return None
    countable = Countable(item.source, item.published_at, item.topic, item.opinion, companies)
    return contribution(countable, is_copy=item.copy_of is not None, keys=keys)


def _move_buckets(
    connection: Connection, changes: Sequence[tuple[Contribution | None, Contribution | None]]
) -> None:
    moved = deltas(changes)
    if not moved:
        return
    names = ("articles", "stories", "negative", "neutral", "positive", "polarity")

    def add(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
        return insert.on_conflict_do_update(
            index_elements=["kind", "key", "start"],
            set_={name: bucket.c[name] + insert.excluded[name] for name in names},
        )

    rows = [
        {"kind": kind, "key": key, "start": start, **dict(zip(names, delta, strict=True))}
        for (kind, key, start), delta in moved.items()
    ]
    bulk.insert(connection, bucket, rows, add)
    if any(delta[0] < 0 for delta in moved.values()):
        # A bucket that everything left is as if it had never been.
        starts = {start for _, _, start in moved}
        connection.execute(
            delete(bucket).where(bucket.c.start.in_(starts), bucket.c.articles == 0)
        )


def _remember(
    connection: Connection,
    before: Mapping[Name, Contribution],
    after: Mapping[Name, Contribution | None],
) -> None:
    gone = [name for name, now in after.items() if now is None and name in before]
    if gone:
        connection.execute(delete(remembered).where(named(connection, remembered, gone)))
    new = [
        {"source": name[0], "id": name[1], "value": now.encode()}
        for name, now in after.items()
        if now is not None and now != before.get(name)
    ]
    if new:
        bulk.insert(connection, remembered, new, _replace_value)


def _replace_value(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
    return insert.on_conflict_do_update(
        index_elements=["source", "id"], set_={"value": insert.excluded.value}
    )
