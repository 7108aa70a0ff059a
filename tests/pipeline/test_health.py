from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.health import MOST_CONNECTIONS, CannotListen, Health, Progress, Server, serve

PAGE = b"# HELP bearwatch_records_total Records.\n"


def well() -> Health:
    return Health(ok=True, reason="ok", details={"lag": 3})


def ill() -> Health:
    return Health(ok=False, reason="the database cannot be reached")


def broken() -> Health:
    raise RuntimeError("hunter2")


@contextmanager
def serving(
    metrics: Callable[[], bytes] = lambda: PAGE,
    health: Callable[[], Health] = well,
    ready: Callable[[], Health] = well,
    longest_request_s: float = 5.0,
) -> Iterator[Server]:
    server = serve(
        metrics,
        health=health,
        ready=ready,
        host="127.0.0.1",
        port=0,
        longest_request_s=longest_request_s,
    )
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(ready=ill) as running:
        yield running


def ask(server: Server, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def say(server: Server, request: bytes) -> bytes:
    """The whole answer to raw bytes, empty if the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        answer = b""
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # it answered, and closed, before it had read everything
        return answer


def test_metrics_are_answered_as_the_exposition_format(server: Server) -> None:
    status, headers, body = ask(server, "/metrics")
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_each_probe_tells_its_own_health(server: Server) -> None:
    status, headers, body = ask(server, "/healthz")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(body) == {"ok": True, "reason": "ok", "details": {"lag": 3}}
    status, _, body = ask(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {
        "ok": False,
        "reason": "the database cannot be reached",
        "details": {},
    }


def test_a_query_does_not_change_the_page(server: Server) -> None:
    assert ask(server, "/metrics?name[]=up")[0] == 200


@pytest.mark.parametrize(("path", "status"), [("/metrics", 200), ("/readyz", 503), ("/no", 404)])
def test_head_is_get_without_the_body(server: Server, path: str, status: int) -> None:
    got = ask(server, path)
    head = ask(server, path, "HEAD")
    assert (head[0], head[2]) == (status, b"")
    assert say(server, f"HEAD {path} HTTP/1.0\r\n\r\n".encode()).endswith(b"\r\n\r\n")
    assert head[1]["Content-Length"] == got[1]["Content-Length"] == str(len(got[2]))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "get"])
def test_any_other_method_is_refused(server: Server, method: str) -> None:
    status, headers, _ = ask(server, "/metrics", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics/",
        "/Metrics",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/metrics%00",
        "/<script>alert(1)</script>",
        "http://[/metrics",
        "//metrics",
        "*",
    ],
)
def test_an_unknown_path_is_not_found_and_not_repeated(server: Server, path: str) -> None:
    answer = say(server, f"GET {path} HTTP/1.1\r\n\r\n".encode())
    if path == "//metrics":  # the slashes are one
        assert answer.startswith(b"HTTP/1.0 200 ")
        return
    assert answer.startswith(b"HTTP/1.0 404 ")
    assert answer.endswith(b"\r\n\r\nNot Found\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /metrics HTTP/x\r\n\r\n", b"400"),
    ],
)
def test_a_request_that_is_too_large_or_malformed_is_refused(
    server: Server, request_: bytes, status: bytes
) -> None:
    answer = say(server, request_)
    # What was not read makes the system reset the connection, which may swallow the answer.
    assert answer[9:12] in (status, b"")
    assert ask(server, "/healthz")[0] == 200


@given(request_=st.binary(max_size=200))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_harm_the_server(server: Server, request_: bytes) -> None:
    say(server, request_ + b"\r\n\r\n")
    assert ask(server, "/healthz")[0] == 200


def test_the_answer_names_no_software_versions(server: Server) -> None:
    assert ask(server, "/metrics")[1]["Server"].strip() == "bearwatch"


def test_a_probe_that_breaks_is_unhealthy_and_tells_no_secret() -> None:
    with serving(health=broken) as server:
        status, _, body = ask(server, "/healthz")
        assert (status, json.loads(body)["reason"]) == (503, "internal error; see the log")
        assert b"hunter2" not in body
        assert ask(server, "/readyz")[0] == 200


def connected(server: Server) -> AbstractContextManager[socket.socket]:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_slow_clients_do_not_hold_up_a_quick_one() -> None:
    with serving() as server, connected(server) as one, connected(server) as other:
        one.sendall(b"GET /met")
        other.sendall(b"")
        started = time.monotonic()
        assert ask(server, "/metrics")[0] == 200
        assert time.monotonic() - started < 4


def still_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_client_that_drips_is_cut_off() -> None:
    with serving(longest_request_s=0.3) as server, connected(server) as slow:
        slow.settimeout(0.05)
        started = time.monotonic()
        while time.monotonic() - started < 5 and still_open(slow):
            with suppress(OSError):
                slow.sendall(b"G")
        assert 0.3 <= time.monotonic() - started < 4


def test_the_oldest_connection_gives_way_to_a_new_one() -> None:
    with serving(longest_request_s=60) as server:
        crowd = []
        try:
            for _ in range(1 + MOST_CONNECTIONS):
                crowd.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            assert crowd[0].recv(1) == b""
            assert ask(server, "/metrics")[0] == 200
        finally:
            for one in crowd:
                one.close()


def test_pages_that_hang_do_not_pile_up_threads() -> None:
    release = threading.Event()

    def hangs() -> bytes:
        release.wait(30)
        return PAGE

    before = threading.active_count()
    with serving(hangs, longest_request_s=60) as server:
        crowd = []
        try:
            for _ in range(3 * MOST_CONNECTIONS):
                one = socket.create_connection(("127.0.0.1", server.port), timeout=5)
                one.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                crowd.append(one)
            assert crowd[-1].recv(1) == b""
            assert threading.active_count() - before <= 2 * MOST_CONNECTIONS + 1
        finally:
            release.set()
            for one in crowd:
                one.close()


def test_closing_does_not_wait_for_clients_and_frees_the_port() -> None:
    with serving(longest_request_s=60) as server, connected(server) as slow:
        slow.sendall(b"GET /met")
        ask(server, "/healthz")  # the slow one has been accepted by now
        started = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - started < 4
        assert slow.recv(1) == b""
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_a_taken_port_is_told_with_what_to_do(server: Server) -> None:
    with pytest.raises(CannotListen, match=r"Address already in use; set metrics\.host and metr"):
        serve(lambda: PAGE, health=well, ready=well, host="127.0.0.1", port=server.port)
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        serve(lambda: PAGE, health=well, ready=well, host="192.0.2.1", port=0)


def test_the_address_can_be_followed(server: Server) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_a_part_that_beats_within_its_limit_is_well() -> None:
    progress = Progress({"worker": 10.0, "monitor": 5.0}, at=100.0)
    progress.beat("worker", 108.0)
    progress.beat("monitor", 113.0)
    assert progress.health(118.0).ok
    assert progress.health(118.0).details == {
        "seconds_since_progress": {"worker": 10.0, "monitor": 5.0}
    }


def test_one_stalled_part_is_enough_and_is_named() -> None:
    progress = Progress({"worker": 10.0, "monitor": 5.0}, at=100.0)
    progress.beat("monitor", 111.0)
    health = progress.health(111.0)
    assert not health.ok
    assert health.reason == ("worker made no progress for 11 s (limit 10 s) although it has work")


def test_a_part_that_never_began_is_measured_from_the_start() -> None:
    progress = Progress({"worker": 10.0}, at=100.0)
    assert progress.health(110.0).ok
    assert not progress.health(110.1).ok


def test_a_part_recovers_with_its_next_beat() -> None:
    progress = Progress({"worker": 10.0}, at=100.0)
    assert not progress.health(200.0).ok
    progress.beat("worker", 200.0)
    assert progress.health(200.0).ok


def test_a_beat_that_comes_late_takes_no_progress_back() -> None:
    progress = Progress({"worker": 10.0}, at=100.0)
    progress.beat("worker", 120.0)
    progress.beat("worker", 105.0)
    assert progress.health(130.0).ok


def test_a_part_that_has_finished_is_not_waited_for() -> None:
    progress = Progress({"worker": 10.0, "monitor": 10.0}, at=100.0)
    progress.finish("worker")
    progress.finish("worker")
    progress.beat("worker", 101.0)
    progress.beat("monitor", 200.0)
    assert progress.health(200.0).ok
    assert "worker" not in str(progress.health(200.0).details)


def test_a_part_that_was_not_named_is_an_error() -> None:
    with pytest.raises(KeyError, match="wroker"):
        Progress({"worker": 10.0}, at=0.0).beat("wroker", 1.0)
