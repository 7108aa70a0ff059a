"""The study that `spikes simulate` shows: a small one, and the numbers it is made of."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from alerts.rules import IncidentSettings
from alerts.scores import SpikeSettings
from alerts.simulation import PER_DAY, Events, bands, fleet
from alerts.study import MONTH, Plan, bar_for, episodes, study


def test_alerts_within_three_hours_are_one() -> None:
    found = np.full((2, 200), -inf)
    found[0, [10, 11, 40, 80]] = 1.0
    found[1, 0] = 2.0
    assert episodes(found, 1.0) == 3
    assert episodes(found, 1.5) == 1
    assert episodes(found, 2.5) == 0


def test_bar_is_the_least_that_keeps_the_budget() -> None:
    found = np.zeros((1, MONTH))
    found[0, [0, 1000, 2000, 3000]] = [1.0, 2.0, 3.0, 4.0]
    assert bar_for(found, 2.0) == 3.0
    assert bar_for(found, 4.0) == 1.0
    assert bar_for(found, 0.5) > 4.0


def test_streams_are_as_they_are_described() -> None:
    plain = bands(5.0, keys=40, days=28, seed=3, warm_days=14)
    hours = plain.stories.reshape(40, 28, 24, 12).sum(axis=3)
    by_hour = hours.mean(axis=(0, 1))
    assert 3.5 < by_hour.max() / by_hour.min() < 6.0  # six for a key; their peaks differ
    assert hours[:, 5:7].mean() < 0.5 * hours[:, :5].mean()
    assert plain.negative.sum() / plain.stories.sum() == pytest.approx(0.25, abs=0.05)
    spiked = bands(5.0, keys=40, days=28, seed=3, warm_days=14, spike=4.0)
    inside = [spiked.negative[key, start:stop].sum() for key, start, stop in spiked.events]
    before = [plain.negative[key, start:stop].sum() for key, start, stop in spiked.events]
    assert sum(inside) == pytest.approx(4.0 * sum(before), rel=0.1)
    assert all(start >= 14 * PER_DAY for _, start, _ in spiked.events)


def test_share_has_a_season_of_its_own_if_asked() -> None:
    streams = bands(50.0, keys=20, days=14, seed=4, warm_days=7, share_season=4.0)
    negative, stories = (
        counts.reshape(20, 14, 24, 12).sum(axis=(0, 1, 3))
        for counts in (streams.negative, streams.stories)
    )
    share = negative / stories
    assert int(share.argmax()) in (3, 4, 5)
    assert 2.5 < share.max() / share.min() < 4.5


def test_events_belong_to_their_band() -> None:
    streams = fleet(keys=2, days=10, seed=1, warm_days=4, events=Events(volume=3.0), rates=(5, 50))
    assert [kind for kind, _ in streams.keys] == ["5 an hour"] * 2 + ["50 an hour"] * 2
    assert {key for key, _, _ in streams.events} == {0, 1, 2, 3}


def test_small_study_is_as_good_as_the_large_one_says() -> None:
    """Seeded; the bounds are what the full study gives, less three standard errors."""
    heard: list[float] = []
    plan = Plan(keys=8, days=35, warm_days=21, rates=(5.0, 50.0))
    found = study(plan, [7], SpikeSettings(), IncidentSettings(), advanced=heard.append)
    slow, fast = found.shipped
    assert slow.events > 25
    assert fast.recall[1] > 0.75
    assert fast.recall[2] > 0.85
    assert slow.recall[2] > 0.45
    assert fast.delay[1] <= 35
    assert fast.volume <= 0.12
    assert (slow.false_alerts + fast.false_alerts) / 2 <= 2.5
    assert slow.recall[1] > slow.recall[0]
    assert heard == sorted(heard)
    assert heard[-1] > 0.95


def test_rate_without_events_has_no_recall() -> None:
    plan = Plan(keys=1, days=8, warm_days=8, rates=(0.5,))
    (row,) = study(plan, [1], SpikeSettings(), IncidentSettings()).shipped
    assert row.events == 0
    nothing = pytest.approx((nan, nan, nan), nan_ok=True)
    assert row.recall == nothing
    assert row.delay == nothing
