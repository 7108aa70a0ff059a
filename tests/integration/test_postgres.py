"""Several programs on one PostgreSQL, killed and cut off at random: missing = 0, extra = 0."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.store import lease, tables
from pipeline.store.counting import count_changed
from pipeline.store.database import Database, DatabaseAway, open_database
from pipeline.store.incidents import incidents
from pipeline.store.verify import verify
from tests.fakes import COMPANIES, MONDAY, TOPICS
from tests.integration import postgres, stub_part
from tests.integration.programs import Parts, stored, until
from tests.integration.stub_part import KEYS

WORKERS = 3
LINES = 900
"""Of each worker."""


@pytest.fixture(scope="module")
def own() -> Iterator[postgres.Postgres]:
    """A server that may be stopped: another module's tests are not to notice."""
    with postgres.own_server() as server:
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One file per worker; a tenth of the titles are in several of them, as copies."""
    folder = tmp_path_factory.mktemp("streams")
    draw = random.Random(3)  # noqa: S311 - a fixed sequence, not a secret
    paths = []
    for worker in range(WORKERS):
        path = folder / f"{worker}.jsonl"
        path.write_bytes(b"".join(line(worker, number, draw) for number in range(LINES)))
        paths.append(path)
    return paths


def line(worker: int, number: int, draw: random.Random) -> bytes:
    """In order but for less than the lateness: what comes later still may change incidents."""
    hours = 100 * number / LINES
    mood = draw.choice(["negative", "positive", "calm", "calm"])
    company = draw.choice(COMPANIES)
    if 80 <= hours < 84 and draw.random() < 0.8:
        mood, company = "negative", COMPANIES[0]
    story = str(draw.randrange(LINES)) if draw.random() < 0.1 else f"{worker}-{number}"
    at = MONDAY + timedelta(hours=hours, minutes=9 * draw.random())
    article = {
        "source": f"wire{worker}",
        "id": str(draw.randrange(number + 1) if draw.random() < 0.05 else number),
        "title": f"{mood} {draw.choice(TOPICS)} {company} {story}",
        "published_at": at.isoformat(),
    }
    return json.dumps(article).encode() + b"\n"


@pytest.fixture(scope="module")
def plain(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed run on SQLite makes of the files."""
    db = open_database(f"sqlite:///{tmp_path_factory.mktemp('plain')}/plain.db")
    for path in files:
        stub_part.work(db, stub_part.source_of(str(path)))
    stub_part.watch(db)
    found = outcome(db)
    db.close()
    assert len(found["articles"]) > WORKERS * LINES * 9 / 10
    assert {i.severity for i in found["incidents"]} > {"info"}
    return found


def outcome(db: Database) -> dict[str, Any]:
    names = [c for c in tables.article.c if c.name not in ("received_at", "record_topic")]
    with db.read() as connection:
        found = {
            "articles": connection.execute(select(*names).order_by("source", "id")).all(),
            "buckets": connection.execute(
                select(tables.bucket).order_by("kind", "key", "start")
            ).all(),
            "queued": connection.execute(select(tables.changed)).all(),
        }
    return found | {"incidents": incidents(db)}


def file_parts(db: Database, url: str, files: list[Path]) -> Parts:
    partitions = [(f"file:{path.resolve()}", 0) for path in files]
    return Parts(db, url, [str(path) for path in files], partitions)


def assert_same(db: Database, plain: dict[str, Any]) -> None:
    # A monitor that ended before the last worker had read its file has left something over.
    stub_part.watch(db)
    found = outcome(db)
    for what, expected in plain.items():
        assert found[what] == expected, what
    assert verify(db, KEYS).differences == ()


@pytest.mark.timeout(600)
def test_killed_and_stopped_workers_and_monitors_end_like_an_undisturbed_run(
    postgresql: postgres.Postgres | postgres.Running, files: list[Path], plain: dict[str, Any]
) -> None:
    url = postgresql.fresh()
    db = open_database(url)
    parts = file_parts(db, url, files)
    draw = random.Random()  # noqa: S311 - other moments in every run, on purpose
    targets = sorted(draw.sample(range(1, WORKERS * LINES * 9 // 10), 12))
    victims = [draw.randrange(WORKERS + 2) for _ in targets]
    print(f"killed {victims} at {targets}")  # noqa: T201 - pytest shows it when the test fails
    try:
        for target, victim in zip(targets, victims, strict=True):
            until(lambda target=target: stored(db) >= target, parts)  # type: ignore[misc]
            parts.kill(victim, signal.SIGKILL)
            if victim % 2:  # and another sleeps past the lease
                other = draw.randrange(WORKERS + 2)
                parts.kill(other, signal.SIGSTOP)
                time.sleep(0.2 + stub_part.LEASE.total_seconds() * draw.random())
                parts.kill(other, signal.SIGCONT)
        parts.finish()
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()


@pytest.mark.timeout(600)
def test_restarts_of_the_database_in_mid_load_lose_nothing_and_count_nothing_twice(
    own: postgres.Postgres, files: list[Path], plain: dict[str, Any]
) -> None:
    url = own.fresh()
    db = open_database(url)
    parts = file_parts(db, url, files)
    draw = random.Random()  # noqa: S311 - other moments in every run, on purpose
    targets = sorted(draw.sample(range(1, WORKERS * LINES * 8 // 10), 4))
    print(f"stopped at {targets}")  # noqa: T201 - pytest shows it when the test fails
    try:
        for target in targets:
            until(lambda target=target: stored(db) >= target, parts)  # type: ignore[misc]
            own.stop("immediate")
            time.sleep(draw.uniform(0, 1.5))
            own.start()
        parts.finish()
        assert_same(db, plain)
    finally:
        parts.end()
        db.close()


def test_database_that_is_down_is_away_and_answers_again_by_itself(own: postgres.Postgres) -> None:
    db = open_database(own.fresh())
    epoch = lease.take(db, "one", now=MONDAY, keep_for=timedelta(hours=1))
    own.stop()
    assert not db.reachable()
    with pytest.raises(DatabaseAway):
        count_changed(db, KEYS, epoch)
    own.start()
    assert count_changed(db, KEYS, epoch).taken == 0
    db.close()


def test_statement_that_takes_too_long_is_ended_by_the_server(
    postgresql: postgres.Postgres | postgres.Running,
) -> None:
    db = open_database(postgresql.fresh())
    with db.write() as connection:
        limits = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            )
        ]
    assert limits == ["30s", "10s", "15s"]
    slow = "SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)"
    with pytest.raises(DatabaseAway, match="timeout"), db.write() as connection:
        connection.exec_driver_sql(slow)
    db.close()


def test_reading_sees_one_moment_and_writes_nothing(
    postgresql: postgres.Postgres | postgres.Running,
) -> None:
    db = open_database(postgresql.fresh())
    row = {"source": "wire", "id": "1"}
    with db.read() as connection:
        assert connection.execute(select(tables.changed)).all() == []
        with db.write() as other:
            other.execute(tables.changed.insert(), row)
        assert connection.execute(select(tables.changed)).all() == []
    with pytest.raises(Exception, match="read-only"), db.read() as connection:
        connection.execute(tables.changed.insert(), row)
    with db.write() as connection:  # the connection that had read may write again
        connection.execute(tables.changed.insert(), row)
    db.close()
