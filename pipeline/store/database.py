"""Opening the database: SQLite (embedded) or PostgreSQL, migrated to the newest tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipeline.masking import masked_text

BUSY_TIMEOUT_MS = 5_000
MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """The database cannot do what was asked; the message says what to do about it."""


class Database:
    """One database for one process; may be used from any thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on an exception.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that reads first
        and writes later would be refused when another writer came between. Keep it short, and do
        the arithmetic outside.
        """
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view (on PostgreSQL: per statement); nothing is written."""
        with self.engine.connect().execution_options(bearwatch_read=True) as connection:
            yield connection

    def reachable(self) -> bool:
        """Whether it answers a query, within the connection's own timeouts."""
        try:
            with self.read() as connection:
                return bool(connection.execute(text("SELECT 1")).scalar())
        except DBAPIError:
            return False

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Connect, create the file if there is none, and bring its tables up to date.

    Raises:
        StoreError: the URL is not usable, or the database cannot be opened.
    """
    try:
        parsed = make_url(url)
        engine = _engine(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(
            f"{masked_text(url)!r} is no database URL; write e.g. sqlite:///var/bearwatch.db"
        ) from error
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{masked_text(url)} needs the Python package {error.name}: install it in .venv"
        ) from error
    try:
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        migrate(engine)
    except (DBAPIError, OSError) as error:
        cause = getattr(error, "orig", error)
        raise StoreError(
            f"cannot open the database {parsed.render_as_string()}: {cause}"
        ) from error
    return Database(engine)


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision; a no-op when they are there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's dialect, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would begin transactions by itself, deferred and only before some statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # With WAL, NORMAL can lose the newest commits to a power cut but never tears one: positions
    # and rows go back together, and the records are read again.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("bearwatch_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
