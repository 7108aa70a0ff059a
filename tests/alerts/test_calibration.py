"""The detector on made-up streams: quiet ones stay quiet, spikes are seen, volume is no spike."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.rules import IncidentSettings
from alerts.scores import SpikeSettings
from alerts.simulation import PER_DAY, Streams, bands
from alerts.study import evaluations
from tests.alerts.streams import fires

WARM_DAYS = 28
RULES = IncidentSettings()


def twice_in_a_row(streams: Streams) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Where the rule for dense keys was met at two evaluations in a row."""
    hits = np.zeros((len(streams.keys), streams.stories.shape[1] + 1), dtype=np.bool_)
    for bucket, _, scores in evaluations(streams, SpikeSettings(), first=WARM_DAYS * PER_DAY):
        best = (np.arange(len(streams.keys)), scores.best)
        lift = scores.share[best] - scores.expectation.share[best]
        gates = (scores.ratio[best] >= RULES.least_ratio) & (lift >= RULES.least_lift)
        hits[:, bucket] = gates & (scores.score >= RULES.open_score)
    hits[:, 1:] &= hits[:, :-1]
    return hits


@pytest.mark.parametrize("rate", [5.0, 50.0])
def test_quiet_tail_probabilities_mean_what_they_say(rate: float) -> None:
    streams = bands(rate, keys=64, days=38, seed=11, warm_days=WARM_DAYS)
    small = total = 0
    for _, _, scores in evaluations(streams, SpikeSettings(), first=WARM_DAYS * PER_DAY, step=6):
        small += int((scores.p_count < 1e-3).sum())
        total += scores.p_count.size
    assert 1e-3 / 3 <= small / total <= 1e-3 * 3


def test_fourfold_negative_news_is_found_within_half_an_hour() -> None:
    streams = bands(50.0, keys=96, days=31, seed=12, warm_days=WARM_DAYS, spike=4.0)
    delays = fires(streams, twice_in_a_row(streams))
    found = [5 * delay for delay in delays if delay is not None]
    assert len(delays) > 100
    assert len(found) / len(delays) >= 0.7
    assert float(np.median(found)) <= 30


def test_threefold_volume_is_not_a_spike() -> None:
    # Three draws together: a single one of this size lies anywhere from 1 to 7 %.
    flagged: list[bool] = []
    for seed in (13, 14, 15):
        streams = bands(50.0, keys=64, days=31, seed=seed, warm_days=WARM_DAYS, volume=3.0)
        flagged += [delay is not None for delay in fires(streams, twice_in_a_row(streams))]
    assert len(flagged) > 150
    assert np.mean(flagged) <= 0.05
