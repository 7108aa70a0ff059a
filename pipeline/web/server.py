"""uvicorn within bounds: of time for a request's head, of connections, of the end itself."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from threading import Thread
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pipeline.health import CannotListen
from pipeline.web.settings import WebSettings

MOST_CONNECTIONS: Final = 256
"""Beyond it the one that has been idle longest gives way."""

HEAD_BYTES: Final = 16_384
KEEP_ALIVE_S: Final = 10
CLOSE_S: Final = 2.0
START_S: Final = 10.0


class _Bounded(H11Protocol):
    """uvicorn's own protocol waits for ever for the rest of a request's head."""

    head_within_s = 10.0

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_timer: asyncio.TimerHandle | None = None
        self.idle_since = time.monotonic()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        super().connection_made(transport)
        self._make_room()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        # Answered before the body was here: the rest would be read and thrown away, for as long
        # as its sender likes.
        unread = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        self.idle_since = time.monotonic()
        if unread:
            self.transport.close()
        self._watch_head()

    def _make_room(self) -> None:
        live = [
            one
            for one in self.connections
            if isinstance(one, _Bounded) and not one.transport.is_closing()
        ]
        if len(live) > MOST_CONNECTIONS:
            idle = [one for one in live if one.cycle is None or one.cycle.response_complete]
            min(idle, key=lambda one: one.idle_since).transport.abort()

    def _watch_head(self) -> None:
        """The time runs from the connection's first byte, or the last answer, to the next head."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._unwatch_head()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_within_s, self.transport.abort)

    def _unwatch_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class WebServer:
    """``app`` on its own thread until it is closed.

    Raises:
        CannotListen: the address is not this machine's, or the port is taken.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._host = settings.host
        self._socket = listen(settings.host, settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._finish_s = math.ceil(settings.answer_within_seconds) + 1
        protocol = type("_Protocol", (_Bounded,), {"head_within_s": settings.head_within_seconds})
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=self._finish_s,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        self._thread = Thread(target=self._run, name="web-server", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._uvicorn.started and self.alive and time.monotonic() < deadline:
            time.sleep(0.01)

    @property
    def url(self) -> str:
        """Where it can be reached, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Take no more connections, finish what is in hand, end within seconds."""
        self._uvicorn.should_exit = True
        self._thread.join(self._finish_s + CLOSE_S)
        self._socket.close()

    def _run(self) -> None:
        self._uvicorn.run(sockets=[self._socket])


def listen(host: str, port: int) -> socket.socket:
    """A socket whose connections wait for nothing.

    Raises:
        CannotListen: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family)
        # Connections inherit it. asyncio sets it only where the protocol's number was given, and
        # without it every answer of more than one piece waits 40 ms for an acknowledgement.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "set web.host and web.port (port 0 takes any free one)"
        ) from error
