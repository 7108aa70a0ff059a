"""Registered versions of the classifier, and which of them was the champion when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, insert, select, text
from sqlalchemy.exc import DBAPIError

from pipeline.store import events
from pipeline.store.database import Database, StoreError, upsert
from pipeline.store.events import LONGEST_ACTOR, NewEvent
from pipeline.store.tables import article, model_version, promotion, version_file

Move = Literal["promote", "rollback"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A version that may become the champion. ``id`` is its card's."""

    id: str
    folder: Path
    """Where it was written, on the machine that registered it."""
    made_at: datetime
    made_by: str
    parent: str | None
    """The version that its training went on from."""
    card: dict[str, Any]
    report: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """What a version's folder holds, byte for byte."""

    card: bytes
    weights: bytes


@dataclass(frozen=True, slots=True)
class NewPromotion:
    """A change of the champion that is to be written down."""

    at: datetime
    version: str
    previous: str
    kind: Move
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """From ``at`` on ``version`` was the champion. ``seq`` rises with every one."""

    seq: int
    at: datetime
    version: str
    previous: str | None
    kind: Move
    actor: str
    reason: str


def register(db: Database, new: Registered, files: Files) -> None:
    """Add a version with its files; one that is there already stays as it is.

    Its id is a digest of all of it, so the same id is the same version.
    """
    row = {
        "id": new.id,
        "folder": str(new.folder),
        "made_at": new.made_at,
        "made_by": new.made_by[:LONGEST_ACTOR],
        "parent": new.parent,
        "card": json.dumps(new.card, ensure_ascii=False),
        "report": None if new.report is None else json.dumps(new.report, ensure_ascii=False),
    }
    content = {"id": new.id, "card": files.card, "weights": files.weights}
    with db.write_durably() as connection:
        for table, values in ((model_version, row), (version_file, content)):
            connection.execute(upsert(connection, table).values(values).on_conflict_do_nothing())


def find(db: Database, id_or_prefix: str) -> list[Registered]:
    """Versions whose id begins so; what stands on article rows, ``id+topics``, finds them too."""
    wanted = id_or_prefix.partition("+")[0]
    if not wanted:
        return []
    query = select(model_version).where(model_version.c.id.startswith(wanted, autoescape=True))
    return _registered(db, query.order_by(model_version.c.id))


def listed(db: Database) -> list[Registered]:
    """Every version, the newest first."""
    newest = (model_version.c.made_at.desc(), model_version.c.id)
    return _registered(db, select(model_version).order_by(*newest))


def files(db: Database, version: str) -> Files | None:
    """A version's files; None if it was never registered."""
    with db.read() as connection:
        row = connection.execute(
            select(version_file).where(version_file.c.id == version)
        ).one_or_none()
    return None if row is None else Files(bytes(row.card), bytes(row.weights))


def champion_files(db: Database) -> tuple[str, Files] | None:
    """The champion and its files, of a database that may be away, new or of an earlier program.

    None: the version that ships, as far as one can tell; for who looks and changes nothing.
    """
    if db.file is not None and not db.file.exists():
        return None
    try:
        found = champion(db)
        content = None if found is None else files(db, found.version)
    except (StoreError, DBAPIError):
        return None
    return None if found is None or content is None else (found.version, content)


def champion(db: Database) -> Promotion | None:
    """The newest promotion; None: the version that ships classifies."""
    with db.read() as connection:
        return _newest(connection)


def history(db: Database) -> list[Promotion]:
    """Every promotion and rollback, oldest first."""
    with db.read() as connection:
        rows = connection.execute(select(promotion).order_by(promotion.c.seq)).all()
    return [_promotion(row) for row in rows]


def at(db: Database, when: datetime) -> Promotion | None:
    """What had made the champion of that time; None: the version that ships."""
    query = select(promotion).where(promotion.c.at <= when).order_by(promotion.c.seq.desc())
    with db.read() as connection:
        row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else _promotion(row)


def move(db: Database, new: NewPromotion, event: NewEvent, *, after: int | None) -> Promotion:
    """Make another version the champion and write the event, in one transaction.

    ``after`` is the ``seq`` of the champion that was found before; None: there was none.

    Raises:
        StoreError: the champion has changed since.
    """
    with db.write_durably() as connection:
        if connection.dialect.name == "postgresql":  # SQLite lets one writer in at a time anyway
            connection.execute(text("LOCK TABLE promotion IN SHARE ROW EXCLUSIVE MODE"))
        newest = _newest(connection)
        if (None if newest is None else newest.seq) != after:
            raise StoreError(
                "the champion has changed meanwhile: look at `bearwatch models history`, and "
                "decide again"
            )
        row = {
            "at": new.at,
            "version": new.version,
            "previous": new.previous,
            "kind": new.kind,
            "actor": new.actor[:LONGEST_ACTOR],
            "reason": new.reason,
        }
        added = connection.execute(insert(promotion).values(row).returning(promotion)).one()
        events.append(connection, [event])
        return _promotion(added)


def version_of_article(db: Database, source: str, id: str) -> str | None:
    """What stands on an article's row: ``id+topics``; None where nothing classified it.

    Raises:
        StoreError: there is no such article.
    """
    query = select(article.c.version).where(article.c.source == source, article.c.id == id)
    with db.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise StoreError(f"there is no article {source}/{id}")
    found: str | None = row.version
    return found


def _newest(connection: Connection) -> Promotion | None:
    query = select(promotion).order_by(promotion.c.seq.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _promotion(row)


def _promotion(row: Row[Any]) -> Promotion:
    return Promotion(row.seq, row.at, row.version, row.previous, row.kind, row.actor, row.reason)


def _registered(db: Database, query: Select[Any]) -> list[Registered]:
    with db.read() as connection:
        rows = connection.execute(query).all()
    return [
        Registered(
            row.id,
            Path(row.folder),
            row.made_at,
            row.made_by,
            row.parent,
            json.loads(row.card),
            None if row.report is None else json.loads(row.report),
        )
        for row in rows
    ]
