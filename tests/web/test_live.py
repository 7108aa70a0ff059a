"""The live page over a real server: what it shows, how it goes on, what it costs nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from pipeline.baselines import Baselines
from pipeline.settings import Settings
from pipeline.store import lease
from pipeline.store.database import Database, open_database
from pipeline.web.live import Looking
from pipeline.web.server import listen
from tests.fakes import MONDAY, ManualClock
from tests.pages.test_view import ATTRIBUTES, TAGS, Written
from tests.web import people
from tests.web.lived import live_through, watching
from tests.web.people import visitor
from tests.web.served import PATIENCE_S, serving, settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def db(folder: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{folder}/live.db")
    live_through(found)
    yield found
    found.close()


@pytest.fixture(scope="module")
def http(db: Database, folder: Path) -> Iterator[httpx.Client]:
    with serving(watching(str(db.engine.url), folder)) as sender:
        yield sender.http


@pytest.fixture(scope="module")
def page(http: httpx.Client) -> str:
    return http.get("/").text


def card(page: str, title: str) -> Written:
    """What stands about one key."""
    found = [part for part in page.split("<li class=") if f">{title}</a>" in part]
    assert len(found) == 1, title
    return Written(f"<li class={found[0]}")


def test_page_says_until_when_counts_are_complete_and_what_is_open(page: str) -> None:
    written = Written(page)
    assert "<h1>Thu 5 Mar 2026, 11:05</h1>" in page
    assert "spike of negative news" in written.text
    assert "negative Earnings ACM <script>trouble</script>" in written.text
    (link,) = {a["href"] for a in written.links if (a["href"] or "").startswith("/incidents/")}
    assert link is not None


def test_key_in_a_spike_is_loud_and_stands_first_and_a_calm_one_is_neither(page: str) -> None:
    acme, brick = card(page, "Acme &amp; &lt;b&gt;Sons&lt;/b&gt;"), card(page, "Brick")
    assert "warn" in acme.text
    assert "11 of 11 negative" in acme.text
    assert "usual 0.0 (0 to 0)" in acme.text
    assert "100% negative" in acme.text
    assert "warn" not in brick.text
    assert page.index("Acme &amp;") < page.index(">Brick</a>")
    assert page.count("newest loud") == 3  # the company, its topic, the whole stream
    assert card(page, "Macro").text.count("negative") == 0  # no story in the last hour


def test_how_the_work_goes_is_said_in_numbers(page: str) -> None:
    text = Written(page).text
    assert "Waiting to be read 0 records" in text
    assert "Classifier fake+0" in text
    assert "Dead letters 1" in text
    assert "Monitor not running" in text  # it held its lease in the stream's own time
    assert "No worker has reported on 1 of 1 partitions lately" in text


def test_monitor_that_holds_its_lease_is_at_work(db: Database, folder: Path) -> None:
    now = datetime.now(UTC)
    lease.take(db, "test", now=now, keep_for=timedelta(hours=1))
    try:
        with serving(watching(str(db.engine.url), folder)) as sender:
            text = Written(sender.http.get("/").text).text
    finally:
        lease.take(db, "test", now=now, keep_for=-timedelta(hours=1))
    assert "Monitor at work" in text
    assert "No monitor is at work" not in text


def test_pictures_have_the_band_of_the_usual_and_hostile_names_are_text(page: str) -> None:
    written = Written(page)
    assert written.tags <= TAGS
    assert written.attributes <= ATTRIBUTES
    assert page.count('<polygon class="band"') >= 4
    assert "Acme & <b>Sons</b>" in written.text
    assert 'aria-label="Acme &amp; &lt;b&gt;Sons&lt;/b&gt;: 11 negative in the last hour' in page


def test_page_loads_itself_again_unless_it_is_held(http: httpx.Client, folder: Path) -> None:
    refresh = '<meta http-equiv="refresh" content="5">'
    assert refresh in http.get("/").text
    held = http.get("/?still=1").text
    assert 'http-equiv="refresh"' not in held
    assert '<a href="/">Let it go on</a>' in held
    with serving(settings(f"sqlite:///{folder}/empty.db", refresh_seconds=0)) as sender:
        assert 'http-equiv="refresh"' not in sender.http.get("/").text


def test_empty_database_says_that_nothing_was_counted_yet(folder: Path) -> None:
    with serving(settings(f"sqlite:///{folder}/none.db")) as sender:
        text = Written(sender.http.get("/").text).text
    assert "No article has been counted yet" in text
    assert "Classifier none yet" in text


def test_page_follows_what_is_counted_while_it_is_open(folder: Path) -> None:
    db = open_database(f"sqlite:///{folder}/moving.db")
    with serving(settings(str(db.engine.url))) as sender:
        assert "No article has been counted yet" in sender.http.get("/").text
        live_through(db)
        deadline = monotonic() + PATIENCE_S
        while "Thu 5 Mar 2026" not in (text := sender.http.get("/").text):
            assert monotonic() < deadline
            sleep(0.05)
        assert 'class="band"' in text  # the baselines came along
    db.close()


def test_one_look_serves_all_who_ask_within_a_moment_and_nobody_looks_unasked(
    db: Database,
) -> None:
    found, opened = Settings(), []

    def database() -> Database:
        opened.append(monotonic())
        return db

    looking = Looking(
        database, Baselines([("all", "all")], found.spikes), found, {}, ManualClock(MONDAY)
    )
    try:
        assert not opened
        first = looking.look()
        assert all(looking.look() is first for _ in range(100))
        assert len(opened) == 2  # the baselines' thread, and the look
        deadline = monotonic() + PATIENCE_S
        while looking.look() is first:
            assert monotonic() < deadline
            sleep(0.05)
    finally:
        looking.close()


def test_without_accounts_anybody_reads_and_with_them_whoever_logs_in(
    db: Database, folder: Path
) -> None:
    found = watching(str(db.engine.url), folder, users=people.users("vera"))
    with serving(found) as sender, visitor(sender.url) as anyone:
        refused = anyone.http.get("/")
        assert (refused.status_code, refused.headers["Location"]) == (303, "/login?next=/")
        assert anyone.log_in("vera").status_code == 303
        assert "The whole stream" in anyone.http.get("/").text


def test_page_is_read_only_and_carries_the_common_headers(http: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert http.request(method, "/").status_code == 405
    answer = http.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_database_that_is_away_is_a_page_about_it() -> None:
    with serving(settings("postgresql://nobody@127.0.0.1:1/none")) as sender:
        answer = sender.http.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "No database" in answer.text


def test_answers_in_several_pieces_wait_for_no_acknowledgement() -> None:
    # Without it each takes 40 ms longer; asyncio does not set it on sockets that were given to it.
    with listen("127.0.0.1", 0) as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
