"""The PostgreSQL for trials: made once, kept from others, the same after every start."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docker.kafka.broker import free_port
from docker.postgres import server
from tests.integration.postgres import HELP


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL, which does not run as root, must be able to enter.
    made = Path(tempfile.mkdtemp(prefix="bearwatch-trial-"))
    made.chmod(0o755)
    yield made / "postgres"
    server.stop(made / "postgres")
    shutil.rmtree(made)


@pytest.fixture
def _programs() -> None:
    try:
        server._program("initdb")
    except server.ServerError:
        if os.environ.get("CI"):
            pytest.fail(HELP)
        pytest.skip(HELP)


@pytest.mark.usefixtures("_programs")
def test_what_was_stored_is_there_after_a_stop_and_under_another_port(folder: Path) -> None:
    url = server.start(folder, free_port())
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.start(folder, free_port()) == url
    assert stat.S_IMODE((folder / "url").stat().st_mode) == 0o600
    assert not (folder / "password").exists()
    server.stop(folder)
    server.stop(folder)
    port = free_port()
    again = server.start(folder, port)
    assert f":{port}/" in again
    with psycopg.connect(again, connect_timeout=10) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        stranger = again.replace(again.split("@")[0], "postgresql://bearwatch:guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger, connect_timeout=10)
    with pytest.raises(server.ServerError, match="in use"):
        server.start(folder.with_name("other"), port)
    assert not folder.with_name("other").exists()


def test_errors_end_with_1_and_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(server, "FOLDERS", tmp_path)
    arguments = ["start", "--folder", str(tmp_path / "new"), "--port", str(free_port())]
    assert server.main(arguments) == 1
    assert "install it" in capsys.readouterr().err
