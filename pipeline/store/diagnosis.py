"""What a database is like, found without changing anything in it: for `bearwatch doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from pipeline.store import tables
from pipeline.store.database import MIGRATIONS, Database, DatabaseAway, closed, connect

_REVISION = "alembic_version"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A database as it is now.

    ``revision`` is that of its tables, None where there are none; ``newest`` the one that this
    program makes; ``known`` whether this program knows ``revision`` at all. ``refused`` is what
    the database says when something is written; None if it takes it. ``ahead`` is how far its
    clock is ahead of ours, None for SQLite, which has none of its own.
    """

    revision: str | None
    newest: str
    known: bool
    refused: str | None = None
    size_bytes: int = 0
    ahead: timedelta | None = None


def examine(url: str, clock: Callable[[], datetime]) -> Diagnosis:
    """Look at a database; neither a file nor a table is made. It may take a lock for a moment.

    Raises:
        DatabaseAway: it cannot be reached, does not let us in, or is busy.
        StoreError: the URL is not usable, or the file is no database.
    """
    db = connect(url)
    if db.file is not None and not db.file.exists():
        return Diagnosis(None, _newest(), known=True)
    try:
        return _examined(db, clock)
    except DatabaseAway:
        raise
    except DBAPIError as error:
        raise closed(db, error) from error
    finally:
        db.close()


def _examined(db: Database, clock: Callable[[], datetime]) -> Diagnosis:
    server = db.engine.dialect.name == "postgresql"
    with db.read() as connection:
        revision = _revision(connection)
        ahead = _ahead(connection, clock) if server else None
        size = _size(connection, server=server)
    return Diagnosis(
        revision,
        _newest(),
        known=revision is None or _knows(revision),
        refused=_refused(db, revision, server=server),
        size_bytes=size,
        ahead=ahead,
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_REVISION):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_REVISION}")).scalar()  # noqa: S608 - a constant
    return None if found is None else str(found)


def _ahead(connection: Connection, clock: Callable[[], datetime]) -> timedelta:
    """Measured against the middle of the question's way there and back."""
    asked = clock()
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    answered = clock()
    return theirs - (asked + (answered - asked) / 2)


def _size(connection: Connection, *, server: bool) -> int:
    if server:
        size = connection.execute(text("SELECT pg_database_size(current_database())"))
    else:
        size = connection.execute(
            text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        )
    return int(size.scalar_one())


def _refused(db: Database, revision: str | None, *, server: bool) -> str | None:
    # A connection that was used for reading writes even where the server's default forbids it.
    db.engine.dispose()
    try:
        with db.rehearse() as connection:
            if revision is not None:
                connection.execute(text(f"UPDATE {_REVISION} SET version_num = version_num"))  # noqa: S608 - a constant
            elif server:
                connection.execute(text("CREATE TABLE bearwatch_rehearsal (one integer)"))
            if server and revision == _newest():
                return _unprivileged(connection)
    except DatabaseAway as error:  # it has just been read: busy, full, or a file we may not write
        return str(error).partition("\n")[0]
    except DBAPIError as error:
        return str(error.orig).strip().partition("\n")[0]
    return None


def _unprivileged(connection: Connection) -> str | None:
    """The tables in which our user may not do everything."""
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE")
    allowed = " AND ".join(f"has_table_privilege(name, '{right}')" for right in rights)
    query = text(f"SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT ({allowed})")  # noqa: S608 - constants
    names = sorted(tables.metadata.tables)
    found = connection.execute(query, {"names": names}).scalars().all()
    return f"the user may not read and write {', '.join(found)}" if found else None


def _newest() -> str:
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def _knows(revision: str) -> bool:
    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except CommandError:
        return False
