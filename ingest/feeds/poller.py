"""Asks feeds when they are due, no host twice at once, and moves a cursor only after its records.

One thread calls the poller; it fetches in threads of its own, which touch nothing but the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from random import random
from threading import Event, Thread
from time import monotonic
from typing import Final, Literal

import structlog

from ingest.feeds.cursor import Cursor, after, after_reading, changes, due
from ingest.feeds.entries import Feed, read_feed
from ingest.feeds.errors import FeedError, FeedReason
from ingest.feeds.fetching import Fetched, NotModified
from ingest.feeds.settings import FeedSettings, host_of, shown

Fetch = Callable[[str, Cursor], Fetched | NotModified | FeedError]
Store = Callable[[str, Sequence[bytes], Cursor], bool]
"""Makes the records of the feed with this URL durable, and then its cursor.

False: it was stopped before, and the records may have to come again. What it raises gets through.
"""

PolledStatus = Literal["read", "not_modified"] | FeedReason

LOOK_EVERY_S: Final = 0.2
"""How often it is looked whether a host may be asked again."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Polled:
    """What became of asking a feed once. ``feed`` is its URL without secrets."""

    feed: str
    status: PolledStatus
    detail: str
    new: int
    changed: int
    skipped: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    result: Feed | NotModified | FeedError
    fetched: Fetched | None


class Poller:
    """All feeds and where they are. ``cursors`` are those that were stored, by URL."""

    def __init__(
        self,
        settings: FeedSettings,
        cursors: Mapping[str, Cursor],
        *,
        fetch: Fetch,
        store: Store,
        clock: Callable[[], datetime],
        timer: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random,
        spawn: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._settings = settings
        urls = [url.get_secret_value() for url in settings.urls]
        self._cursors = {url: cursors.get(url, Cursor()) for url in urls}
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._timer = timer
        self._chance = chance
        self._spawn = spawn or _in_a_thread
        self._asking: set[str] = set()
        self._free_at: dict[str, float] = {}  # by host, on the timer
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._held: _Answer | None = None  # taken out, and not stored yet

    def step(self, timeout_s: float) -> Polled | None:
        """Ask what is due, and take in one answer; None if there was none within the time.

        When the store raises, the answer is kept, and is what the next call takes in.
        """
        now = self._clock()
        self._ask(url for url, cursor in self._cursors.items() if due(cursor, now))
        return self._take(timeout_s)

    def round(self, stop: Event) -> Iterator[Polled]:
        """Ask every feed once, due or not, in no fixed order; ends early when ``stop`` is set."""
        waiting = dict.fromkeys(self._cursors)
        while not stop.is_set() and (waiting or self._asking):
            for url in self._ask(waiting):
                del waiting[url]
            polled = self._take(LOOK_EVERY_S)
            if polled is not None:
                yield polled

    def _ask(self, urls: Iterable[str]) -> list[str]:
        """Begin to fetch those whose hosts may be asked now; returns them."""
        begun = []
        busy = {host_of(url) for url in self._asking}
        for url in list(urls):
            host = host_of(url)
            if len(self._asking) >= self._settings.at_once:
                break
            if host in busy or self._timer() < self._free_at.get(host, float("-inf")):
                continue
            busy.add(host)
            self._asking.add(url)
            begun.append(url)
            self._spawn(self._job(url, self._cursors[url]))
        return begun

    def _job(self, url: str, cursor: Cursor) -> Callable[[], None]:
        def run() -> None:
            fetched: Fetched | NotModified | FeedError
            try:
                fetched = self._fetch(url, cursor)
                if isinstance(fetched, Fetched):
                    feed = read_feed(fetched, feed_url=url)
                    self._answers.put(_Answer(url, feed, fetched))
                else:
                    self._answers.put(_Answer(url, fetched, None))
            except Exception as error:
                # One feed must not silence the others; whoever asked waits for an answer.
                log.exception("a feed could not be read", feed=shown(url))
                defect = FeedError("defect", f"{type(error).__name__}; see the log")
                self._answers.put(_Answer(url, defect, None))

        return run

    def _take(self, timeout_s: float) -> Polled | None:
        if self._held is None:
            try:
                self._held = self._answers.get(timeout=timeout_s)
            except Empty:
                return None
            resting = self._settings.per_host_seconds
            self._free_at[host_of(self._held.url)] = self._timer() + resting
        polled = self._taken_in(self._held)
        self._asking.discard(self._held.url)
        self._held = None
        return polled

    def _taken_in(self, answer: _Answer) -> Polled | None:
        url, result, at = answer.url, answer.result, self._clock()
        cursor = self._cursors[url]
        records: Sequence[bytes] = ()
        new = changed = skipped = 0
        if isinstance(result, Feed):
            source = self._settings.source_of(url)
            found = changes(cursor, result, source=source, at=at)
            records, new, changed = found.records, found.new, found.changed
            skipped = sum(result.skipped.values())
            fetched = answer.fetched if result.whole else None
            cursor = after_reading(
                cursor,
                found.seen,
                fetched.etag if fetched else None,
                fetched.last_modified if fetched else None,
            )
        every = timedelta(seconds=self._settings.every_seconds)
        cursor = after(cursor, result, at=at, every=every, chance=self._chance())
        if not self._store(url, records, cursor):
            return None
        self._cursors[url] = cursor
        status, detail = _told(result)
        return Polled(shown(url), status, detail, new, changed, skipped, cursor.next_at)


def _told(result: Feed | NotModified | FeedError) -> tuple[PolledStatus, str]:
    if isinstance(result, FeedError):
        return result.reason, result.detail
    if isinstance(result, NotModified):
        return "not_modified", ""
    skips = ", ".join(f"{count} {reason}" for reason, count in sorted(result.skipped.items()))
    return "read", skips if result.whole else f"mended XML{'; ' if skips else ''}{skips}"


def _in_a_thread(job: Callable[[], None]) -> None:
    # As a daemon: at the end of the program nobody waits for a feed.
    Thread(target=job, name="feed", daemon=True).start()
