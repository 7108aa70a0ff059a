"""A real HTTP server on this machine that serves feeds of our own, and every misbehaviour."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Harbour desk</title>
{items}
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Orrery news</title>
{entries}
</feed>"""


def rss(*items: str) -> bytes:
    return RSS.format(items="\n".join(f"<item>{item}</item>" for item in items)).encode()


def atom(*entries: str) -> bytes:
    return ATOM.format(entries="\n".join(f"<entry>{one}</entry>" for one in entries)).encode()


def item(number: int, title: str | None = None, body: str = "") -> str:
    """A plain entry of RSS 2.0, an hour after the one with the number below."""
    return (
        f"<title>{title or f'Mill {number} reports'}</title>"
        f'<guid isPermaLink="false">urn:mill:{number}</guid>'
        f"<description>{body}</description>"
        f"<pubDate>Mon, 02 Mar 2026 {number:02}:00:00 GMT</pubDate>"
    )


@dataclass
class Answer:
    """What the server says at a path. Chunks are sent as they come; a callable makes them."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Callable[[], Iterator[bytes]] | None = None


class Site:
    """Paths with answers, and the requests that came, as (path, headers)."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def headers(self, number: int = -1) -> dict[str, str]:
        return self.asked[number][1]


@contextmanager
def site(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A running server; what it still sends at the end is cut off."""
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            sent = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append((self.path, sent))
            answer = served.answers.get(self.path, Answer(status=404))
            etag = answer.headers.get("ETag")
            if etag is not None and sent.get("if-none-match") == etag:
                answer = Answer(status=304)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.chunks is None and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            try:
                for chunk in answer.chunks() if answer.chunks else (answer.body,):
                    self.wfile.write(chunk)
            except OSError:
                pass  # the client has had enough
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A handshake that the client broke off."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    served.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Names:
    """A name server: for each host the answers to the first lookup, the second, ..."""

    def __init__(self, **hosts: Sequence[Sequence[str]]) -> None:
        self._hosts = {name.replace("_", "."): list(found) for name, found in hosts.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, timeout_s: float) -> Sequence[str]:
        self.asked.append(host)
        found = self._hosts[host]
        return found.pop(0) if len(found) > 1 else found[0]
