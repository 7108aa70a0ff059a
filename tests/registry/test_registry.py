"""Versions come in whole, become the champion only when they work, and are taken back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from models.card import CARD, WEIGHTS, VersionError
from pipeline.doctor.command import _version
from pipeline.registry import folders
from pipeline.registry.registry import (
    IsChampion,
    NoFolder,
    NothingBefore,
    Registry,
    UnknownVersion,
    course,
    folder_for,
    open_registry,
)
from pipeline.registry.settings import RegistrySettings
from pipeline.settings import DatabaseSettings, SecretUrl, Settings
from pipeline.store import events, versions
from pipeline.store.database import Database, StoreError
from pipeline.store.events import NewEvent
from pipeline.store.versions import NewPromotion, Promotion
from tests.fakes import MONDAY
from tests.registry.made import loader

MINUTE = timedelta(minutes=1)
Made = tuple[Path, Path]


def ids(registry: Registry, made: Made) -> list[str]:
    """Both versions, registered."""
    return [registry.register(folder, by="ann", now=MONDAY).id for folder in made]


def promote(registry: Registry, version: str, minute: int = 0) -> Promotion:
    return registry.promote(version, actor="ann", reason="better", now=MONDAY + minute * MINUTE)


def rollback(registry: Registry, minute: int = 0) -> Promotion:
    return registry.rollback(actor="bob", reason="worse", now=MONDAY + minute * MINUTE)


def spoil(db: Database, version: str, content: bytes) -> None:
    """Other weights in the database than those that were verified."""
    from pipeline.store.tables import version_file

    with db.write() as connection:
        changed = version_file.update().where(version_file.c.id == version)
        connection.execute(changed.values(weights=content))


def test_registered_version_is_whole_in_the_folder_and_in_the_database(
    db: Database, registry: Registry, made: Made, encoder: Path
) -> None:
    report = {"topic": {"macro_f1": 0.5}}
    found = registry.register(made[0], by="ann", now=MONDAY, report=report)
    card = json.loads((made[0] / CARD).read_text())
    assert (found.id, found.made_by, found.made_at) == (card["id"], "ann", MONDAY)
    assert (found.card, found.report, found.parent) == (card, report, None)
    assert loader(encoder)(found.folder) is not None
    assert versions.files(db, found.id) == folders.read(made[0])
    assert versions.listed(db) == [found]


def test_registering_again_gives_what_is_there(
    db: Database, registry: Registry, made: Made
) -> None:
    first = registry.register(made[0], by="ann", now=MONDAY)
    assert registry.register(made[0], by="bob", now=MONDAY + MINUTE) == first
    assert versions.listed(db) == [first]


def test_version_that_computes_something_else_is_not_registered(
    db: Database, registry: Registry, made: Made, tmp_path: Path
) -> None:
    shutil.copytree(made[0], tmp_path / "bad")
    shutil.copyfile(made[1] / WEIGHTS, tmp_path / "bad" / WEIGHTS)
    with pytest.raises(VersionError, match="checksum"):
        registry.register(tmp_path / "bad", by="ann", now=MONDAY)
    assert versions.listed(db) == []
    assert not (tmp_path / "versions").exists()


def test_without_a_promotion_the_version_that_ships_is_the_champion(
    db: Database, registry: Registry, made: Made
) -> None:
    ids(registry, made)
    assert versions.champion(db) is None
    assert registry.champion_folder() is None


def test_promotion_says_who_when_why_and_what_before(
    db: Database, registry: Registry, made: Made, encoder: Path
) -> None:
    one, two = ids(registry, made)
    promote(registry, one)
    offsets = {"topic": {"Energy": {"share": 0.1, "count": 0.9}}}
    done = registry.promote(
        two[:6], actor="bob", reason="F1", now=MONDAY + MINUTE, offsets=offsets
    )
    assert done == versions.champion(db) == versions.history(db)[-1]
    assert (done.version, done.previous, done.kind) == (two, one, "promote")
    assert (done.actor, done.reason, done.at) == ("bob", "F1", MONDAY + MINUTE)
    folder = registry.champion_folder()
    assert folder is not None
    assert loader(encoder)(folder) is not None
    told = [event.value for event in events.read(db, "version")]
    assert told == [
        {"from": folders.shipped_id(), "to": one, "offsets": {}},
        {"from": one, "to": two, "offsets": offsets},
    ]


def test_the_champion_cannot_be_promoted_again(registry: Registry, made: Made) -> None:
    one, _ = ids(registry, made)
    with pytest.raises(IsChampion):
        promote(registry, folders.shipped_id())
    promote(registry, one)
    with pytest.raises(IsChampion):
        promote(registry, one)


def test_rollback_goes_back_step_by_step_to_the_version_that_shipped(
    db: Database, registry: Registry, made: Made
) -> None:
    one, two = ids(registry, made)
    promote(registry, one, 0)
    promote(registry, two, 1)
    assert rollback(registry, 2).version == one
    assert rollback(registry, 3).version == folders.shipped_id()
    with pytest.raises(NothingBefore):
        rollback(registry, 4)
    promote(registry, two, 5)
    assert rollback(registry, 6).version == folders.shipped_id()
    kinds = [promotion.kind for promotion in versions.history(db)]
    assert kinds == ["promote", "promote", "rollback", "rollback", "promote", "rollback"]


def test_nothing_was_promoted_so_there_is_nothing_to_go_back_to(registry: Registry) -> None:
    with pytest.raises(NothingBefore):
        rollback(registry)


@pytest.mark.parametrize("backwards", [False, True])
def test_version_that_does_not_work_moves_no_pointer(
    db: Database, registry: Registry, made: Made, *, backwards: bool
) -> None:
    one, two = ids(registry, made)
    promote(registry, one)
    if backwards:
        promote(registry, two)
    spoil(db, one if backwards else two, b"not those")
    before, told = versions.history(db), events.read(db, "version")
    with pytest.raises(VersionError, match="checksum"):
        rollback(registry) if backwards else promote(registry, two)
    assert (versions.history(db), events.read(db, "version")) == (before, told)


def test_a_folder_that_was_damaged_or_lost_is_written_again(
    registry: Registry, made: Made, encoder: Path
) -> None:
    one, two = ids(registry, made)
    shutil.rmtree(registry.folder_of(one))
    (registry.folder_of(two) / WEIGHTS).write_bytes(b"cut o")
    for version in (one, two):
        promote(registry, version)
        loaded = loader(encoder)(registry.folder_of(version))
        assert loaded is not None
        assert loaded.card.id == version


def test_a_machine_with_an_empty_folder_takes_the_files_from_the_database(
    db: Database, registry: Registry, made: Made, encoder: Path, tmp_path: Path
) -> None:
    promote(registry, ids(registry, made)[0])
    folder = Registry(db, tmp_path / "elsewhere").champion_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "elsewhere"
    assert folders.read(folder) == folders.read(made[0])


def test_folder_that_cannot_be_written_is_told_with_what_to_do(
    db: Database, registry: Registry, made: Made, tmp_path: Path
) -> None:
    promote(registry, ids(registry, made)[0])
    (tmp_path / "file").write_text("in the way")
    elsewhere = Registry(db, tmp_path / "file")
    with pytest.raises(NoFolder, match=r"set \[registry\] folder"):
        elsewhere.champion_folder()


def test_versions_are_found_by_their_beginning_and_by_what_stands_on_rows(
    db: Database, registry: Registry, made: Made
) -> None:
    one, _ = ids(registry, made)
    assert registry.one(one[:7]).id == registry.one(f"{one}+abcd").id == one
    for unknown in ("", "zz", "%"):
        with pytest.raises(UnknownVersion, match="models list"):
            registry.one(unknown)


def test_beginning_of_several_versions_names_none(db: Database, registry: Registry) -> None:
    for number in "12":
        new = versions.Registered(f"ab{number}", Path("x"), MONDAY, "ann", None, {})
        versions.register(db, new, versions.Files(b"", b""))
    with pytest.raises(UnknownVersion, match="several versions: ab1, ab2"):
        registry.one("ab")


def test_at_tells_the_champion_of_any_time(db: Database, registry: Registry, made: Made) -> None:
    one, two = ids(registry, made)
    promote(registry, one, 10)
    promote(registry, two, 20)
    found = [versions.at(db, MONDAY + minute * MINUTE) for minute in (9, 10, 19, 20, 99)]
    assert [each and each.version for each in found] == [None, one, one, two, two]


def test_promotion_that_was_decided_on_another_champion_is_refused(
    db: Database, registry: Registry, made: Made
) -> None:
    one, two = ids(registry, made)
    promote(registry, one)
    new = NewPromotion(MONDAY, two, folders.shipped_id(), "promote", "ann", "late")
    with pytest.raises(StoreError, match="changed meanwhile"):
        versions.move(db, new, NewEvent(MONDAY, "version", "ann", {}), after=None)
    assert [each.version for each in versions.history(db)] == [one]
    assert len(events.read(db, "version")) == 1


def test_course_of_a_promotion_whose_predecessor_nobody_knows() -> None:
    only = Promotion(1, MONDAY, "a", None, "promote", "ann", "")
    assert course([only]) == ["a"]
    assert course([]) == []


def test_folder_lies_beside_the_sqlite_file_unless_it_is_set(
    opened: Callable[[], Database], tmp_path: Path
) -> None:
    db = opened()
    beside = Path("var") if db.file is None else db.file.parent
    assert folder_for(Settings(), db) == beside / "versions"
    given = Settings(registry=RegistrySettings(folder=tmp_path))
    assert open_registry(given, db)._folder == tmp_path
    db.close()


def test_the_doctor_looks_at_the_champion_and_changes_nothing(
    db: Database, registry: Registry, made: Made, tmp_path: Path
) -> None:
    url = db.engine.url.render_as_string(hide_password=False)
    given = Settings(database=DatabaseSettings(url=SecretUrl(url)))
    assert [one.state for one in _version(given)] == ["ok"]
    promote(registry, ids(registry, made)[0])
    before = versions.history(db)
    (found,) = _version(given)
    # It was tuned on another encoder than the one that is installed.
    assert (found.state, "tuned on" in found.said) == ("fail", True)
    assert "models rollback" in (found.mend or "")
    assert versions.history(db) == before
    nowhere = Settings(database=DatabaseSettings(url=SecretUrl(f"sqlite:///{tmp_path}/no.db")))
    assert [one.state for one in _version(nowhere)] == ["ok"]
    assert not (tmp_path / "no.db").exists()
