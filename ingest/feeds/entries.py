"""RSS and Atom to entries: what an article needs of them, cleaned and within its limits."""

from __future__ import annotations

import hashlib
import html
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import feedparser

from ingest.article import MAX_BODY_BYTES, MAX_TITLE_CHARS, MAX_URL_CHARS, URL
from ingest.feeds.document import is_well_formed, plain_xml
from ingest.feeds.errors import FeedError, Refusal
from ingest.feeds.fetching import Fetched
from ingest.feeds.markup import text_of
from ingest.feeds.settings import without_user
from ingest.feeds.times import stated
from ingest.text import clean_body, clean_title, has_hidden

MOST_ENTRIES: Final = 2_000
"""Entries of one document; feeds have some dozens."""

MOST_MALFORMED_BYTES: Final = 1_048_576
"""What is no XML is read by rules that can take long; a larger one is refused."""

SkipReason = Literal["no_title", "repeated", "too_many"]
"""Why an entry is no article of its own.

- ``no_title``: none, or nothing is left of it once markup is gone.
- ``repeated``: an entry before it in the document has the same id.
- ``too_many``: after the first :data:`MOST_ENTRIES`.
"""

_PLAIN = "text/plain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a feed.

    ``title`` and ``body`` are plain text, as an article has them. ``published_at`` is what the
    entry says of when it appeared, ``updated_at`` of its last change; None where it says nothing.
    """

    id: str
    title: str
    body: str
    url: str | None
    published_at: datetime | None
    updated_at: datetime | None

    @property
    def digest(self) -> str:
        """Of what a reader sees: entries with the same id and digest are the same."""
        at = "" if self.published_at is None else self.published_at.isoformat()
        text = json.dumps([self.title, self.body, at], ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed holds now, in its own order, which is mostly the newest first.

    ``whole``: it was read as XML. What was mended may be cut short: next time all of it is wanted.
    """

    entries: tuple[Entry, ...]
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)
    whole: bool = True


def read_feed(fetched: Fetched, *, feed_url: str) -> Feed | FeedError:
    """The entries of a document; never raises, whatever its bytes are.

    Feeds that are not well-formed are mended where possible. Nothing is fetched and no file is
    opened. ``feed_url`` is the feed's own, before redirects: ids that are unique only within a
    feed are made from it.
    """
    try:
        xml = plain_xml(fetched.body, fetched.content_type)
        whole = is_well_formed(xml)
    except Refusal as refusal:
        return refusal.error
    if not whole and len(xml) > MOST_MALFORMED_BYTES:
        return FeedError("not_a_feed", f"over {MOST_MALFORMED_BYTES} bytes, and not well-formed")
    try:
        found = _parse(xml, fetched.url)
        entries = found["entries"]
        if not found.get("version") and not entries:
            return FeedError("not_a_feed", "neither RSS nor Atom; is it the address of a feed?")
        return _feed(entries, without_user(feed_url), whole=whole)
    except Exception as error:  # noqa: BLE001 - hostile bytes bring the parser to any of them
        return FeedError("not_a_feed", f"the parser gave up ({type(error).__name__})")


def _parse(xml: bytes, url: str) -> dict[str, Any]:
    # A stream: text that looks like an address or a file's name would be opened.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found: dict[str, Any] = feedparser.parse(
            io.BytesIO(xml),
            response_headers={
                "content-type": "application/xml; charset=utf-8",
                "content-location": url,
            },
            resolve_relative_uris=False,  # within HTML, of which only the text is kept
            sanitize_html=False,
        )
    return found


def _feed(found: list[Any], feed_url: str, *, whole: bool) -> Feed:
    entries: dict[str, Entry] = {}
    skipped: Counter[SkipReason] = Counter()
    for raw in found[:MOST_ENTRIES]:
        entry = _entry(raw, feed_url)
        if entry is None:
            skipped["no_title"] += 1
        elif entry.id in entries:
            skipped["repeated"] += 1
        else:
            entries[entry.id] = entry
    if len(found) > MOST_ENTRIES:
        skipped["too_many"] = len(found) - MOST_ENTRIES
    return Feed(tuple(entries.values()), dict(skipped), whole)


def _entry(raw: dict[str, Any], feed_url: str) -> Entry | None:
    title = _plain(raw, "title", clean_title)
    if not title:
        return None
    if len(title) > MAX_TITLE_CHARS:
        title = title[: MAX_TITLE_CHARS - 1].rstrip() + "…"
    url = _url(_string(raw, "link"))
    published = _time(raw, "published") or _time(raw, "created")
    updated = _time(raw, "updated")
    return Entry(
        id=_id(_string(raw, "id"), url, title, published or updated, feed_url),
        title=title,
        body=_body(raw),
        url=url,
        published_at=published,
        updated_at=updated,
    )


def _string(raw: dict[str, Any], name: str) -> str:
    # Asked first: for `updated` the parser would give another time in its place.
    value = raw[name] if name in raw else None  # noqa: SIM401
    return value.strip() if isinstance(value, str) else ""


def _plain(raw: dict[str, Any], name: str, clean: Callable[[str], str]) -> str:
    """An element's text without markup; of one that says it is plain, nothing is markup."""
    value = _string(raw, name)
    detail = raw.get(f"{name}_detail")
    if isinstance(detail, dict) and detail.get("type") == _PLAIN:
        value = html.escape(value, quote=False)
    return clean(value)


def _body(raw: dict[str, Any]) -> str:
    """The whole text if the feed has it, else the summary; up to an article's 200 kB."""
    contents = raw.get("content")
    text = ""
    for one in contents if isinstance(contents, list) else ():
        value = one.get("value")
        if isinstance(value, str) and not text:
            text = clean_body(value) if one.get("type") == _PLAIN else text_of(value)
    text = text or _plain(raw, "summary", text_of)
    if len(text) * 4 > MAX_BODY_BYTES:
        text = text.encode()[:MAX_BODY_BYTES].decode(errors="ignore").rstrip()
    return text


def _time(raw: dict[str, Any], name: str) -> datetime | None:
    return stated(_string(raw, name))


def _url(link: str) -> str | None:
    fits = len(link) <= MAX_URL_CHARS and URL.fullmatch(link) is not None
    return link if fits else None


def _id(guid: str, url: str | None, title: str, at: datetime | None, feed_url: str) -> str:
    """A name for the entry that stays the same for as long as the publisher keeps its own.

    A guid that is a URI means the same in every feed. Others, such as ``17``, are only known to be
    unique in their feed, so they are taken with it. Without guid the link names the entry, as for
    an article; without link its title and time do, and a changed title makes it another article.
    """
    if ":" in guid:
        plain = len(guid) <= 128 and not has_hidden(guid)
        return guid if plain else _hash(guid)
    if guid:
        return _hash(feed_url, guid)
    if url is not None:
        return _hash(url)
    return _hash(feed_url, title, at.isoformat() if at else "")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
