"""The parts of the pipeline as programs of their own: any number of workers, and monitors.

Each outlives its database: while that is away it pauses, and goes on by what it finds there then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from importlib.metadata import version as program_version
from threading import Event
from time import monotonic
from typing import Protocol

import structlog
from rich.console import Console

from ingest.companies import Watchlist
from models import taxonomy
from pipeline.app import POLL_S, keys_of, linker
from pipeline.detect import Detection
from pipeline.drift import Drift
from pipeline.health import Progress
from pipeline.metrics import Metrics
from pipeline.monitor import DEAD_SINK, Monitor, Tick
from pipeline.observe import Observer
from pipeline.process import (
    dead_topic,
    now,
    process_name,
    serve_health,
    stop_on_signals,
)
from pipeline.settings import Settings
from pipeline.sinks import log_sink, open_post
from pipeline.sources import Opener
from pipeline.store import lease
from pipeline.store.database import Database, DatabaseAway, open_database
from pipeline.swapping import at_start, follow
from pipeline.worker import Done, Worker

TICK_S = 1.0
"""Rest of a monitor that found nothing to do, and of a standby between looks at the lease."""

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
HOLD_EVERY_S = 1.0
ENGINE_CLOSES_IN_S = 2.0

log = structlog.get_logger()


class Steps(Protocol):
    """What is done step by step from positions in the database: a worker, or the like."""

    @property
    def finished(self) -> bool:
        """Everything the source will ever have is stored."""

    def start(self) -> None:
        """Go to where the database says the source was left."""

    def step(self, timeout_s: float) -> Done:
        """Read and store the next records; waits for them when there are none."""

    def hold(self) -> None:
        """Keep the source while nothing can be stored."""

    def close(self) -> None:
        """Let go of what was claimed."""


def run_worker(settings: Settings, console: Console, open_source: Opener) -> None:
    """Read, classify and store until the source is finished, or SIGTERM or Ctrl-C."""
    from ingest import language  # its model is the worker's, like the classifier
    from models.engine import Engine

    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_when_there(settings.database.url.get_secret_value(), stop)
        if db is None:
            return
        stack.callback(db.close)
        source = open_source(db)
        stack.callback(source.close)
        loaded = at_start(settings, db)
        log.info("version loaded", version=loaded.id)
        watchlist = Watchlist.load(settings.companies.watchlist)
        language.load()
        metrics = Metrics(
            program_version=program_version("bearwatch"), topics=loaded.topics, keys=(), sinks=()
        )
        metrics.model(loaded.id)
        observer = Observer(metrics, db, now)
        observer.stood_by()
        engine = Engine(loaded, settings.model.engine, observer.batch)
        stack.callback(engine.close, timeout_seconds=ENGINE_CLOSES_IN_S)
        follow(settings, db, engine, metrics, stack)
        worker = Worker(
            db,
            source,
            classify=engine.submit,
            link=linker(watchlist),
            lateness=settings.counting.lateness,
            clock=now,
            name=process_name(),
            stop=stop,
            poll_records=settings.sources.poll_records,
        )
        health = Progress({"worker": settings.health.stalled_after_seconds}, monotonic())
        server = serve_health(settings, db, metrics, health, stack, lambda: source.trouble)
        console.print(f"metrics: {server.url}/metrics", highlight=False)

        def observe(done: Done | None) -> None:
            health.beat("worker", monotonic())
            if done is not None:
                observer.worked(worker, done)

        keep_working(worker, stop, observe)


def run_monitor(settings: Settings, console: Console, *, until_idle: bool) -> None:
    """Count, watch and tell until SIGTERM or Ctrl-C; stand by while another monitor does.

    ``until_idle``: until all that the workers have read to its end is counted and told.
    """
    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_when_there(settings.database.url.get_secret_value(), stop)
        if db is None:
            return
        stack.callback(db.close)
        watchlist = Watchlist.load(settings.companies.watchlist)
        topics = tuple(label.name for label in taxonomy.load(settings.model.topics).topics)
        keys = keys_of(settings, topics, watchlist)
        channels = log_sink()
        dead = dead_topic(settings, db, stack)
        post = open_post(settings, db, now, stack)
        sinks = (*channels, *post.sinks)
        told = (*sinks, DEAD_SINK) if dead is not None else sinks
        metrics = Metrics(
            program_version=program_version("bearwatch"),
            topics=topics,
            keys=keys.tested(),
            names=watchlist.names,
            sinks=told,
            partitions=(),
        )
        observer = Observer(metrics, db, now, Drift(db, settings.counting.languages))
        observer.stood_by()
        health = Progress({"monitor": settings.health.stalled_after_seconds}, monotonic())
        server = serve_health(settings, db, metrics, health, stack)
        console.print(f"metrics: {server.url}/metrics", highlight=False)

        def make(epoch: int) -> Monitor:
            names, of = watchlist.names, sinks
            return Monitor(
                db,
                keys=keys,
                detection=Detection(db, keys.tested(), settings, names=names, sinks=of),
                channels=channels,
                lateness=settings.counting.lateness,
                fresh_for=settings.counting.report_fresh_within,
                epoch=epoch,
                keep_for=settings.monitor.lease,
                clock=now,
                dead=dead,
                post=post,
                stop=stop,
            )

        def observe(monitor: Monitor | None, tick: Tick | None) -> None:
            health.beat("monitor", monotonic())
            if monitor is None or tick is None:
                observer.stood_by()
            else:
                observer.ticked(monitor, tick)

        seat = Seat(db, process_name(), settings.monitor.lease, now)
        keep_watching(seat, make, stop, observe, until_idle=until_idle)


def open_when_there(url: str, stop: Event) -> Database | None:
    """The database, waited for while it cannot be reached; None when ``stop`` was set before.

    Raises:
        StoreError: waiting will not help.
    """
    failed = 0
    while not stop.is_set():
        try:
            return open_database(url)
        except DatabaseAway as error:
            _pause(failed, error, stop)
            failed += 1
    return None


def keep_working(worker: Steps, stop: Event, observe: Callable[[Done | None], None]) -> None:
    """Step until the source is finished or ``stop`` is set, whatever happens to the database.

    A transaction that ended in a lost connection may have been stored or not. So the worker
    forgets what it has in hand and starts again from the positions, which tell.

    ``observe`` is given None after each failed attempt.
    """
    failed, started = 0, False
    while not stop.is_set() and not worker.finished:
        try:
            if not started:
                worker.start()
                started = True
            observe(worker.step(POLL_S))
            failed = 0
        except DatabaseAway as error:
            started = False
            observe(None)
            _pause(failed, error, stop, worker.hold)
            failed += 1
    if started:
        worker.close()


class Seat:
    """The one place of an active monitor in a database, as ``holder`` sees it."""

    def __init__(
        self, db: Database, holder: str, keep_for: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._holder = holder
        self._keep_for = keep_for
        self.clock = clock

    def take_if_free(self) -> int | None:
        """The new epoch, or None while another holds the lease."""
        return lease.take_if_free(
            self._db, self._holder, now=self.clock(), keep_for=self._keep_for
        )


def keep_watching(
    seat: Seat,
    make: Callable[[int], Monitor],
    stop: Event,
    observe: Callable[[Monitor | None, Tick | None], None],
    *,
    until_idle: bool,
) -> None:
    """Stand by, watch once the lease is free, stand by again when it was lost; until ``stop``.

    ``make`` builds a monitor for an epoch: a new one each time, as what the old one remembers may
    not be what is stored. ``observe`` is given Nones while there is no active monitor here.
    """
    failed = 0
    monitor: Monitor | None = None
    while not stop.is_set():
        try:
            if monitor is None:
                epoch = seat.take_if_free()
                failed = 0
                if epoch is None:
                    observe(None, None)
                    stop.wait(TICK_S)
                    continue
                log.info("this monitor is the active one", epoch=epoch)
                monitor = make(epoch)
            tick = monitor.tick(seat.clock(), closing=until_idle)
            failed = 0
            observe(monitor, tick)
            if until_idle and tick.ended:
                break
            if not tick.counted:
                stop.wait(TICK_S)
        except lease.LeaseLost as error:
            log.warning("another monitor has taken over: standing by", reason=str(error))
            monitor = None
            observe(None, None)
        except DatabaseAway as error:
            monitor = None
            observe(None, None)
            _pause(failed, error, stop)
            failed += 1
    if monitor is not None:
        _release(monitor)


def _release(monitor: Monitor) -> None:
    try:
        monitor.release()
    except (lease.LeaseLost, DatabaseAway) as error:
        log.info("the lease was not given back", reason=str(error))


def _pause(
    failed: int, error: DatabaseAway, stop: Event, hold: Callable[[], None] = lambda: None
) -> None:
    """Wait longer after each failure in a row, looking after the source meanwhile."""
    doubled: float = FIRST_PAUSE_S * 2 ** min(failed, 10)
    rest = min(LONGEST_PAUSE_S, doubled)
    log.warning("database away: pausing", seconds=rest, failed=failed + 1, reason=str(error))
    until = monotonic() + rest
    while not stop.is_set() and (left := until - monotonic()) > 0:
        hold()
        stop.wait(min(HOLD_EVERY_S, left))
