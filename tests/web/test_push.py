"""Pushing over a real server: who may, how much, and 200 only for what is there to stay."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.store import inbox
from pipeline.store.database import Database, open_database
from pipeline.store.summary import stats
from pipeline.web.outcomes import PUSH_OUTCOMES
from tests.pipeline.test_garbage import GARBAGE
from tests.web.served import OTHER, TOKEN, Sender, article, serving, settings, work

LINES = "application/x-ndjson"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Both databases have tests of the inbox itself."""
    return f"sqlite:///{tmp_path}/push.db"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    found = open_database(url)
    yield found
    found.close()


@pytest.fixture
def sender(url: str) -> Iterator[Sender]:
    with serving(settings(url)) as found:
        yield found


def handed_in(db: Database) -> list[bytes]:
    return [record.value for record in inbox.read(db, 0, 1_000)]


def test_pushed_article_is_an_article_and_its_name_is_told(
    new_url: Callable[[], str],
) -> None:
    url = new_url()
    with serving(settings(url)) as sender:
        unnamed = {"source": "wire2", "title": "Energy", "url": "https://example.com/1"}
        answer = sender.push([article(1), unnamed])
    assert answer.status_code == 200
    first, second = answer.json()["articles"]
    assert first == {"source": "wire", "id": "a1"}
    assert (second["source"], len(second["id"])) == ("wire2", 64)
    db = open_database(url)
    work(db)
    assert stats(db).articles == 2
    db.close()


def test_records_are_kept_as_they_were_written(sender: Sender, db: Database) -> None:
    odd = b'{"source":"wire",  "title":"Oil \\u20ac","more":{"b":1.10,"a":[1,2]} }'
    assert sender.raw(odd).status_code == 200
    assert sender.raw(b"\xef\xbb\xbf [ " + odd + b" ,\n" + odd + b"]\n").status_code == 200
    assert sender.raw(odd + b"\r\n\n" + odd, LINES).json()["stored"] == 2
    assert handed_in(db) == [odd] * 5


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        f"Basic {TOKEN}",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \u00ff",
        "Bearer " + "x" * 10_000,
    ],
)
def test_who_has_no_known_token_stores_nothing(
    sender: Sender, db: Database, authorization: str
) -> None:
    given = {"Content-Type": "application/json", "Authorization": authorization}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    answer = httpx.post(f"{sender.url}/articles", json=article(1), headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert handed_in(db) == []


def test_token_is_good_for_its_own_sources_only(sender: Sender, db: Database) -> None:
    answer = sender.push([article(1), article(2, source="other"), article(3, source="wire2")])
    assert answer.status_code == 403
    (problem,) = answer.json()["records"]
    assert (problem["record"], problem["reason"]) == (1, "forbidden_source")
    assert "'wire', 'wire2'" in problem["detail"]
    assert handed_in(db) == []
    theirs = Sender(sender.url, OTHER)
    assert theirs.push(article(1, source="other")).status_code == 200
    assert theirs.push(article(1)).status_code == 403
    theirs.http.close()


@pytest.mark.parametrize(("reason", "make"), GARBAGE)
def test_garbage_is_refused_and_takes_nothing_else_with_it_in(
    sender: Sender, db: Database, reason: str, make: Callable[[int], bytes]
) -> None:
    bad = make(7)
    answer = sender.raw(bad)
    assert answer.status_code == 422, answer.text
    named = {problem["reason"] for problem in answer.json()["records"]}
    # An array is looked into, and without a record there is nothing to name.
    assert named <= {reason, "schema"}
    if reason not in ("empty",) and not bad.startswith(b"["):
        assert named == {reason}
        among = sender.raw(json.dumps(article(1)).encode() + b"\n" + bad, LINES)
        assert among.status_code == 422
        assert [problem["record"] for problem in among.json()["records"]] == [1]
    assert handed_in(db) == []
    assert sender.push(article(2)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        *(b"[", b"[1", b'[{"a":1} 2]', b"[1,]", b"[]", b"[] []", b"[\xff]", b"[1e]", b"[1] x"),
        *(b"[" * 100_000, b"[" + b"9" * 5_000 + b"]", b" ", b"\xef\xbb\xbf"),
    ],
)
def test_array_that_is_none_is_refused(sender: Sender, db: Database, body: bytes) -> None:
    answer = sender.raw(body)
    assert (answer.status_code, answer.json()["outcome"]) == (422, "invalid")
    assert handed_in(db) == []


def test_what_is_pushed_again_is_stored_once(sender: Sender, db: Database) -> None:
    for _ in range(3):
        assert sender.push([article(1), article(2)]).status_code == 200
    work(db)
    assert sender.push(article(2)).status_code == 200
    work(db)
    assert stats(db).articles == 2


def test_only_known_media_and_no_compression(sender: Sender, db: Database) -> None:
    body = json.dumps(article(1)).encode()
    for media in ("application/x-www-form-urlencoded", "text/plain", ""):
        assert sender.raw(body, media).status_code == 415
    assert sender.raw(body, Content_Encoding="gzip").status_code == 415
    assert handed_in(db) == []
    assert sender.raw(body, "Application/JSON; charset=utf-8").status_code == 200


def test_body_over_the_limit_is_refused_before_it_is_read(url: str, db: Database) -> None:
    with serving(settings(url, max_body_bytes=5_000)) as sender, sender.connect() as bare:
        head = _head(sender, "Content-Length: 20000000", "Expect: 100-continue")
        bare.sendall(head)
        assert b" 413 " in _answer(bare).partition(b"\r\n")[0]  # nothing of the body was sent
        exact = json.dumps(article(1)).encode().ljust(5_000)
        assert sender.raw(exact).status_code == 200
        assert sender.raw(exact + b" ").status_code == 413
        assert sender.raw(iter([exact])).status_code == 200  # chunked: without a length
        refused = sender.raw(iter([exact, b" "]))
        assert refused.status_code == 413
        assert refused.json()["outcome"] == "too_large"
    assert len(handed_in(db)) == 2


def test_chunked_body_without_end_is_cut_off(url: str, db: Database) -> None:
    with serving(settings(url, max_body_bytes=5_000)) as sender, sender.connect() as bare:
        bare.sendall(_head(sender, "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        with pytest.raises(ConnectionError):
            bare.sendall(piece * 1_000)
    assert handed_in(db) == []


def test_more_records_than_the_limit_are_refused(url: str, db: Database) -> None:
    with serving(settings(url, max_records=3)) as sender:
        assert sender.push([article(n) for n in range(4)]).status_code == 413
        assert sender.push([article(n) for n in range(3)]).status_code == 200
    assert len(handed_in(db)) == 3


def test_slow_body_is_given_up(url: str, db: Database) -> None:
    with serving(settings(url, body_within_seconds=0.3)) as sender, sender.connect() as bare:
        bare.sendall(_head(sender, "Content-Length: 100") + b"{")
        answer = _answer(bare)
        assert b" 408 " in answer.partition(b"\r\n")[0]
        assert sender.counted("slow") == 1
        assert sender.push(article(1)).status_code == 200
    assert len(handed_in(db)) == 1


@pytest.mark.parametrize("begun", [b"", b"POST /arti", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_slow_head_is_given_up(url: str, begun: bytes) -> None:
    with serving(settings(url, head_within_seconds=0.3)) as sender, sender.connect() as bare:
        bare.sendall(begun)
        assert _answer(bare) == b""
        with sender.connect() as second:  # the same for the head of a second request
            second.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + begun)
            assert _answer(second).count(b"HTTP/1.1 200 ") == 1


def test_body_may_take_longer_than_the_head(url: str) -> None:
    with serving(settings(url, head_within_seconds=0.3)) as sender, sender.connect() as bare:
        body = json.dumps(article(1)).encode()
        bare.sendall(_head(sender, f"Content-Length: {len(body)}", "Connection: close"))
        time.sleep(0.6)
        bare.sendall(body)
        assert b" 200 " in _answer(bare).partition(b"\r\n")[0]


def test_unread_body_does_not_hold_the_connection(sender: Sender) -> None:
    with sender.connect() as bare:
        bare.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert b" 200 " in _answer(bare).partition(b"\r\n")[0]


def test_idle_connections_give_way_to_new_ones(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.web.server.MOST_CONNECTIONS", 5)
    with ExitStack() as stack:
        idle = [stack.enter_context(sender.connect()) for _ in range(8)]
        for one in idle[:3]:
            assert _answer(one) == b""
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 " in _answer(idle[-1])


def test_token_may_make_so_many_requests_and_others_are_not_held_up(
    url: str, db: Database
) -> None:
    with serving(settings(url, requests_per_second=0.01, burst=2)) as sender:
        codes = [sender.push(article(n)).status_code for n in range(3)]
        assert codes == [200, 200, 429]
        assert int(sender.push(article(3)).headers["Retry-After"]) > 10
        assert sender.http.get("/healthz").status_code == 200
        theirs = Sender(sender.url, OTHER)
        assert theirs.push(article(1, source="other")).status_code == 200
        theirs.http.close()
    assert len(handed_in(db)) == 3


def test_more_requests_at_a_time_than_the_limit_are_told_to_wait(url: str, db: Database) -> None:
    with serving(settings(url, concurrent_requests=1)) as sender, sender.connect() as bare:
        bare.sendall(_head(sender, "Content-Length: 100") + b"{")
        _until(lambda: sender.push(article(1)).status_code == 503)
        busy = sender.push(article(1))
        assert (busy.json()["outcome"], busy.headers["Retry-After"]) == ("busy", "1")
        bare.close()
        _until(lambda: sender.push(article(2)).status_code == 200)
    assert json.loads(handed_in(db)[-1])["id"] == "a2"


def test_database_that_is_busy_is_503_and_a_retry_is_stored_once(
    url: str, db: Database, tmp_path: Path
) -> None:
    with (
        serving(settings(url, answer_within_seconds=0.3)) as sender,
        closing(sqlite3.connect(tmp_path / "push.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        refused = sender.push(article(1))
        assert (refused.status_code, refused.json()["outcome"]) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert handed_in(db) == []
        other.execute("COMMIT")
        _until(lambda: sender.push(article(1)).status_code == 200)
        assert sender.counted("unavailable") >= 1
    work(db)
    assert stats(db).articles == 1


def test_error_of_our_own_is_500_and_the_server_lives_on(url: str, db: Database) -> None:
    with serving(settings(url)) as sender:
        with db.write() as connection:
            connection.exec_driver_sql("ALTER TABLE inbox RENAME TO hidden")
        assert sender.push(article(1)).status_code == 500
        with db.write() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO inbox")
        assert sender.push(article(1)).status_code == 200
        assert (sender.counted("broken"), sender.counted("stored")) == (1, 1)


def test_health_readiness_metrics_and_headers(sender: Sender) -> None:
    assert sender.push([article(1), article(2)]).status_code == 200
    page = sender.http.get("/metrics").text
    assert "bearwatch_push_articles_total 2.0" in page
    for outcome in PUSH_OUTCOMES:
        assert f'bearwatch_push_requests_total{{outcome="{outcome}"}}' in page
    for path, code in [("/healthz", 200), ("/readyz", 200), ("/nothing", 404), ("/articles", 405)]:
        answer = sender.http.get(path)
        assert answer.status_code == code
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "server" not in answer.headers
    for path in ("/docs", "/redoc"):  # they would load scripts from elsewhere
        assert sender.http.get(path).status_code == 404
    described = sender.http.get("/openapi.json").json()
    assert set(described["paths"]["/articles"]["post"]["responses"]) >= {
        "200",
        "401",
        "413",
        "503",
    }


def _head(sender: Sender, *lines: str) -> bytes:
    found = [
        "POST /articles HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Authorization: Bearer {TOKEN}",
        *lines,
    ]
    return "\r\n".join(found).encode() + b"\r\n\r\n"


def _answer(bare: socket.socket) -> bytes:
    """All until the server closes."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := bare.recv(65_536):
            found += piece
    return found


def _until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)
