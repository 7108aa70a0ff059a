"""Running workers follow the champion: nothing is lost or doubled, and failures change nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from models.backbone import BackboneError
from models.card import VersionError
from models.engine import Engine, EngineSettings
from models.versions import Version
from pipeline.metrics import Metrics
from pipeline.registry import folders
from pipeline.registry.registry import NoFolder, Registry, RegistryError, UnknownVersion
from pipeline.settings import ModelSettings, Settings
from pipeline.store import tables
from pipeline.store.database import Database, connect, open_database
from pipeline.swapping import Follower, TooSlow, at_start, follow, reason_of
from pipeline.version_metrics import RELOAD_FAILURES
from pipeline.worker import Worker
from tests.fakes import MONDAY, ListSource, ManualClock, link
from tests.registry.made import LABELS, loader
from tests.registry.test_registry import ids, promote, rollback, spoil

Made = tuple[Path, Path]
SECONDS = 60.0


class Seconds:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def metrics() -> Metrics:
    topics = [label.name for label in LABELS.topics]
    return Metrics(program_version="1", topics=topics, keys=(), sinks=())


@pytest.fixture
def engine(made: Made, encoder: Path) -> Iterator[Engine]:
    """With the first of the two versions."""
    first = loader(encoder)(made[0])
    assert first is not None
    found = Engine(first, EngineSettings(max_wait_seconds=0, cache_rows=0))
    yield found
    found.close(timeout_seconds=SECONDS)


def following(
    db: Database,
    registry: Registry,
    engine: Engine,
    metrics: Metrics,
    load: Callable[[Path], Version],
    *,
    within_s: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Follower:
    return Follower(
        db, registry, engine, load, metrics, every_s=0.01, within_s=within_s, clock=clock
    )


def loads(encoder: Path) -> Callable[[Path], Version]:
    load = loader(encoder)

    def found(folder: Path) -> Version:
        version = load(folder)
        assert version is not None
        return version

    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"bearwatch_{name}", labels)
    return -1.0 if found is None else found


def test_champion_is_taken_once_and_told(
    db: Database,
    registry: Registry,
    made: Made,
    engine: Engine,
    metrics: Metrics,
    encoder: Path,
) -> None:
    one, two = ids(registry, made)
    follower = following(db, registry, engine, metrics, loads(encoder))
    assert not follower.look()
    promote(registry, one)
    assert not follower.look()  # it classifies already
    promote(registry, two)
    assert [follower.look(), follower.look()] == [True, False]
    assert engine.version == f"{two}+{LABELS.digest}"
    assert value(metrics, "model_info", version=engine.version) == 1.0
    assert value(metrics, "version_swaps_total") == 1.0
    (told,) = engine.submit(["oil rises"]).result(SECONDS)
    assert told.version == engine.version
    rollback(registry)
    assert follower.look()
    assert engine.version == f"{one}+{LABELS.digest}"
    assert value(metrics, "model_info", version=f"{two}+{LABELS.digest}") == -1.0


def test_champion_that_does_not_work_leaves_the_old_one_and_is_tried_again_later(
    db: Database,
    registry: Registry,
    made: Made,
    engine: Engine,
    metrics: Metrics,
    encoder: Path,
) -> None:
    _, two = ids(registry, made)
    old, clock = engine.version, Seconds()
    follower = following(db, registry, engine, metrics, loads(encoder), clock=clock)
    promote(registry, two)
    whole = folders.read(made[1]).weights
    spoil(db, two, b"not those")
    assert [follower.look(), follower.look()] == [False, False]
    assert engine.version == old
    assert value(metrics, "version_reload_failures_total", reason="damaged") == 1.0
    clock.at = 0.03
    assert not follower.look()
    assert value(metrics, "version_reload_failures_total", reason="damaged") == 2.0
    clock.at = 0.06  # the second rest is twice as long
    spoil(db, two, whole)
    assert not follower.look()
    clock.at = 0.08
    assert follower.look()
    assert engine.version.startswith(two)


def test_version_that_hangs_while_it_loads_is_given_up_and_no_other_is_begun_beside_it(
    db: Database,
    registry: Registry,
    made: Made,
    engine: Engine,
    metrics: Metrics,
    encoder: Path,
) -> None:
    _, two = ids(registry, made)
    promote(registry, two)
    released, clock, begun = threading.Event(), Seconds(), []

    def hang(folder: Path) -> Version:
        begun.append(folder)
        assert released.wait(SECONDS)
        return loads(encoder)(folder)

    follower = following(db, registry, engine, metrics, hang, within_s=0.05, clock=clock)
    assert not follower.look()
    assert value(metrics, "version_reload_failures_total", reason="timeout") == 1.0
    clock.at = 1000.0
    assert not follower.look()
    assert len(begun) == 1
    assert follower._hanging is not None
    released.set()
    follower._hanging.join(SECONDS)
    follower._within_s = SECONDS
    assert follower.look()
    assert len(begun) == 2


def test_database_that_is_away_is_asked_again_later(
    registry: Registry, engine: Engine, metrics: Metrics, encoder: Path
) -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    follower = following(away, registry, engine, metrics, loads(encoder))
    assert not follower.look()
    away.close()
    failures = [value(metrics, "version_reload_failures_total", reason=r) for r in RELOAD_FAILURES]
    assert failures == [0.0] * len(RELOAD_FAILURES)


def test_every_reason_has_its_own_label() -> None:
    kinds: tuple[type[VersionError | RegistryError | TooSlow], ...]
    kinds = (*VersionError.__subclasses__(), UnknownVersion, NoFolder, TooSlow)
    reasons = {kind.reason for kind in kinds}
    assert reasons <= set(RELOAD_FAILURES)
    assert reason_of(BackboneError("none")) == "no_encoder"
    assert reason_of(RuntimeError("no memory")) == "error"
    assert {reason_of(kind("x")) for kind in kinds} == reasons


def test_folder_that_was_given_is_not_followed_away_from(
    db: Database, registry: Registry, made: Made, engine: Engine, metrics: Metrics
) -> None:
    promote(registry, ids(registry, made)[1])
    pinned = Settings(model=ModelSettings(folder=made[0]))
    with ExitStack() as stack:
        follow(pinned, db, engine, metrics, stack)
        assert "versions" not in {thread.name for thread in threading.enumerate()}


def test_start_with_a_champion_that_does_not_work_here_takes_the_one_before(
    made: Made, encoder: Path, tmp_path: Path
) -> None:
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    registry = Registry(db, tmp_path / "versions", loader(encoder))
    for version in ids(registry, made):
        promote(registry, version)
    # Both were tuned on another encoder than the one that is installed.
    assert at_start(Settings(), db).card.id == folders.shipped_id()
    db.close()


def line(number: int) -> bytes:
    words = "shares fall", "oil rises", "fed warns", "profit beats", "gold sinks"
    at = MONDAY + timedelta(seconds=number)
    title = f"{words[number % 5]} {words[number % 7 % 5]} {number}"
    fields = {"source": "wire", "id": f"{number}", "title": title, "published_at": at.isoformat()}
    return json.dumps(fields).encode()


def test_running_worker_swaps_without_losing_doubling_or_holding_up_an_article(
    db: Database,
    registry: Registry,
    made: Made,
    engine: Engine,
    metrics: Metrics,
    encoder: Path,
) -> None:
    one, two = ids(registry, made)
    promote(registry, one)
    begun, go_on = threading.Event(), threading.Event()

    def slow(folder: Path) -> Version:
        begun.set()
        assert go_on.wait(SECONDS)
        return loads(encoder)(folder)

    clock = ManualClock(MONDAY + timedelta(days=1))
    source = ListSource({0: [], 1: []}, clock=clock, max_records=10, ends=False)
    worker = Worker(
        db,
        source,
        classify=engine.submit,
        link=link,
        lateness=timedelta(minutes=10),
        clock=clock,
        name="w",
    )
    worker.start()
    fed, deadline = 0, time.monotonic() + SECONDS

    def work(batches: int) -> None:
        """Until so many batches were stored; there is always something to read."""
        nonlocal fed
        while batches:
            assert time.monotonic() < deadline, "the worker stands still"
            if fed < sum(worker.positions().values()) + 100:
                for number in range(fed, fed + 40):
                    source.values["news", number % 2].append(line(number))
                fed += 40
            batches -= worker.step(0.0).batch is not None

    follower = following(db, registry, engine, metrics, slow)
    follower.start()
    work(5)
    assert engine.version.startswith(one)
    promote(registry, two)
    assert begun.wait(SECONDS)
    work(10)  # while the new version is being loaded
    assert engine.version.startswith(one)
    go_on.set()
    while not engine.version.startswith(two):
        work(1)
    work(5)
    source._ends = True
    while not worker.finished:
        worker.step(0.0)
    worker.close()
    follower.close()
    with db.read() as connection:
        article = tables.article
        columns = (article.c.id, article.c.version, article.c.record_partition)
        query = select(*columns).order_by(article.c.record_partition, article.c.record_offset)
        stored = connection.execute(query).all()
        changes = connection.execute(select(func.count()).select_from(tables.changed)).scalar()
    assert sorted(int(row.id) for row in stored) == list(range(fed))
    assert changes == fed  # each was stored once
    for partition in (0, 1):
        said = [row.version for row in stored if row.record_partition == partition]
        names = [f"{version}+{LABELS.digest}" for version in (one, two)]
        assert said == sorted(said, key=names.index)  # first the old one, from then on the new one
        assert set(said) == set(names)
