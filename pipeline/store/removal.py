"""Take-downs: an operator's delete, and what incidents still show of deleted articles."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select, update

from ingest.article import Article
from pipeline.step import Origin, Scored
from pipeline.store import articles
from pipeline.store.articles import Name
from pipeline.store.database import Database, StoreError
from pipeline.store.tables import article, event, incident, outbox

REMOVED: Final = "[removed]"
"""Stands for a headline that was taken down."""

OPERATOR: Final = "operator"
"""The topic that a tombstone names as its record's; the offset is the number of the event."""


def remove(db: Database, name: Name, *, actor: str, reason: str, now: datetime) -> int:
    """Delete an article like a publisher's delete of the next revision, and note who and why.

    Returns the tombstone's revision. A publisher's record of a still higher revision brings the
    article back.

    Raises:
        StoreError: there is no such article, or it is deleted already.
    """
    source, of_id = name
    named = (article.c.source == source, article.c.id == of_id)
    with db.write() as connection:
        row = connection.execute(
            select(article.c.revision, article.c.deleted).where(*named).with_for_update()
        ).one_or_none()
        if row is None or row.deleted:
            raise StoreError(
                f"{source} {of_id}: " + ("deleted already" if row else "no such article")
            )
        value = {"source": source, "id": of_id, "revision": row.revision + 1, "reason": reason}
        noted = connection.execute(
            event.insert().values(
                at=now, kind="removed", actor=actor[:64], value=json.dumps(value)
            )
        )
        assert noted.inserted_primary_key is not None  # noqa: S101 - an insert of one row
        origin = Origin(OPERATOR, 0, noted.inserted_primary_key.seq)
        gone = _tombstone(name, row.revision + 1, now)
        articles.write(connection, [Scored(gone, origin, late=False)])
    return int(row.revision) + 1


def _tombstone(name: Name, revision: int, now: datetime) -> Article:
    return Article(
        source=name[0],
        id=name[1],
        title="",
        body="",
        url=None,
        published_at=None,
        received_at=now,
        undated="missing",
        symbols=(),
        action="delete",
        revision=revision,
        extra="{}",
    )


def redact(connection: Connection, names: Collection[Name]) -> int:
    """Take the headlines and links of deleted articles out of incidents, and out of messages.

    Returns how many incidents have changed. What was delivered already is out of reach.
    """
    if not names:
        return 0
    listed = {f"{source}/{of_id}" for source, of_id in names}
    # As it stands in the JSON. It finds too much (case, wildcards), never too little.
    parts = [json.dumps(one, ensure_ascii=False) for one in sorted(listed)]
    mentioned = or_(*(incident.c.evidence.contains(part, autoescape=True) for part in parts))
    found = connection.execute(select(incident.c.id, incident.c.evidence).where(mentioned)).all()
    number = 0
    for row in found:
        evidence = json.loads(row.evidence)
        shown = [s for s in evidence["stories"] if f"{s['source']}/{s['id']}" in listed]
        if not shown:
            continue
        number += 1
        openings = [f"{story['headline']} ({story['source']}" for story in shown]
        for story in shown:
            story.update(headline=REMOVED, url=None)
        new = json.dumps(evidence, ensure_ascii=False)
        connection.execute(update(incident).where(incident.c.id == row.id).values(evidence=new))
        _redact_messages(connection, row.id, openings)
    return number


def _redact_messages(connection: Connection, of_incident: str, openings: list[str]) -> None:
    """Replace the headline in every line that begins with it, as pipeline.telling words them."""
    query = select(outbox.c.seq, outbox.c.payload).where(outbox.c.incident == of_incident)
    for row in connection.execute(query).all():
        payload: dict[str, Any] = json.loads(row.payload)
        payload["lines"] = [_redacted(line, openings) for line in payload["lines"]]
        new = json.dumps(payload, ensure_ascii=False)
        connection.execute(update(outbox).where(outbox.c.seq == row.seq).values(payload=new))


def _redacted(line: str, openings: list[str]) -> str:
    for opening in openings:
        if line.startswith(opening):
            return REMOVED + line[opening.rindex(" (") :]
    return line
