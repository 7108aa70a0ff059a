"""Logging in over a real server: what a session is, what ends it, and what cannot borrow it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from select import select as select_ready
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.pages.rendering import policy
from pipeline.settings import Settings
from pipeline.store import sessions, tables
from pipeline.store.database import Database, open_database
from pipeline.web import csrf
from pipeline.web.login import TRIES, TRIES_FROM
from tests.fakes import MONDAY
from tests.pages.made import HOSTILE
from tests.pages.test_view import TAGS, Written
from tests.web import people
from tests.web.people import Visitor, visitor
from tests.web.served import serving, settings

HOUR = timedelta(hours=1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/login.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Database]]:
    """The address of a server with users, and its database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('login')}/login.db"
    with serving(with_users(url)) as sender:
        db = open_database(url)
        yield sender.url, db
        db.close()


@pytest.fixture
def anyone(server: tuple[str, Database]) -> Iterator[Visitor]:
    with visitor(server[0]) as found:
        yield found


@pytest.fixture
def ann(server: tuple[str, Database]) -> Iterator[Visitor]:
    with visitor(server[0], "ann") as found:
        yield found


def with_users(url: str, *names: str, **web: Any) -> Settings:
    return settings(url, users=people.users(*names), **web)


def reads(who: Visitor) -> bool:
    return who.http.get("/incidents").status_code == 200


def cookie_of(who: Visitor) -> str:
    (found,) = who.http.cookies.jar
    return f"{found.name}={found.value}"


def test_reading_needs_a_log_in_that_leads_back_to_where_one_wanted_to_be(anyone: Visitor) -> None:
    answer = anyone.http.get("/incidents?state=open&key=a%26b")
    there = answer.headers["Location"]
    assert (answer.status_code, there) == (
        303,
        "/login?next=/incidents%3Fstate%3Dopen%26key%3Da%2526b",
    )
    form = Written(anyone.http.get(there).text)
    assert "Password or token" in form.text
    entered = anyone.log_in("ann", next="/incidents?state=open&key=a%26b")
    assert (entered.status_code, entered.headers["Location"]) == (
        303,
        "/incidents?state=open&key=a%26b",
    )
    assert "ann, annotator" in Written(anyone.http.get("/incidents").text).text
    assert anyone.http.get("/login?next=/incidents").status_code == 303


def test_log_in_page_allows_forms_to_this_server_and_no_script(anyone: Visitor) -> None:
    rules = anyone.http.get("/login").headers["Content-Security-Policy"]
    assert rules == f"{policy(forms=True)}; frame-ancestors 'none'"
    assert "form-action 'self'" in rules
    assert "script-src" not in rules


def test_token_logs_in_without_a_name_or_with_its_own(server: tuple[str, Database]) -> None:
    for name, status in (("", 303), ("eve", 303), ("ann", 401)):
        with visitor(server[0]) as who:
            assert who.log_in(name, people.token("eve")).status_code == status
            assert reads(who) is (status == 303)


def test_program_reads_with_a_token_and_without_a_cookie(anyone: Visitor) -> None:
    plain = {"Accept": "application/json"}
    bearer = {"Authorization": f"Bearer {people.token('vera')}"} | plain
    answer = anyone.http.get("/incidents", headers=bearer)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    refused = anyone.http.get("/incidents", headers=plain)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_wrong_token_is_nobody_whatever_the_cookie_says(ann: Visitor) -> None:
    answer = ann.http.get(
        "/incidents", headers={"Authorization": "Bearer x", "Accept": "application/json"}
    )
    assert answer.status_code == 401


def test_password_of_a_proxy_in_front_is_not_ours_and_no_proof_either(ann: Visitor) -> None:
    token = ann.csrf()
    ann.http.headers["Authorization"] = "Basic cHJveHk6c2VjcmV0"
    assert reads(ann)
    assert ann.http.post("/logout", data={"csrf": ""}).status_code == 403
    assert ann.http.post("/logout", data={"csrf": token}).status_code == 303


def test_wrong_name_and_wrong_password_are_told_alike(anyone: Visitor) -> None:
    answers = [
        anyone.log_in("ann", "wrong"),
        anyone.log_in("nobody", "wrong"),
        anyone.log_in("", "wrong"),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    texts = {Written(answer.text).text.replace("nobody", "ann") for answer in answers}
    assert len(texts) == 1
    assert not list(anyone.http.cookies.jar)


def test_cookie_is_kept_from_scripts_and_from_other_sites(anyone: Visitor) -> None:
    (found,) = SimpleCookie(anyone.log_in("ann").headers["Set-Cookie"]).values()
    assert found.key == "bearwatch"
    assert (found["httponly"], found["samesite"].lower(), found["path"]) == (True, "lax", "/")
    assert (found["secure"], found["domain"], found["max-age"]) == ("", "", str(12 * 3600))


def test_cookie_crosses_tls_only_where_people_use_tls(url: str) -> None:
    found = with_users(url, "ann", base_url="https://news.example.com")
    with serving(found) as sender, visitor(sender.url) as who:
        who.http.headers["Origin"] = "https://news.example.com"  # a proxy is in front
        (cookie,) = SimpleCookie(who.log_in("ann").headers["Set-Cookie"]).values()
        assert cookie.key == "__Host-bearwatch"
        assert (cookie["secure"], cookie["domain"]) == (True, "")


def test_database_has_no_cookie_and_the_session_ends_when_the_settings_say(
    url: str,
) -> None:
    with serving(with_users(url, session_hours=2)) as sender, visitor(sender.url, "ann") as who:
        db = open_database(url)
        with db.read() as connection:
            (row,) = connection.execute(select(tables.session)).all()
        assert row.user == "ann"
        assert row.expires_at - row.created_at == 2 * HOUR
        secret = cookie_of(who).partition(".")[2]
        assert secret
        assert secret not in str(row)
        for user in ("eve", "ann"):  # a session is one person's
            with db.write() as connection:
                connection.execute(update(tables.session).values(user=user))
            assert reads(who) is (user == "ann")
        with db.write() as connection:
            connection.execute(update(tables.session).values(expires_at=row.created_at))
        assert not reads(who)
        db.close()


def test_session_that_was_there_before_is_neither_used_nor_left(
    server: tuple[str, Database],
) -> None:
    with visitor(server[0], "ann") as victim, visitor(server[0], "vera") as attacker:
        planted = cookie_of(attacker)
        name, _, value = planted.partition("=")
        victim.http.cookies.clear()
        victim.http.cookies.set(name, value)  # the attacker's, or one made up
        answer = victim.log_in("ann")
        assert cookie_of_answer(answer.headers["Set-Cookie"]) != planted
        assert not reads(attacker)
        anonymous = Visitor(server[0])
        anonymous.http.headers["Cookie"] = "bearwatch=ann.made-up"
        assert not reads(anonymous)
        entered = anonymous.log_in("ann")
        assert "made-up" not in cookie_of_answer(entered.headers["Set-Cookie"])
        anonymous.http.close()


def cookie_of_answer(header: str) -> str:
    (found,) = SimpleCookie(header).values()
    return f"{found.key}={found.value}"


def test_cookie_with_another_name_in_front_is_nobody(
    ann: Visitor, server: tuple[str, Database]
) -> None:
    name, _, value = cookie_of(ann).partition("=")
    stolen = Visitor(server[0])
    for changed in (value.replace("ann.", "ada."), value.removeprefix("ann"), value + "x", ""):
        stolen.http.headers["Cookie"] = f"{name}={changed}"
        assert not reads(stolen)
    stolen.http.headers["Cookie"] = f"{name}={value}"
    assert reads(stolen)
    stolen.http.close()


def test_log_out_ends_the_session_here_and_not_only_in_the_browser(ann: Visitor) -> None:
    name, _, value = cookie_of(ann).partition("=")
    answer = ann.send("/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not list(ann.http.cookies.jar)
    ann.http.cookies.set(name, value)
    assert not reads(ann)


@pytest.mark.parametrize("change", ["password", "gone"])
def test_new_password_and_removed_user_end_sessions(url: str, change: str) -> None:
    with serving(with_users(url, "ann", "vera")) as first, visitor(first.url, "ann") as who:
        cookie = cookie_of(who)
        assert reads(who)
    after = people.users("ann", "vera")
    if change == "gone":
        del after["ann"]
    else:
        after["ann"]["password_hash"] = after["vera"]["password_hash"]
    with serving(settings(url, users=after)) as second, visitor(second.url) as who:
        who.http.headers["Cookie"] = cookie
        assert not reads(who)


Headers = dict[str, str | None]
FOREIGN: list[Headers] = [
    {"Origin": None},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://"},
    {"Origin": "file://"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://[::1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": None},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/logout", "/login"])
def test_form_of_another_site_changes_nothing(ann: Visitor, headers: Headers, path: str) -> None:
    token, before = ann.csrf(), cookie_of(ann)
    for name, value in headers.items():
        if value is None:
            del ann.http.headers[name]
        else:
            ann.http.headers[name] = value
    fields = {"csrf": token, "name": "vera", "secret": people.password("vera")}
    assert ann.http.post(path, data=fields).status_code == 403
    assert cookie_of(ann) == before
    assert reads(ann)


def test_form_needs_the_value_of_its_own_session(
    ann: Visitor, server: tuple[str, Database]
) -> None:
    with visitor(server[0], "ann") as other:
        for token in ("", "0" * 64, other.csrf(), ann.csrf().upper(), "\u00fc"):
            assert ann.http.post("/logout", data={"csrf": token}).status_code == 403
    assert reads(ann)
    assert ann.http.post("/logout", data={"csrf": ann.csrf()}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_browser_that_hides_the_origin_says_that_it_is_the_same(
    ann: Visitor, headers: dict[str, str]
) -> None:
    token = ann.csrf()
    del ann.http.headers["Origin"]
    assert ann.http.post("/logout", data={"csrf": token}, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "multipart/form-data; boundary=x", 415),
        (b"a=%FF", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=b" for _ in range(65)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 65_536, "application/x-www-form-urlencoded", 413),
    ],
)
def test_body_that_is_no_form_is_refused(
    ann: Visitor, body: bytes, media: str, status: int
) -> None:
    answer = ann.http.post("/logout", content=body, headers={"Content-Type": media})
    assert answer.status_code == status
    assert reads(ann)


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example/x",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x\r\nX: y",
        "/\t/evil.example",
        "///evil.example",
        "http://[::1",
        "",
    ],
)
def test_log_in_never_leads_to_another_site(anyone: Visitor, there: str) -> None:
    answer = anyone.log_in("ann", next=there)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/incidents")


@pytest.fixture
def stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock by which tries are forgotten."""
    monkeypatch.setattr("pipeline.web.serve.monotonic", lambda: 1_000.0)


@pytest.mark.usefixtures("stands_still")
def test_who_guesses_has_to_wait_under_that_name_and_is_not_compared_meanwhile(url: str) -> None:
    with serving(with_users(url, "ann", "bob")) as sender, visitor(sender.url) as who:
        for _ in range(TRIES):
            assert who.log_in("ann", "wrong").status_code == 401
        answer = who.log_in("ann")  # the right one: nobody learns that
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 15
        assert who.log_in("bob").status_code == 303


@pytest.mark.usefixtures("stands_still")
def test_who_guesses_tokens_has_to_wait_under_every_name(url: str) -> None:
    with serving(with_users(url, "ann")) as sender, visitor(sender.url) as who:
        for n in range(TRIES_FROM):
            assert who.log_in("", f"guess {n}").status_code == 401
        assert who.log_in("ann").status_code == 429
        assert who.log_in("", people.token("ann")).status_code == 429


def test_slow_log_ins_keep_nobody_else_waiting(anyone: Visitor) -> None:
    url = anyone.http.base_url
    head = (
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\nname="
    )
    with ExitStack() as stack:
        slow = []
        for _ in range(60):  # more than there are threads
            connection = socket.create_connection((url.host, url.port or 80), timeout=30)
            slow.append(stack.enter_context(connection))
            connection.sendall(head.encode())
        assert anyone.http.get("/login").status_code == 200
        assert select_ready(slow, [], [], 0)[0] == []  # none of them was answered before


def test_no_session_is_no_proof() -> None:
    assert csrf.token("") == ""
    assert not csrf.is_token("", "")
    assert csrf.is_token(csrf.token("ann.x"), "ann.x")


def test_who_logs_in_often_rightly_does_not_wait(url: str) -> None:
    with serving(with_users(url, "ann")) as sender, visitor(sender.url) as who:
        for _ in range(TRIES + 2):
            assert who.log_in("", people.token("ann")).status_code == 303


def test_without_users_pages_are_read_and_the_log_in_page_tells_what_to_set(url: str) -> None:
    with serving(settings(url)) as sender, visitor(sender.url) as who:
        written = Written(who.http.get("/incidents").text)
        assert "log in" not in written.text
        assert "form" not in written.tags
        assert "bearwatch user NAME --role annotator" in who.http.get("/login").text
        assert who.log_in("ann").status_code == 403
        assert who.http.get("/incidents").status_code == 200


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_name_and_next_are_text_on_the_page(anyone: Visitor, text: str) -> None:
    answer = anyone.log_in(text, "wrong", next=text)
    assert answer.status_code == 401
    written = Written(answer.text)
    assert written.tags <= TAGS | {"form", "input", "label", "button"}
    assert not [name for name in written.attributes if name.startswith("on")]


def test_sessions_end_by_themselves_and_are_only_so_many_for_one(
    opened: Callable[[], Database],
) -> None:
    db = opened()
    for n in range(sessions.MOST_OF_ONE + 3):
        at = MONDAY + timedelta(minutes=n)
        sessions.begin(db, f"d{n:02}", "ann", now=at, until=at + HOUR)
    sessions.begin(db, "other", "bob", now=MONDAY, until=MONDAY + HOUR)
    soon = MONDAY + timedelta(minutes=30)
    known = [n for n in range(23) if sessions.user_of(db, f"d{n:02}", soon) == "ann"]
    assert known == list(range(3, 23))
    assert sessions.user_of(db, "other", MONDAY + HOUR) is None
    assert sessions.user_of(db, "other", MONDAY + HOUR - timedelta(milliseconds=1)) == "bob"
    sessions.end(db, "d05")
    sessions.end(db, "never")
    assert sessions.user_of(db, "d05", soon) is None
    late = MONDAY + 3 * HOUR
    sessions.begin(db, "late", "eve", now=late, until=late + HOUR)
    with db.read() as connection:
        assert connection.execute(select(tables.session.c.digest)).scalars().all() == ["late"]
    db.close()
