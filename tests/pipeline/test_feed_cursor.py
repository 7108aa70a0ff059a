"""Cursors of feeds in the database, and feeds read beside a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from time import monotonic, sleep

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from ingest.article import Article, parse
from ingest.feeds.cursor import Cursor, Seen
from ingest.feeds.poller import Polled
from ingest.feeds.settings import FeedSettings, FeedUrl
from pipeline.feeding import FeedThread
from pipeline.store import feeds, tables
from pipeline.store.database import Database, DatabaseAway
from tests.fakes import MONDAY, ManualClock
from tests.ingest.feeds import Answer, Site, item, rss, site

URL = "https://me:hunter2@news.test/feed"
CURSOR = Cursor(
    etag='"é"',
    last_modified="Mon, 02 Mar 2026 09:00:00 GMT",
    seen={"b": Seen("d", 2**53 - 1, -1), "a": Seen("e", 0, None)},
    next_at=MONDAY + timedelta(milliseconds=1),
    failures=3,
)


class Inbox:
    """Appends records as the inbox does: in one transaction with what runs within it."""

    def __init__(self) -> None:
        self.failing: list[Exception] = []

    def __call__(
        self,
        db: Database,
        records: Sequence[bytes],
        *,
        at: datetime,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        with db.write() as connection:
            rows = [
                {"at": at, "kind": "record", "actor": "inbox", "value": record.decode()}
                for record in records
            ]
            connection.execute(insert(tables.event), rows)
            if also is not None:
                also(connection)
            if self.failing:
                raise self.failing.pop()


def stored(db: Database) -> list[str]:
    """Ids of what is in the inbox."""
    with db.read() as connection:
        values = connection.execute(select(tables.event.c.value).order_by(tables.event.c.seq))
        found = [parse(value.encode(), received_at=MONDAY) for value in values.scalars()]
    return [one.id for one in found if isinstance(one, Article)]


def test_cursor_comes_back_as_it_was_saved(db: Database) -> None:
    other = "https://news.test/other"
    feeds.save(db, URL, CURSOR, at=MONDAY)
    feeds.save(db, other, Cursor(), at=MONDAY)
    assert feeds.load(db, [URL]) == {URL: CURSOR}
    assert list(feeds.load(db, [URL])[URL].seen) == ["b", "a"]
    moved = replace(CURSOR, etag=None, failures=0, next_at=None)
    feeds.save(db, URL, moved, at=MONDAY)
    assert feeds.load(db, [URL, other, "https://new.test/"]) == {URL: moved, other: Cursor()}


def test_password_of_a_feed_is_not_in_the_database(db: Database) -> None:
    feeds.save(db, URL, CURSOR, at=MONDAY)
    with db.read() as connection:
        (row,) = connection.execute(select(tables.feed_cursor)).all()
    assert row.url == "https://***@news.test/feed"
    assert "hunter2" not in str(row)


def test_records_and_cursor_are_stored_together_or_not_at_all(db: Database) -> None:
    inbox = Inbox()
    record = b'{"source": "s", "id": "1", "title": "t"}'
    inbox.failing = [RuntimeError("killed before the commit")]
    with pytest.raises(RuntimeError):
        feeds.save_with(db, inbox, URL, [record], CURSOR, at=MONDAY)
    assert (stored(db), feeds.load(db, [URL])) == ([], {})
    unwritable = replace(CURSOR, failures=None)  # type: ignore[arg-type]  # the table refuses it
    with pytest.raises(IntegrityError):
        feeds.save_with(db, inbox, URL, [record], unwritable, at=MONDAY)
    assert stored(db) == []
    feeds.save_with(db, inbox, URL, [record], CURSOR, at=MONDAY)
    assert (stored(db), feeds.load(db, [URL])) == (["1"], {URL: CURSOR})


@pytest.fixture
def served() -> Iterator[Site]:
    with site() as found:
        found.answers["/feed"] = Answer(rss(item(2), item(1)), headers={"ETag": '"a"'})
        yield found


class Beside:
    """A thread of feeds, and what it told."""

    def __init__(self, served: Site, db: Database, inbox: Inbox, clock: ManualClock) -> None:
        self.told: list[Polled] = []
        self._news = Event()
        settings = FeedSettings(
            urls=(FeedUrl(served.url("/feed")),), allow_private=True, per_host_seconds=0
        )
        self.thread = FeedThread(settings, db, inbox, observe=self._observe, clock=clock)
        self.thread.start()

    def _observe(self, polled: Polled) -> None:
        self.told.append(polled)
        self._news.set()

    def next(self) -> Polled:
        assert self._news.wait(60), "nothing was told"
        self._news.clear()
        return self.told[-1]


def test_thread_reads_feeds_into_the_inbox_and_goes_on_after_a_restart(
    served: Site, db: Database
) -> None:
    inbox, clock = Inbox(), ManualClock()
    inbox.failing = [DatabaseAway("gone for a moment")]
    first = Beside(served, db, inbox, clock)
    assert first.next().new == 2
    assert first.thread.close(30)
    first.thread.check()
    assert stored(db) == ["urn:mill:1", "urn:mill:2"]
    clock.move(timedelta(hours=1))
    served.answers["/feed"] = Answer(rss(item(3), item(2), item(1)), headers={"ETag": '"b"'})
    second = Beside(served, db, inbox, clock)
    assert second.next().new == 1
    assert second.thread.close(30)
    assert stored(db) == ["urn:mill:1", "urn:mill:2", "urn:mill:3"]
    assert [sent.get("if-none-match") for _, sent in served.asked] == [None, '"a"']


def keep_checking(thread: FeedThread) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        thread.check()
        sleep(0.02)


def test_what_ends_the_thread_is_told_to_who_checks(served: Site, db: Database) -> None:
    inbox = Inbox()
    inbox.failing = [ZeroDivisionError("a defect")]
    beside = Beside(served, db, inbox, ManualClock())
    with pytest.raises(ZeroDivisionError):
        keep_checking(beside.thread)
    assert beside.thread.close(30)


def test_thread_that_was_never_started_can_be_closed(db: Database) -> None:
    assert FeedThread(FeedSettings(), db, Inbox()).close(1)
