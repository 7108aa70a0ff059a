"""Registers and promotes a version, killed at every step: ``python -m tests.registry.killed_steps
FOLDER``. FOLDER has a version; prints as JSON what each kill left behind.

A step is a file that is opened for writing or renamed, or a statement of the database, its BEGIN
and COMMIT included. A child that ends itself with SIGKILL before step N is what ``kill -9`` there
leaves. Children are forks, since loading torch takes longer than all they do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from models.card import CARD, WEIGHTS, VersionError, read_card, read_weights
from pipeline.registry.registry import Registry
from pipeline.store import events, versions
from pipeline.store.database import Database, connect, open_database
from tests.fakes import MONDAY

WRITES = os.O_WRONLY | os.O_RDWR


def main(folder: Path) -> None:
    open_database(f"sqlite:///{folder}/empty.db").close()
    found: list[dict[str, object]] = []
    while True:
        home = folder / str(len(found))
        home.mkdir()
        shutil.copyfile(folder / "empty.db", home / "test.db")
        if (child := os.fork()) == 0:
            work(home, folder / "version", kill_before=len(found) + 1)
        _, status = os.waitpid(child, 0)
        found.append({"status": status} | left(home, folder / "version"))
        if not os.WIFSIGNALED(status):
            break
    sys.stdout.write(json.dumps(found) + "\n")


def load(folder: Path) -> None:
    """Refuse what is not whole, by the checksums; what it computes is a matter of its bytes."""
    read_weights(folder, read_card(folder))


def work(home: Path, version: Path, *, kill_before: int) -> None:
    db = connect(f"sqlite:///{home}/test.db")
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        count += 1
        if count == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        opens = name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if (opens or name == "os.rename") and str(home) in str(arguments[0]):
            if Path(str(arguments[0])).name in (CARD, WEIGHTS):
                os._exit(3)  # not under its own name: it could be cut off in the middle
            step()

    for name in ("begin", "before_cursor_execute", "commit"):
        event.listen(db.engine, name, step)
    sys.addaudithook(hook)
    registry = Registry(db, home / "versions", load)
    found = registry.register(version, by="ann", now=MONDAY)
    registry.promote(found.id, actor="ann", reason="better", now=MONDAY)
    os._exit(0)


def left(home: Path, version: Path) -> dict[str, object]:
    """What another program finds, and whether it can do the same again."""
    db = connect(f"sqlite:///{home}/test.db")
    registry = Registry(db, home / "versions", load)
    try:
        folder = as_left(home / "versions")
        before = state(db, registry)
        found = registry.register(version, by="ann", now=MONDAY)
        if before["champion"] is None:
            registry.promote(found.id, actor="ann", reason="again", now=MONDAY)
        return {"folder": folder, "before": before, "after": state(db, registry)}
    finally:
        db.close()


def as_left(root: Path) -> list[str]:
    """What loading says of each folder as the kill left it, without the database's help."""
    said = []
    for folder in sorted(root.glob("*")):
        try:
            load(folder)
            said.append("whole")
        except VersionError as error:
            card = ", with a card" if (folder / CARD).exists() else ""
            said.append(f"{error.reason}{card}")
    return said


def state(db: Database, registry: Registry) -> dict[str, object]:
    champion = versions.champion(db)
    folder = registry.champion_folder()
    if folder is not None:
        load(folder)
    for one in versions.listed(db):  # whole, or an exception ends this
        load(registry.folder_of(one.id))
    return {
        "registered": [one.id for one in versions.listed(db)],
        "champion": None if champion is None else champion.version,
        "promotions": len(versions.history(db)),
        "events": len(events.read(db, "version")),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
