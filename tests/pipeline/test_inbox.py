"""The inbox keeps what it was given, in the order of the commits."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, insert, text

from ingest.files import MAX_POLL_BYTES
from pipeline.store import inbox, tables
from pipeline.store.database import Database, open_database
from tests.fakes import MONDAY

PATIENCE_S = 30.0


def values(db: Database, start: int = 0) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record in inbox.read(db, start, 1_000)]


def test_records_come_back_as_they_were_put_with_dense_offsets(db: Database) -> None:
    assert (inbox.end(db), values(db)) == (0, [])
    inbox.put(db, [b"\xff\x00", b""], at=MONDAY)
    inbox.put(db, [], at=MONDAY)
    inbox.put(db, [b"third"], at=MONDAY + timedelta(seconds=1))
    assert values(db) == [(0, b"\xff\x00"), (1, b""), (2, b"third")]
    assert inbox.end(db) == 3
    (last,) = inbox.read(db, 2, 10)
    assert (last.topic, last.partition) == inbox.PARTITION
    assert last.timestamp == MONDAY + timedelta(seconds=1)


def test_read_is_bounded_by_records_and_by_bytes(db: Database) -> None:
    piece = b"x" * (MAX_POLL_BYTES // 4)
    inbox.put(db, [piece] * 6, at=MONDAY)
    assert [r.offset for r in inbox.read(db, 1, 2)] == [1, 2]
    assert [r.offset for r in inbox.read(db, 0, 100)] == [0, 1, 2, 3]


def test_rows_that_were_read_are_removed_in_pieces_and_no_offset_comes_back(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "FORGET_ROWS", 2)
    inbox.put(db, [b"a", b"b", b"c", b"d"], at=MONDAY)
    assert [inbox.forget(db, 3) for _ in range(3)] == [2, 1, 0]
    assert values(db) == [(3, b"d")]
    assert inbox.forget(db, 4) == 1
    inbox.put(db, [b"e"], at=MONDAY)
    assert values(db) == [(4, b"e")]


def test_what_runs_also_is_stored_with_the_records_or_undoes_them(db: Database) -> None:
    def note(connection: Connection) -> None:
        row = {"at": MONDAY, "kind": "cursor", "actor": "feed", "value": "{}"}
        connection.execute(insert(tables.event).values(row))

    def fail(connection: Connection) -> None:
        note(connection)
        raise RuntimeError("no")

    def noted() -> int:
        with db.read() as connection:
            return len(connection.execute(tables.event.select()).all())

    inbox.put(db, [b"a"], at=MONDAY, also=note)
    with pytest.raises(RuntimeError):
        inbox.put(db, [b"b"], at=MONDAY, also=fail)
    inbox.put(db, [], at=MONDAY, also=note)
    assert (values(db), noted()) == ([(0, b"a")], 2)
    inbox.put(db, [b"c"], at=MONDAY)
    assert values(db) == [(0, b"a"), (1, b"c")]  # what was rolled back left no hole


def test_writer_that_commits_last_is_not_missed_by_the_reader(db: Database) -> None:
    # first:  begin, rows ............................ commit
    # second:             begin, rows, commit if it may
    # reader:                                read            read from where it was
    arrived, go_on = Event(), Event()

    def wait(_: Connection) -> None:
        arrived.set()
        assert go_on.wait(PATIENCE_S)

    seen: list[bytes] = []
    following = 0

    def look() -> None:
        nonlocal following
        for record in inbox.read(db, following, 100):
            seen.append(record.value)
            following = record.offset + 1

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(inbox.put, db, [b"first", b"more"], at=MONDAY, also=wait)
        assert arrived.wait(PATIENCE_S)
        second = pool.submit(inbox.put, db, [b"second"], at=MONDAY)
        _until(lambda: second.done() or _waits_for_a_lock(db))
        look()
        go_on.set()
        for writer in (first, second):
            _settled(writer)
    look()
    assert sorted(seen) == [b"first", b"more", b"second"]


def test_only_what_is_put_is_written_through_to_the_disk(new_url: Callable[[], str]) -> None:
    db = open_database(new_url())
    if db.engine.dialect.name != "sqlite":
        db.close()
        pytest.skip("PostgreSQL waits for its disk at every commit")
    level = text("PRAGMA synchronous")
    found: list[int] = []

    def ask(connection: Connection) -> None:
        found.append(connection.execute(level).scalar_one())

    inbox.put(db, [b"a"], at=MONDAY, also=ask)
    with db.write() as connection:
        ask(connection)
    inbox.put(db, [b"b"], at=MONDAY, also=ask)
    db.close()
    assert found == [2, 1, 2]  # FULL, NORMAL, FULL


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def _settled(writer: Future[None]) -> None:
    writer.result(timeout=PATIENCE_S)


def _waits_for_a_lock(db: Database) -> bool:
    if db.engine.dialect.name == "sqlite":
        return True  # BEGIN IMMEDIATE: it waits, and nobody can be asked about it
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.read() as connection:
        return bool(connection.execute(query).scalar())
