"""Incidents, their machines' state, new messages, and the articles that are evidence."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    delete,
    desc,
    func,
    select,
    true,
    tuple_,
    update,
)

from alerts.evidence import Story
from alerts.rules import Rule, Severity
from pipeline.store.database import Database, upsert
from pipeline.store.events import NewEvent, append
from pipeline.store.lease import check
from pipeline.store.tables import (
    article,
    baseline_hour,
    incident,
    mention,
    monitor,
    outbox,
    text,
    watch,
)

Json = dict[str, Any]
WatchKey = tuple[str, str, str]
"""kind, key, rule."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A row of ``incident``; ``evidence`` is of its strongest evaluation."""

    id: str
    kind: str
    key: str
    rule: Rule
    severity: Severity
    state: str
    opened_at: datetime
    changed_at: datetime
    revision: int
    evidence: Json
    resolved_at: datetime | None = None
    parent: str | None = None
    told: Severity | None = None
    """The gravest severity that was sent out for it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A row for the outbox: one notification for one sink."""

    incident: str
    revision: int
    sink: str
    payload: Json
    created_at: datetime


@dataclass(slots=True)
class Evaluation:
    """Everything a run of evaluations changed, saved with the cursor in one transaction."""

    cursor: datetime
    hours: list[Mapping[str, object]] = field(default_factory=list)
    watches: dict[WatchKey, Json | None] = field(default_factory=dict)
    """None: back at rest, the row goes."""
    incidents: dict[str, Incident] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)


def save(db: Database, epoch: int, done: Evaluation) -> None:
    """Store an evaluation and its cursor.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``; nothing was stored.
    """
    with db.write() as connection:
        check(connection, epoch)
        if done.hours:
            insert = upsert(connection, baseline_hour).on_conflict_do_nothing()
            connection.execute(insert, done.hours)
        _save_watches(connection, done.watches)
        _save_incidents(connection, done.incidents.values())
        if done.messages:
            connection.execute(outbox.insert(), [_message_row(m) for m in done.messages])
        append(connection, done.events)
        connection.execute(update(monitor).values(cursor=done.cursor))


def watches(db: Database) -> dict[WatchKey, Json]:
    """The machines that are not at rest."""
    with db.read() as connection:
        return {
            (row.kind, row.key, row.rule): json.loads(row.value)
            for row in connection.execute(select(watch))
        }


def incidents(db: Database, *, since: datetime | None = None) -> list[Incident]:
    """Incidents that changed at ``since`` or later, and all that are open; oldest first."""
    query = select(incident).order_by(incident.c.opened_at, incident.c.id)
    if since is not None:
        query = query.where((incident.c.changed_at >= since) | incident.c.resolved_at.is_(None))
    with db.read() as connection:
        return [read_incident(row) for row in connection.execute(query)]


def find(db: Database, beginning: str, *, most: int = 2) -> list[Incident]:
    """Incidents whose id begins so, ``most`` at most."""
    query = select(incident).where(incident.c.id.startswith(beginning, autoescape=True))
    with db.read() as connection:
        rows = connection.execute(query.order_by(incident.c.id).limit(most))
        return [read_incident(row) for row in rows]


def stories(
    db: Database,
    kind: str,
    key: str,
    start: datetime,
    end: datetime,
    *,
    negative: bool,
    languages: Collection[str] = (),
    sure: float = 0.0,
    limit: int = 200,
) -> list[Story]:
    """Stories on a key in [start, end): the most copied first, then the surest, then the oldest.

    Copies count up to ``end`` too, so that a replay finds what was found live. ``languages`` are
    those that are counted, and ``sure`` the least probability of a negative one that is counted
    so: see :class:`pipeline.count.Keys`.
    """
    copy = article.alias("copy")
    of_story = (
        copy.c.story_source == article.c.source,
        copy.c.story_id == article.c.id,
        copy.c.copy_id.is_not(None),
        copy.c.deleted.is_(False),
        copy.c.published_at < end,
    )
    copies = select(func.count()).select_from(copy).where(*of_story).scalar_subquery()
    others = select(func.count(copy.c.source.distinct())).where(
        *of_story, copy.c.source != article.c.source
    )
    query = _on_key(
        select(
            article.c.source,
            article.c.id,
            text.c.title,
            article.c.url,
            article.c.published_at,
            article.c.version,
            copies.label("copies"),
            others.scalar_subquery().label("others"),
        ).join(text, text.c.hash == article.c.text_hash),
        kind,
        key,
        sure=sure if negative else None,
    ).where(*_story_between(start, end, languages))
    # In hundredths: the last digits of a probability depend on what was classified beside it.
    surest = func.round(article.c.p_negative * 100).desc()
    last = (article.c.published_at, article.c.source, article.c.id)
    with db.read() as connection:
        return [
            Story(
                r.id,
                r.title,
                r.source,
                r.url,
                r.copies,
                r.published_at,
                outlets=1 + r.others,
                version=r.version or "",
            )
            for r in connection.execute(query.order_by(desc("copies"), surest, *last).limit(limit))
        ]


def sources(
    db: Database,
    kind: str,
    key: str,
    start: datetime,
    end: datetime,
    *,
    most: int,
    languages: Collection[str] = (),
) -> int:
    """Distinct sources of stories on a key in [start, end), counted no further than ``most``."""
    query = _on_key(select(article.c.source).distinct(), kind, key, sure=None)
    query = query.where(*_story_between(start, end, languages)).limit(most)
    with db.read() as connection:
        return len(connection.execute(query).all())


def newest_story(
    db: Database,
    kind: str,
    key: str,
    start: datetime,
    end: datetime,
    *,
    negative: bool,
    languages: Collection[str] = (),
    sure: float = 0.0,
) -> datetime | None:
    """When the newest story on a key in [start, end) was published; None if there is none."""
    newest = select(func.max(article.c.published_at))
    query = _on_key(newest, kind, key, sure=sure if negative else None)
    with db.read() as connection:
        found: datetime | None = connection.execute(
            query.where(*_story_between(start, end, languages))
        ).scalar()
    return found


def _story_between(
    start: datetime, end: datetime, languages: Collection[str]
) -> tuple[ColumnElement[bool], ...]:
    language = article.c.language
    counted = language.is_(None) | language.in_(languages) if languages else true()
    return (
        counted,
        article.c.published_at >= start,
        article.c.published_at < end,
        article.c.deleted.is_(False),
        article.c.copy_id.is_(None),
    )


def _on_key(query: Select[Any], kind: str, key: str, *, sure: float | None) -> Select[Any]:
    """Narrow a query over articles to a key, and to those negative about it; None: to all."""
    opinion: FromClause = article
    if kind == "company":
        opinion = mention
        named = and_(mention.c.source == article.c.source, mention.c.id == article.c.id)
        query = query.join(mention, named).where(mention.c.symbol == key)
    elif kind == "topic":
        query = query.where(article.c.topic == key)
    if sure is None:
        return query
    probability = func.coalesce(opinion.c.p_negative, 1.0)
    return query.where(opinion.c.sentiment == "negative", probability >= sure)


def _save_watches(connection: Connection, changes: Mapping[WatchKey, Json | None]) -> None:
    gone = [key for key, value in changes.items() if value is None]
    if gone:
        named = tuple_(watch.c.kind, watch.c.key, watch.c.rule).in_(gone)
        connection.execute(delete(watch).where(named))
    rows = [
        {"kind": kind, "key": key, "rule": rule, "value": json.dumps(value)}
        for (kind, key, rule), value in changes.items()
        if value is not None
    ]
    if rows:
        insert = upsert(connection, watch)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["kind", "key", "rule"], set_={"value": insert.excluded.value}
            ),
            rows,
        )


def _save_incidents(connection: Connection, changes: Iterable[Incident]) -> None:
    rows = [
        {
            "id": i.id,
            "parent": i.parent,
            "kind": i.kind,
            "key": i.key,
            "rule": i.rule,
            "severity": i.severity,
            "state": i.state,
            "opened_at": i.opened_at,
            "resolved_at": i.resolved_at,
            "changed_at": i.changed_at,
            "revision": i.revision,
            "told": i.told,
            "evidence": json.dumps(i.evidence, ensure_ascii=False),
        }
        for i in changes
    ]
    if rows:
        insert = upsert(connection, incident)
        moved = {c.name: insert.excluded[c.name] for c in incident.c if c.name != "id"}
        connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=moved), rows)


def read_incident(row: Row[Any]) -> Incident:
    """An incident from its row."""
    return Incident(
        id=row.id,
        kind=row.kind,
        key=row.key,
        rule=row.rule,
        severity=row.severity,
        state=row.state,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        revision=row.revision,
        evidence=json.loads(row.evidence),
        resolved_at=row.resolved_at,
        parent=row.parent,
        told=row.told,
    )


def _message_row(message: Message) -> Json:
    return {
        "incident": message.incident,
        "revision": message.revision,
        "sink": message.sink,
        "payload": json.dumps(message.payload, ensure_ascii=False),
        "created_at": message.created_at,
        "attempts": 0,
        "next_try": message.created_at,
    }
