"""A PostgreSQL of the tests' own: made in a temporary folder, ended with the session.

``BEARWATCH_TEST_POSTGRES`` names a running one instead: a URL whose user may create databases.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from psycopg import sql

FOLDERS = Path("/usr/lib/postgresql")
"""Where Debian puts each version's programs; initdb is not on the path there."""

USER = "postgres"
"""PostgreSQL refuses to run as root: then it runs as Debian's user of this name."""

PATIENCE_S = 30
HELP = (
    "no PostgreSQL: install Debian's package postgresql, or name a running one in "
    "BEARWATCH_TEST_POSTGRES (postgresql://USER:PASSWORD@HOST/NAME; the user may create databases)"
)


class Postgres:
    """A server of our own in ``folder``; fsync is off, as nobody pulls the plug on a test."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._made = 0
        self.port = _free_port()

    @property
    def url(self) -> str:
        """The database that is always there."""
        return f"postgresql://bearwatch@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def create(self) -> None:
        self._run(
            "initdb",
            "--username=bearwatch",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )

    def start(self) -> None:
        options = (
            f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off "
            "-c max_connections=60 -c shared_buffers=32MB"
        )
        log = self._folder / "log"
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={options}")

    def stop(self, how: Literal["immediate", "fast"] = "immediate") -> None:
        """End it; ``immediate`` is what kill -9 of the whole server would do."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={how}")

    def fresh(self) -> str:
        """URL of a new, empty database."""
        self._made += 1
        return fresh_database(self.url, f"test_{self._made}")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "--pgdata", self._data, *arguments],
            check=True,
            # The server inherits these: through pipes it would keep us waiting for their end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            user=USER if os.geteuid() == 0 else None,
            group=USER if os.geteuid() == 0 else None,
            cwd=self._folder,
        )


class Running:
    """Somebody else's server, which is not ours to stop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made = 0

    def fresh(self) -> str:
        """URL of a new, empty database; it stays when the tests have ended."""
        self._made += 1
        return fresh_database(self.url, f"bearwatch_test_{os.getpid()}_{self._made}")


def fresh_database(url: str, name: str) -> str:
    """Make the database ``name`` beside that of ``url``; returns its URL."""
    with psycopg.connect(url, autocommit=True, connect_timeout=PATIENCE_S) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{url.rpartition('/')[0]}/{name}"


@contextmanager
def server() -> Iterator[Postgres | Running]:
    """A server for as long as the context lasts; see :func:`own_server` for when there is none."""
    given = os.environ.get("BEARWATCH_TEST_POSTGRES")
    if given:
        yield Running(given)
        return
    with own_server() as mine:
        yield mine


@contextmanager
def own_server() -> Iterator[Postgres]:
    """A server that may be stopped. Without PostgreSQL the test is skipped; in CI it fails."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(HELP)
        pytest.skip(HELP)
    folder = Path(tempfile.mkdtemp(prefix="bearwatch-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    mine = Postgres(programs, folder)
    try:
        mine.create()
        mine.start()
        try:
            yield mine
        finally:
            mine.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """The newest version's folder of programs."""
    found = [path.parent for path in FOLDERS.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
