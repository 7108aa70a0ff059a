"""Prometheus' and Alertmanager's own programs, as Debian has them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def tool(name: str) -> str:
    """Where the program is; a laptop without it skips the test, CI fails it."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is missing: install Debian's package {PACKAGES[name]}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def run(name: str, *arguments: str | Path) -> str:
    """What it prints; what it complains about is the test's failure."""
    done = subprocess.run(
        [tool(name), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def running(name: str, log: Path, *arguments: str) -> Iterator[None]:
    """The program, for as long as the context; its log is in ``log``."""
    with log.open("wb") as out:
        process = subprocess.Popen([tool(name), *arguments], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)
