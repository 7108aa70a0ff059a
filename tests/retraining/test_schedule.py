"""When a training is due, and what a program that was down has missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from pipeline.retraining import schedule
from pipeline.retraining.schedule import InvalidCron, Schedule
from pipeline.retraining.settings import RetrainingSettings
from pipeline.store import retraining as store
from pipeline.store.database import Database
from pipeline.store.retraining import Outcome, Trigger
from tests.fakes import ManualClock
from tests.retraining.made import SUBJECTS, label, texts

SETTINGS = RetrainingSettings(cron="30 3 * * *", new_labels=100, least_new_labels=20)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROWS = texts(list(SUBJECTS), 100, 1)


def ran(db: Database, at: datetime, outcome: Outcome = "refused") -> None:
    """A run that took all labels of then."""
    seq = store.begin(
        db,
        trigger="schedule",
        labels_to=store.new_labels(db, after_seq=0),
        champion=None,
        holder="one",
        now=at,
        until=at + HOUR,
    )
    store.end(db, seq, "one", outcome, now=at, decision={})


@pytest.mark.parametrize(
    ("now", "missed"),
    [
        (NOON + 15 * HOUR, False),  # 03:00
        (NOON + 15.5 * HOUR, True),  # 03:30
        (NOON + 10 * DAY, True),
    ],
)
def test_labels_that_a_time_has_passed_by_were_missed(
    file: Database, now: datetime, missed: bool
) -> None:
    label(file, ROWS[:10], at=NOON)
    assert schedule.missed(file, SETTINGS, now) == missed


def test_a_run_after_the_time_has_missed_nothing(file: Database) -> None:
    label(file, ROWS[:10], at=NOON)
    ran(file, NOON + 16 * HOUR, "nothing")
    assert not schedule.missed(file, SETTINGS, NOON + 20 * HOUR)
    assert schedule.missed(file, SETTINGS, NOON + 2 * DAY)


def test_labels_that_were_learned_are_not_missed(file: Database) -> None:
    label(file, ROWS[:10], at=NOON)
    ran(file, NOON + HOUR)
    assert not schedule.missed(file, SETTINGS, NOON + 9 * DAY)
    label(file, ROWS[10:20], at=NOON + 9 * DAY)
    assert not schedule.missed(file, SETTINGS, NOON + 9 * DAY + HOUR)
    assert schedule.missed(file, SETTINGS, NOON + 10 * DAY)


def test_too_few_labels_are_not_missed_nor_is_anything_without_times(file: Database) -> None:
    label(file, ROWS[:9], at=NOON)  # 18 events
    assert not schedule.missed(file, SETTINGS, NOON + 9 * DAY)
    label(file, ROWS[9:10], at=NOON)
    assert schedule.missed(file, SETTINGS, NOON + 9 * DAY)
    assert not schedule.missed(file, SETTINGS.model_copy(update={"cron": ""}), NOON + 9 * DAY)


@pytest.mark.parametrize(("rows", "trigger"), [(49, None), (50, "labels")])
def test_enough_new_labels_are_due(file: Database, rows: int, trigger: Trigger | None) -> None:
    ran(file, NOON)
    label(file, ROWS[:rows], at=NOON)
    assert schedule.due(file, SETTINGS, NOON) == trigger
    assert schedule.due(file, SETTINGS.model_copy(update={"new_labels": 0}), NOON) is None


def test_after_a_failure_labels_wait_for_the_schedule_or_for_more(file: Database) -> None:
    label(file, ROWS[:50], at=NOON)
    ran(file, NOON, "failed")
    assert schedule.due(file, SETTINGS, NOON) is None
    assert schedule.missed(file, SETTINGS, NOON + DAY)
    label(file, ROWS[50:], at=NOON)
    assert schedule.due(file, SETTINGS, NOON) == "labels"


def test_a_run_whose_process_is_gone_is_due_with_its_own_trigger(file: Database) -> None:
    store.begin(
        file,
        trigger="labels",
        labels_to=0,
        champion=None,
        holder="gone",
        now=NOON,
        until=NOON + HOUR,
    )
    assert schedule.due(file, SETTINGS, NOON) is None
    assert schedule.due(file, SETTINGS, NOON + HOUR) == "labels"


@pytest.fixture
def trained(file: Database) -> Callable[[datetime], list[Trigger]]:
    """What a program that starts at a time does at first."""

    def started(now: datetime) -> list[Trigger]:
        done, found = Event(), list[Trigger]()

        def train(trigger: Trigger) -> None:
            found.append(trigger)
            ran(file, now)
            done.set()

        planned = Schedule(file, SETTINGS, ManualClock(now), train)
        planned.start()
        try:
            done.wait(3)
        finally:
            planned.close()
        return found

    return started


def test_a_program_that_was_down_over_its_time_trains_once_at_its_start(
    file: Database, trained: Callable[[datetime], list[Trigger]]
) -> None:
    label(file, ROWS[:10], at=NOON)
    assert trained(NOON + 3 * DAY) == ["missed"]  # three times went by
    assert store.learned_to(file) == 20
    assert len(store.history(file, limit=9)) == 1


def test_jobs_are_due_at_the_times_that_are_set(file: Database) -> None:
    planned = Schedule(file, SETTINGS, ManualClock(NOON), lambda _: None)
    planned.start()
    try:
        at = planned.next_at()
    finally:
        planned.close()
    assert at is not None
    assert (at.hour, at.minute, at.utcoffset()) == (3, 30, timedelta())


@pytest.mark.parametrize("cron", ["61 3 * * *", "0 25 * * *", "x 3 * * *"])
def test_times_that_do_not_exist_are_refused(cron: str) -> None:
    with pytest.raises(InvalidCron, match="retraining"):
        schedule.times(cron)


@pytest.mark.parametrize(
    ("cron", "told"),
    [("0 3 * *", "five fields"), ("0 3 * * 0", "by name"), ("0 3 * * 1-5", "mon")],
)
def test_settings_refuse_what_would_be_misread(cron: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RetrainingSettings(cron=cron)


def test_days_by_name_and_no_times_are_accepted() -> None:
    week = schedule.times(RetrainingSettings(cron="0 3 * * mon-fri,sun").cron)
    assert week is not None
    saturday = datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert week.get_next_fire_time(None, saturday) == datetime(2026, 3, 8, 3, tzinfo=UTC)
    assert schedule.times(RetrainingSettings(cron="").cron) is None
