"""Feeds into Kafka or into the database's inbox: a command, one round, or beside a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from threading import Event, Thread
from typing import Final

import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.feeds.cursor import Cursor
from ingest.feeds.errors import FEED_REASONS
from ingest.feeds.fetching import Fetcher
from ingest.feeds.poller import Polled, Poller, Store
from ingest.feeds.settings import FeedSettings, shown
from ingest.files import IngestError, Record
from ingest.kafka.producer import Producer
from ingest.kafka.topics import require_topic
from pipeline.display import Shown, progress
from pipeline.ingesting import message, publish
from pipeline.parts import open_when_there
from pipeline.process import now, opened, stop_on_signals
from pipeline.settings import InvalidSettings, Settings
from pipeline.store import feeds, inbox
from pipeline.store.database import Database, DatabaseAway

STEP_S: Final = 0.25
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
CLOSE_S: Final = 5.0
"""How long the end of a thread is waited for: it writes at most one transaction more."""

Observe = Callable[[Polled], None]

log = structlog.get_logger()


def poll_feeds(settings: Settings, console: Console) -> None:
    """Ask feeds whenever they are due until SIGTERM or Ctrl-C, whatever happens to the database.

    Raises:
        InvalidSettings: no feed is named.
        IngestError: Kafka refuses for good.
    """
    wanted = with_feeds(settings)
    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_when_there(settings.database.url.get_secret_value(), stop)
        if db is None:
            return
        stack.callback(db.close)
        store = _store(settings, db, stop, stack)
        count = len(wanted.urls)
        console.print(f"reading {count} {'feed' if count == 1 else 'feeds'}", highlight=False)
        keep_polling(lambda: poller(wanted, db, store), stop, told)


def poll_once(settings: Settings, console: Console) -> Shown:
    """Ask every feed once, due or not, and tell what came.

    Raises:
        InvalidSettings: no feed is named.
        IngestError: Kafka did not take the articles; sending them again is safe.
        StoreError: nor did the database.
    """
    wanted = with_feeds(settings)
    with stop_on_signals() as stop, ExitStack() as stack:
        db = stack.enter_context(opened(settings))
        store = _store(settings, db, stop, stack)
        polled = []
        with progress(console) as display:
            bar = display.add_task("asking feeds", total=len(wanted.urls), facts="")
            for one in poller(wanted, db, store).round(stop):
                polled.append(one)
                display.update(bar, advance=1, facts=f"{sum(p.new for p in polled):,} new")
    return _shown(polled)


class FeedThread:
    """Feeds beside a pipeline in the same process: into its inbox, which it reads.

    Outlives the database's being away. Anything else that goes wrong ends the thread and is
    raised by :meth:`check`, which the pipeline calls now and then.
    """

    def __init__(
        self,
        settings: FeedSettings,
        db: Database,
        put: feeds.Put,
        *,
        observe: Observe | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._stop = Event()
        self._error: Exception | None = None
        store = into_inbox(db, put, clock)
        self._thread = Thread(
            target=self._run,
            args=(lambda: poller(settings, db, store, clock), observe or told),
            name="feeds",
            daemon=True,
        )

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and return at once."""
        self._stop.set()

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """End it; False when it has not ended in time (it is a daemon, and holds nothing open)."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._error is not None:
            raise self._error

    def _run(self, make: Callable[[], Poller], observe: Observe) -> None:
        try:
            keep_polling(make, self._stop, observe)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that checks
            self._error = error


def keep_polling(make: Callable[[], Poller], stop: Event, observe: Observe) -> None:
    """Step until ``stop`` is set. What the database or Kafka did not take is offered again.

    Whether a transaction that ended in a failure was stored, nobody knows: records that come
    twice change nothing. ``make`` gives a poller with the stored cursors.
    """
    failed = 0
    current: Poller | None = None
    while not stop.is_set():
        try:
            current = current or make()
            polled = current.step(STEP_S)
        except (DatabaseAway, IngestError) as error:
            if isinstance(error, IngestError) and not error.retryable:
                raise
            rest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failed, 10))
            failed += 1
            log.warning("feeds pause", seconds=rest, failed=failed, reason=str(error))
            stop.wait(rest)
        else:
            if polled is not None:
                failed = 0
                observe(polled)


def poller(
    settings: FeedSettings, db: Database, store: Store, clock: Callable[[], datetime] = now
) -> Poller:
    """A poller of the feeds of ``settings``, from their stored cursors on."""
    fetcher = Fetcher(settings, clock=clock)
    cursors = feeds.load(db, [url.get_secret_value() for url in settings.urls])
    return Poller(
        settings,
        cursors,
        fetch=lambda url, cursor: fetcher.fetch(
            url, etag=cursor.etag, last_modified=cursor.last_modified
        ),
        store=store,
        clock=clock,
    )


def into_inbox(db: Database, put: feeds.Put, clock: Callable[[], datetime] = now) -> Store:
    """Records and cursor in one transaction of the database."""

    def store(url: str, records: Sequence[bytes], cursor: Cursor) -> bool:
        if records:
            feeds.save_with(db, put, url, records, cursor, at=clock())
        else:
            feeds.save(db, url, cursor, at=clock())
        return True

    return store


def into_kafka(
    db: Database, producer: Producer, topic: str, stop: Event, clock: Callable[[], datetime] = now
) -> Store:
    """Records to Kafka, and the cursor to the database once each of them is acknowledged."""

    def store(url: str, records: Sequence[bytes], cursor: Cursor) -> bool:
        at = clock()
        messages = [message(Record("", 0, 0, value, at), topic) for value in records]
        refused = publish(producer, messages, stop, already=0) if messages else ()
        if refused is None:
            return False
        for one in refused:
            log.error("Kafka refused an article", feed=shown(url), reason=one.reason)
        feeds.save(db, url, cursor, at=at)
        return True

    return store


def with_feeds(settings: Settings) -> FeedSettings:
    """The settings of feeds, if there are any.

    Raises:
        InvalidSettings: no feed is named.
    """
    if not settings.feeds.urls:
        raise InvalidSettings(["feeds.urls: not given; write the URLs of RSS or Atom feeds"])
    return settings.feeds


def told(polled: Polled) -> None:
    """A line in the log: of failures a warning, of what brought nothing only when debugging."""
    tell = log.debug
    if polled.status in FEED_REASONS:
        tell = log.warning
    elif polled.new or polled.changed:
        tell = log.info
    tell("feed", **asdict(polled))


def _store(settings: Settings, db: Database, stop: Event, stack: ExitStack) -> Store:
    if not settings.kafka.servers:
        return into_inbox(db, inbox.put)
    require_topic(settings.kafka, settings.kafka.raw_topic)
    producer = Producer(settings.kafka)
    stack.callback(producer.close)
    return into_kafka(db, producer, settings.kafka.raw_topic, stop)


def _shown(polled: Sequence[Polled]) -> Shown:
    table = Table(title="Feeds", title_justify="left")
    for name in ("feed", "status", "new", "changed", "skipped", "detail"):
        table.add_column(name, overflow="fold", justify="right" if name in _NUMBERS else "left")
    for one in polled:
        numbers = (str(one.new), str(one.changed), str(one.skipped))
        table.add_row(escape(one.feed), one.status, *numbers, escape(one.detail))
    rows = [
        asdict(one) | {"next_at": one.next_at and one.next_at.isoformat(timespec="seconds")}
        for one in polled
    ]
    result = {
        "feeds": rows,
        "failed": sum(one.status in FEED_REASONS for one in polled),
        "new": sum(one.new for one in polled),
        "changed": sum(one.changed for one in polled),
    }
    return Shown(result, table)


_NUMBERS = frozenset({"new", "changed", "skipped"})
