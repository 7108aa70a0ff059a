"""The monitor's counting transaction: changed articles to copies, contributions and buckets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    delete,
    select,
    type_coerce,
)

from ingest.stories import HORIZON, Sighting, earliest_copy_of
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
from pipeline.store.database import Database
from pipeline.store.lease import check
from pipeline.store.tables import MILLISECOND, article, bucket, changed, mention, signature
from pipeline.store.tables import contribution as remembered

Name = tuple[str, str]
"""source, id."""

EXACT = 0
"""The band of exact repeats in the table ``signature``."""

HORIZON_MS = HORIZON // MILLISECOND

CHUNK = 250
"""Queue rows a transaction: tens of milliseconds, so that workers never wait long for the lock."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What deciding and counting read of an article row."""

    source: str
    id: str
    published_at: datetime | None
    deleted: bool
    topic: str | None
    opinion: Opinion | None
    late: bool
    copy_of: Name | None
    story: Name | None

    @property
    def name(self) -> Name:
        """source, id."""
        return self.source, self.id


@dataclass(frozen=True, slots=True)
class Counted:
    """What one transaction did: queue rows taken, and the articles whose contribution changed."""

    taken: int
    articles: tuple[tuple[Stored, bool], ...] = ()
    """Newly counted ones, each with whether it is a story (False: a copy)."""


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
        affected = _affected(connection, names)
        _decide_copies(connection, affected)
        counted = _recount(connection, affected, keys)
        connection.execute(delete(changed).where(changed.c.seq.in_([row.seq for row in queue])))
    return Counted(len(queue), tuple(counted))


def load(connection: Connection, where: ColumnElement[bool]) -> dict[Name, Stored]:
    """Article rows that satisfy ``where``, by name."""
    columns = article.c
    query = select(
        columns.source,
        columns.id,
        columns.published_at,
        columns.deleted,
        columns.topic,
        columns.sentiment,
        columns.polarity,
        columns.late,
        columns.copy_source,
        columns.copy_id,
        columns.story_source,
        columns.story_id,
    ).where(where)
    return {(row.source, row.id): _stored(row) for row in connection.execute(query)}


def _stored(row: Any) -> Stored:  # noqa: ANN401 - a row of a dozen columns
    return Stored(
        row.source,
        row.id,
        row.published_at,
        row.deleted,
        row.topic,
        None if row.sentiment is None else Opinion(row.sentiment, row.polarity),
        row.late,
        None if row.copy_id is None else (row.copy_source, row.copy_id),
        None if row.story_id is None else (row.story_source, row.story_id),
    )


def _named(
    connection: Connection, table: FromClause, names: Iterable[Name]
) -> ColumnElement[bool]:
    return bulk.among(connection, table.c.source, table.c.id, names)


def _copying(connection: Connection, names: Iterable[Name]) -> ColumnElement[bool]:
    return bulk.among(connection, article.c.copy_source, article.c.copy_id, names)


def _affected(connection: Connection, names: Sequence[Name]) -> dict[Name, Stored]:
    """The changed articles, and those whose copy_of they may move: copies and later repeats."""
    own, other = signature.alias("own"), signature.alias("other")
    repeats = connection.execute(
        select(other.c.source, other.c.id)
        .distinct()
        .join(own, and_(own.c.band == other.c.band, own.c.hash == other.c.hash))
        .where(
            own.c.band == EXACT,
            _named(connection, own, names),
            _ms(other) >= _ms(own),
            _ms(other) <= _ms(own) + HORIZON_MS,
        )
    )
    found = {(row.source, row.id) for row in repeats}
    affected = load(connection, _named(connection, article, found.union(names)))
    return affected | load(connection, _copying(connection, names))


def _decide_copies(connection: Connection, affected: dict[Name, Stored]) -> None:
    """Set copy_of and story of ``affected``, in the mapping and in the database.

    A story that moves takes its copies' copies along, so ``affected`` may grow.
    """
    pending = dict(affected)
    while pending:
        earlier = _earlier_repeats(connection, pending)
        stories = _stories(connection, {name for name in earlier.values() if name} - set(affected))
        moved: dict[Name, Stored] = {}
        for item in sorted(pending.values(), key=_order):
            copy_of = earlier[item.name]
            if copy_of is None:
                story: Name | None = item.name
            else:
                story = affected[copy_of].story if copy_of in affected else stories[copy_of]
            if (copy_of, story) != (item.copy_of, item.story):
                affected[item.name] = moved[item.name] = replace(
                    item, copy_of=copy_of, story=story
                )
        _write_decisions(connection, moved.values())
        # The copies of what moved keep their copy_of; only the story is handed down to them.
        followers = load(connection, _copying(connection, moved))
        pending = {name: item for name, item in followers.items() if _unsettled(item, affected)}
        affected |= pending


def _unsettled(item: Stored, affected: Mapping[Name, Stored]) -> bool:
    """Whether the story of a copy is not (or no longer) that of the article it copies."""
    if item.copy_of is None or item.copy_of not in affected:
        return False
    return item.story != affected[item.copy_of].story


def _earlier_repeats(
    connection: Connection, items: Mapping[Name, Stored]
) -> dict[Name, Name | None]:
    """What each of ``items`` copies, or None; undated and deleted ones copy nothing."""
    own, repeated = signature.alias("own"), signature.alias("repeated")
    pairs = connection.execute(
        select(
            own.c.source.label("own_source"),
            own.c.id.label("own_id"),
            own.c.published_at.label("own_at"),
            own.c.hash,
            repeated.c.source,
            repeated.c.id,
            repeated.c.published_at,
        )
        .join(repeated, and_(own.c.band == repeated.c.band, own.c.hash == repeated.c.hash))
        .where(
            own.c.band == EXACT,
            _named(connection, own, items),
            _ms(repeated) <= _ms(own),
            _ms(repeated) >= _ms(own) - HORIZON_MS,
        )
    )
    candidates: dict[Sighting, list[Sighting]] = {}
    for row in pairs:
        one = Sighting(row.own_at, row.own_source, row.own_id, row.hash)
        other = Sighting(row.published_at, row.source, row.id, row.hash)
        candidates.setdefault(one, []).append(other)
    decided: dict[Name, Name | None] = dict.fromkeys(items)
    for one, others in candidates.items():
        first = earliest_copy_of(one, others)
        decided[one.source, one.id] = None if first is None else (first.source, first.id)
    return decided


def _stories(connection: Connection, names: Iterable[Name]) -> dict[Name, Name | None]:
    """The story of each article; None while the monitor has not come to it yet."""
    return {
        name: item.story
        for name, item in load(connection, _named(connection, article, names)).items()
    }


def _write_decisions(connection: Connection, items: Iterable[Stored]) -> None:
    rows = [
        {
            "of_source": item.source,
            "of_id": item.id,
            "copy_source": item.copy_of[0] if item.copy_of else None,
            "copy_id": item.copy_of[1] if item.copy_of else None,
            "story_source": item.story[0] if item.story else None,
            "story_id": item.story[1] if item.story else None,
        }
        for item in items
    ]
    if rows:
        bulk.update_articles(connection, rows)


def _recount(
    connection: Connection, affected: Mapping[Name, Stored], keys: Keys
) -> list[tuple[Stored, bool]]:
    """Move the buckets by (contribution now - contribution before) and remember the new ones."""
    before = {
        (row.source, row.id): decode(row.value)
        for row in connection.execute(
            select(remembered).where(_named(connection, remembered, affected))
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
    for row in connection.execute(select(mention).where(_named(connection, mention, names))):
        pair = (row.symbol, Opinion(row.sentiment, row.polarity))
        found[row.source, row.id] = (*found.get((row.source, row.id), ()), pair)
    return found


def contribution_of(
    item: Stored, companies: tuple[tuple[str, Opinion], ...], keys: Keys
) -> Contribution | None:
    """What a stored article adds; None for a deleted or undated one."""
    if item.deleted or item.published_at is None or item.opinion is None or item.topic is None:
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
        connection.execute(delete(remembered).where(_named(connection, remembered, gone)))
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


def _ms(table: FromClause) -> ColumnElement[int]:
    # As the number it is stored as: the database can add to that.
    return type_coerce(table.c.published_at, BigInteger)


def _order(item: Stored) -> tuple[bool, datetime | None, str, str]:
    # None never meets a time: all undated ones sort after all dated ones.
    return item.published_at is None, item.published_at, item.source, item.id
