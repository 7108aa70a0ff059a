"""kill -9 at random moments: restarted, the program ends where an undisturbed one does."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.samples import sample_stream

BEARWATCH = Path(sys.executable).with_name("bearwatch")
KILLS = 10
PATIENCE_S = 240.0


def environment() -> dict[str, str]:
    """Small polls: many transactions to be killed in. Nothing of the caller's own settings."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("BEARWATCH_")}
    return mine | {"BEARWATCH_METRICS__PORT": "0", "BEARWATCH_SOURCES__POLL_RECORDS": "24"}


def command(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [BEARWATCH, *arguments, "--json"],
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
        env=environment(),
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def start(stream: Path, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [BEARWATCH, "replay", str(stream), "--db", url, "--precision", "fp32"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )


def position(database: Path) -> int:
    """How many records are stored; read beside the program, as a person would look."""
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)) as reader:
            found = reader.execute("SELECT next FROM source_position").fetchone()
    except sqlite3.OperationalError:  # no tables yet
        return 0
    return found[0] if found else 0


def kill_at(process: subprocess.Popen[bytes], database: Path, target: int, delay: float) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while position(database) < target and process.poll() is None:
        assert time.monotonic() < deadline, "the replay makes no progress"
        time.sleep(0.02)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


@pytest.mark.timeout(900)
def test_replay_killed_ten_times_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    stream = tmp_path / "news.jsonl"
    lines = list(sample_stream())
    stream.write_bytes(b"".join(line + b"\n" for line in lines))
    calm, killed = tmp_path / "calm.db", tmp_path / "killed.db"
    assert start(stream, f"sqlite:///{calm}").wait(timeout=PATIENCE_S) == 0

    draw = random.Random()  # noqa: S311 - other moments in every run, on purpose
    targets = sorted(draw.sample(range(1, len(lines) - 50), KILLS))
    moments = [(target, draw.uniform(0, 0.15)) for target in targets]
    print(f"killed at {moments}")  # noqa: T201 - pytest shows it when the test fails
    for target, delay in moments:
        kill_at(start(stream, f"sqlite:///{killed}"), killed, target, delay)
    assert start(stream, f"sqlite:///{killed}").wait(timeout=PATIENCE_S) == 0

    urls = [f"sqlite:///{calm}", f"sqlite:///{killed}"]
    undisturbed, restarted = (command("stats", "--db", url) for url in urls)
    assert restarted == undisturbed
    assert undisturbed["articles"] > 1_500
    undisturbed, restarted = (command("incidents", "list", "--db", url) for url in urls)
    assert [i["id"] for i in restarted["incidents"]] == [i["id"] for i in undisturbed["incidents"]]
    assert len(undisturbed["incidents"]) >= 3
    assert command("db", "verify", "--db", urls[1])["total"] == 0


@pytest.mark.timeout(300)
def test_sigterm_ends_a_run_cleanly_within_ten_seconds(tmp_path: Path) -> None:
    stream, database = tmp_path / "news.jsonl", tmp_path / "run.db"
    stream.write_bytes(b"".join(line + b"\n" for line in sample_stream()))
    process = subprocess.Popen(
        [BEARWATCH, "run", "--source", str(stream), "--db", f"sqlite:///{database}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    deadline = time.monotonic() + PATIENCE_S
    while position(database) < 100:
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline, "the run makes no progress"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert command("db", "verify", "--db", f"sqlite:///{database}")["queued"] == 0
