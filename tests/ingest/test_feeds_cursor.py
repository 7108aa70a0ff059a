"""Cursors: what is sent again, with which revision, and when a feed is asked next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.article import Article, parse
from ingest.feeds.cursor import (
    FURTHEST,
    LONGEST_REST,
    MOST_SEEN,
    Changes,
    Cursor,
    Seen,
    after,
    after_reading,
    changes,
    due,
    seen_from,
    seen_text,
)
from ingest.feeds.entries import Entry, Feed
from ingest.feeds.errors import FeedError, FeedReason
from ingest.feeds.fetching import NotModified
from tests.fakes import MONDAY

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def entry(
    name: str = "urn:a",
    title: str = "Weir opens",
    *,
    published: timedelta | None = timedelta(),
    updated: timedelta | None = None,
) -> Entry:
    return Entry(
        name,
        title,
        "",
        None,
        None if published is None else MONDAY + published,
        None if updated is None else MONDAY + updated,
    )


def send(cursor: Cursor, *entries: Entry, at: timedelta = HOUR) -> tuple[Cursor, list[Article]]:
    """The cursor after the feed with these entries was read and stored, and what was sent."""
    found = changes(cursor, Feed(entries), source="weir", at=MONDAY + at)
    return after_reading(cursor, found.seen, None, None), articles(found)


def articles(found: Changes) -> list[Article]:
    parsed = [parse(record, received_at=MONDAY + HOUR) for record in found.records]
    return [one for one in parsed if isinstance(one, Article)]


def milliseconds(after: timedelta) -> int:
    return int((MONDAY + after).timestamp() * 1_000)


def test_article_is_sent_once_and_dated_as_the_feed_states() -> None:
    cursor, sent = send(Cursor(), entry())
    assert [(a.source, a.id, a.title, a.action, a.revision) for a in sent] == [
        ("weir", "urn:a", "Weir opens", "add", 0)
    ]
    assert sent[0].published_at == MONDAY
    assert send(cursor, entry()) == (cursor, [])


def test_article_without_time_is_not_dated_now() -> None:
    _, (sent,) = send(Cursor(), entry(published=None))
    assert (sent.published_at, sent.undated) == (None, "missing")


def test_articles_come_in_the_order_of_their_times() -> None:
    later, earlier = entry("urn:2", published=HOUR), entry("urn:1")
    _, sent = send(Cursor(), later, earlier, entry("urn:0", published=None))
    assert [a.id for a in sent] == ["urn:0", "urn:1", "urn:2"]


def test_change_with_a_stated_time_has_it_as_revision_from_any_cursor() -> None:
    cursor, (first,) = send(Cursor(), entry(updated=MINUTE))
    _, (changed,) = send(cursor, entry(title="Weir shuts", updated=2 * MINUTE))
    _, (lost,) = send(Cursor(), entry(title="Weir shuts", updated=2 * MINUTE))
    assert first.revision == milliseconds(MINUTE)
    assert (changed.action, changed.revision) == ("replace", milliseconds(2 * MINUTE))
    assert lost.revision == changed.revision


def test_silent_change_rises_above_whatever_was_sent() -> None:
    cursor, (first,) = send(Cursor(), entry(updated=10 * HOUR))  # the publisher's clock is ahead
    cursor, (second,) = send(cursor, entry(title="b", updated=10 * HOUR), at=HOUR)
    cursor, (third,) = send(cursor, entry(title="c", updated=9 * HOUR), at=2 * HOUR)
    cursor, (fourth,) = send(cursor, entry(title="d"), at=20 * HOUR)
    assert first.revision + 1 == second.revision == third.revision - 1
    assert fourth.revision == milliseconds(20 * HOUR)


def test_new_time_of_change_without_a_change_sends_nothing() -> None:
    cursor, _ = send(Cursor(), entry(updated=MINUTE))
    assert send(cursor, entry(updated=HOUR))[1] == []


def test_correction_keeps_the_time_of_an_article_that_states_only_its_change() -> None:
    cursor, (first,) = send(Cursor(), entry(published=None, updated=MINUTE))
    _, (changed,) = send(cursor, entry(title="b", published=None, updated=HOUR))
    assert first.published_at == changed.published_at == MONDAY + MINUTE


def test_records_sent_again_after_a_crash_are_the_same() -> None:
    feed = Feed((entry(), entry("urn:b", updated=MINUTE)))
    once = changes(Cursor(), feed, source="weir", at=MONDAY)
    again = changes(Cursor(), feed, source="weir", at=MONDAY + HOUR)
    assert once.records == again.records


def test_oldest_are_forgotten_first_and_never_those_in_the_feed() -> None:
    old = {f"k{n}": Seen("d", 0, None) for n in range(MOST_SEEN)}
    cursor, sent = send(Cursor(seen=old), entry())
    assert (len(sent), len(cursor.seen)) == (1, MOST_SEEN)
    assert "k0" not in cursor.seen
    assert "k1" in cursor.seen
    assert send(cursor, entry())[1] == []


def test_feed_is_due_at_its_time_and_when_a_clock_was_wrong() -> None:
    assert due(Cursor(), MONDAY)
    assert not due(Cursor(next_at=MONDAY + MINUTE), MONDAY)
    assert due(Cursor(next_at=MONDAY), MONDAY)
    assert not due(Cursor(next_at=MONDAY + FURTHEST), MONDAY)
    assert due(Cursor(next_at=MONDAY + FURTHEST + MINUTE), MONDAY)


def rest(
    cursor: Cursor, result: Feed | NotModified | FeedError, chance: float = 0.5
) -> tuple[Cursor, timedelta]:
    found = after(cursor, result, at=MONDAY, every=5 * MINUTE, chance=chance)
    assert found.next_at is not None
    return found, found.next_at - MONDAY


@pytest.mark.parametrize("result", [Feed(()), NotModified()])
def test_success_forgets_failures(result: Feed | NotModified) -> None:
    assert rest(Cursor(failures=7), result) == (Cursor(next_at=MONDAY + 5 * MINUTE), 5 * MINUTE)


@given(st.floats(0, 1, exclude_max=True))
def test_interval_varies_by_a_tenth(chance: float) -> None:
    assert 4.5 * MINUTE <= rest(Cursor(), NotModified(), chance)[1] <= 5.5 * MINUTE


def test_failures_in_a_row_double_the_rest_up_to_hours() -> None:
    cursor, rests = Cursor(etag="e"), []
    for _ in range(30):
        cursor, one = rest(cursor, FeedError("unreachable", ""))
        rests.append(one)
    assert rests[:4] == [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert rests[-1] == LONGEST_REST
    assert (cursor.failures, cursor.etag) == (30, "e")


@pytest.mark.parametrize(
    ("reason", "asked", "expected"),
    [
        ("busy", HOUR, HOUR),
        ("busy", MINUTE, 5 * MINUTE),
        ("busy", 20 * HOUR, 20 * HOUR),
        ("gone", None, LONGEST_REST),
    ],
)
def test_rest_that_the_server_wants_is_kept(
    reason: FeedReason, asked: timedelta | None, expected: timedelta
) -> None:
    error = FeedError(reason, "", None if asked is None else MONDAY + asked)
    assert rest(Cursor(), error)[1] == expected


SEEN = st.builds(
    Seen, st.text(max_size=5), st.integers(0, 2**53), st.none() | st.integers(-(2**40), 2**47)
)


@given(st.dictionaries(st.text(max_size=5), SEEN))
def test_what_was_seen_is_written_and_read_in_its_order(seen: dict[str, Seen]) -> None:
    assert list(seen_from(seen_text(seen)).items()) == list(seen.items())
