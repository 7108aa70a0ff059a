"""Articles as counting reads them, and the decision what is a copy of what."""

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
    select,
    type_coerce,
    update,
)

from ingest.stories import HORIZON, Sighting, earliest_copy_of
from pipeline.count import Opinion
from pipeline.store import bulk, near
from pipeline.store.tables import MILLISECOND, article, monitor, signature

Name = tuple[str, str]
"""source, id."""

EXACT = 0
"""The band of exact repeats in the table ``signature``."""

HORIZON_MS = HORIZON // MILLISECOND


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
    language: str | None
    copy_of: Name | None
    story: Name | None
    received_at: datetime

    @property
    def name(self) -> Name:
        """source, id."""
        return self.source, self.id


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
        columns.p_negative,
        columns.p_neutral,
        columns.p_positive,
        columns.late,
        columns.language,
        columns.copy_source,
        columns.copy_id,
        columns.story_source,
        columns.story_id,
        columns.received_at,
    ).where(where)
    return {(row.source, row.id): _stored(row) for row in connection.execute(query)}


def _stored(row: Any) -> Stored:  # noqa: ANN401 - a row of a dozen columns
    return Stored(
        row.source,
        row.id,
        row.published_at,
        row.deleted,
        row.topic,
        None if row.sentiment is None else opinion_of(row),
        row.late,
        row.language,
        None if row.copy_id is None else (row.copy_source, row.copy_id),
        None if row.story_id is None else (row.story_source, row.story_id),
        row.received_at,
    )


def opinion_of(row: Any) -> Opinion:  # noqa: ANN401 - a row of `article` or of `mention`
    """The sentiment that such a row tells, with its label's probability."""
    probability = getattr(row, f"p_{row.sentiment}")
    return Opinion(row.sentiment, row.polarity, 1.0 if probability is None else probability)


def named(connection: Connection, table: FromClause, names: Iterable[Name]) -> ColumnElement[bool]:
    """The condition that a row of ``table`` is about one of ``names``."""
    return bulk.among(connection, table.c.source, table.c.id, names)


def _copying(connection: Connection, names: Iterable[Name]) -> ColumnElement[bool]:
    return bulk.among(connection, article.c.copy_source, article.c.copy_id, names)


def decided_to(connection: Connection) -> datetime | None:
    """When the newest article that has a story was published; None if none has.

    Not less, that is: it may have been deleted since, or have got another time.
    """
    noted: datetime | None = connection.execute(select(monitor.c.decided_to)).scalar()
    if noted is not None:
        return noted
    columns = article.c
    decided = select(columns.published_at).where(
        columns.story_id.is_not(None), columns.published_at.is_not(None)
    )
    newest = decided.order_by(columns.published_at.desc()).limit(1)
    return connection.execute(newest).scalar()


def note_decided(
    connection: Connection, decided: Iterable[Stored], before: datetime | None
) -> None:
    """Keep what :func:`decided_to` tells, which was ``before``, up with ``decided``."""
    times = [item.published_at for item in decided if item.published_at is not None]
    newest = max(times, default=before)
    if newest is not None and (before is None or newest > before):
        connection.execute(update(monitor).values(decided_to=newest))


def affected_by(
    connection: Connection, names: Sequence[Name], until: datetime | None
) -> dict[Name, Stored]:
    """The changed articles, and those whose copy_of they may move: copies and later repeats.

    ``until``: none published later has a story. Who has none is in the queue, and is decided when
    its turn comes.
    """
    found = near.affected_by(connection, names, until)
    if until is not None:
        found |= _later_repeats(connection, names, until)
    affected = load(connection, named(connection, article, names))
    others = found - affected.keys()
    if others:
        decided = and_(named(connection, article, others), article.c.story_id.is_not(None))
        affected |= load(connection, decided)
    return affected | load(connection, _copying(connection, names))


def _later_repeats(connection: Connection, names: Sequence[Name], until: datetime) -> set[Name]:
    own, other = signature.alias("own"), signature.alias("other")
    repeats = connection.execute(
        select(other.c.source, other.c.id)
        .distinct()
        .join(own, own.c.hash == other.c.hash)
        .where(
            other.c.band == EXACT,
            own.c.band + 0 == EXACT,  # not for SQLite to begin with: all have this band
            named(connection, own, names),
            own.c.published_at <= until,
            other.c.published_at <= until,
            _ms(other) >= _ms(own),
            _ms(other) <= _ms(own) + HORIZON_MS,
        )
    )
    return {(row.source, row.id) for row in repeats}


def decide(connection: Connection, affected: dict[Name, Stored]) -> None:
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
        .join(repeated, own.c.hash == repeated.c.hash)
        .where(
            repeated.c.band == EXACT,
            own.c.band + 0 == EXACT,  # as above
            named(connection, own, items),
            _ms(repeated) <= _ms(own),
            _ms(repeated) >= _ms(own) - HORIZON_MS,
        )
    )
    candidates: dict[Sighting, list[Sighting]] = {}
    firsts = {
        name: min(places) for name, places in near.repeated(connection, items).items() if places
    }
    for row in pairs:
        one = Sighting(row.own_at, row.own_source, row.own_id, row.hash)
        other = Sighting(row.published_at, row.source, row.id, row.hash)
        candidates.setdefault(one, []).append(other)
    decided: dict[Name, Name | None] = dict.fromkeys(items) | _settled(connection, items)
    for one, others in candidates.items():
        first = earliest_copy_of(one, others)
        if first is not None:
            place = (first.published_at, first.source, first.id)
            name = (one.source, one.id)
            firsts[name] = min(firsts.get(name, place), place)
    return decided | {name: (source, of_id) for name, (_, source, of_id) in firsts.items()}


def _settled(connection: Connection, items: Mapping[Name, Stored]) -> dict[Name, Name | None]:
    """What those copy that are too old to be in the index: what they did, as long as it is there.

    Of the copies of one that is gone, the earliest takes its place.
    """
    floor = connection.execute(select(monitor.c.pruned_before)).scalar()
    old = {
        name: item
        for name, item in items.items()
        if floor and item.published_at and item.published_at < floor and not item.deleted
    }
    if not old:
        return {}
    indexed = select(signature.c.source, signature.c.id).where(named(connection, signature, old))
    for row in connection.execute(indexed):
        old.pop((row.source, row.id), None)
    copied = {item.copy_of for item in old.values() if item.copy_of}
    there = load(connection, and_(named(connection, article, copied), ~article.c.deleted))
    settled: dict[Name, Name | None] = {}
    heirs: dict[Name, Name] = {}
    for item in sorted(old.values(), key=_order):
        if item.copy_of is None or item.copy_of in there:
            settled[item.name] = item.copy_of
        else:
            heir = heirs.setdefault(item.copy_of, item.name)
            settled[item.name] = None if heir == item.name else heir
    return settled


def _stories(connection: Connection, names: Iterable[Name]) -> dict[Name, Name | None]:
    """The story of each article; None while the monitor has not come to it yet."""
    return {
        name: item.story
        for name, item in load(connection, named(connection, article, names)).items()
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


def _ms(table: FromClause) -> ColumnElement[int]:
    # As the number it is stored as: the database can add to that.
    return type_coerce(table.c.published_at, BigInteger)


def _order(item: Stored) -> tuple[bool, datetime | None, str, str]:
    # None never meets a time: all undated ones sort after all dated ones.
    return item.published_at is None, item.published_at, item.source, item.id
