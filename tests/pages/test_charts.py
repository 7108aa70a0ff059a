"""Geometry of the pictures: where things lie, and what is not drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pages.axes import TimeAxis, ValueAxis, round_step, value_axis
from pipeline.pages.charts import (
    LEAST_STORIES,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    count_chart,
    of_evidence,
    share_chart,
    time_line,
)
from tests.pages.made import OPENED, drawn

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def points(text: str) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in text.split()]
    return [(float(x), float(y)) for x, y in pairs]


def series(negative: list[int], stories: list[int]) -> Series:
    count = len(negative)
    return Series(
        times=[MONDAY + n * HOUR for n in range(count)],
        negative=negative,
        stories=stories,
        expected=[1.0] * count,
        low=[0] * count,
        high=[3] * count,
        usual_share=[0.25] * count,
    )


def test_counts_run_from_the_first_time_to_the_last_and_up_with_the_count() -> None:
    chart = count_chart(series([0, 10, 5], [5, 12, 9]), [])
    (seen,) = chart.seen
    (x0, y0), (x1, y1), (x2, y2) = points(seen)
    assert (x0, x2) == (LEFT, WIDTH - RIGHT)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert (y0, y1) == (chart.bottom, TOP)  # 0 lies at the bottom, the most at the top
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.1)
    assert "10 where 1.0 are usual (0 to 3)" in chart.told


def test_band_goes_along_its_upper_end_and_back_along_its_lower() -> None:
    (band,) = count_chart(series([1, 1], [2, 2]), []).band
    (x0, high0), (x1, high1), (x2, low2), (x3, low3) = points(band)
    assert (x0, x1) == (x3, x2)
    assert high0 == high1 < low2 == low3


def test_share_has_gaps_where_there_are_too_few_stories() -> None:
    few = LEAST_STORIES - 1
    chart = share_chart(series([3, 2, 0, 3, 3], [3, 4, few, 6, 3]), [])
    assert [len(points(part)) for part in chart.seen] == [2, 2]
    assert points(chart.seen[0])[0][1] == TOP
    assert "At most 100%" in chart.told
    silent = share_chart(series([0, 0], [0, 0]), [])
    assert (silent.seen, "Too few" in silent.told) == ([], True)


def test_open_stretch_is_cut_to_the_picture_and_one_outside_is_left_out() -> None:
    far = timedelta(days=9)
    inside = (MONDAY + HOUR, MONDAY + far, "warn", "open")
    outside = (MONDAY + far, MONDAY + 2 * far, "info", "open")
    (span,) = count_chart(series([1, 1, 1], [1, 1, 1]), [inside, outside]).spans
    assert span.kind == "warn"
    assert span.x + span.width == pytest.approx(WIDTH - RIGHT, abs=0.2)


def test_stored_series_ends_at_its_end() -> None:
    found = of_evidence(drawn(), "negative_spike")
    assert found.times[-1] == OPENED + 3 * HOUR
    assert found.times[-1] - found.times[0] == timedelta(hours=24)
    assert found.seen == found.negative
    assert of_evidence(drawn(), "volume_burst").seen == found.stories


def test_time_line_has_a_lane_per_key_and_a_bar_that_can_be_seen() -> None:
    bar = (MONDAY, MONDAY + timedelta(minutes=1), "critical", "Acme", "i1")
    chart = time_line([("Acme", [bar]), ("Oil", [bar, bar])], MONDAY, MONDAY + timedelta(days=90))
    assert [len(lane.bars) for lane in chart.lanes] == [1, 2]
    assert chart.lanes[0].bars[0].width >= 4
    assert chart.lanes[1].y > chart.lanes[0].y


@given(hours=st.integers(1, 24 * 900), begin=st.integers(0, 24 * 400))
def test_times_below_a_picture_are_few_inside_and_in_order(hours: int, begin: int) -> None:
    first = MONDAY + begin * HOUR
    ticks = TimeAxis(first, first + hours * HOUR, 0, 100).ticks()
    assert 0 <= len(ticks) <= 11
    assert hours < 3 or ticks
    places = [tick.at for tick in ticks]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)


@given(most=st.floats(0.01, 1e7))
def test_axis_ends_at_a_round_value_that_holds_all_values(most: float) -> None:
    axis = value_axis([most / 2, most], TOP, 200, least=0.001)
    ticks = axis.ticks()
    assert axis.most >= most * (1 - 1e-9)
    assert 2 <= len(ticks) <= 6
    assert ticks[0].at == 200
    assert ticks[-1].at == TOP
    assert axis.y(most) <= axis.y(most / 2)


@pytest.mark.parametrize(("most", "step"), [(5, 1), (6, 2), (14, 5), (100, 20), (0.9, 0.2)])
def test_steps_are_one_two_or_five_times_a_power_of_ten(most: float, step: float) -> None:
    assert round_step(most) == pytest.approx(step)


def test_share_axis_is_in_percent() -> None:
    labels = [tick.label for tick in ValueAxis(1.0, 0, 10, percent=True).ticks()]
    assert (labels[0], labels[-1]) == ("0%", "100%")


def test_one_moment_alone_can_be_drawn() -> None:
    one = series([1], [1])
    assert len(points(count_chart(one, []).seen[0])) == 1
    assert replace(one, volume=True).seen == [1]
