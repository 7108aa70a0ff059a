"""Margins say by how much the rules are met: the same decisions, for all keys at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alerts.margins import Margins, confirmed, margins
from alerts.rules import IncidentSettings, crosses
from alerts.scores import SpikeSettings
from alerts.simulation import PER_DAY, Events, fleet
from alerts.study import evaluations

BANDS = IncidentSettings(open_score_by_band=(2.5, 2.2, 2.1, 3.0))


@pytest.mark.parametrize(
    ("settings", "events"),
    [
        (IncidentSettings(), Events(spike=5.0)),
        (BANDS, Events(spike=5.0)),
        (IncidentSettings(mostly_score=2.0), Events(spike=5.0)),  # the count speaks alone
        (IncidentSettings(warn_until_days=99.0, young_score=0.3), Events(spike=5.0)),
    ],
)
def test_margin_of_zero_or_more_is_a_crossing(settings: IncidentSettings, events: Events) -> None:
    streams = fleet(keys=3, days=14, seed=5, warm_days=10, events=events)
    seen = {"none": 0, "once": 0, "strong": 0}
    for _, _, scores in evaluations(streams, SpikeSettings(), first=10 * PER_DAY, step=3):
        found = margins(scores, settings)
        for row in range(len(streams.keys)):
            crossing = crosses("negative_spike", scores.reading(row), settings)
            expected = "none"
            if found.once[row] >= 0.0:
                expected = "strong" if found.strong[row] >= 0.0 else "once"
            assert crossing == expected
            seen[crossing] += 1
    assert min(seen["none"], seen["strong"]) > 10
    assert seen["once"] > 10


def test_two_in_a_row_count_for_the_lesser_and_a_strong_one_for_itself() -> None:
    quiet, first, second, strong = (
        Margins(np.array([once]), np.array([alone]))
        for once, alone in ((-math.inf, -math.inf), (0.4, -1.6), (0.7, -1.3), (2.5, 0.5))
    )
    assert confirmed(None, first)[0] == -1.6
    assert confirmed(first, second)[0] == pytest.approx(0.4)
    assert confirmed(quiet, second)[0] == pytest.approx(-1.3)
    assert confirmed(quiet, strong)[0] == pytest.approx(0.5)
    assert confirmed(second, strong)[0] == pytest.approx(0.7)
