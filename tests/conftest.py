"""The databases that the tests run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.store.database import Database, open_database
from tests.integration import postgres

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Postgres | postgres.Running]:
    """One server for all tests; each asks it for databases of its own."""
    with postgres.server() as server:
        yield server


@pytest.fixture(scope="module", params=BACKENDS)
def new_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Makes URLs of empty databases; tests that ask for it run once per kind of database."""
    if request.param == "sqlite":

        def in_file() -> str:
            folder: Path = tmp_path_factory.mktemp("database")
            return f"sqlite:///{folder}/test.db"

        return in_file
    server: postgres.Postgres | postgres.Running = request.getfixturevalue("postgresql")
    return server.fresh


@pytest.fixture(scope="module")
def opened(new_url: Callable[[], str]) -> Callable[[], Database]:
    """Opens empty databases; who opens one closes it."""
    return lambda: open_database(new_url())


@pytest.fixture
def db(opened: Callable[[], Database]) -> Iterator[Database]:
    """An empty database."""
    found = opened()
    yield found
    found.close()
