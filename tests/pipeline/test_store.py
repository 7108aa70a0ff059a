"""The tables and who may write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from pipeline.store import lease, tables
from pipeline.store.database import StoreError, open_database
from tests.fakes import MONDAY

HOUR = timedelta(hours=1)


def test_migrations_make_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/new.db")
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []
    db.close()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/again.db"
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


def test_times_come_back_as_utc_whatever_zone_they_went_in_with(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/times.db")
    tokyo = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    with db.write() as connection:
        values = {"at": tokyo, "kind": "accepted", "actor": "me", "value": "{}"}
        connection.execute(insert(tables.event).values(values))
        stored = connection.execute(select(tables.event.c.at)).scalar_one()
    assert stored == datetime(2026, 3, 2, 0, 0, 0, 123000, tzinfo=UTC)
    db.close()


def test_queue_keys_are_never_used_again(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/queue.db")
    with db.write() as connection:
        row = {"source": "wire", "id": "1"}
        first = connection.execute(tables.changed.insert(), row).inserted_primary_key
        connection.execute(tables.changed.delete())
        second = connection.execute(tables.changed.insert(), row).inserted_primary_key
    assert first is not None
    assert second is not None
    assert second.seq > first.seq
    db.close()
