"""The registry: versions come in verified, and none becomes the champion that does not work here.

A version is under 1 MB, so its files are rows of the database, and the registry's folder is a
cache of them: a worker on any machine fills its own. Nothing has to be shared but the database,
and a folder that was lost or damaged is written again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from models import inspection, taxonomy
from models.card import read_card, read_weights
from pipeline.registry import folders
from pipeline.settings import Settings
from pipeline.store import versions
from pipeline.store.database import Database
from pipeline.store.events import NewEvent
from pipeline.store.versions import Files, Move, NewPromotion, Promotion, Registered

MOST_BYTES: Final = 32 * 2**20
"""Of one version. What is larger holds more than a prompt and two heads."""

Verify = Callable[[Path], object]
"""Check the version of a folder, as a rule by what it computes; raises ``VersionError``."""


class RegistryError(Exception):
    """What was asked for cannot be done; nothing was changed. ``reason`` is a closed set."""

    reason: ClassVar[str] = "unknown"


class UnknownVersion(RegistryError):
    """No registered version, or more than one, has this id."""

    reason = "unknown_version"


class IsChampion(RegistryError):
    """It is the champion already."""

    reason = "is_champion"


class NothingBefore(RegistryError):
    """There was no champion before this one."""

    reason = "nothing_before"


class TooLarge(RegistryError):
    """Larger than a version can be."""

    reason = "too_large"


class NoFolder(RegistryError):
    """The registry's folder cannot be written."""

    reason = "no_folder"


class Registry:
    """The versions of one database. May be used from any thread and by any number of programs.

    ``verify`` is what decides whether a version works here; the default loads it and compares
    what it computes with the golden outputs on its card. ``inspect`` is what a rollback asks for,
    when there is no time to load torch: the default looks at the files alone, unless ``verify``
    is given. A version that was champion has computed what it should, and a worker compares again
    before it swaps.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        verify: Verify | None = None,
        inspect: Verify | None = None,
    ) -> None:
        self._db = db
        self._folder = folder
        self._verify = verify or _loads
        self._inspect = inspect or verify or _looks

    def register(
        self, folder: Path, *, by: str, now: datetime, report: Mapping[str, Any] | None = None
    ) -> Registered:
        """Verify the version in ``folder``, write it into the registry's folder, then its row.

        Registering it again gives what is there.

        Raises:
            VersionError: it is not whole, or does not compute what its card says.
            TooLarge: it is larger than a version can be.
        """
        self._verify(folder)
        files = folders.read(folder)
        if (size := len(files.card) + len(files.weights)) > MOST_BYTES:
            raise TooLarge(f"{folder} has {size:,} bytes, a version at most {MOST_BYTES:,}")
        card = read_card(folder)
        home = self._place(card.id, files)
        # Again, of what was read: the files may have changed since they were verified.
        read_weights(home, read_card(home))
        content: dict[str, Any] = json.loads(files.card)
        parent = content["recipe"].get("start")
        found = Registered(
            card.id,
            home.absolute(),
            now,
            by,
            parent,
            content,
            None if report is None else dict(report),
        )
        versions.register(self._db, found, files)
        (stored,) = versions.find(self._db, card.id)
        return stored

    def promote(
        self,
        id: str,
        *,
        actor: str,
        reason: str,
        now: datetime,
        offsets: Mapping[str, Any] | None = None,
    ) -> Promotion:
        """Make a registered version the champion, after it was verified here.

        ``id`` may be its beginning. ``offsets`` say per key how the shares and counts of recent
        news differ between the two versions; they are kept in the event.

        Raises:
            UnknownVersion, IsChampion: nothing to do.
            VersionError: it does not work; the champion stays.
            StoreError: another promotion came between.
        """
        before = versions.champion(self._db)
        self._register_shipped(now)
        found = self.one(id)
        if found.id == _id_of(before):
            raise IsChampion(f"{found.id} is the champion already")
        self._verify(self.folder_of(found.id))
        return self._move("promote", found.id, before, actor, reason, now, offsets)

    def rollback(self, *, actor: str, reason: str, now: datetime) -> Promotion:
        """Go back to the champion before this one, after its files were inspected. Again: further.

        Raises:
            NothingBefore: this is the first one.
            VersionError: the one before is not whole, or not of this encoder and these topics;
                the champion stays.
            StoreError: another promotion came between.
        """
        history = versions.history(self._db)
        way = course(history)
        if len(way) < 2:
            raise NothingBefore("there is no champion before this one to go back to")
        self._inspect(self.folder_of(way[-2]))
        return self._move("rollback", way[-2], history[-1], actor, reason, now, None)

    def one(self, id: str) -> Registered:
        """The version with this id, or the only one whose id begins so.

        Raises:
            UnknownVersion: there is none, or more than one.
        """
        found = versions.find(self._db, id)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UnknownVersion(
                f"no version {id!r} is registered; `bearwatch models list` shows those that are, "
                "`bearwatch models register DIR` adds one"
            )
        names = ", ".join(one.id for one in found[:5])
        raise UnknownVersion(f"{id!r} is the beginning of several versions: {names}")

    def folder_of(self, id: str) -> Path:
        """The folder of a registered version on this machine, written if it is not there.

        Raises:
            UnknownVersion: it was never registered.
            NoFolder: its files cannot be written here.
        """
        files = versions.files(self._db, id)
        if files is None:
            raise UnknownVersion(f"the database does not have the files of version {id!r}")
        return self._place(id, files)

    def champion_folder(self) -> Path | None:
        """The champion's folder on this machine; None: the version that ships.

        Raises:
            UnknownVersion: the champion was never registered.
        """
        found = versions.champion(self._db)
        return None if found is None else self.folder_of(found.version)

    def _place(self, version: str, files: Files) -> Path:
        try:
            return folders.place(self._folder, version, files)
        except OSError as error:
            raise NoFolder(
                f"versions cannot be written to {self._folder}: {error.strerror}; set [registry] "
                "folder to one that can"
            ) from error

    def _register_shipped(self, now: datetime) -> None:
        """So that it can be gone back to, also after an update ships another one."""
        if not versions.find(self._db, folders.shipped_id()):
            self.register(folders.SHIPPED, by="bearwatch", now=now)

    def _move(
        self,
        kind: Move,
        to: str,
        before: Promotion | None,
        actor: str,
        reason: str,
        now: datetime,
        offsets: Mapping[str, Any] | None,
    ) -> Promotion:
        since = _id_of(before)
        new = NewPromotion(now, to, since, kind, actor, reason)
        value = {"from": since, "to": to, "offsets": dict(offsets or {})}
        after = None if before is None else before.seq
        return versions.move(self._db, new, NewEvent(now, "version", actor, value), after=after)


def course(history: Sequence[Promotion]) -> list[str]:
    """The champions that led to the present one, which is the last: a rollback takes one away."""
    way: list[str] = []
    for one in history:
        if not way and one.previous is not None:
            way.append(one.previous)
        if one.kind == "promote":
            way.append(one.version)
        elif len(way) > 1:
            way.pop()
    return way


def open_registry(settings: Settings, db: Database, verify: Verify | None = None) -> Registry:
    """The registry of a database, with the folder that the settings name or imply."""
    loads = partial(_loads, topics=settings.model.topics)
    looks = partial(_looks, topics=settings.model.topics)
    return Registry(db, folder_for(settings, db), verify or loads, looks)


def folder_for(settings: Settings, db: Database) -> Path:
    """The settings' folder; else beside the SQLite file, or below the working folder."""
    if settings.registry.folder is not None:
        return settings.registry.folder
    return Path("var/versions") if db.file is None else db.file.parent / "versions"


def _id_of(champion: Promotion | None) -> str:
    return folders.shipped_id() if champion is None else champion.version


def _loads(folder: Path, topics: Path | None = None) -> object:
    from models import versions as loading  # it brings torch

    # Not in bf16: golden outputs are compared in float32, and nothing here is kept.
    return loading.load(folder, precision="fp32", labels=taxonomy.load(topics))


def _looks(folder: Path, topics: Path | None = None) -> object:
    return inspection.inspect(folder, labels=taxonomy.load(topics))
