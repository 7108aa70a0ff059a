"""Fetching: only from where it may, only as much and as long as it may, and never an exception."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import httpcore
import pytest

from ingest.feeds.addresses import Resolve, is_public, resolve
from ingest.feeds.errors import FeedError
from ingest.feeds.fetching import Fetched, Fetcher, NotModified
from ingest.feeds.settings import FeedSettings
from tests.fakes import MONDAY, ManualClock
from tests.ingest.feeds import Answer, Names, Site, item, rss, site

FEED = rss(item(1))
PUBLIC = "93.184.215.14"


@pytest.fixture
def served() -> Iterator[Site]:
    with site() as found:
        found.answers["/feed"] = Answer(FEED, headers={"ETag": '"one"'})
        yield found


class Dialled(httpcore.NetworkBackend):
    """Writes down which address is dialled, and connects to this machine in its place."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.addresses.append(host)
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", port, timeout)


def fetcher(
    *,
    allow_private: bool = True,
    resolve: Resolve = resolve,
    dial: httpcore.NetworkBackend | None = None,
    **settings: Any,
) -> Fetcher:
    found = FeedSettings(allow_private=allow_private, **{"deadline_seconds": 20, **settings})
    return Fetcher(found, clock=ManualClock(), resolve=resolve, dial=dial)


def refused(result: object) -> str:
    assert isinstance(result, FeedError)
    return result.reason


def body(result: object) -> bytes:
    assert isinstance(result, Fetched), result
    return result.body


def test_feed_comes_with_what_tells_it_apart_the_next_time(served: Site) -> None:
    served.answers["/feed"].headers["Last-Modified"] = "Mon, 02 Mar 2026 09:00:00 GMT"
    found = fetcher(user_agent="bearwatch test").fetch(served.url("/feed"))
    assert isinstance(found, Fetched)
    assert (found.body, found.etag) == (FEED, '"one"')
    assert found.last_modified == "Mon, 02 Mar 2026 09:00:00 GMT"
    sent = served.headers()
    assert sent["user-agent"] == "bearwatch test"
    assert "if-none-match" not in sent
    assert "if-modified-since" not in sent


def test_unchanged_feed_is_not_sent_again(served: Site) -> None:
    at = "Mon, 02 Mar 2026 09:00:00 GMT"
    found = fetcher().fetch(served.url("/feed"), etag='"one"', last_modified=at)
    assert found == NotModified()
    assert served.headers()["if-modified-since"] == at


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1"),  # noqa: S104
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"),
        "2001:0:53aa:64c:0:7a3b:80ff:fffe",
    ],
)
def test_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_address_is_known(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"]
)
def test_this_machine_is_refused_however_it_is_written(served: Site, host: str) -> None:
    assert refused(fetcher(allow_private=False).fetch(served.url("/feed", host))) == "address"
    assert served.asked == []


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_this_machine_is_refused_by_its_six_too(host: str) -> None:
    assert refused(fetcher(allow_private=False).fetch(f"http://{host}:9/")) == "address"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/f",
        "gopher://h/",
        "/etc/passwd",
        "",
        "http://",
        "https://[",
        "http://exa mple.com\x00/",
        f"http://{'a' * 300}/",
        "http://xn--\ud800/",
    ],
)
def test_what_is_no_web_address_is_refused_without_a_request(url: str) -> None:
    assert refused(fetcher().fetch(url)) in ("address", "unreachable")


def test_connection_goes_to_the_address_that_was_checked(served: Site) -> None:
    # The name server answers differently the second time, as one that means harm would.
    names, dial = Names(news_test=[[PUBLIC], ["127.0.0.1"]]), Dialled()
    found = fetcher(allow_private=False, resolve=names, dial=dial)
    assert body(found.fetch(served.url("/feed", "news.test"))) == FEED
    assert (names.asked, dial.addresses) == (["news.test"], [PUBLIC])
    assert served.headers()["host"] == f"news.test:{served.port}"


def test_one_private_address_among_public_ones_refuses_the_host(served: Site) -> None:
    names, dial = Names(news_test=[[PUBLIC, "10.0.0.1"]]), Dialled()
    found = fetcher(allow_private=False, resolve=names, dial=dial)
    assert refused(found.fetch(served.url("/feed", "news.test"))) == "address"
    assert dial.addresses == []


def test_redirect_to_a_private_address_is_refused(served: Site) -> None:
    names = Names(news_test=[[PUBLIC]], inside_test=[["169.254.169.254"]])
    dial = Dialled()
    to = served.url("/feed", "inside.test")
    served.answers["/moved"] = Answer(status=302, headers={"Location": to})
    found = fetcher(allow_private=False, resolve=names, dial=dial)
    assert refused(found.fetch(served.url("/moved", "news.test"))) == "address"
    assert [path for path, _ in served.asked] == ["/moved"]


def test_redirect_looks_its_host_up_again(served: Site) -> None:
    names = Names(news_test=[[PUBLIC], ["127.0.0.1"]])
    served.answers["/moved"] = Answer(status=301, headers={"Location": "/feed"})
    found = fetcher(allow_private=False, resolve=names, dial=Dialled())
    assert refused(found.fetch(served.url("/moved", "news.test"))) == "address"


@pytest.mark.parametrize("hops", [3, 4])
def test_three_redirects_are_followed_and_no_more(served: Site, hops: int) -> None:
    for number in range(hops):
        to = "/feed" if number == hops - 1 else f"/{number + 1}"
        served.answers[f"/{number}"] = Answer(status=307, headers={"Location": to})
    found = fetcher().fetch(served.url("/0"))
    assert (found.url if isinstance(found, Fetched) else refused(found)) == (
        served.url("/feed") if hops == 3 else "redirect"
    )


@pytest.mark.parametrize(
    ("location", "reason"),
    [("file:///etc/passwd", "address"), ("", "redirect"), ("http://[", "unreachable")],
)
def test_redirect_to_what_is_no_web_address_is_refused(
    served: Site, location: str, reason: str
) -> None:
    served.answers["/moved"] = Answer(status=302, headers={"Location": location})
    assert refused(fetcher().fetch(served.url("/moved"))) == reason


def test_password_goes_to_its_own_origin_only_and_into_no_answer(served: Site) -> None:
    with site() as other:
        other.answers["/feed"] = Answer(FEED)
        served.answers["/near"] = Answer(status=302, headers={"Location": "/feed"})
        to = other.url("/feed").replace("//", "//you:steal@")
        served.answers["/far"] = Answer(status=302, headers={"Location": to})
        secret = served.url("/near").replace("//", "//me:hunter2@")
        near = fetcher().fetch(secret)
        far = fetcher().fetch(secret.replace("/near", "/far"))
        assert "hunter2" not in f"{near}{far}"
        assert isinstance(near, Fetched)
        assert [("authorization" in sent) for _, sent in served.asked] == [True, True, True]
        assert "authorization" not in other.headers()
        missing = fetcher().fetch(secret.replace("/near", "/none"))
        assert refused(missing) == "status"
        assert "hunter2" not in f"{missing}"


def test_proxies_of_the_environment_are_not_used(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert body(fetcher().fetch(served.url("/feed"))) == FEED


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "status"), (500, "status"), (401, "status"), (410, "gone"), (204, "status")],
)
def test_other_answers_are_reasons(served: Site, status: int, reason: str) -> None:
    served.answers["/feed"] = Answer(status=status)
    assert refused(fetcher().fetch(served.url("/feed"))) == reason


@pytest.mark.parametrize(
    ("after", "rest"),
    [
        ("120", timedelta(seconds=120)),
        ("Mon, 02 Mar 2026 01:00:00 GMT", timedelta(hours=1)),
        ("999999999999", timedelta(days=1)),
        ("Mon, 02 Mar 2099 01:00:00 GMT", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_busy_server_says_when_to_come_again(
    served: Site, status: int, after: str | None, rest: timedelta | None
) -> None:
    served.answers["/feed"] = Answer(
        status=status, headers={"Retry-After": after} if after else {}
    )
    found = fetcher().fetch(served.url("/feed"))
    assert isinstance(found, FeedError)
    assert (found.reason, found.retry_at) == ("busy", None if rest is None else MONDAY + rest)


@pytest.mark.parametrize("length", [2_000, 2_001])
def test_feed_of_the_largest_size_comes_and_a_larger_one_does_not(
    served: Site, length: int
) -> None:
    for path, headers, content in (
        ("/plain", {}, b"x" * length),
        ("/zipped", {"Content-Encoding": "gzip"}, gzip.compress(b"x" * length)),
    ):
        served.answers[path] = Answer(content, headers=dict(headers))
        found = fetcher(max_bytes=2_000).fetch(served.url(path))
        assert (len(found.body) if isinstance(found, Fetched) else refused(found)) == (
            2_000 if length == 2_000 else "too_large"
        )


def test_endless_feed_is_left_at_the_limit(served: Site) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(65_536)
            yield b"x" * 65_536

    served.answers["/feed"] = Answer(chunks=endless)
    assert refused(fetcher(max_bytes=1_000_000).fetch(served.url("/feed"))) == "too_large"
    assert sum(sent) < 30_000_000  # what fits in the buffers between


def test_gzip_bomb_is_left_at_the_limit(served: Site) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(squeeze.compress(bytes(1_048_576)) for _ in range(200)) + squeeze.flush()
    assert len(bomb) < 250_000
    served.answers["/feed"] = Answer(bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        assert refused(fetcher(max_bytes=1_000_000).fetch(served.url("/feed"))) == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_gzip_in_several_parts_is_whole(served: Site) -> None:
    parts = gzip.compress(FEED[:100]) + gzip.compress(FEED[100:])
    served.answers["/feed"] = Answer(parts, headers={"Content-Encoding": "GZip"})
    assert body(fetcher().fetch(served.url("/feed"))) == FEED


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(FEED)[:-9]),
        ("gzip", b"not gzip"),
        ("gzip, gzip", gzip.compress(gzip.compress(FEED))),
        ("br", b"x"),
        ("zstd", b"x"),
    ],
)
def test_damaged_or_unasked_compression_is_refused(
    served: Site, coding: str, content: bytes
) -> None:
    served.answers["/feed"] = Answer(content, headers={"Content-Encoding": coding})
    assert refused(fetcher().fetch(served.url("/feed"))) == "encoding"


def test_feed_that_breaks_off_is_not_taken_for_whole(served: Site) -> None:
    served.answers["/feed"] = Answer(FEED, headers={"Content-Length": str(len(FEED) + 1)})
    assert refused(fetcher().fetch(served.url("/feed"))) == "unreachable"


def test_dripping_server_is_left_at_the_deadline(served: Site) -> None:
    ended = Event()

    def drip() -> Iterator[bytes]:
        while not ended.wait(0.05):
            yield b" "

    served.answers["/feed"] = Answer(chunks=drip)
    begun = monotonic()
    try:
        assert refused(fetcher(deadline_seconds=0.5).fetch(served.url("/feed"))) == "timeout"
    finally:
        ended.set()
    assert monotonic() - begun < 60  # without the deadline it would never end


def test_name_that_takes_too_long_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()

    def slow(*_: object, **__: object) -> None:
        ended.wait(30)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        assert refused(fetcher(connect_seconds=0.2).fetch("http://slow.test/")) == "timeout"
    finally:
        ended.set()


def test_host_that_is_not_there_is_unreachable() -> None:
    assert refused(fetcher().fetch("http://nothing.invalid/")) in ("unreachable", "timeout")
    assert refused(fetcher().fetch("http://127.0.0.1:9/")) == "unreachable"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of news.test in one file, signed by itself."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI"):
            pytest.fail("openssl is missing: install Debian's package openssl")
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=news.test"),
            *("-addext", "subjectAltName=DNS:news.test", "-keyout", "key", "-out", "cert"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=30,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both


def test_certificate_is_checked_against_the_name_and_not_the_address(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    asked: list[str] = []
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    with site(tls) as served:
        served.answers["/feed"] = Answer(FEED)
        served.answers["/down"] = Answer(status=302, headers={"Location": "http://news.test/"})
        url = f"https://news.test:{served.port}"
        names = Names(news_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
        known = fetcher(resolve=names, ca_file=certificate)
        assert body(known.fetch(f"{url}/feed")) == FEED
        assert asked == ["news.test"]
        assert refused(known.fetch(f"https://other.test:{served.port}/feed")) == "tls"
        assert refused(fetcher(resolve=names).fetch(f"{url}/feed")) == "tls"
        assert refused(known.fetch(f"{url}/down")) == "redirect"
