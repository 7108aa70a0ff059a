"""The poller: gentle to hosts, and a cursor that moves only after its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from threading import Event

import pytest

from ingest.article import Article, parse
from ingest.feeds.cursor import Cursor
from ingest.feeds.errors import FeedError
from ingest.feeds.fetching import Fetched, Fetcher, NotModified
from ingest.feeds.poller import Polled, Poller
from ingest.feeds.settings import FeedSettings, FeedUrl
from tests.fakes import MONDAY, ManualClock
from tests.ingest.feeds import Answer, Site, item, rss, site

EVERY = 300.0


class Kept:
    """A store that can be away, and remembers what it was given."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.cursors: dict[str, Cursor] = {}
        self.away = False
        self.stopped = False

    def __call__(self, url: str, records: Sequence[bytes], cursor: Cursor) -> bool:
        if self.away:
            raise ConnectionError
        self.records += records
        if self.stopped:
            return False
        self.cursors[url] = cursor
        return True

    @property
    def ids(self) -> list[str]:
        parsed = [parse(record, received_at=MONDAY) for record in self.records]
        return [one.id for one in parsed if isinstance(one, Article)]


class Hosts:
    """Feeds that answer when they are let, and who was asked meanwhile."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.asked: list[str] = []

    def fetch(self, url: str, cursor: Cursor) -> NotModified:
        self.asked.append(url)
        return NotModified()

    def answer(self) -> None:
        for job in self.jobs:
            job()
        self.jobs.clear()


def made(
    urls: Sequence[str],
    kept: Kept,
    *,
    fetch: Callable[[str, Cursor], Fetched | NotModified | FeedError],
    clock: ManualClock,
    spawn: Callable[[Callable[[], None]], None] | None = None,
    at_once: int = 4,
) -> Poller:
    return Poller(
        FeedSettings(
            urls=tuple(FeedUrl(url) for url in urls),
            every_seconds=EVERY,
            per_host_seconds=10,
            at_once=at_once,
        ),
        kept.cursors,
        fetch=fetch,
        store=kept,
        clock=clock,
        timer=lambda: (clock() - MONDAY).total_seconds(),
        chance=lambda: 0.5,
        spawn=spawn,
    )


@pytest.fixture
def served() -> Iterator[Site]:
    with site() as found:
        found.answers["/feed"] = Answer(rss(item(2), item(1)), headers={"ETag": '"a"'})
        yield found


def reading(served: Site, kept: Kept, clock: ManualClock) -> Poller:
    """A poller of one real feed, as after a start of the program."""
    fetcher = Fetcher(FeedSettings(allow_private=True, deadline_seconds=20), clock=clock)
    return made(
        [served.url("/feed")],
        kept,
        fetch=lambda url, c: fetcher.fetch(url, etag=c.etag, last_modified=c.last_modified),
        clock=clock,
    )


def polled(poller: Poller) -> Polled:
    for _ in range(100):
        found = poller.step(0.2)
        if found is not None:
            return found
    raise AssertionError("no answer")


def test_new_articles_are_stored_once_and_again_nothing_after_a_restart(served: Site) -> None:
    kept, clock = Kept(), ManualClock()
    first = polled(reading(served, kept, clock))
    assert (first.status, first.new, first.changed) == ("read", 2, 0)
    assert kept.ids == ["urn:mill:1", "urn:mill:2"]
    assert reading(served, kept, clock).step(0.0) is None  # it is not due yet
    clock.move(timedelta(seconds=EVERY))
    assert polled(reading(served, kept, clock)).status == "not_modified"
    served.answers["/feed"] = Answer(rss(item(3), item(2), item(1)), headers={"ETag": '"b"'})
    clock.move(timedelta(seconds=EVERY))
    assert polled(reading(served, kept, clock)).new == 1
    assert kept.ids == ["urn:mill:1", "urn:mill:2", "urn:mill:3"]
    assert len(served.asked) == 3


def test_crash_between_records_and_cursor_sends_the_same_records_again(served: Site) -> None:
    kept, clock = Kept(), ManualClock()
    kept.stopped = True
    assert reading(served, kept, clock).step(30.0) is None
    assert kept.cursors == {}
    sent = list(kept.records)
    kept.stopped = False
    clock.move(timedelta(seconds=20))
    assert polled(reading(served, kept, clock)).new == 2
    assert kept.records == sent * 2


def test_answer_that_could_not_be_stored_is_kept_and_not_fetched_again(served: Site) -> None:
    kept, clock = Kept(), ManualClock()
    poller = reading(served, kept, clock)
    kept.away = True
    for _ in range(3):
        with pytest.raises(ConnectionError):
            polled(poller)
        clock.move(timedelta(seconds=60))
    kept.away = False
    assert polled(poller).new == 2
    assert len(served.asked) == 1


def test_feed_that_was_mended_is_asked_for_in_full(served: Site) -> None:
    body = served.answers["/feed"].body
    served.answers["/feed"] = Answer(body[:-40], headers={"ETag": '"a"'})
    kept, clock = Kept(), ManualClock()
    assert polled(reading(served, kept, clock)).detail.startswith("mended")
    clock.move(timedelta(seconds=EVERY))
    assert polled(reading(served, kept, clock)).status == "read"


def test_failure_is_told_and_remembered_over_a_restart(served: Site) -> None:
    served.answers.clear()
    kept, clock = Kept(), ManualClock()
    assert polled(reading(served, kept, clock)).status == "status"
    clock.move(timedelta(seconds=EVERY))
    assert polled(reading(served, kept, clock)).status == "status"
    clock.move(timedelta(seconds=EVERY))
    assert reading(served, kept, clock).step(0.0) is None  # it rests twice as long now
    assert next(iter(kept.cursors.values())).failures == 2


def test_no_host_is_asked_twice_at_once_and_each_rests_between() -> None:
    hosts, kept, clock = Hosts(), Kept(), ManualClock()
    urls = ["http://a.test/1", "http://a.test/2", "http://b.test/1", "http://A.test:81/3"]
    poller = made(urls, kept, fetch=hosts.fetch, clock=clock, spawn=hosts.jobs.append)
    rounds = []
    for _ in range(6):
        poller.step(0.0)
        rounds.append(len(hosts.jobs))
        hosts.answer()
        while poller.step(0.0):
            rounds[-1] += len(hosts.jobs)
            hosts.answer()
        clock.move(timedelta(seconds=5))
    assert rounds == [2, 0, 1, 0, 1, 0]
    assert sorted(hosts.asked) == sorted(urls)


def test_only_so_many_are_asked_at_once() -> None:
    hosts, clock = Hosts(), ManualClock()
    urls = [f"http://h{n}.test/" for n in range(5)]
    poller = made(urls, Kept(), fetch=hosts.fetch, clock=clock, spawn=hosts.jobs.append, at_once=3)
    for _ in range(3):
        poller.step(0.0)
    assert len(hosts.jobs) == 3


def test_defect_with_one_feed_leaves_the_others_alone() -> None:
    def fetch(url: str, cursor: Cursor) -> NotModified:
        if "bad" in url:
            raise ZeroDivisionError
        return NotModified()

    poller = made(
        ["http://bad.test/", "http://good.test/"], Kept(), fetch=fetch, clock=ManualClock()
    )
    found = [polled(poller), polled(poller)]
    assert {one.feed: one.status for one in found} == {
        "http://bad.test/": "defect",
        "http://good.test/": "not_modified",
    }


def test_round_asks_every_feed_once_due_or_not() -> None:
    hosts, kept, clock = Hosts(), Kept(), ManualClock()
    urls = [f"http://h{n}.test/" for n in range(6)]
    kept.cursors[urls[0]] = Cursor(next_at=MONDAY + timedelta(hours=1))
    poller = made(urls, kept, fetch=hosts.fetch, clock=clock)
    assert sorted(one.feed for one in poller.round(Event())) == urls
    assert sorted(hosts.asked) == urls


def test_round_ends_when_it_is_asked_to() -> None:
    stop = Event()
    stop.set()
    poller = made(["http://a.test/"], Kept(), fetch=Hosts().fetch, clock=ManualClock())
    assert list(poller.round(stop)) == []


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://me:hunter2@h.test/a", "https://***@h.test/a"),
        ("https://h.test/a?format=rss&token=hunter2", "https://h.test/a?format=rss&token=***"),
        ("https://h.test/a?k=hunter2hunter2hunter2", "https://h.test/a?k=***"),
        ("https://h.test/a?apikey=h&topic=oil#x", "https://h.test/a?apikey=***&topic=oil#x"),
    ],
)
def test_secrets_of_an_address_are_not_shown(url: str, seen: str) -> None:
    settings = FeedSettings(urls=(FeedUrl(url),))
    poller = made([url], Kept(), fetch=lambda u, c: NotModified(), clock=ManualClock())
    assert polled(poller).feed == seen
    assert "hunter2" not in f"{settings!r}{settings.model_dump_json()}"
