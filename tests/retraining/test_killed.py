"""kill -9 in the middle of a retraining: the champion loads, and the next run ends the work."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from models.card import CARD, WEIGHTS
from models.checkpoint import CHECKPOINT
from pipeline.process import now
from pipeline.retraining import job
from pipeline.retraining.parts import Parts
from pipeline.retraining.run import Ended, retrain
from pipeline.store import retraining as store
from pipeline.store import versions
from pipeline.store.database import open_database
from pipeline.store.retraining import Busy
from tests.fakes import ManualClock
from tests.retraining.killed import LEASE_S
from tests.retraining.made import NEW, World, label, texts

PATIENCE_S = 240.0

pytestmark = pytest.mark.timeout(600)  # programs that train, on a machine that may be busy


@pytest.fixture
def parts(world: World, tmp_path: Path) -> Iterator[Parts]:
    """A world of its own with labels that wait; its clock is far enough ahead of the dead."""
    folder = tmp_path / "world"
    shutil.copytree(world.folder, folder)
    db = open_database(f"sqlite:///{folder}/test.db")
    clock = ManualClock(now() + timedelta(minutes=5))
    found = World(folder).parts(db, folder, clock)
    registered = found.registry.register(folder / "champion", by="test", now=clock())
    found.registry.promote(registered.id, actor="test", reason="a first one", now=clock())
    label(db, texts([NEW], 150, 3))
    yield found
    db.close()


def killed(world: Path, point: str) -> None:
    """A process that retrains there, and kills itself at ``point``."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.retraining.killed", str(world), point],
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def go_on(parts: Parts) -> Ended:
    return retrain(parts, "hand", stop=Event(), heard=lambda _: None, least=20)


def whole(world: Path, parts: Parts) -> str:
    """Verify the champion as a worker does; its id."""
    folder = parts.registry.champion_folder()
    assert folder is not None
    return World(world).loads(folder).id


def test_killed_in_training_it_goes_on_where_it_was(parts: Parts, world: World) -> None:
    folder = parts.settings.retraining.folder.parent
    killed(folder, "training")
    assert whole(folder, parts) == world.card.id
    (work,) = parts.settings.retraining.folder.iterdir()
    assert (work / job.VERSION / CHECKPOINT).exists()
    # As if it had also been killed while it wrote the version: weights without a card.
    (work / job.VERSION / WEIGHTS).write_bytes(b"half of it")
    (work / job.VERSION / f"{CARD}.part").write_text('{"id": "ha')
    steps: list[int] = []
    told = retrain(
        parts,
        "hand",
        stop=Event(),
        heard=lambda fact: steps.append(int(str(fact.get("epoch", 0)))),
        least=20,
    )
    assert told.outcome == "promoted", told.decision["reasons"]
    assert min(step for step in steps if step) > 1  # not from the beginning
    assert whole(folder, parts) == told.candidate
    dead, finished = reversed(store.history(parts.db, limit=5))
    assert (dead.state, finished.state) == ("failed", "promoted")
    assert dead.decision == {"reasons": ["its process ended before it was done"]}


@pytest.mark.parametrize("point", ["before registering", "registered"])
def test_killed_before_the_promotion_the_next_run_promotes_the_same(
    parts: Parts, world: World, point: str
) -> None:
    folder = parts.settings.retraining.folder.parent
    killed(folder, point)
    assert whole(folder, parts) == world.card.id
    made = [one.id for one in versions.listed(parts.db) if one.parent == world.card.id]
    assert len(made) == (point == "registered")
    steps: list[object] = []
    ended = retrain(
        parts, "hand", stop=Event(), heard=lambda fact: steps.append(fact.get("step")), least=20
    )
    assert ended.outcome == "promoted", ended.decision["reasons"]
    assert set(steps) == {None}  # the version was there: nothing was trained again
    assert whole(folder, parts) == ended.candidate
    if made:
        assert ended.candidate == made[0]


def test_killed_after_the_promotion_it_stays_and_nothing_is_trained_again(
    parts: Parts, world: World
) -> None:
    folder = parts.settings.retraining.folder.parent
    killed(folder, "promoted")
    champion = whole(folder, parts)
    assert champion != world.card.id
    assert go_on(parts).outcome == "nothing"
    dead = store.history(parts.db, limit=5)[-1]
    assert (dead.state, dead.candidate) == ("promoted", champion)
    assert dead.decision is not None
    assert dead.decision["promote"]
    assert whole(folder, parts) == champion
    assert len(versions.history(parts.db)) == 2


def test_a_lease_that_has_not_expired_keeps_others_away(parts: Parts) -> None:
    assert isinstance(parts.clock, ManualClock)
    store.begin(
        parts.db,
        trigger="hand",
        labels_to=0,
        champion=None,
        holder="another",
        now=parts.clock(),
        until=parts.clock() + timedelta(seconds=LEASE_S),
    )
    with pytest.raises(Busy):
        go_on(parts)
    parts.clock.move(timedelta(seconds=LEASE_S))
    assert go_on(parts).outcome == "promoted"
    assert [one.state for one in store.history(parts.db, limit=5)] == ["promoted", "failed"]
