"""The tables and who may write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from pipeline.store import bulk, gaps, lease, tables
from pipeline.store.database import Database, StoreError, open_database
from tests.fakes import MONDAY

HOUR = timedelta(hours=1)


def test_migrations_make_the_tables_that_the_code_expects(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert gaps.gap.metadata is tables.metadata
        assert compare_metadata(context, tables.metadata) == []


def test_opening_again_keeps_what_is_there(new_url: Callable[[], str]) -> None:
    url = new_url()
    first = open_database(url)
    assert lease.take(first, "one", now=MONDAY, keep_for=HOUR) == 1
    first.close()
    second = open_database(url)
    assert lease.take(second, "two", now=MONDAY, keep_for=HOUR) == 2
    second.close()


def test_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/var/deep/new.db").close()
    assert (tmp_path / "var/deep/new.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "mongodb://host/db", "sqlite:////proc/none/x.db"])
def test_unusable_url_is_one_clear_error(url: str) -> None:
    with pytest.raises(StoreError):
        open_database(url)


def test_error_about_a_database_keeps_its_password_to_itself() -> None:
    with pytest.raises(StoreError) as caught:
        open_database("postgresql+psycopg://user:hunter2@localhost:1/db")
    assert "hunter2" not in str(caught.value)


def test_times_come_back_as_utc_whatever_zone_they_went_in_with(db: Database) -> None:
    tokyo = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    with db.write() as connection:
        values = {"at": tokyo, "kind": "accepted", "actor": "me", "value": "{}"}
        connection.execute(insert(tables.event).values(values))
        stored = connection.execute(select(tables.event.c.at)).scalar_one()
    assert stored == datetime(2026, 3, 2, 0, 0, 0, 123000, tzinfo=UTC)


def test_queue_keys_are_never_used_again(db: Database) -> None:
    with db.write() as connection:
        row = {"source": "wire", "id": "1"}
        first = connection.execute(tables.changed.insert(), row).inserted_primary_key
        connection.execute(tables.changed.delete())
        second = connection.execute(tables.changed.insert(), row).inserted_primary_key
    assert first is not None
    assert second is not None
    assert second.seq > first.seq


def test_text_that_is_too_long_is_refused_and_not_cut(db: Database) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite knows no bounds; article v1 keeps them")
    with pytest.raises(Exception, match="too long"), db.write() as connection:
        bulk.insert(connection, tables.changed, [{"source": "s" * 65, "id": "1"}])


def test_names_are_found_whatever_they_are_made_of(db: Database) -> None:
    names = [("wire", 'a"b'), ("wire", "a,b"), ("{wire}", "\\"), ("w'", "NULL"), ("é", "\u2028")]
    other = ("wire", "b")
    with db.write() as connection:
        rows = [{"source": source, "id": of_id} for source, of_id in [*names, other]]
        bulk.insert(connection, tables.changed, rows)
        queue = tables.changed.c
        found = connection.execute(
            select(queue.source, queue.id)
            .where(bulk.among(connection, queue.source, queue.id, names))
            .order_by(queue.seq)
        )
        assert [tuple(row) for row in found] == names
        nothing = bulk.among(connection, queue.source, queue.id, [])
        assert connection.execute(select(queue.seq).where(nothing)).all() == []
