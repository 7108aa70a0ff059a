"""How far a feed has been read: what has been sent of it, and when it is asked again.

Pure functions: from a cursor and what came to records and the next cursor. The next cursor may be
kept only once the records are stored. Whoever stops in between sends the records again, with the
same ids and, but for one case, the same revisions, which changes nothing.

Revisions. The first record of an article has as its revision the time of its last change, in
milliseconds since 1970, or 0 where the feed states none: the same from any cursor, even a lost
one. When title, text or time of publication change, the article is sent again, as a ``replace``,
with the newly stated time of change. A change without a newer stated time takes the time at which
it was seen (the one case above: the same content, sent again after a crash, has a higher
revision). Both are higher than whatever was sent before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from ingest.article import Article, encode
from ingest.feeds.entries import Entry, Feed
from ingest.feeds.errors import FeedError
from ingest.feeds.fetching import NotModified

MOST_SEEN: Final = 10_000
"""Articles that a cursor remembers, those last in the feed longest; five full feeds of them."""

LONGEST_REST: Final = timedelta(hours=6)
"""A feed that fails is asked again at least so often, unless its server asks for a longer rest."""

FURTHEST: Final = timedelta(days=2)
"""A cursor that wants to wait longer was written by a clock that was ahead."""

SPREAD: Final = 0.1
"""Intervals vary by this part, so that feeds do not come to be asked all at once."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was sent last of an article. ``published`` is in milliseconds since 1970."""

    digest: str
    revision: int
    published: int | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a feed is. ``failures`` are those in a row; without ``next_at`` it is due."""

    etag: str | None = None
    last_modified: str | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    next_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be sent, the oldest first, and what will have been seen then."""

    records: Sequence[bytes]
    seen: Mapping[str, Seen]
    new: int
    changed: int


def due(cursor: Cursor, now: datetime) -> bool:
    """Whether it is time to ask the feed."""
    return cursor.next_at is None or not now < cursor.next_at <= now + FURTHEST


def changes(cursor: Cursor, feed: Feed, *, source: str, at: datetime) -> Changes:
    """The articles of ``feed`` that are new or differ from what was sent of them."""
    seen = dict(cursor.seen)
    articles: list[Article] = []
    new = 0
    # The last in the feed first: what is forgotten is what the feed shows last, or no more.
    for entry in reversed(feed.entries):
        key = sha256(entry.id.encode()).hexdigest()[:20]
        before = seen.pop(key, None)
        if before is not None and before.digest == entry.digest:
            seen[key] = before
            continue
        new += before is None
        seen[key] = _next(entry, before, at)
        articles.append(_article(entry, seen[key], source, at, first=before is None))
    if len(seen) > MOST_SEEN:
        seen = dict(list(seen.items())[-MOST_SEEN:])
    # In order of event time: a worker calls late what comes after much newer news.
    articles.sort(key=lambda article: article.published_at or _EPOCH)
    records = tuple(encode(article) for article in articles)
    return Changes(records, seen, new=new, changed=len(articles) - new)


def after_reading(
    cursor: Cursor, seen: Mapping[str, Seen], etag: str | None, last_modified: str | None
) -> Cursor:
    """The cursor of a feed that came, which was not a failure."""
    return replace(cursor, seen=seen, etag=etag, last_modified=last_modified)


def after(
    cursor: Cursor,
    result: Feed | NotModified | FeedError,
    *,
    at: datetime,
    every: timedelta,
    chance: float,
) -> Cursor:
    """When the feed is asked next. ``chance`` is in [0, 1)."""
    spread = 1 + SPREAD * (2 * chance - 1)
    if not isinstance(result, FeedError):
        return replace(cursor, next_at=at + every * spread, failures=0)
    failures = cursor.failures + 1
    rest = LONGEST_REST if result.reason == "gone" else every * 2 ** min(failures - 1, 20)
    next_at = at + min(rest, max(LONGEST_REST, every)) * spread
    if result.retry_at is not None:
        next_at = max(next_at, result.retry_at)
    return replace(cursor, next_at=next_at, failures=failures)


def seen_text(seen: Mapping[str, Seen]) -> str:
    """``seen`` as JSON, its order kept."""
    rows = {key: [one.digest, one.revision, one.published] for key, one in seen.items()}
    return json.dumps(rows, separators=(",", ":"))


def seen_from(text: str) -> dict[str, Seen]:
    """What :func:`seen_text` wrote."""
    return {key: Seen(*row) for key, row in json.loads(text).items()}


def _next(entry: Entry, before: Seen | None, at: datetime) -> Seen:
    stated = max(0, _milliseconds(entry.updated_at) or 0)
    published = _milliseconds(entry.published_at)
    if before is None:
        first = published if published is not None else _milliseconds(entry.updated_at)
        return Seen(entry.digest, stated, first)
    if published is None:  # only its last change is stated, and that has moved
        published = before.published
    if stated <= before.revision:
        stated = max(before.revision + 1, _milliseconds(at) or 0)
    return Seen(entry.digest, stated, published)


def _article(entry: Entry, seen: Seen, source: str, at: datetime, *, first: bool) -> Article:
    published = None if seen.published is None else _EPOCH + seen.published * _MILLISECOND
    return Article(
        source=source,
        id=entry.id,
        title=entry.title,
        body=entry.body,
        url=entry.url,
        published_at=published,
        received_at=at,
        undated="missing" if published is None else None,
        symbols=(),
        action="add" if first else "replace",
        revision=seen.revision,
        extra="{}",
    )


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MILLISECOND
