"""The programs behind `bearwatch retrain`: once, by a schedule, and what was done so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version as program_version
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

import structlog
from rich.console import Console

from pipeline.display import Shown, progress
from pipeline.errors import expected
from pipeline.health import Progress
from pipeline.metrics import Metrics
from pipeline.parts import open_when_there
from pipeline.process import now, opened, serve_health, stop_on_signals
from pipeline.retraining import process, run, schedule
from pipeline.retraining.job import Result
from pipeline.retraining.metrics import RetrainingMetrics
from pipeline.retraining.parts import Parts, open_parts
from pipeline.retraining.process import Heard
from pipeline.retraining.showing import history_table, shown
from pipeline.settings import Settings
from pipeline.store import retraining as store
from pipeline.store import versions
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.retraining import Trigger

TURN_S: Final = 1.0
WAITING_EVERY_S: Final = 15.0

log = structlog.get_logger()


def run_once(settings: Settings, console: Console, *, anyway: bool) -> Shown:
    """Train now, if there is enough to learn; the decision.

    Raises:
        Busy: another process is training, and has not been silent for as long as its lease.
        TrainingFailed, StoreError, VersionError: the run is stored as failed, with the reason.
    """
    least = 0 if anyway else settings.retraining.least_new_labels
    with stop_on_signals() as stop, opened(settings) as db, progress(console) as display:
        parts = open_parts(settings, db)
        task = display.add_task("retraining", total=None, facts="")

        def heard(told: Mapping[str, Any]) -> None:
            total, done = told.get("steps"), told.get("step", 0)
            display.update(task, total=total, completed=done, facts=str(told.get("at", "")))

        wait_for_the_lease(parts, stop)
        ended = run.retrain(parts, "hand", stop=stop, heard=heard, least=least)
    return shown(ended)


def wait_for_the_lease(parts: Parts, stop: Event) -> None:
    """Wait until a running training has ended, or its lease; for as long as a lease lasts."""
    until = monotonic() + parts.settings.retraining.lease_seconds + TURN_S
    while monotonic() < until and not stop.is_set():
        newest = store.history(parts.db, limit=1)
        if not newest or newest[0].state != "running" or newest[0].lease_until <= parts.clock():
            return
        stop.wait(TURN_S)


def show_history(settings: Settings, limit: int) -> Shown:
    """The newest runs and their reasons."""
    with opened(settings) as db:
        return history_table(store.history(db, limit=limit))


def run_serve(settings: Settings, console: Console) -> None:
    """Train when it is due until SIGTERM or Ctrl-C; a training in hand goes on at the next start.

    Raises:
        InvalidCron: the schedule cannot be read.
        CannotListen: the port is taken.
    """
    schedule.times(settings.retraining.cron)
    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_when_there(settings.database.url.get_secret_value(), stop)
        if db is None:
            return
        stack.callback(db.close)
        server = Serving(open_parts(settings, db), stop)
        url = serve_health(settings, db, server.metrics, server.health, stack).url
        console.print(f"metrics: {url}/metrics", highlight=False)
        planned = schedule.Schedule(db, settings.retraining, now, server.train)
        planned.start()
        stack.callback(planned.close)
        console.print(f"next training: {planned.next_at() or 'not scheduled'}", highlight=False)
        while not stop.wait(TURN_S):
            server.turn(db)


@dataclass(slots=True)
class _Turn:
    training: bool = False
    asked_at: float = float("-inf")


class Serving:
    """What the schedule calls, and what is seen of it from outside."""

    def __init__(self, parts: Parts, stop: Event) -> None:
        self._parts = replace(parts, train=self._train)
        self._trains = parts.train
        self._stop = stop
        self._turn = _Turn()
        self.metrics = Metrics(
            program_version=program_version("bearwatch"), topics=(), keys=(), sinks=()
        )
        self.metrics.watching(False)
        self.own = RetrainingMetrics(self.metrics.registry)
        limit = parts.settings.health.stalled_after_seconds
        self.health = Progress({"retrain": limit}, monotonic())
        for past in reversed(store.history(parts.db, limit=50)):
            if past.state != "running" and past.ended_at is not None:
                self.own.found(past.state, past.ended_at, past.decision or {})

    def train(self, trigger: Trigger) -> None:
        """One run; whatever becomes of it, the program goes on."""
        self._turn.training = True
        self.own.began()
        settings = self._parts.settings.retraining
        try:
            ended = run.retrain(
                self._parts,
                trigger,
                stop=self._stop,
                heard=self._heard,
                least=settings.least_new_labels,
            )
            self.own.ended(ended.outcome, self._parts.clock(), ended.decision)
        except (store.Busy, store.TakenOver, DatabaseAway, process.Stopped) as error:
            log.info("not retrained", trigger=trigger, reason=str(error))
        except Exception as error:
            self.own.ended("failed", self._parts.clock(), {})
            if isinstance(error, expected()):
                log.error("retraining failed", trigger=trigger, reason=str(error))
            else:
                log.exception("retraining failed", trigger=trigger)
        finally:
            self.own.finished()
            self._turn.training = False

    def turn(self, db: Database) -> None:
        """A sign of life, how much waits to be learned, and which version is the champion."""
        if not self._turn.training:
            self.health.beat("retrain", monotonic())
        if monotonic() - self._turn.asked_at < WAITING_EVERY_S:
            return
        self._turn.asked_at = monotonic()
        try:
            self.own.waiting(store.new_labels(db, after_seq=store.learned_to(db)))
            if (champion := versions.champion(db)) is not None:
                self.own.champion(champion.version, champion.at)
        except DatabaseAway as error:
            log.warning("database away", reason=str(error))

    def _train(
        self,
        folder: Path,
        *,
        stop: Event,
        alive: Callable[[], None],
        heard: Heard,
        longest_s: float,
    ) -> Result:
        def beat() -> None:
            # Of one that hangs, `longest_s` is the end.
            self.health.beat("retrain", monotonic())
            alive()

        return self._trains(folder, stop=stop, alive=beat, heard=heard, longest_s=longest_s)

    def _heard(self, told: Mapping[str, Any]) -> None:
        if "step" in told:
            self.own.progress(int(told["step"]), int(told["steps"]))
