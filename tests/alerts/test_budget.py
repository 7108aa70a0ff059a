"""Extras per volume band: the least that keeps what the budget allows."""

from __future__ import annotations

import pytest

from alerts.budget import Peak, extras_for_fleet, extras_per_key
from alerts.rules import MOST_EXTRA

LOUD = [Peak(1, margin) for margin in (0.1, 0.5, 1.234, 2.0)]
QUIET = [Peak(3, 0.05)]


def kept(peaks: list[Peak], extras: tuple[float, ...]) -> list[Peak]:
    return [peak for peak in peaks if peak.margin >= extras[peak.band]]


@pytest.mark.parametrize(
    ("allowed", "extras"),
    [
        (5, (0.0, 0.0, 0.0, 0.0)),
        (4, (0.0, 0.11, 0.0, 0.0)),
        (2.9, (0.0, 1.24, 0.0, 0.0)),
        (1, (0.0, 2.01, 0.0, 0.06)),
    ],
)
def test_loudest_band_is_raised_first_and_no_further_than_needed(
    allowed: float, extras: tuple[float, ...]
) -> None:
    found = extras_for_fleet(LOUD + QUIET, allowed)
    assert found == pytest.approx(extras)
    assert len(kept(LOUD + QUIET, found)) <= allowed


def test_band_is_never_switched_off() -> None:
    assert extras_for_fleet([Peak(0, 9.0), Peak(0, 8.0)], 1)[0] == MOST_EXTRA


def test_budget_per_key_looks_at_each_band_by_itself() -> None:
    months = [0.0, 2.0, 5.0, 1.0]
    assert extras_per_key(LOUD + QUIET, months, 1.0) == pytest.approx((0.0, 0.51, 0.0, 0.0))
    assert extras_per_key(LOUD + QUIET, months, 0.4) == pytest.approx((0.0, 2.01, 0.0, 0.06))


def test_nothing_happened_nothing_is_raised() -> None:
    assert extras_for_fleet([], 0.5) == (0.0, 0.0, 0.0, 0.0)
