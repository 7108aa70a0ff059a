"""A retraining that kills its own process (SIGKILL) at a given point: what a fault is like.

``python -m tests.retraining.killed FOLDER POINT``: a :class:`World`'s folder, with the database.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from pipeline.process import now
from pipeline.registry.registry import Registry
from pipeline.retraining import process
from pipeline.retraining.run import retrain
from pipeline.store.database import open_database
from tests.retraining.made import World, in_process

LEASE_S = 2.0


def die() -> None:
    """As the kernel kills: no handler runs, nothing is flushed or let go."""
    os.kill(os.getpid(), signal.SIGKILL)


class Killing(Registry):
    """A registry whose caller dies around it."""

    point = ""

    def register(self, folder: Path, **more: Any) -> Any:
        if self.point == "before registering":
            die()
        found = super().register(folder, **more)
        if self.point == "registered":
            die()
        return found

    def promote(self, id: str, **more: Any) -> Any:
        found = super().promote(id, **more)
        if self.point == "promoted":
            die()
        return found


def main(folder: Path, point: str) -> None:
    """Retrain, and die."""
    world = World(folder)
    db = open_database(f"sqlite:///{folder}/test.db")

    parts = world.parts(db, folder, now, lease_seconds=LEASE_S)
    registry = Killing(db, folder / "versions", world.verify)
    registry.point = point

    def heard(told: Mapping[str, Any]) -> None:
        # Half of the epochs are done, and stored.
        if point == "training" and told.get("epoch", 0) > told.get("epochs", 0) / 2:
            die()

    # A process of its own takes seconds to start; in training its parent's death is another.
    train = process.run if point == "training" else in_process
    parts = replace(parts, registry=registry, train=train)
    retrain(parts, "hand", stop=Event(), heard=heard, least=20)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
