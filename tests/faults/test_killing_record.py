"""Records that kill the process are put aside; those that were only near by are not."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, select

from pipeline.caution import DEATHS, UNCLEAN_ENDS
from pipeline.store import tables
from pipeline.store.database import Database, open_database
from pipeline.store.verify import verify
from tests.fakes import MONDAY
from tests.faults.killing_part import MARKER
from tests.integration import stub_part

RECORDS = 30
KILLS = 10
PATIENCE_S = 120.0


def line(number: int, word: str) -> bytes:
    at = (MONDAY + timedelta(minutes=number)).isoformat()
    fields = {"source": "wire0", "id": str(number), "title": f"negative ACM {word} {number}"}
    return json.dumps(fields | {"published_at": at}).encode()


def start(url: str, file: Path, seconds_per_text: float = 0.0) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "tests.faults.killing_part"]
    return subprocess.Popen(
        [*program, url, str(file), str(seconds_per_text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # An abort on purpose leaves no core file behind.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )


def end(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


def stored(db: Database) -> tuple[list[str], list[tuple[int, str, bytes]]]:
    """Ids in the monitor's queue, one per time an article was stored, and the dead letters."""
    dead = tables.dead_letter.c
    with db.read() as connection:
        queue = connection.execute(select(tables.changed.c.id)).scalars().all()
        letters = connection.execute(select(dead.offset, dead.reason, dead.raw).order_by("offset"))
        return sorted(queue, key=int), [(row.offset, row.reason, row.raw) for row in letters]


def counted_right(db: Database) -> bool:
    stub_part.watch(db)
    verdict = verify(db, stub_part.KEYS)
    return (verdict.queued, verdict.differences) == (0, ())


def names(numbers: Sequence[int]) -> list[str]:
    return [str(number) for number in numbers]


@pytest.mark.timeout(600)
def test_first_and_last_record_kill_the_process_and_all_others_are_stored_once(
    new_url: Callable[[], str], tmp_path: Path
) -> None:
    url, file = new_url(), tmp_path / "news.jsonl"
    last = RECORDS - 1
    values = [line(n, MARKER if n in (0, last) else "calm") for n in range(RECORDS)]
    file.write_bytes(b"".join(value + b"\n" for value in values))
    # The first one is found after unclean ends that might have been anybody's; the last one is
    # in the stretch that is taken with care by then.
    most = UNCLEAN_ENDS + 2 * DEATHS
    deaths = 0
    while end(start(url, file)) != 0:
        deaths += 1
        assert deaths <= most
    assert deaths == most
    db = open_database(url)
    assert stored(db) == (
        names(range(1, last)),
        [(n, "kills_process", values[n]) for n in (0, last)],
    )
    assert counted_right(db)
    db.close()


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.005)


@pytest.mark.timeout(600)
def test_worker_killed_at_random_moments_blames_no_record_if_it_gets_past_one_each_time(
    tmp_path: Path,
) -> None:
    url, file = f"sqlite:///{tmp_path}/test.db", tmp_path / "news.jsonl"
    file.write_bytes(b"".join(line(n, "calm") + b"\n" for n in range(RECORDS)))
    draw = random.Random()  # noqa: S311 - other moments in every run, on purpose
    moments = [draw.uniform(0, 0.06) for _ in range(KILLS)]
    print(f"killed after {moments}")  # noqa: T201 - pytest shows it when the test fails
    db = open_database(url)

    def value(column: Column[int]) -> int:
        with db.read() as connection:
            return connection.execute(select(column)).scalar() or 0

    for number, moment in enumerate(moments):
        before = value(tables.source_position.c.next)
        process = start(url, file, seconds_per_text=0.02)
        if number <= UNCLEAN_ENDS:  # before it gets anywhere: afterwards it is careful
            until(lambda number=number: value(tables.attempt.c.claims) > number)  # type: ignore[misc]
        else:
            until(lambda before=before: value(tables.source_position.c.next) > before)  # type: ignore[misc]
            time.sleep(moment)
        process.kill()
        end(process)
    assert value(tables.attempt.c.careful_until) > 0
    assert end(start(url, file)) == 0
    assert stored(db) == (names(range(RECORDS)), [])
    assert counted_right(db)
    db.close()
