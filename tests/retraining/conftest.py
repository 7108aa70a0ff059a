"""What the tests of retraining share: a small world, made once, and its champion in a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pipeline.retraining.parts import Parts
from pipeline.store.database import Database, open_database
from tests.fakes import MONDAY, ManualClock
from tests.retraining.made import World


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    torch.set_num_threads(1)
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """An SQLite database."""
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    yield db
    db.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def make(world: World, file: Database, tmp_path: Path, clock: ManualClock) -> Callable[..., Parts]:
    """Parts in a database whose champion is the world's; arguments are settings."""

    def made(**changes: object) -> Parts:
        parts = world.parts(file, tmp_path, clock, **changes)
        registered = parts.registry.register(world.champion, by="test", now=clock())
        parts.registry.promote(registered.id, actor="test", reason="a first one", now=clock())
        return parts

    return made
