"""A real Alertmanager of the tests' own, and the webhook that it notifies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest

PATIENCE_S: Final = 90.0
NAMES: Final = ("prometheus-alertmanager", "alertmanager")
"""Debian's name of the program, and its makers'."""

HELP: Final = "no Alertmanager: install Debian's package prometheus-alertmanager"

CONFIG: Final = """
route:
  receiver: hook
  group_by: [incident]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 24h
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


def program() -> str:
    """Its path. Without it the test is skipped; in CI it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(HELP)
        pytest.skip(HELP)
    return found


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that another program does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {what}"
        time.sleep(0.05)


class Webhook:
    """Counts the notifications that it has answered with 200, by incident and status."""

    def __init__(self) -> None:
        self.works = True
        self.refused = 0
        self.notified: Counter[tuple[str, str]] = Counter()
        self.firing: dict[str, list[str]] = {}
        """The severities that fired in the last notification on an incident."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                works = hook.works
                if works:
                    hook.notify(body)
                else:
                    hook.refused += 1
                self.send_response(200 if works else 500)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def notify(self, body: dict[str, object]) -> None:
        alerts = body["alerts"]
        assert isinstance(alerts, list)
        incident = alerts[0]["labels"]["incident"]
        self.firing[incident] = [
            alert["labels"]["severity"] for alert in alerts if alert["status"] == "firing"
        ]
        self.notified[incident, str(body["status"])] += 1

    def count(self, status: str) -> int:
        """Incidents of which it was notified so."""
        return sum(1 for _, of in self.notified if of == status)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


class Alertmanager:
    """May be stopped and started again; keeps what it remembers in ``folder``."""

    def __init__(self, folder: Path, hook: Webhook) -> None:
        self._program = program()
        self._folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{taken.getsockname()[1]}"
        self.url = f"http://{self._address}"
        self._config = folder / "alertmanager.yml"
        self._config.write_text(CONFIG.format(url=hook.url))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._config}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address={self._address}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        until(self._ready, "Alertmanager is ready")

    def stop(self) -> None:
        """End it in order, so that it writes down whom it has notified."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)
            self._process = None

    def answered(self) -> float:
        """How many notifications its receivers have answered; it notes them right after."""
        text = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False).text
        name = 'alertmanager_notification_latency_seconds_count{integration="webhook"} '
        return sum(float(line.removeprefix(name)) for line in text.splitlines() if name in line)

    def firing(self) -> set[str]:
        """Incidents of the alerts that are active in it."""
        alerts = httpx.get(f"{self.url}/api/v2/alerts", timeout=10, trust_env=False).json()
        return {alert["labels"]["incident"] for alert in alerts}

    def _ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200
