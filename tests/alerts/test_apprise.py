"""Chats and mails by Apprise: what arrives at a real receiver, and what errors say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apprise import NotifyFormat
from apprise.conversion.format import convert_between

from alerts.apprise_channel import AppriseChannel, fitting, receiver, scrubbed, secrets
from alerts.channels import Unreachable
from tests.alerts.notes import NOTE


class Hook:
    """A webhook on this machine that keeps what it is sent and answers what it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.close()


def test_message_arrives_with_its_severity_evidence_and_link(hook: Hook) -> None:
    channel = AppriseChannel("apprise.desk", f"json://{hook.address}/in")
    channel.send(replace(NOTE, link="https://news.example.com/incidents/a"))
    (got,) = hook.got
    assert got["title"] == "[critical] Acme (ACM): spike of negative news (now graver)"
    assert got["message"].split("\n") == [
        "- 12 negative stories where 3.0 are usual",
        "- Acme falls (wire, 2 copies)",
        "https://news.example.com/incidents/a",
    ]
    assert got["type"] == "failure"


def test_end_is_good_news(hook: Hook) -> None:
    AppriseChannel("apprise.desk", f"json://{hook.address}").send(replace(NOTE, change="resolved"))
    assert hook.got[0]["type"] == "success"


def test_receiver_that_fails_is_to_be_tried_again_and_its_tokens_are_not_told(hook: Hook) -> None:
    hook.status = 500
    url = f"json://user:s3cretpw@{hook.address}/s3crettoken?+X-Key=s3cretkey"
    with pytest.raises(Unreachable) as raised:
        AppriseChannel("apprise.desk", url).send(NOTE)
    assert raised.value.retryable
    assert "s3cret" not in str(raised.value)
    assert str(raised.value).startswith("apprise.desk: ")


def test_receiver_that_is_not_there_is_to_be_tried_again(hook: Hook) -> None:
    hook.close()
    with pytest.raises(Unreachable):
        AppriseChannel("apprise.desk", f"json://{hook.address}").send(NOTE)


@pytest.mark.parametrize(
    "url",
    [
        "slack://T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX/#general",
        "workflows://prod-1.westeurope.logic.azure.com:443/aaaa/bbbb",
        "discord://123456789012345678/abcdefghijklmnop",
        "mailto://user:pw12345@example.com?to=a@example.org",
    ],
)
def test_text_is_as_long_as_each_medium_takes(url: str) -> None:
    to = receiver(url)
    assert to is not None
    lines = ("(A & B) [cut] #1! " * 40,) * 60
    long = replace(NOTE, lines=lines, link="https://news.example.com/incidents/a")
    text = fitting(long, to, "title")
    medium = to.resolve_format("text")
    escaped = convert_between(NotifyFormat.TEXT, medium, text)  # type: ignore[no-untyped-call] # not typed there
    assert 500 < len(text) <= len(escaped) <= to.body_maxlen
    assert text.endswith("…\nhttps://news.example.com/incidents/a")


def test_url_that_is_no_complete_one_is_refused() -> None:
    with pytest.raises(ValueError, match="not a complete Apprise URL"):
        AppriseChannel("apprise.desk", "slack://token")


def test_every_part_of_a_url_that_may_be_secret_is_known() -> None:
    found = secrets("slack://bot@T00000000/p%40ssword/#general?key=abcdef")
    assert {"T00000000", "p%40ssword", "p@ssword", "abcdef"} <= set(found)
    told = "POST /T00000000/p@ssword?key=abcdef failed\n"
    assert scrubbed(told, found) == "POST /***/***?key=*** failed"
