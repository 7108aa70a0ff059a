"""Opening the database: SQLite (embedded) or PostgreSQL, migrated to the newest tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pipeline.masking import masked_text

CACHE_KIB = 65_536
"""Pages of a SQLite file kept by a connection: the inner ones of an index of many rows."""

BUSY_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 300_000
"""Reports over everything (stats, verify) read all rows, and keep nobody waiting meanwhile."""

IDLE_IN_TRANSACTION_MS = 15_000
"""A process stopped in mid-transaction keeps its locks, the lease's too, no longer than this."""

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x62656172
"""Key of PostgreSQL's advisory lock: several programs may start on an empty database at once."""


class StoreError(Exception):
    """The database cannot do what was asked; the message says what to do about it."""


class DatabaseAway(StoreError):
    """The database cannot be reached, or cannot work at the moment: full, busy, shutting down.

    Worth trying again. Whether a transaction that ended so was stored is not known: the answer to
    its commit may have been lost. Positions and the lease's epoch tell.
    """


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
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write_durably(self) -> Iterator[Connection]:
        """As :meth:`write`, but what was committed also survives a power cut at once.

        For what cannot be read again: whoever sent it was told that it is stored. PostgreSQL
        waits for its disk in any case, SQLite only here.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(bearwatch_durable=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; nothing is written."""
        with _translated(), self.engine.connect() as connection:
            yield connection.execution_options(**_READING[connection.dialect.name])

    @contextmanager
    def rehearse(self) -> Iterator[Connection]:
        """One writing transaction that is rolled back in the end: whether writing is possible."""
        with _translated(), self.engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()

    @property
    def file(self) -> Path | None:
        """The file that SQLite keeps it in; None in memory, for a server, and for a file: URI."""
        name = self.engine.url.database or ":memory:"
        plain = self.engine.dialect.name == "sqlite" and not name.startswith((":memory:", "file:"))
        return Path(name) if plain else None

    def reachable(self) -> bool:
        """Whether it answers a query, within the connection's own timeouts."""
        try:
            with self.read() as connection:
                return bool(connection.execute(text("SELECT 1")).scalar())
        except (StoreError, DBAPIError):
            return False

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def connect(url: str) -> Database:
    """A database that has not been asked for anything yet; its tables stay as they are.

    Raises:
        StoreError: the URL is not usable.
    """
    try:
        return Database(_engine(_with_driver(make_url(url))))
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(
            f"{masked_text(url)!r} is no database URL; write e.g. sqlite:///var/bearwatch.db"
        ) from error
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{masked_text(url)} needs the Python package {error.name}: "
            "run .venv/bin/pip install -e '.[postgres]'"
        ) from error


def open_database(url: str) -> Database:
    """Connect, create the file if there is none, and bring its tables up to date.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached or does not let us in; it may later.
        StoreError: the URL is not usable, or the file cannot be opened.
    """
    found = connect(url)
    try:
        if (file := found.file) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        migrate(found.engine)
    except (DBAPIError, OSError) as error:
        raise closed(found, error) from error
    return found


def closed(db: Database, error: DBAPIError | OSError) -> StoreError:
    """Why ``db``, which is closed here, could not be opened."""
    db.close()
    waits = db.engine.dialect.name != "sqlite" and isinstance(error, OperationalError)
    kind = DatabaseAway if waits else StoreError
    url = db.engine.url.render_as_string()
    return kind(f"cannot open the database {url}: {getattr(error, 'orig', error)}")


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision; a no-op when they are there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's dialect, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


_READING: dict[str, dict[str, object]] = {
    "sqlite": {"bearwatch_read": True},
    "postgresql": {
        "bearwatch_read": True,
        "isolation_level": "REPEATABLE READ",
        "postgresql_readonly": True,
    },
}


@contextmanager
def _translated() -> Iterator[None]:
    """Failures of the database that pass by themselves become :class:`DatabaseAway`."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseAway(f"no free connection to the database: {error}") from error
    except DBAPIError as error:
        if not (_passes(error) or error.connection_invalidated):
            raise
        raise DatabaseAway(f"the database does not answer: {error.orig}".strip()) from error


def _passes(error: DBAPIError) -> bool:
    if not isinstance(error, OperationalError):
        return False
    # SQLite also says so of a statement that is wrong and stays wrong; it has a code of its own.
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _with_driver(url: URL) -> URL:
    """``postgresql://`` means psycopg 3, the one that is installed."""
    plain = url.drivername in ("postgresql", "postgres")
    return url.set(drivername="postgresql+psycopg") if plain else url


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=CONNECT_TIMEOUT_S,
        connect_args=_POSTGRES | dict(url.query),
    )
    from pipeline.store import arrays  # needs the driver, which an installation may lack

    event.listen(engine, "connect", arrays.prepare)
    event.listen(engine, "begin", _begin_postgres)
    return engine


_POSTGRES: dict[str, object] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "bearwatch",
    # A server that vanished without a word is given up after about as long.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
    f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}",
}
"""What libpq is told; the URL's own query parameters win."""


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get("bearwatch_read", False):
        connection.exec_driver_sql(
            f"SET LOCAL statement_timeout = {READ_TIMEOUT_MS}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {READ_TIMEOUT_MS}"
        )


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would begin transactions by itself, deferred and only before some statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("bearwatch_read", False):
        connection.exec_driver_sql("BEGIN")
        return
    # With WAL, NORMAL can lose the newest commits to a power cut but never tears one: positions
    # and rows go back together, and the records are read again. It is said each time, as
    # connections are used in turns and it cannot be changed within a transaction.
    level = "FULL" if options.get("bearwatch_durable", False) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
