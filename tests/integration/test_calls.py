"""`bearwatch monitor` as it is started by an operator: a burst calls at a webhook, with a link."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.process import now
from pipeline.store.database import open_database
from tests.fakes import ListSource, ManualClock, store_all
from tests.pipeline.test_monitor import BURST, published_at, stream

PATIENCE_S = 120
BEARWATCH = [sys.executable, "-c", "from pipeline.cli import main; main()"]


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/desk", got
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def watch(tmp_path: Path, age: timedelta, webhook: str) -> str:
    """Let a monitor judge the tests' ten days, whose burst is ``age`` old; returns its log."""
    url, clock = f"sqlite:///{tmp_path}/test.db", ManualClock(now())
    shift = clock() - age - (BURST + timedelta(hours=2))
    values = []
    for raw in stream():
        article = json.loads(raw)
        at = published_at(raw) + shift
        if at <= clock():
            values.append(json.dumps(article | {"published_at": at.isoformat()}).encode())
    db = open_database(url)
    store_all(db, ListSource({0: values}, clock=clock, max_records=500), clock)
    db.close()
    environment = {
        **os.environ,
        "BEARWATCH_DATABASE__URL": url,
        "BEARWATCH_METRICS__PORT": "0",
        "BEARWATCH_LOG__FORMAT": "json",
        "BEARWATCH_ALERTS__APPRISE__DESK__URL": webhook,
        "BEARWATCH_WEB__BASE_URL": "https://news.example.com/",
    }
    done = subprocess.run(
        [*BEARWATCH, "monitor", "--until-idle"],
        env=environment,
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return done.stderr


def test_burst_of_the_last_hour_calls(
    tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = hook
    log = watch(tmp_path, timedelta(minutes=10), url)
    assert got
    assert all("https://news.example.com/incidents/" in call["message"] for call in got)
    assert any("trouble" in call["message"] for call in got)
    assert '"late": false' in log


def test_burst_of_the_day_before_yesterday_calls_nobody(
    tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = hook
    log = watch(tmp_path, timedelta(days=2), url)
    assert got == []
    assert '"late": true' in log
