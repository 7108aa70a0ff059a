"""The web application: its routes, and the headers that every answer has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version as program_version
from time import monotonic
from typing import Any, Final, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.health import Health
from pipeline.web.outcomes import STATUS
from pipeline.web.push import Push
from pipeline.web.records import MEDIA

READY_FOR_S: Final = 1.0
"""So long an answer about readiness is given again: anybody may ask, and it asks the database."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_RECORD = {
    "type": "object",
    "required": ["source", "title"],
    "description": "An article, version 1: ingest/article.schema.json.",
}
_PUSH: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            media: {"schema": {"oneOf": [_RECORD, {"type": "array", "items": _RECORD}]}}
            if kind == "json"
            else {"schema": {"type": "string", "description": "One article per line."}}
            for media, kind in MEDIA.items()
        },
    },
    "security": [{"token": []}],
    "responses": {
        str(status.value): {"description": ", ".join(o for o, s in STATUS.items() if s is status)}
        for status in dict.fromkeys(STATUS.values())
    },
}


class Routed(Protocol):
    """Pages that belong together."""

    def add_to(self, app: FastAPI) -> None:
        """Route them."""


def make_app(
    push: Push | None,
    pages: Sequence[Routed],
    *,
    health: Callable[[], Health],
    ready: Callable[[], Health],
) -> ASGIApp:
    """Everything that is answered. ``ready`` may take seconds; it gets a thread of its own.

    Without ``push`` no articles are taken, and the metrics are somewhere else.
    """
    # The pages that FastAPI makes of the description load their scripts from elsewhere.
    app = FastAPI(
        title="Bearwatch",
        version=program_version("bearwatch"),
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )

    @app.get("/healthz", response_model=None)
    async def healthz() -> Response:
        """Whether the program makes progress."""
        return _told(health())

    look = _Rarely(ready)

    @app.get("/readyz", response_model=None)
    async def readyz() -> Response:
        """Whether a push could be stored now."""
        return _told(await look())

    if push is not None:
        _take_articles(app, push)
    for one in pages:
        one.add_to(app)
    return _secured(app)


def _take_articles(app: FastAPI, push: Push) -> None:
    @app.post("/articles", openapi_extra=_PUSH, response_model=None)
    async def articles(request: Request) -> Response:
        """Take articles; 200 once they are durable. Sending the same again changes nothing."""
        return await push.answer(request)

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        """For Prometheus."""
        page = push.metrics.exposition()
        return Response(page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


class _Rarely:
    """Asks a slow question once per :data:`READY_FOR_S` at most, whoever wants to know."""

    def __init__(self, ask: Callable[[], Health]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._known: Health | None = None
        self._until = 0.0

    async def __call__(self) -> Health:
        async with self._lock:
            if self._known is None or monotonic() >= self._until:
                self._known = await asyncio.to_thread(self._ask)
                self._until = monotonic() + READY_FOR_S
            return self._known


def _told(health: Health) -> JSONResponse:
    content = {"ok": health.ok, "reason": health.reason, "details": dict(health.details)}
    return JSONResponse(content, 200 if health.ok else 503)


def _secured(app: ASGIApp) -> ASGIApp:
    """``app`` with the security headers on every answer, also on those of its own errors."""

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        wrapped: Callable[[Message], Awaitable[None]] = send_with_headers
        await app(scope, receive, wrapped)

    return secured
