"""The HTTP server for Prometheus and for whoever restarts what hangs.

/metrics answers the exposition, /healthz whether the program makes progress, /readyz whether it
can work at all. Nothing is read from a request but its first line and headers.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import cast
from urllib.parse import urlsplit

import structlog

# A scraper needs milliseconds. Whoever holds a connection longer is cut off.
LONGEST_REQUEST_S = 10.0
# More at once than any honest set of scrapers; beyond it the oldest connection gives way.
MOST_CONNECTIONS = 32
_POLL_S = 0.2
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json; charset=utf-8"

log = structlog.get_logger()


class CannotListen(Exception):
    """The address or the port cannot be had; the message says which setting to change."""


@dataclass(frozen=True, slots=True)
class Health:
    """An answer to /healthz or /readyz. ``details`` are JSON values, without secrets."""

    ok: bool
    reason: str
    details: Mapping[str, object] = field(default_factory=dict)


class Progress:
    """Who made progress when. May be used from any thread; times are monotonic seconds.

    A part beats when it has done something, or has seen that there is nothing to do. So a part
    whose beats stop has work that it does not get done, and being alive is not enough.
    """

    def __init__(self, limits: Mapping[str, float], at: float) -> None:
        self._limits = dict(limits)
        self._beats = dict.fromkeys(limits, at)
        self._lock = threading.Lock()

    def beat(self, part: str, at: float) -> None:
        """Record progress, unless the part has finished or a later time is known."""
        with self._lock:
            if part not in self._limits:
                raise KeyError(part)
            if part in self._beats:
                self._beats[part] = max(at, self._beats[part])

    def finish(self, part: str) -> None:
        """A part that has done all its work is not waited for any more."""
        with self._lock:
            self._beats.pop(part, None)

    def health(self, at: float) -> Health:
        """Whether every part has beaten within its limit."""
        with self._lock:
            ages = {part: max(0.0, at - beat) for part, beat in self._beats.items()}
        stalled = [
            f"{part} made no progress for {age:.0f} s (limit {self._limits[part]:.0f} s) "
            "although it has work"
            for part, age in ages.items()
            if age > self._limits[part]
        ]
        details = {"seconds_since_progress": {part: round(age, 3) for part, age in ages.items()}}
        return Health(not stalled, "; ".join(stalled) or "ok", details)


class Server:
    """A running server; ``close`` ends it within seconds, whatever its clients do."""

    def __init__(self, http: _Http) -> None:
        self._http = http
        self._thread = threading.Thread(
            target=http.serve_forever, args=(_POLL_S,), name="metrics-server", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on, also when any free one was asked for."""
        return self._http.server_port

    @property
    def url(self) -> str:
        """Where it can be reached, without a path."""
        host = f"[{self._http.server_name}]" if ":" in self._http.server_name else None
        return f"http://{host or self._http.server_name}:{self.port}"

    def close(self) -> None:
        """Stop listening and cut off whoever is connected. May be called twice."""
        self._http.shutdown()
        self._thread.join(timeout=5)
        self._http.server_close()
        self._http.cut_off(older_than_s=-1)


def serve(
    metrics: Callable[[], bytes],
    *,
    health: Callable[[], Health],
    ready: Callable[[], Health],
    host: str,
    port: int,
    longest_request_s: float = LONGEST_REQUEST_S,
) -> Server:
    """Answer on ``host`` and ``port`` (0 = any free one) until the server is closed.

    ``metrics`` gives the Prometheus text format 0.0.4. All three are called from the server's
    threads, several at once, and have to answer within ``longest_request_s``, after which the
    connection is cut.

    Raises:
        CannotListen: the address is not this machine's, or the port is taken.
    """
    pages: dict[str, Callable[[], _Answer]] = {
        "/metrics": lambda: (HTTPStatus.OK, _EXPOSITION, metrics()),
        "/healthz": lambda: _told(health()),
        "/readyz": lambda: _told(ready()),
    }
    try:
        return Server(_Http(host, port, pages, longest_request_s))
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "set metrics.host and metrics.port (port 0 takes any free one)"
        ) from error


_Answer = tuple[HTTPStatus, str, bytes]


def _told(health: Health) -> _Answer:
    status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
    body = {"ok": health.ok, "reason": health.reason, "details": dict(health.details)}
    return status, _JSON, json.dumps(body, default=str).encode() + b"\n"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(
        self,
        host: str,
        port: int,
        pages: Mapping[str, Callable[[], _Answer]],
        longest_request_s: float,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = pages
        self._longest_request_s = longest_request_s
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # The inherited one asks the name service for our own name, which can take half a minute.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: object, client_address: object) -> None:
        connection = cast("socket.socket", request)
        with self._lock:
            self._open[connection] = time.monotonic()
            number = len(self._open)
            oldest = min(self._open, key=self._open.__getitem__)
        if number > MOST_CONNECTIONS:
            _cut(oldest)
        if number > 2 * MOST_CONNECTIONS:  # those that were cut do not end: their pages hang
            self.shutdown_request(connection)
            return
        super().process_request(connection, client_address)

    def shutdown_request(self, request: object) -> None:
        connection = cast("socket.socket", request)
        with self._lock:
            self._open.pop(connection, None)
        super().shutdown_request(connection)

    def service_actions(self) -> None:
        self.cut_off(older_than_s=self._longest_request_s)

    def cut_off(self, *, older_than_s: float) -> None:
        now = time.monotonic()
        with self._lock:
            slow = [one for one, since in self._open.items() if now - since > older_than_s]
        for connection in slow:
            _cut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that went away or was cut off. Our own errors are answered in the handler.
        log.debug("connection to the metrics server broke", client=str(client_address))


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads or writes it
    except OSError:
        return  # it is closed already


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    server_version = "bearwatch"
    sys_version = ""
    timeout = LONGEST_REQUEST_S

    def do_GET(self) -> None:
        try:
            path = urlsplit(self.path).path
        except ValueError:
            path = ""
        page = self.server.pages.get(path)
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            answer = page()
        except Exception:
            log.exception("the page could not be made", path=path)
            answer = _told(Health(ok=False, reason="internal error; see the log"))
        self._send(*answer)

    do_HEAD = do_GET  # noqa: N815 - the name the base class looks for

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        # The base class says 501 to a method that has no do_ function.
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        # Of a malformed request the version is not known, and the oldest has no status line.
        self.request_version = "HTTP/1.0"
        status = HTTPStatus(code)
        self._send(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of what was asked: a scrape every few seconds is no event."""
