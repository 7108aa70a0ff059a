"""The pages over a real server: what they show, what they refuse, what they never touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from pipeline.pages.rendering import policy
from pipeline.store import events, tables
from pipeline.store.database import Database, open_database
from pipeline.store.events import NewEvent
from pipeline.web.pages import AT_ONCE
from tests.pages.made import HOSTILE, NOW, OPENED, evidence, incident, still_open, store, story
from tests.pages.test_view import TAGS, Written
from tests.web.served import serving, settings

LEADER = incident(1)
CHILD = incident(2, kind="topic", key="Cars", severity="warn", parent=LEADER.id)
OPEN = still_open(3, key="BRK", severity="warn", evidence=evidence(name="Brick"))
NOTE = incident(4, kind="all", key="all", rule="volume_burst", severity="info")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path_factory.mktemp('pages')}/pages.db")
    store(found, LEADER, CHILD, OPEN, NOTE)
    value = {"incident": LEADER.id, "verdict": "not-useful", "note": "<b>known</b>"}
    events.write(found, NewEvent(NOW, "feedback", "ann", value))
    yield found
    found.close()


@pytest.fixture(scope="module")
def http(db: Database) -> Iterator[httpx.Client]:
    with serving(settings(str(db.engine.url))) as sender:
        sender.http.headers["Accept"] = "text/html"
        yield sender.http


def page(http: httpx.Client, path: str, status: int = 200) -> Written:
    answer = http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Written(answer.text)


def test_list_has_the_leading_incidents_newest_first_with_what_they_lead(
    http: httpx.Client,
) -> None:
    written = page(http, "/incidents")
    links = [link["href"] for link in written.links if link["href"].startswith("/incidents/")]  # type: ignore[union-attr]
    wanted = [NOTE.id, OPEN.id, LEADER.id, CHILD.id]
    assert links == [f"/incidents/{name}" for name in wanted]
    assert "with Topic Cars" in written.text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state=open", [OPEN]),
        ("state=resolved", [NOTE, LEADER]),
        ("severity=warn", [OPEN, LEADER]),
        ("severity=critical", [LEADER]),
        ("state=open&severity=critical", []),
        (f"before={OPEN.opened_at.isoformat().replace('+', '%2B')}", [LEADER]),
    ],
)
def test_list_is_narrowed_by_its_filters(
    http: httpx.Client, query: str, shown: list[object]
) -> None:
    text = http.get(f"/incidents?{query}").text
    for one in (LEADER, OPEN, NOTE):
        assert (f'<h2><a href="/incidents/{one.id}">' in text) is (one in shown)
    assert ("None of these." in text) is (not shown)


def test_list_of_one_key_has_what_is_part_of_others_too(http: httpx.Client) -> None:
    text = http.get("/incidents?kind=topic&key=Cars&severity=warn").text
    assert f'<h2><a href="/incidents/{CHILD.id}">' in text
    assert f'<h2><a href="/incidents/{LEADER.id}">' not in text
    assert "Only of topic Cars." in text
    assert '<a href="/incidents?severity=warn">Show all</a>' in text
    assert f'<h2><a href="/incidents/{CHILD.id}">' not in http.get("/incidents?kind=company").text
    hostile = http.get("/incidents", params={"key": "<script>x</script>"}).text
    assert "<script>" not in hostile
    assert "None of these." in hostile


@pytest.mark.parametrize(
    "query", ["state=shut", "severity=fatal", "before=noon", "before=2026-03-02"]
)
def test_filter_that_is_none_says_which_there_are(http: httpx.Client, query: str) -> None:
    assert "All incidents" in page(http, f"/incidents?{query}", 400).text


def test_page_of_an_incident_has_its_family_feedback_and_messages(http: httpx.Client) -> None:
    written = page(http, f"/incidents/{LEADER.id}")
    for said in ("Acme (ACM)", "Topic Cars", "ann: not useful", "<b>known</b>", "log", "not yet"):
        assert said in written.text
    child = page(http, f"/incidents/{CHILD.id}")
    assert "Part of Acme (ACM)" in child.text
    assert f"/incidents/{LEADER.id}" in [link["href"] for link in child.links]


def test_beginning_of_an_id_leads_to_its_page(http: httpx.Client) -> None:
    answer = http.get(f"/incidents/{LEADER.id[:12]}")
    assert (answer.status_code, answer.headers["Location"]) == (307, f"/incidents/{LEADER.id}")


@pytest.mark.parametrize(
    "path",
    ["/incidents/" + "0" * 32, "/incidents/abc", "/incidents/%00", "/incidents/'--", "/x/y"],
)
def test_what_is_not_there_says_where_to_look(http: httpx.Client, path: str) -> None:
    written = page(http, path, 404)
    assert "/incidents" in [link["href"] for link in written.links]
    plain = http.get(path, headers={"Accept": "application/json"})
    assert plain.status_code == 404


def test_pages_carry_their_own_policy_and_the_common_headers(http: httpx.Client) -> None:
    for path in ("/incidents", f"/incidents/{LEADER.id}", "/incidents/none", "/nothing"):
        headers = http.get(path).headers
        assert headers["Content-Security-Policy"] == f"{policy()}; frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_pages_are_read_only(http: httpx.Client, db: Database) -> None:
    def rows() -> list[object]:
        with db.read() as connection:
            return [
                connection.execute(select(table)).all()
                for table in (tables.incident, tables.event, tables.outbox, tables.watch)
            ]

    before = rows()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert http.request(method, f"/incidents/{LEADER.id}").status_code == 405
    assert http.head(f"/incidents/{LEADER.id}").status_code == 200
    assert http.head("/incidents").content == b""
    http.get(f"/incidents/{LEADER.id}")
    assert rows() == before


def test_hostile_headlines_are_text_on_the_served_page(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hostile.db"
    db = open_database(url)
    shown = [story(text, source=text[:64], url=text, id=str(n)) for n, text in enumerate(HOSTILE)]
    found = incident(evidence=evidence(stories=shown, name=HOSTILE[0]))
    store(db, found)
    with serving(settings(url)) as sender:
        for path in ("/incidents", f"/incidents/{found.id}"):
            written = Written(sender.http.get(path).text)
            assert written.tags <= TAGS
            assert "<script>alert(1)</script>" in written.text
    db.close()


def test_long_list_goes_on_on_the_next_page(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/long.db"
    db = open_database(url)
    found = [
        replace(incident(n), opened_at=OPENED + n * timedelta(hours=9)) for n in range(AT_ONCE + 3)
    ]
    store(db, *found)
    with serving(settings(url)) as sender:
        seen: list[str] = []
        first = Written(sender.http.get("/incidents").text)
        cards = [a for a in first.links if (a["href"] or "").startswith("/incidents/")]
        assert len(cards) == AT_ONCE
        path = "/incidents?severity=warn"
        while path:
            written = Written(sender.http.get(path).text)
            hrefs = [link["href"] or "" for link in written.links]
            seen += [href[11:] for href in hrefs if href.startswith("/incidents/")]
            path = next((href for href in hrefs if "before=" in href), "")
    db.close()
    assert seen == [one.id for one in reversed(found)]


def test_page_that_cannot_be_made_is_an_error_of_its_own_and_the_next_one_is_there(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "later"
    db = open_database(f"sqlite:///{folder}/pages.db")
    with serving(settings(str(db.engine.url))) as sender:
        assert sender.http.get("/incidents").status_code == 200
        with db.write() as connection:
            connection.exec_driver_sql("ALTER TABLE incident RENAME TO hidden")
        assert "An error of this program" in sender.http.get("/incidents").text
        with db.write() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO incident")
        assert "None so far" in sender.http.get("/incidents").text
    db.close()
