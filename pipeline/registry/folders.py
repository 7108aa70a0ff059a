"""The folders of versions: written so that a half-written one is never taken for a whole one."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

import models
from pipeline.store import versions
from pipeline.store.database import Database
from pipeline.store.versions import Files

CARD: Final = "card.json"
WEIGHTS: Final = "weights.safetensors"
SHIPPED: Final = Path(models.__file__).parent / "shipped"
"""The version that classifies as long as none was promoted."""


def shipped_id() -> str:
    """The id on the shipped version's card."""
    return str(json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))["id"])


def tuned_topics(db: Database) -> frozenset[str]:
    """The topics that the champion was tuned on; others it knows by their sentences."""
    champion = versions.champion(db)
    found = [] if champion is None else versions.find(db, champion.version)
    card = found[0].card if found else json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    return frozenset(card["topics"])


def read(folder: Path) -> Files:
    """A version's files as they are; whether they fit each other is for verification to say."""
    return Files((folder / CARD).read_bytes(), (folder / WEIGHTS).read_bytes())


def place(root: Path, version: str, files: Files) -> Path:
    """The version's folder below ``root``; a file that is missing or differs is written again.

    Weights first, the card last, each by rename. Wherever that is cut off, the folder has no card
    or one whose checksum does not fit, and :func:`models.versions.load` refuses it. Any number of
    processes may do it at once: they write the same.
    """
    folder = root / version
    for name, content in ((WEIGHTS, files.weights), (CARD, files.card)):
        if not _holds(folder / name, content):
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / name, content)
    return folder


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _write(path: Path, content: bytes) -> None:
    """Write through to the disk under another name, then rename."""
    part = path.with_name(f"{path.name}.part-{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
