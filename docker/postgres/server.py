"""A PostgreSQL without Docker and without touching the machine's own: one server, for trials.

It needs PostgreSQL's programs (Debian's package postgresql). On the command line::

    python docker/postgres/server.py start --folder var/postgres --port 5433
    python docker/postgres/server.py stop --folder var/postgres

The first start makes a server in the folder, with a password of its own and a database; each start
prints the database's URL, which is kept in the folder, readable for its owner alone. The server
listens on this machine only, and runs on until it is stopped.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FOLDERS: Final = Path("/usr/lib/postgresql")
"""Where Debian puts each version's programs; they are not on the path there."""

USER: Final = "postgres"
"""PostgreSQL refuses to run as root: then it runs as Debian's user of this name."""

NAME: Final = "bearwatch"
PATIENCE_S: Final = 120


class ServerError(Exception):
    """The server could not be had; the message says what to do."""


def start(folder: Path, port: int) -> str:
    """Start the server, making it the first time, and wait until it answers; its URL.

    Raises:
        ServerError: no programs, a folder that the server's user cannot enter, a port in use.
    """
    data, url = folder / "data", folder / "url"
    if _running(data):
        return url.read_text("utf-8")
    if _taken(port):
        raise ServerError(f"port {port} is in use: give another one with --port")
    folder.mkdir(parents=True, exist_ok=True)
    if not (data / "PG_VERSION").exists():
        _make(folder, data, url, port)
    log = folder / "log"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    _run("pg_ctl", data, "start", "--wait", f"--log={log}", f"--options={options}")
    text = url.read_text("utf-8")
    before, _, after = text.rpartition(":")
    text = f"{before}:{port}/{after.partition('/')[2]}"
    _write(url, text)
    _create(text)
    return text


def stop(folder: Path) -> None:
    """Stop it in order; what is committed stays. Nothing happens if it does not run."""
    if _running(folder / "data"):
        _run("pg_ctl", folder / "data", "stop", "--wait", "--mode=fast")


def _make(folder: Path, data: Path, url: Path, port: int) -> None:
    password = secrets.token_hex(24)
    given = folder / "password"
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    _write(given, password)
    try:
        _run(
            "initdb",
            data,
            f"--username={NAME}",
            f"--pwfile={given}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        )
    finally:
        given.unlink()
    _write(url, f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}")


def _create(url: str) -> None:
    """The database, if it is not there yet."""
    password, _, rest = url.removeprefix(f"postgresql://{NAME}:").partition("@")
    port = rest.partition("/")[0].rpartition(":")[2]
    where = ("--host=127.0.0.1", f"--port={port}", f"--username={NAME}", "--dbname=postgres")
    asked = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", *where, "--command")
    # In the environment: the process list shows arguments to everybody.
    secret = {"PGPASSWORD": password}
    query = f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'"  # noqa: S608 - a constant
    if not _run(*asked, query, environment=secret).strip():
        _run(*asked, f"CREATE DATABASE {NAME}", environment=secret)


def _run(program: str, *words: Path | str, environment: Mapping[str, str] | None = None) -> str:
    """Run one of PostgreSQL's programs; what it says. A path first is the data folder."""
    where = ["--pgdata", str(words[0])] if words and isinstance(words[0], Path) else []
    rest = words[1:] if where else words
    serves = program == "pg_ctl"
    root = os.geteuid() == 0
    try:
        done = subprocess.run(  # noqa: S603 - no shell, no foreign words
            [_program(program), *where, *map(str, rest)],
            # A server that inherits a pipe would keep us waiting for its end.
            stdout=subprocess.DEVNULL if serves else subprocess.PIPE,
            stderr=subprocess.DEVNULL if serves else subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            user=USER if root else None,
            group=USER if root else None,
            cwd="/",
            env=dict(os.environ) | dict(environment or {}),
        )
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"{program} was not done within {PATIENCE_S} s") from error
    if done.returncode:
        said = (done.stderr or "see the file log in the folder").strip()
        hint = f"; as root it runs as {USER}, who must be able to enter the folder" if root else ""
        raise ServerError(f"{program} failed: {said}{hint}")
    return done.stdout or ""


def _program(name: str) -> Path:
    """The newest version's program of this name."""
    found = sorted(FOLDERS.glob(f"*/bin/{name}"), key=lambda path: float(path.parents[1].name))
    on_path = shutil.which(name)
    if not found and on_path is None:
        raise ServerError("no PostgreSQL: install it, e.g. Debian's package postgresql")
    return found[-1] if found else Path(str(on_path))


def _write(path: Path, text: str) -> None:
    """A file that nobody else may read, from its first moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if os.geteuid() == 0:
        shutil.chown(path, USER, USER)


def _running(data: Path) -> bool:
    if not (data / "postmaster.pid").exists():
        return False
    try:
        _run("pg_ctl", data, "status")
    except ServerError:
        return False
    return True


def _taken(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(1.0)
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Start or stop; the exit status."""
    parser = argparse.ArgumentParser(description="A PostgreSQL without Docker, for trials.")
    parser.add_argument("what", choices=("start", "stop"))
    parser.add_argument("--folder", type=Path, default=Path("var/postgres"))
    parser.add_argument("--port", type=int, default=5433, help="default: 5433")
    given = parser.parse_args(arguments)
    folder = given.folder.absolute()
    try:
        if given.what == "stop":
            stop(folder)
        else:
            sys.stdout.write(f"{start(folder, given.port)}\n")
    except (ServerError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
