"""One feed over HTTP: as bytes, as not changed, or as the reason why not. Nothing is raised."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Final, cast

import httpcore
import httpx

from ingest.feeds.addresses import Deadline, Guard, Resolve, resolve
from ingest.feeds.errors import FeedError, Refusal, refuse
from ingest.feeds.settings import FeedSettings

MOST_REDIRECTS: Final = 3
LONGEST_WAIT: Final = timedelta(days=1)
"""A server that asks for a longer rest is asked again after this one."""

MOST_VALIDATOR_CHARS: Final = 1_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1"
_GZIP_BITS = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """A feed as it came, decompressed. ``url`` is where it was found, without user and password.

    ``etag`` and ``last_modified`` are sent the next time, so that only a changed feed comes.
    """

    body: bytes
    url: str
    content_type: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that the feed is still the one that was read before."""


class Fetcher:
    """Fetches feeds; may be used by several threads at once.

    Cookies, proxies and credentials of the environment are not used. A password is sent to the
    origin that it was given for, and to no other.
    """

    def __init__(
        self,
        settings: FeedSettings,
        *,
        clock: Callable[[], datetime],
        timer: Callable[[], float] = monotonic,
        resolve: Resolve = resolve,
        dial: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._timer = timer
        self._resolve = resolve
        self._dial = dial or httpcore.SyncBackend()
        self._tls = httpx.create_ssl_context(trust_env=False)
        if settings.ca_file is not None:
            self._tls.load_verify_locations(settings.ca_file)

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified | FeedError:
        """Get a feed, unless it is still the one with these validators."""
        host = ""
        try:
            target = _target(url)
            host = target.host
            deadline = Deadline(self._settings.deadline_seconds, self._timer)
            conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
            return self._fetch(target, conditions, deadline)
        except Refusal as refusal:
            return refusal.error
        except (httpcore.TimeoutException, httpx.TimeoutException):
            seconds = self._settings.deadline_seconds
            return FeedError("timeout", f"{host}: not there within {seconds:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError) as error:
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
                return FeedError("tls", f"{host}: {error}"[:300])
            return FeedError("unreachable", f"{host}: {type(error).__name__}: {error}"[:300])

    def _fetch(
        self, target: httpx.URL, conditions: dict[str, str | None], deadline: Deadline
    ) -> Fetched | NotModified:
        auth = (target.username, target.password) if target.userinfo else None
        origin = _origin(target)
        for _ in range(1 + MOST_REDIRECTS):
            bare = target.copy_with(username=None, password=None, fragment=None)
            with self._client(deadline) as client:
                request = client.build_request("GET", bare)
                request.headers.update({k: v for k, v in conditions.items() if v is not None})
                answer = client.send(
                    request, stream=True, auth=auth if _origin(target) == origin else None
                )
                with closing(answer):
                    if answer.status_code not in _REDIRECTS:
                        return self._read(answer, bare)
                    target = _redirected(bare, answer.headers.get("location", ""))
        detail = f"{target.host}: over {MOST_REDIRECTS} redirects; give the last address"
        raise Refusal(FeedError("redirect", detail))

    def _client(self, deadline: Deadline) -> httpx.Client:
        guard = Guard(
            deadline,
            connect_seconds=self._settings.connect_seconds,
            allow_private=self._settings.allow_private,
            resolve=self._resolve,
            dial=self._dial,
        )
        return httpx.Client(
            transport=_Transport(self._tls, guard),
            trust_env=False,
            follow_redirects=False,
            timeout=self._settings.deadline_seconds,
            headers={
                "User-Agent": self._settings.user_agent,
                "Accept": _ACCEPT,
                "Accept-Encoding": "gzip",
            },
        )

    def _read(self, answer: httpx.Response, url: httpx.URL) -> Fetched | NotModified:
        status = answer.status_code
        if status == 304:
            return NotModified()
        if status in _BUSY:
            at = _retry_at(answer.headers.get("retry-after", ""), self._clock())
            asked = f"; it asks for a rest until {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
            raise Refusal(FeedError("busy", f"{url.host}: status {status}{asked}", at))
        if status == 410:
            refuse("gone", f"{url.host}: the feed is gone (410); take it off the list")
        if status != 200:
            hint = "; check user and password" if status in (401, 403) else ""
            refuse("status", f"{url.host}: status {status}{hint}")
        coding = answer.headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            refuse(
                "encoding", f"{url.host}: compressed as {coding[:40]!r}, which was not asked for"
            )
        zipped = coding.endswith("gzip")
        return Fetched(
            body=_body(answer.iter_raw(), self._settings.max_bytes, url.host, zipped=zipped),
            url=str(url),
            content_type=answer.headers.get("content-type", ""),
            etag=_validator(answer.headers.get("etag")),
            last_modified=_validator(answer.headers.get("last-modified")),
        )


class _Transport(httpx.BaseTransport):
    """httpx over a connection of our own: its usual one would look names up by itself."""

    def __init__(self, tls: ssl.SSLContext, guard: Guard) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, network_backend=guard, max_connections=1, max_keepalive_connections=0
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
        usable = target.scheme in ("http", "https") and bool(target.host)
    except (httpx.InvalidURL, ValueError):  # ValueError: a host that IDNA cannot write
        usable = False
    if not usable:
        refuse("address", "no http:// or https:// address with a host")
    return target


def _redirected(base: httpx.URL, location: str) -> httpx.URL:
    try:
        joined = str(base.join(location)) if location else ""
    except (httpx.InvalidURL, ValueError):
        joined = ""
    if not joined:
        refuse("redirect", f"{base.host}: a redirect that names no address")
    target = _target(joined)
    if base.scheme == "https" and target.scheme == "http":
        refuse(
            "redirect",
            f"{base.host}: a redirect from https to http, where anyone between could write news",
        )
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return (url.scheme, url.host, url.port or {"http": 80, "https": 443}[url.scheme])


def _body(chunks: Iterator[bytes], most: int, host: str, *, zipped: bool) -> bytes:
    """All of ``chunks``, decompressed step by step and never much further than ``most`` bytes."""
    parts: list[bytes] = []
    received = size = 0
    inflate = zlib.decompressobj(_GZIP_BITS)
    for chunk in chunks:
        received += len(chunk)
        rest = chunk if received <= most else b""
        while rest and size <= most:
            if not zipped:
                part, rest = rest, b""
            else:
                if inflate.eof:  # a gzip file may be several, one after the other
                    inflate = zlib.decompressobj(_GZIP_BITS)
                try:
                    part = inflate.decompress(rest, most + 1 - size)
                except zlib.error as error:
                    refuse("encoding", f"{host}: damaged gzip: {error}"[:300])
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            parts.append(part)
            size += len(part)
        if received > most or size > most:
            refuse("too_large", f"{host}: a feed of over {most} bytes; see feeds.max_bytes")
    if zipped and parts and not inflate.eof:
        refuse("encoding", f"{host}: gzip that ends too early")
    return b"".join(parts)


def _validator(value: str | None) -> str | None:
    """A validator to send back; one of unreasonable length is as good as none."""
    short = value is not None and 0 < len(value) <= MOST_VALIDATOR_CHARS and value.isascii()
    return cast("str", value) if short else None


def _retry_at(value: str, now: datetime) -> datetime | None:
    """What ``Retry-After`` says, as a time not further than :data:`LONGEST_WAIT` ahead."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return now + min(LONGEST_WAIT, timedelta(seconds=int(text[:9])))
    try:
        at = parsedate_to_datetime(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        return min(at, now + LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None
