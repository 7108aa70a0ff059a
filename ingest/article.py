"""The wire format of an article (article v1), and the types the rest of the program uses instead.

The same rules as ``article.schema.json``, written by hand because a validator is 100 times slower.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from ingest.decoding import Fields, canonical, decode
from ingest.rejection import REJECT_REASONS, Refusal, Rejected, RejectReason, refuse
from ingest.text import HIDDEN, clean_body, clean_title, has_hidden
from ingest.timestamps import instant

__all__ = [
    "ACTIONS",
    "REJECT_REASONS",
    "Action",
    "Article",
    "RejectReason",
    "Rejected",
    "Undated",
    "encode",
    "parse",
]

Action = Literal["add", "replace", "delete"]
Undated = Literal["missing", "future"]
ACTIONS: Final = get_args(Action)

MAX_BODY_BYTES: Final = 200_000
MAX_RAW_TITLE_CHARS: Final = 10_000  # with its markup; the text left must be 1..1000
MAX_TITLE_CHARS: Final = 1_000
MAX_URL_CHARS: Final = 2_000
MAX_SYMBOLS: Final = 100
MAX_REVISION: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MAX_SKEW: Final = timedelta(minutes=5)
"""A ``published_at`` further ahead would drag the watermark and make all other news late."""

URL: Final = re.compile(
    r"[Hh][Tt][Tt][Pp][Ss]?://"
    rf"(?:(?![.\-_])[^\s!-,/:-@\[-\^`{{-\u007f{HIDDEN}]+|\[[0-9A-Fa-f:.]+\])"  # host, no user@
    rf'(?::[0-9]{{1,5}})?(?:[/?#][^\s\\<>"{HIDDEN}]*)?'
)
_KNOWN = frozenset(
    {"source", "title", "body", "url", "published_at", "id", "symbols", "action", "revision"}
)


@dataclass(frozen=True, slots=True)
class Article:
    """One news item, or a correction or take-down of one.

    ``published_at`` is event time: aware UTC in whole milliseconds; None if ``undated`` says why.
    ``received_at`` is the record's own timestamp, aware. ``title`` is plain text of 1..1000
    characters, and empty only in a delete. ``body`` is text of up to 200 kB, "" if there is none.
    ``extra`` is a canonical JSON object (sorted keys, ASCII) of the unknown fields, and holds the
    claimed ``published_at`` of an article dated in the future.
    """

    source: str
    id: str
    title: str
    body: str
    url: str | None
    published_at: datetime | None
    received_at: datetime
    undated: Undated | None
    symbols: tuple[str, ...]
    action: Action
    revision: int
    extra: str


def parse(raw: bytes | None, *, received_at: datetime) -> Article | Rejected:
    """Turn one record's bytes into an article, or say why they are none.

    Never raises for any bytes. Of a repeated key the last counts. A null optional field is absent.
    A byte order mark is skipped. Fields that article v1 does not know are kept, never refused.

    Raises:
        ValueError: ``received_at`` is naive.
    """
    if received_at.tzinfo is None:
        raise ValueError("received_at must be an aware time")
    try:
        return _article(decode(raw or b""), received_at)
    except Refusal as refusal:
        return Rejected(raw or b"", refusal.reason, refusal.detail[:300])


def encode(article: Article) -> bytes:
    """Write an article so that ``parse``, with the same ``received_at``, gives it back."""
    fields: Fields = {"source": article.source, "id": article.id}
    if article.title:
        fields["title"] = article.title.replace("&", "&amp;").replace("<", "&lt;")
    if article.body:
        fields["body"] = article.body
    if article.url is not None:
        fields["url"] = article.url
    if article.published_at is not None:
        fields["published_at"] = article.published_at.isoformat(timespec="milliseconds")
    if article.symbols:
        fields["symbols"] = article.symbols
    fields["action"] = article.action
    fields["revision"] = article.revision
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    if article.extra != "{}":
        text = f"{text[:-1]},{article.extra[1:]}"
    return text.encode()


def _article(fields: Fields, received_at: datetime) -> Article:
    action = _action(fields)
    source = _label("source", fields.get("source"), 64)
    title = _title(fields.get("title"), needed=action != "delete")
    body = _body(fields.get("body"))
    url = _url(fields.get("url"))
    claimed = _claimed_time(fields.get("published_at"))
    undated: Undated | None = None
    if claimed is None:
        undated = "missing"
    elif claimed - received_at > MAX_SKEW:
        undated = "future"
    article_id = fields.get("id")
    if article_id is not None:
        article_id = _label("id", article_id, 128)
    elif action != "add" and url is None:
        refuse("schema", f"a {action} must name its article: send id (or url)")
    else:
        article_id = _derived_id(url, title, claimed)
    return Article(
        source=source,
        id=article_id,
        title=title,
        body=body,
        url=url,
        published_at=claimed if undated is None else None,
        received_at=received_at,
        undated=undated,
        symbols=_symbols(fields.get("symbols")),
        action=action,
        revision=_revision(fields.get("revision"), action),
        extra=_extra(fields, keep_time=undated == "future"),
    )


def _action(fields: Fields) -> Action:
    value = fields.get("action")
    if value is None:
        return "add"
    if value != "add" and value != "replace" and value != "delete":
        refuse("schema", "action must be one of add, replace, delete")
    return value


def _utf8_size(name: str, value: str) -> int:
    try:
        return len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        refuse("not_utf8", f"{name} holds half of a surrogate pair; send whole characters")


def _label(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        refuse("schema", f"{name} must be a string of 1 to {longest} characters")
    _utf8_size(name, value)
    if not 1 <= len(value) <= longest:
        refuse("schema", f"{name} must have 1 to {longest} characters, not {len(value)}")
    if value != value.strip() or has_hidden(value):
        refuse("schema", f"{name} must not hold control characters or begin or end with a space")
    return value


def _title(value: object, *, needed: bool) -> str:
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        refuse("schema", f"title must be a string of 1 to {MAX_TITLE_CHARS} characters")
    _utf8_size("title", value)
    if len(value) > MAX_RAW_TITLE_CHARS:
        refuse("schema", f"title must have at most {MAX_RAW_TITLE_CHARS} characters with markup")
    title = clean_title(value)
    if not 1 <= len(title) <= MAX_TITLE_CHARS:
        count = f"1 to {MAX_TITLE_CHARS} characters of text, not {len(title)}"
        refuse("schema", f"title must have {count}, once markup and control characters are gone")
    return title


def _body(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        refuse("schema", "body must be a string")
    if _utf8_size("body", value) > MAX_BODY_BYTES:
        refuse("too_large", f"body over {MAX_BODY_BYTES} bytes; send its first part")
    return clean_body(value)


def _url(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_URL_CHARS:
        refuse("schema", f"url must be a string of at most {MAX_URL_CHARS} characters")
    _utf8_size("url", value)
    if URL.fullmatch(value) is None:
        refuse("schema", "url must be http:// or https:// with a host and no spaces; or left out")
    return value


def _claimed_time(value: object) -> datetime | None:
    if value is None:
        return None
    at = instant(value) if isinstance(value, str) else None
    if at is None:
        form = "an RFC 3339 time with an offset, such as 2024-05-02T09:30:00Z"
        refuse("bad_timestamp", f"published_at must be {form}; leave it out if unknown")
    return at


def _derived_id(url: str | None, title: str, claimed: datetime | None) -> str:
    if url is not None:
        return hashlib.sha256(url.encode()).hexdigest()
    at = "" if claimed is None else claimed.isoformat(timespec="milliseconds")
    return hashlib.sha256(f"{title}\n{at}".encode()).hexdigest()


def _symbols(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_SYMBOLS:
        refuse("schema", f"symbols must be a list of at most {MAX_SYMBOLS} strings")
    return tuple(_label("each of symbols", symbol, 32) for symbol in value)


def _revision(value: object, action: Action) -> int:
    if value is None and action == "add":
        return 0
    if isinstance(value, float) and value.is_integer():  # JSON has one kind of number: 2.0 is 2
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_REVISION:
        refuse("schema", f"revision must be an integer of 0 or more; a {action} needs one")
    return value


def _extra(fields: Fields, *, keep_time: bool) -> str:
    extra = {name: value for name, value in fields.items() if name not in _KNOWN}
    if keep_time:
        extra["published_at"] = fields["published_at"]
    return canonical(extra)
