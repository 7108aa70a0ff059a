"""Another process has the monitor's baselines, whenever and however often it follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest
from sqlalchemy import update

from alerts.scores import HOUR_WINDOW
from alerts.usual import Usual
from pipeline.baselines import Baselines
from pipeline.count import bucket_start
from pipeline.settings import Settings
from pipeline.store import events, lease, tables
from pipeline.store.again import forget_detection
from pipeline.store.database import open_database
from tests.pipeline.test_accepting import Desk, stream
from tests.pipeline.test_monitor import KEYS


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    found = Desk(open_database(f"sqlite:///{tmp_path_factory.mktemp('desk')}/desk.db"))
    yield found
    found.db.close()


def made() -> Baselines:
    return Baselines(KEYS.tested(), Settings().spikes)


def hourly(desk: Desk) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What the monitor itself held for usual at its newest boundary."""
    assert desk.detection.latest is not None
    return desk.detection.latest.expectation.negative[:, HOUR_WINDOW]


def test_baselines_are_the_monitors_after_every_step_and_all_at_once(desk: Desk) -> None:
    keys = KEYS.tested()
    following = made()
    compared, before_it_was_known = 0, 0
    steps: list[tuple[datetime, list[Usual]]] = []
    values = stream()
    for begin in range(0, len(values), 25):
        desk.source.values["news", 0] += values[begin : begin + 25]
        desk.worker.step(0.0)
        desk.monitor.tick(desk.clock())
        following.follow(desk.db)
        at = desk.detection.latest_at
        taken = [one.value["at"] for one in events.read(desk.db, "accepted")]
        if at is None or at.isoformat() in taken:
            continue  # the level became usual after that evaluation, at the same boundary
        usual = following.usual(keys, [at])
        assert desk.detection.latest is not None
        assert (usual is None) is not desk.detection.latest.expectation.ready
        if usual is None:
            before_it_was_known += 1
            continue
        np.testing.assert_allclose([one.negative[0] for one in usual], hourly(desk), rtol=1e-9)
        compared += 1
        steps.append((at, usual))
    assert events.read(desk.db, "accepted")  # a level was taken as normal on the way
    assert compared > 8
    assert before_it_was_known > 2
    at_once = made()
    at_once.follow(desk.db)
    at = bucket_start(lease.progress(desk.db).cursor or desk.clock())
    for one, other in zip(
        following.usual(keys, [at]) or (), at_once.usual(keys, [at]) or (), strict=True
    ):
        assert one.negative[0] == other.negative[0]
        assert one.share[0] == other.share[0]
        assert one.stories[0] == other.stories[0]

    for cursor, usual in steps[::3]:
        # Whoever reads an old cursor, and then hours and levels that were written since.
        with desk.db.write() as connection:
            connection.execute(update(tables.monitor).values(cursor=cursor))
        then = made()
        then.follow(desk.db)
        found = then.usual(keys, [cursor])
        assert found is not None
        for one, other in zip(found, usual, strict=True):
            assert one.negative[0] == other.negative[0]
    with desk.db.write() as connection:
        connection.execute(update(tables.monitor).values(cursor=steps[-1][0]))


def test_cursor_that_went_back_begins_anew(desk: Desk) -> None:
    following = made()
    following.follow(desk.db)
    assert following.usual(KEYS.tested(), [desk.clock()]) is not None
    forget_detection(desk.db)
    following.follow(desk.db)
    assert following.usual(KEYS.tested(), [desk.clock()]) is None


def test_key_that_is_not_tested_is_said_so() -> None:
    assert not made().knows(("company", "NONE"))
    assert made().knows(("all", "all"))
    with pytest.raises(KeyError):
        made().usual([("company", "NONE")], [])
