"""Going back to the champion before needs no torch, and is refused where it must be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save
from typer.testing import CliRunner

from models import card
from pipeline.cli import app
from pipeline.registry import folders
from pipeline.registry.registry import Registry
from pipeline.store import versions
from pipeline.store.database import Database, open_database
from tests.fakes import MONDAY
from tests.registry.test_registry import spoil

HEAVY = ("torch", "transformers")

RUN = """
import json, sys
from pipeline.cli import app

for command in json.loads(sys.argv[1]):
    try:
        app(command, standalone_mode=False)
    except SystemExit as ended:
        assert not ended.code, (command, ended.code)
heavy = [name for name in ("torch", "transformers") if name in sys.modules]
sys.stderr.write(json.dumps(heavy))
"""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/test.db")
    yield found
    found.close()


@pytest.fixture
def later(db: Database, tmp_path: Path) -> str:
    """The champion: as the version that ships but for its card, so there is one to go back to."""
    ships = card.read_card(folders.SHIPPED)
    weights = card.read_weights(folders.SHIPPED, ships)
    recipe = ships.recipe | {"start": ships.id}
    written = card.write(tmp_path / "later", replace(ships, recipe=recipe), weights)
    registry = Registry(db, tmp_path / "versions", lambda folder: folder)
    registry.register(tmp_path / "later", by="ann", now=MONDAY)
    registry.promote(written.id, actor="ann", reason="better", now=MONDAY)
    return written.id


def champion(db: Database) -> str | None:
    found = versions.champion(db)
    return None if found is None else found.version


def test_versions_are_shown_and_taken_back_without_importing_torch(
    db: Database, later: str
) -> None:
    url = ["--db", str(db.engine.url)]
    commands = [
        ["--help"],
        ["models", "list", *url],
        ["models", "show", later, *url],
        ["models", "history", *url],
        ["models", "at", "12h", *url],
        ["labels", "stats", *url],
        ["stats", *url],
        ["models", "rollback", "--reason", "worse", *url],
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr) == []
    assert champion(db) == folders.shipped_id()


def flipped(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]


def not_a_number(content: bytes) -> bytes:
    weights = {name: value.copy() for name, value in load(content).items()}
    weights["prompt_keys"][0, 0, 0, 0] = np.nan
    return save(weights)


@pytest.mark.parametrize("damage", [flipped, not_a_number, lambda content: content[:-4]])
def test_version_that_was_damaged_is_not_gone_back_to(
    db: Database, later: str, damage: object
) -> None:
    assert callable(damage)
    ships = folders.shipped_id()
    spoil(db, ships, damage(folders.read(folders.SHIPPED).weights))
    done = CliRunner().invoke(
        app, ["models", "rollback", "--reason", "worse", "--db", str(db.engine.url)]
    )
    assert done.exit_code == 2
    assert "does not fit the checksum" in done.stderr
    assert champion(db) == later


def test_version_of_other_topics_is_not_gone_back_to(
    db: Database, later: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(card.__file__).with_name("topics.yaml")).read_text()
    topics = tmp_path / "topics.yaml"
    topics.write_text(text.replace("Energy | Oil", "Energy"))
    monkeypatch.setenv("BEARWATCH_MODEL__TOPICS", str(topics))
    done = CliRunner().invoke(
        app, ["models", "rollback", "--reason", "worse", "--db", str(db.engine.url)]
    )
    assert done.exit_code == 2
    assert "which the label file lacks" in done.stderr
    assert champion(db) == later
