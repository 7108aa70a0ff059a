"""When to train: by the clock, after so many new labels, and at once after a missed time.

Decisions are functions of what is stored and of the time, so a program that was down knows what it
has missed without having written down anything of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from pipeline.retraining.settings import RetrainingSettings
from pipeline.store import retraining as store
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.retraining import Trigger

LOOK_S: Final = 30
"""Between looks for new labels, and for a training whose process is gone."""

log = structlog.get_logger()


class InvalidCron(ValueError):
    """The settings' times cannot be read."""


def times(cron: str) -> CronTrigger | None:
    """The times of a cron expression in UTC; None for none.

    Raises:
        InvalidCron: a field is out of range.
    """
    if not cron:
        return None
    try:
        return CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as error:
        raise InvalidCron(f"[retraining] cron = {cron!r}: {error}") from error


def missed(db: Database, settings: RetrainingSettings, now: datetime) -> bool:
    """Whether a time of the schedule went by since the last run, or, later than that, since the
    first label that waits to be learned; and there is enough to learn."""
    cron = times(settings.cron)
    learned = store.learned_to(db)
    waits_since = store.oldest_new_label(db, after_seq=learned)
    if cron is None or waits_since is None:
        return False
    if store.new_labels(db, after_seq=learned) < settings.least_new_labels:
        return False
    last = store.history(db, limit=1)
    since = max(waits_since, last[0].started_at) if last else waits_since
    due = cron.get_next_fire_time(None, since)
    return due is not None and due <= now


def due(db: Database, settings: RetrainingSettings, now: datetime) -> Trigger | None:
    """What there is to train for between the times of the schedule: what another process has left
    behind, with its own trigger, or enough new labels."""
    left = store.interrupted(db, now=now)
    if left is not None:
        return left.trigger
    if not settings.new_labels:
        return None
    # One that failed is not tried again and again: the schedule does, or more labels.
    waiting = store.new_labels(db, after_seq=store.seen_to(db))
    return "labels" if waiting >= settings.new_labels else None


class Schedule:
    """Runs ``train`` when it is due, on one thread of its own, never twice at once.

    A time that comes while a training runs waits for its end (up to ``late_by_hours``); several
    such become one.
    """

    def __init__(
        self,
        db: Database,
        settings: RetrainingSettings,
        clock: Callable[[], datetime],
        train: Callable[[Trigger], None],
    ) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._train = train
        self._begun = False
        """Whether it was found out what was missed before the start."""
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": int(timedelta(hours=settings.late_by_hours).total_seconds()),
            },
        )

    def start(self) -> None:
        """Begin: what was missed first."""
        add = self._scheduler.add_job
        add(self._look, id="begin")
        if (cron := times(self._settings.cron)) is not None:
            add(self._train, cron, args=["schedule"], id="schedule")
        add(self._look, "interval", seconds=LOOK_S, id="look")
        self._scheduler.start()

    def close(self) -> None:
        """Begin nothing more; wait for what runs, which has been asked to stop."""
        self._scheduler.shutdown(wait=True)

    def next_at(self) -> datetime | None:
        """The next time of the schedule."""
        job = self._scheduler.get_job("schedule")
        return None if job is None else job.next_run_time

    def _look(self) -> None:
        now = self._clock()
        try:
            trigger = due(self._db, self._settings, now)
            if trigger is None and not self._begun and missed(self._db, self._settings, now):
                trigger = "missed"
        except DatabaseAway as error:
            log.warning("database away: looking again", seconds=LOOK_S, reason=str(error))
            return
        self._begun = True
        if trigger is not None:
            self._train(trigger)
