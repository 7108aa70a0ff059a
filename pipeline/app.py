"""The whole pipeline in one process: a worker and the monitor, taking turns on one thread.

The classifier has a thread of its own, so while the monitor counts one poll the next is
classified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from alerts.channels import Channel
from ingest.article import Article
from ingest.companies import Mention, Watchlist
from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.monitor import DeadLetters, Monitor, Tick
from pipeline.post import Post
from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.step import Link, Submit
from pipeline.store import lease
from pipeline.store.database import Database
from pipeline.worker import Done, Worker

POLL_S = 1.0
"""Longest wait for records: how fresh reports and a quiet stream's watermark are."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of worker and monitor."""

    done: Done
    tick: Tick


class App:
    """Reads one source to its end, or until stopped. Made and run by one thread."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        source: Source,
        *,
        classify: Submit,
        watchlist: Watchlist,
        topics: tuple[str, ...],
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        name: str,
        stop: Event,
        dead: DeadLetters | None = None,
        post: Post | None = None,
    ) -> None:
        keys = keys_of(settings, topics, watchlist)
        counting = settings.counting
        self._clock = clock
        self._stop = stop
        self.worker = Worker(
            db,
            source,
            classify=classify,
            link=linker(watchlist),
            lateness=counting.lateness,
            clock=clock,
            name=name,
            stop=stop,
            poll_records=settings.sources.poll_records,
        )
        self.worker.start()
        self.monitor = Monitor(
            db,
            keys=keys,
            detection=Detection(
                db,
                keys.tested(),
                settings,
                names=watchlist.names,
                sinks=(*channels, *(post.sinks if post is not None else ())),
            ),
            channels=channels,
            lateness=counting.lateness,
            fresh_for=counting.report_fresh_within,
            # It is alone: whoever held the lease is gone, or is to be fenced off.
            epoch=lease.take(db, name, now=clock(), keep_for=settings.monitor.lease),
            keep_for=settings.monitor.lease,
            clock=clock,
            dead=dead,
            post=post,
            stop=stop,
        )

    def run(self, observe: Callable[[Round], None]) -> None:
        """Turn by turn until the source is finished and all is counted, or ``stop`` is set."""
        finished = False
        while not finished and not self._stop.is_set():
            done = self.worker.step(POLL_S)
            # Asked before the tick, so that the last tick has seen the last report.
            finished = self.worker.finished
            observe(Round(done, self.monitor.tick(self._clock())))
        self.worker.close()


def keys_of(settings: Settings, topics: tuple[str, ...], watchlist: Watchlist) -> Keys:
    """What is counted, and under which of the closed sets of keys."""
    return Keys(
        frozenset(topics),
        frozenset(watchlist.symbols),
        frozenset(settings.sources.names),
        frozenset(settings.counting.languages),
        settings.counting.sure,
    )


def linker(watchlist: Watchlist) -> Link:
    """Companies of an article, by its texts and its publisher's own tags."""

    def link(article: Article) -> tuple[Mention, ...]:
        return watchlist.find(article.title, article.body, article.symbols)

    return link
