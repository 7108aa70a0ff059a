"""A real server on a free port, and what a sender and a worker do with it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import httpx

from ingest.kafka.settings import KafkaSettings
from pipeline.inbox_source import InboxSource
from pipeline.parts import keep_working
from pipeline.settings import Settings
from pipeline.store.database import Database
from pipeline.web.serve import start
from pipeline.worker import Worker
from tests.fakes import MONDAY, ManualClock, classify, link

TOKEN = "bw_" + "k" * 40
OTHER = "bw_" + "o" * 40
PATIENCE_S = 30.0


class Sender:
    """Pushes with a token, and looks at the other pages."""

    def __init__(self, url: str, token: str | None = TOKEN) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S)

    def push(self, value: object, **headers: str) -> httpx.Response:
        """``value`` as JSON."""
        return self.raw(json.dumps(value).encode(), **headers)

    def raw(
        self, body: bytes | Iterator[bytes], media: str = "application/json", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/articles", content=body, headers={"Content-Type": media} | named)

    def counted(self, outcome: str) -> int:
        """How many pushes ended so."""
        name = f'bearwatch_push_requests_total{{outcome="{outcome}"}} '
        page = self.http.get("/metrics").text
        return int(
            float(next(line for line in page.splitlines() if line.startswith(name))[len(name) :])
        )

    def connect(self) -> socket.socket:
        """A bare connection."""
        url = httpx.URL(self.url)
        return socket.create_connection((url.host, url.port or 80), timeout=PATIENCE_S)


def settings(url: str, kafka: KafkaSettings | None = None, **web: Any) -> Settings:
    tokens = {
        "wire": {"sources": ("wire", "wire2"), "token": TOKEN},
        "other": {"sources": ("other",), "token": OTHER},
    }
    given = {"port": 0, "tokens": tokens, "requests_per_second": 1000, "burst": 1000}
    return Settings.model_validate(
        {"database": {"url": url}, "web": given | web, "kafka": kafka or KafkaSettings()}
    )


@contextmanager
def serving(found: Settings) -> Iterator[Sender]:
    """The server of these settings, and a sender for it."""
    with ExitStack() as stack:
        sender = Sender(start(found, stack).url)
        stack.callback(sender.http.close)
        yield sender


def article(number: int, **fields: object) -> dict[str, object]:
    at = (MONDAY + timedelta(minutes=number)).isoformat()
    return {
        "source": "wire",
        "id": f"a{number}",
        "title": f"Macro {number}",
        "published_at": at,
    } | fields


def work(db: Database) -> None:
    """Read the inbox to its end."""
    worker = Worker(
        db,
        InboxSource(db, until_idle=True),
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=ManualClock(MONDAY + timedelta(days=1)),
        name="w",
    )
    keep_working(worker, Event(), lambda _: None)
