"""The operator's page, followed command by command from an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from docker.kafka.broker import free_port
from tests.integration import kafka

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operator.md").read_text("utf-8")
COPIED = (
    "alerts",
    "docker",
    "ingest",
    "models",
    "pipeline",
    "pyproject.toml",
    "requirements.lock",
)
PORTS = ("9092", "5433", "9108", "9109", "9090", "9093")
MOST = 15
PATIENCE_S = 240.0


def commands() -> list[str]:
    (block,) = re.findall(
        r"<!-- bring-up: begin.*?```sh\n(.*?)```\n<!-- bring-up: end", PAGE, re.S
    )
    return [str(line) for line in block.splitlines()]


def test_bringing_it_up_takes_few_commands_of_one_line_each() -> None:
    assert 10 <= len(commands()) <= MOST
    assert not [line for line in commands() if line.endswith("\\") or not line.strip()]


def programs() -> None:
    """What the page installs first; without it the test is skipped, and fails in CI."""
    kafka.jars()
    missing = [
        name for name in ("prometheus", "prometheus-alertmanager") if not shutil.which(name)
    ]
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        missing.append("postgresql")
    if missing:
        told = f"install Debian's packages {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


def here(line: str, ports: dict[str, str]) -> str | None:
    """A command of the page as it runs in the test; None where there is nothing to run.

    The machine is prepared, what would be fetched is the code under test and what it is installed
    in, and other programs may hold the usual ports.
    """
    if line.startswith("sudo ") or line == "make install" or "/pip install " in line:
        return None
    line = line.replace("git clone ADDRESS bearwatch && ", "")
    for port, free in ports.items():
        line = re.sub(rf"\b{port}\b", free, line)
    return line


class Followed:
    """A shell that has followed the page, and what it has started."""

    def __init__(self, folder: Path) -> None:
        self.ports = {port: str(free_port()) for port in PORTS}
        self.folder = folder / "bearwatch"
        self.folder.mkdir()
        for name in COPIED:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self.folder / name)
        (self.folder / ".venv").symlink_to(Path(sys.prefix))
        config = self.folder / "docker/prometheus/prometheus.yml"
        text = config.read_text("utf-8").replace("15s", "1s")
        for port, free in self.ports.items():
            text = text.replace(f"localhost:{port}", f"localhost:{free}")
        config.write_text(text)
        own = {k: v for k, v in os.environ.items() if not k.startswith("BEARWATCH_")}
        more = {"PYTHONPATH": str(self.folder), "BEARWATCH_METRICS__PORT": self.ports["9108"]}
        self._log = (folder / "log").open("w+")
        self.shell = subprocess.Popen(
            ["bash", "-e", "-c", self._script()],
            cwd=folder,
            env=own | more | {"OMP_NUM_THREADS": "1"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _script(self) -> str:
        lines = [line for one in commands() if (line := here(one, self.ports)) is not None]
        # Whatever was started ends with the shell, also when a command fails.
        end = "trap 'kill $(jobs -p); wait' EXIT; trap exit TERM"
        return "\n".join([end, *lines, "echo FOLLOWED", "wait"])

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.shell.poll() is None, self.log()
            assert time.monotonic() < deadline, f"{what}\n{self.log()}"
            time.sleep(0.2)

    def log(self) -> str:
        logs = [Path(self._log.name), *sorted((self.folder / "var").glob("*.log"))]
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in logs)

    def said(self) -> str:
        return Path(self._log.name).read_text()

    def page(self, port: str, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, ""
        except (URLError, OSError):
            return 0, ""

    def run(self, *command: str) -> dict[str, Any]:
        url = (self.folder / "var/postgres/url").read_text()
        done = subprocess.run(
            [self.folder / ".venv/bin/bearwatch", *command, "--db", url, "--json"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder)},
            capture_output=True,
            timeout=120,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def end(self) -> None:
        server = [sys.executable, str(self.folder / "docker/postgres/server.py"), "stop"]
        try:
            self.shell.send_signal(signal.SIGTERM)
            self.shell.wait(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(self.shell.pid, signal.SIGKILL)
            self.shell.wait(timeout=10)
        finally:
            subprocess.run(server, cwd=self.folder, timeout=120, check=True)
            self._log.close()


@pytest.fixture
def followed() -> Iterator[Followed]:
    programs()
    # Not pytest's own folder: PostgreSQL, which does not run as root, must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="bearwatch-page-"))
    folder.chmod(0o755)
    found = Followed(folder)
    try:
        yield found
    finally:
        found.end()
        shutil.rmtree(folder)


def test_the_page_brings_everything_up_from_an_empty_folder(followed: Followed) -> None:
    followed.until(lambda: "FOLLOWED" in followed.said(), "the commands have not ended")
    assert " 0 fail" in followed.said()
    followed.until(lambda: followed.page("9108", "/readyz")[0] == 200, "the worker waits")
    followed.until(lambda: followed.page("9109", "/readyz")[0] == 200, "the monitor waits")
    followed.until(lambda: followed.page("9093", "/-/ready")[0] == 200, "no Alertmanager")
    followed.until(lambda: scraped(followed), "Prometheus does not scrape")
    followed.until(lambda: followed.run("stats")["articles"] == 1, "the article is not there")


def scraped(followed: Followed) -> bool:
    """Whether Prometheus reads every part of Bearwatch that runs here."""
    code, text = followed.page("9090", "/api/v1/targets")
    if code != 200:
        return False
    targets = json.loads(text)["data"]["activeTargets"]
    up = {one["labels"]["instance"] for one in targets if one["health"] == "up"}
    return {f"localhost:{followed.ports[port]}" for port in ("9108", "9109")} <= up
