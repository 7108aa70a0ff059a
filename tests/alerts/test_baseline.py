"""Level, spread, season and share: what an hour teaches, and what it does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.baseline import BaselineSettings, CountBaseline
from alerts.season import (
    CELLS,
    HOURS,
    CountSeason,
    FloatArray,
    SeasonSettings,
    ShareSeason,
    cell,
)
from alerts.share import ShareBaseline
from alerts.simulation import MONDAY
from alerts.windows import HOUR, Span, span

UTC_ZONE = ZoneInfo("UTC")
SETTINGS = BaselineSettings()


def counts(
    *rates: list[float] | float, groups: list[int] | None = None, days: int = 21
) -> CountBaseline:
    """A baseline that has learned ``days`` of the given rates, each a number or 24 of them."""
    baseline = CountBaseline(np.array(groups or [0] * len(rates)), SETTINGS)
    for hour in range(24 * days):
        seen = np.array([r[hour % 24] if isinstance(r, list) else r for r in rates])
        baseline.learn(MONDAY + hour * HOUR, seen, seen / 4.0)
    return baseline


def at(day: int, hour: int, minute: int = 0) -> Span:
    return span(MONDAY + timedelta(days=day, hours=hour, minutes=minute), UTC_ZONE)


# --- level -----------------------------------------------------------------------------------


def test_steady_key_expects_its_rate_in_every_window() -> None:
    assert counts(8.0).expected(at(21, 12, 35))[0] == pytest.approx([2.0, 8.0, 24.0], rel=0.01)


def test_key_without_a_past_is_taken_to_be_a_little_like_its_kind() -> None:
    baseline = counts(4.0, 4.0, 0.0, 100.0, groups=[0, 0, 0, 1])
    never = baseline.level[2]
    assert 0.0 < never < 0.01
    alone = counts(0.0, 100.0, groups=[0, 1])
    assert never > alone.level[0]


def test_little_known_level_has_a_wide_spread() -> None:
    never, often = counts(0.0, 4.0).variation[:, 1]
    assert never > 2.0
    assert often < 0.2


def test_outbreak_is_clipped_before_it_teaches() -> None:
    usual, struck = counts(8.0), counts(8.0)
    for hour in range(504, 507):
        one, hundred = np.array([8.0]), np.array([100.0])
        usual.learn(MONDAY + hour * HOUR, one, one / 4.0)
        struck.learn(MONDAY + hour * HOUR, hundred, hundred / 4.0)
    assert struck.level[0] > usual.level[0]
    # Unclipped, three hours of 100 would raise the level by a tenth and more.
    assert struck.level[0] < 1.1 * usual.level[0]


def test_new_level_is_learned_within_days() -> None:
    baseline = counts(8.0)
    for hour in range(504, 504 + 10 * 24):
        baseline.learn(MONDAY + hour * HOUR, np.array([16.0]), np.array([4.0]))
    assert baseline.level[0] > 13.0


def test_busy_key_forgets_faster_than_a_quiet_one() -> None:
    baseline = counts(0.5, 200.0)
    for hour in range(504, 504 + 48):
        seen = np.array([1.0, 400.0])
        baseline.learn(MONDAY + hour * HOUR, seen, seen / 4.0)
    quiet, busy = baseline.level / [0.5, 200.0]
    assert busy > quiet > 1.0


def test_spread_is_learned_per_window() -> None:
    rng = np.random.default_rng(5)
    baseline = CountBaseline(np.array([0]), SETTINGS)
    for hour in range(24 * 28):
        noise = rng.gamma(4.0, 0.25)
        quarters = rng.poisson(10.0 * noise, 4)
        baseline.learn(
            MONDAY + hour * HOUR, np.array([float(quarters.sum())]), quarters[3:].astype(float)
        )
    quarter, hour_, three = baseline.variation[0]
    assert quarter == pytest.approx(0.25, rel=0.35)
    assert hour_ == pytest.approx(0.25, rel=0.35)
    # Three hours with noises of their own vary a third as much.
    assert three == pytest.approx(0.25 / 3.0, rel=0.5)


def test_three_hours_with_a_gap_are_not_one_window() -> None:
    whole, gappy = (CountBaseline(np.array([0]), SETTINGS) for _ in range(2))
    for step in range(24 * 14):
        seen = np.array([2.0 if step % 2 else 14.0])
        whole.learn(MONDAY + step * HOUR, seen, seen / 4.0)
        gappy.learn(MONDAY + 2 * step * HOUR, seen, seen / 4.0)
    prior = SETTINGS.dispersion_prior[0] * gappy.level[0] ** -SETTINGS.dispersion_prior[1]
    own = 1.0 / (gappy.level[0] * 300.0)
    assert gappy.variation[0, 2] == pytest.approx(prior, abs=2.0 * own)
    assert whole.variation[0, 2] != pytest.approx(prior, abs=2.0 * own)


# --- season ----------------------------------------------------------------------------------

DAY: list[float] = [20.0 + 15.0 * np.cos((hour - 14) * np.pi / 12.0) for hour in range(24)]


def test_quiet_key_has_the_rhythm_of_the_fleet() -> None:
    quiet = [rate / 200.0 for rate in DAY]
    busy_noon, busy_night = (counts(DAY, quiet).expected(at(21, hour))[:, 1] for hour in (15, 3))
    assert busy_noon[1] / busy_night[1] == pytest.approx(busy_noon[0] / busy_night[0], rel=0.2)


def test_busy_key_has_a_rhythm_of_its_own() -> None:
    night_shift = [DAY[(hour + 12) % 24] for hour in range(24)]
    expected = counts(DAY, DAY, DAY, night_shift).expected(at(21, 15))[:, 1]
    assert expected[0] == pytest.approx(DAY[14], rel=0.15)
    assert expected[3] == pytest.approx(night_shift[14], rel=0.3)


def test_weekend_has_a_rhythm_of_its_own() -> None:
    baseline = CountBaseline(np.array([0]), SETTINGS)
    for hour in range(24 * 26):
        rate = np.array([4.0 if hour // 24 % 7 >= 5 else 12.0])
        baseline.learn(MONDAY + hour * HOUR, rate, rate / 4.0)
    assert baseline.expected(at(26, 12))[0, 1] == pytest.approx(4.0, rel=0.15)
    assert baseline.expected(at(28, 12))[0, 1] == pytest.approx(12.0, rel=0.15)


def test_expected_count_is_linear_inside_the_hour_but_not_across_a_step() -> None:
    ramp = [float(hour) if hour >= 8 else 8.0 for hour in range(24)]
    baseline = counts(ramp)
    early, late = (baseline.expected(at(21, 15, minute))[0, 0] for minute in (15, 55))
    hour = baseline.expected(at(21, 16))[0, 1]
    assert hour == pytest.approx(15.0, rel=0.01)
    assert 4.0 * early == pytest.approx(15.125 - 0.5, rel=0.01)
    assert 4.0 * late == pytest.approx(15.0 + 47.5 / 60.0 - 0.5, rel=0.01)
    # From 23 an hour down to 8 is a step: the last quarter does not lean towards the next day.
    last, of_it = baseline.expected(at(22, 0))[0, :2]
    assert last >= of_it / 4.0 - 1e-9


def test_factors_of_a_season_have_mean_one() -> None:
    season = CountSeason(2, SeasonSettings())
    for hour in range(24 * 14):
        here = cell(MONDAY + hour * HOUR, UTC_ZONE)
        season.learn(here, np.array([DAY[hour % 24], 0.01]), np.array([20.0, 0.01]))
    assert season.factors.mean(axis=0) == pytest.approx([1.0, 1.0])


def test_season_forms_only_after_a_whole_day() -> None:
    season = CountSeason(1, SeasonSettings())
    for hour in range(24):
        season.learn(hour, np.array([DAY[hour]]), np.array([20.0]))
    assert (season.factors == 1.0).all()
    season.learn(0, np.array([DAY[0]]), np.array([20.0]))
    assert season.factors[0, 0] != 1.0


@pytest.mark.parametrize(
    ("zone", "hour", "expected"),
    [
        ("UTC", MONDAY, 0),
        ("UTC", MONDAY + timedelta(days=4, hours=23), 4 * HOURS + 23),
        ("UTC", MONDAY + timedelta(days=6, hours=23), CELLS - 1),
        ("America/New_York", MONDAY, CELLS - 5),
    ],
)
def test_cell_is_the_hour_of_the_week_in_the_zone(
    zone: str, hour: datetime, expected: int
) -> None:
    assert cell(hour, ZoneInfo(zone)) == expected


# --- share -----------------------------------------------------------------------------------


def shares(
    rates: list[float], stories: list[float], *, days: int = 21, groups: list[int] | None = None
) -> ShareBaseline:
    baseline = ShareBaseline(np.array(groups or [0] * len(rates)), SETTINGS)
    total = np.array(stories)
    for hour in range(24 * days):
        baseline.learn(MONDAY + hour * HOUR, np.array(rates) * total, total, total)
    return baseline


def usual(baseline: ShareBaseline, where: Span, keys: int) -> FloatArray:
    return baseline.expected(where, np.ones((keys, 36), dtype=np.int64))[:, 1]


def test_share_of_a_busy_key_is_its_own_and_of_an_unknown_one_its_kinds() -> None:
    baseline = shares([0.1, 0.4, 0.0], [40.0, 40.0, 0.0])
    low, high, unknown = usual(baseline, at(21, 12), 3)
    assert (low, high) == pytest.approx((0.1, 0.4), rel=0.1)
    assert unknown == pytest.approx(0.25, rel=0.1)


def test_little_known_share_is_uncertain() -> None:
    found = shares([0.2, 0.2], [40.0, 0.0]).concentration(np.full((2, 3), 0.2))
    known, unknown = found[:, 0]
    assert unknown == pytest.approx(SETTINGS.share_key_prior, rel=0.1)
    assert known > 50.0


def test_share_near_a_half_varies_most() -> None:
    baseline, draw = shares([0.2], [40.0]), np.random.default_rng(2)
    for hour in range(24 * 21, 24 * 63):
        total = np.array([40.0])
        negative = draw.binomial(40, [0.3 if draw.random() < 0.5 else 0.15]).astype(np.float64)
        baseline.learn(MONDAY + hour * HOUR, negative, total, total)
    low, half, high = baseline.concentration(np.array([[0.1, 0.5, 0.9]]))[0]
    assert low == pytest.approx(high)
    assert half < 0.5 * low
    # 0.15 and 0.3 lie 0.44 on either side of the mean of their logits.
    here = baseline.concentration(np.full((1, 3), 0.22))[0, 0]
    assert here == pytest.approx(1.0 / (0.44**2 * 0.22 * 0.78), rel=0.4)


def test_outbreak_teaches_the_share_no_more_than_the_level() -> None:
    """A dozen bad stories on a key that has one a day must not be its news from then on."""
    guarded, naive = (shares([0.2, 0.2], [40.0, 1.0 / 24.0]) for _ in range(2))
    outbreak = np.array([8.0, 12.0]), np.array([40.0, 12.0])
    guarded.learn(MONDAY + 24 * 21 * HOUR, *outbreak, np.array([40.0, 3.0]))
    naive.learn(MONDAY + 24 * 21 * HOUR, *outbreak, np.array([40.0, 12.0]))
    after, without = (usual(each, at(21, 13), 2)[1] for each in (guarded, naive))
    assert 0.2 < after < 0.3
    assert without > after + 0.08


def test_share_varies_with_the_hour_of_the_day_for_every_key() -> None:
    baseline = ShareBaseline(np.array([0, 0]), SETTINGS)
    total = np.array([60.0, 1.0])
    for hour in range(24 * 21):
        share = 0.4 if hour % 24 < 6 else 0.1
        baseline.learn(MONDAY + hour * HOUR, share * total, total, total)
    night, noon = usual(baseline, at(21, 4), 2), usual(baseline, at(21, 12), 2)
    assert night[0] == pytest.approx(0.4, rel=0.2)
    assert noon[0] == pytest.approx(0.1, rel=0.2)
    assert night[1] > 2.0 * noon[1]


def test_rhythm_of_the_share_is_not_taken_for_spread() -> None:
    steady, daily = (ShareBaseline(np.array([0]), SETTINGS) for _ in range(2))
    total = np.array([60.0])
    for hour in range(24 * 21):
        steady.learn(MONDAY + hour * HOUR, 0.25 * total, total, total)
        share = 0.35 if hour % 24 < 12 else 0.15
        daily.learn(MONDAY + hour * HOUR, share * total, total, total)
    quarter = np.full((1, 3), 0.25)
    found, plain = daily.concentration(quarter), steady.concentration(quarter)
    assert found[0, 0] > 0.5 * plain[0, 0]


def test_share_of_a_window_weighs_its_hours_by_their_stories() -> None:
    baseline = ShareBaseline(np.array([0]), SETTINGS)
    for hour in range(24 * 21):
        share = 0.4 if hour % 24 < 12 else 0.1
        sixty = np.array([60.0])
        baseline.learn(MONDAY + hour * HOUR, share * sixty, sixty, sixty)
    early, late = np.zeros((1, 36), dtype=np.int64), np.zeros((1, 36), dtype=np.int64)
    early[0, 3], late[0, -3] = 5, 5
    where = at(21, 13)
    assert baseline.expected(where, early)[0, 2] > 0.3
    assert baseline.expected(where, late)[0, 2] < 0.2


def test_few_stories_make_no_rhythm_of_the_share() -> None:
    season = ShareSeason(1, SeasonSettings())
    for hour in range(24):
        negative, usual = np.array([2.0 if hour == 4 else 0.0]), np.array([0.4])
        season.learn(hour, negative, usual, np.array([2.0]))
    assert np.abs(season.offsets(range(24))).max() < 0.3


def test_hour_that_has_just_begun_may_bring_all_it_has_at_once() -> None:
    baseline = counts([30.0 if hour == 6 else 2.0 for hour in range(24)])
    assert baseline.to_come(at(21, 6, 5))[0] == pytest.approx([27.5, 27.5, 27.5], rel=0.05)
    assert baseline.to_come(at(21, 6, 15))[0] == pytest.approx([22.5, 22.5, 22.5], rel=0.05)
    # From here on the quarter of an hour does not hold the beginning of the hour.
    assert baseline.to_come(at(21, 6, 20))[0] == pytest.approx([0.0, 20.0, 20.0], rel=0.05)
    assert baseline.to_come(at(21, 7, 0))[0] == pytest.approx([0.0, 0.0, 0.0])


def test_spread_of_posts_is_clipped_more_loosely_than_that_of_news() -> None:
    news, social = (
        CountBaseline(np.array([0]), BaselineSettings(source_class=name))
        for name in ("news", "social")
    )
    for baseline in (news, social):
        for hour in range(24 * 21):
            seen = np.array([120.0 if hour % 100 == 99 else 8.0])
            baseline.learn(MONDAY + hour * HOUR, seen, seen / 4.0)
    assert social.variation[0, 1] > 3.0 * news.variation[0, 1]
