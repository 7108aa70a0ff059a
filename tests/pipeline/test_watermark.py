"""When is an event time complete? Drawn as they occur: reports at wall-clock times."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline.watermark import Report, advance, silence_limit
from tests.fakes import MONDAY

NINE = MONDAY + timedelta(hours=9)
MINUTE = timedelta(minutes=1)


def report(
    *,
    position: int = 5,
    end: int = 10,
    newest: datetime | None = NINE,
    at: datetime = NINE,
    finished: bool = False,
    partition: int = 0,
) -> Report:
    return Report("news", partition, position, end, newest, at, finished)


def watermark(*reports: Report, previous: datetime | None = None, now: datetime = NINE) -> object:
    moved = advance(
        previous, reports, now=now, lateness=10 * MINUTE, fresh_for=timedelta(seconds=60)
    )
    return moved.at, moved.why


def test_busy_stream_is_complete_up_to_its_newest_event_less_the_lateness() -> None:
    assert watermark(report()) == (NINE - 10 * MINUTE, "moving")


def test_slowest_busy_partition_decides() -> None:
    behind = report(newest=NINE - 30 * MINUTE, partition=1)
    assert watermark(report(), behind) == (NINE - 40 * MINUTE, "moving")


def test_idle_partition_leaves_the_minimum() -> None:
    idle = report(position=10, newest=NINE - 30 * MINUTE, partition=1)
    assert watermark(report(), idle) == (NINE - 10 * MINUTE, "moving")


def test_partition_one_record_short_of_its_end_stays_in_the_minimum() -> None:
    short = report(position=9, newest=NINE - 30 * MINUTE, partition=1)
    assert watermark(report(), short) == (NINE - 40 * MINUTE, "moving")


def test_idle_partition_that_never_had_a_dated_article_holds_nothing_up() -> None:
    unknown = report(position=10, newest=None, partition=1)
    assert watermark(report(), unknown) == (NINE - 10 * MINUTE, "moving")


def test_one_stale_partition_holds_the_silent_ones_too() -> None:
    at = NINE + 20 * MINUTE
    idle = report(position=10, newest=NINE, at=at)
    stale = report(position=10, newest=NINE, at=NINE, partition=1)
    assert watermark(idle, stale, previous=MONDAY, now=at) == (MONDAY, "stale_report")


def test_idleness_in_an_old_report_is_not_believed() -> None:
    stale = report(position=10, at=NINE - timedelta(seconds=61), partition=1)
    assert watermark(report(), stale, previous=MONDAY) == (MONDAY, "stale_report")


def test_report_is_believed_up_to_its_full_age() -> None:
    just_fresh = report(position=10, at=NINE - timedelta(seconds=60), partition=1)
    assert watermark(report(), just_fresh) == (NINE - 10 * MINUTE, "moving")


def test_nothing_is_complete_before_the_first_dated_article() -> None:
    assert watermark(report(newest=None)) == (None, "no_reports")
    assert watermark() == (None, "no_reports")


def test_partition_with_unread_records_of_unknown_time_holds_the_watermark() -> None:
    unknown = report(newest=None, partition=1)
    assert watermark(report(), unknown, previous=MONDAY) == (MONDAY, "moving")


def test_burst_followed_by_silence_is_judged_within_the_lateness() -> None:
    # 9:00      9:05      9:10
    # [--x------)[--------)        x: newest event at 9:01
    idle = report(position=10, newest=NINE + MINUTE, at=NINE + 20 * MINUTE)
    assert watermark(idle, now=NINE + 16 * MINUTE) == (NINE + 6 * MINUTE, "silent")
    assert watermark(idle, now=NINE + 20 * MINUTE) == (NINE + 10 * MINUTE, "silent")


def test_silence_carries_it_no_further_than_the_second_bucket_end() -> None:
    at = NINE + timedelta(hours=5)
    idle = report(position=10, newest=NINE + MINUTE, at=at)
    assert watermark(idle, now=at) == (NINE + 10 * MINUTE, "silent")
    assert silence_limit(NINE) == NINE + 10 * MINUTE


def test_finished_source_closes_everything_at_once_and_is_never_stale() -> None:
    done = report(position=10, finished=True, at=MONDAY)
    assert watermark(done, now=NINE) == (NINE + 10 * MINUTE, "finished")


@pytest.mark.parametrize("newest", [NINE - 60 * MINUTE, NINE])
def test_watermark_never_moves_back(newest: datetime) -> None:
    ahead = NINE + 60 * MINUTE
    assert watermark(report(newest=newest), previous=ahead) == (ahead, "moving")
