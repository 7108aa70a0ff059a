"""Saying what an incident was worth, from its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.pages.rendering import policy
from pipeline.pages.view import VERDICTS
from pipeline.store import events
from pipeline.store.database import Database, open_database
from tests.pages.made import HOSTILE, incident, store
from tests.pages.test_view import TAGS, Written
from tests.web import people
from tests.web.people import Visitor, visitor
from tests.web.served import serving, settings

LEADER = incident(1)
OTHER = incident(2)
PATH = f"/incidents/{LEADER.id}"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/feedback.db")
    store(found, LEADER, OTHER)
    yield found
    found.close()


@pytest.fixture
def address(db: Database) -> Iterator[str]:
    with serving(settings(str(db.engine.url), users=people.users())) as sender:
        yield sender.url


@pytest.fixture
def ann(address: str) -> Iterator[Visitor]:
    with visitor(address, "ann") as found:
        yield found


def said(db: Database) -> list[tuple[str, str, str]]:
    return [
        (one.actor, one.value["verdict"], one.value["note"]) for one in events.read(db, "feedback")
    ]


def test_verdict_is_kept_with_the_name_of_who_says_it_and_shown(
    db: Database, ann: Visitor
) -> None:
    answer = ann.send(f"{PATH}/feedback", verdict="useful", note="  recall of two models ")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PATH}#said")
    assert said(db) == [("ann", "useful", "recall of two models")]
    (event,) = events.of_incident(db, LEADER.id)
    assert event.value["incident"] == LEADER.id
    page = ann.http.get(PATH).text
    assert "ann: useful recall of two models" in Written(page).text
    assert 'value="useful" required checked' in page
    assert events.of_incident(db, OTHER.id) == []


def test_second_click_says_nothing_new_and_another_mind_does(db: Database, ann: Visitor) -> None:
    for verdict in ("useful", "useful", "not-useful", "useful"):
        ann.send(f"{PATH}/feedback", verdict=verdict)
    assert [verdict for _, verdict, _ in said(db)] == ["useful", "not-useful", "useful"]


def test_every_verdict_is_offered_to_annotators_and_none_to_viewers(
    ann: Visitor, address: str
) -> None:
    offered = re.findall(r'name="verdict" value="([\w-]+)"', ann.http.get(PATH).text)
    assert offered == list(VERDICTS)
    with visitor(address, "vera") as vera:
        page = vera.http.get(PATH).text
        assert 'name="verdict"' not in page
        assert "bearwatch incidents feedback" in page
        answer = vera.http.post(
            f"{PATH}/feedback", data={"csrf": vera.csrf(), "verdict": "useful"}
        )
        assert answer.status_code == 403


def test_form_of_elsewhere_or_of_nobody_says_nothing(
    db: Database, ann: Visitor, address: str
) -> None:
    given = {"verdict": "useful", "csrf": ann.csrf()}
    evil = {"Origin": "https://evil.example"}
    assert ann.http.post(f"{PATH}/feedback", data=given, headers=evil).status_code == 403
    assert ann.http.post(f"{PATH}/feedback", data={"verdict": "useful"}).status_code == 403
    assert httpx.post(f"{address}{PATH}/feedback", data=given, timeout=30).status_code == 401
    assert said(db) == []


def test_program_says_it_with_a_token(db: Database, address: str) -> None:
    bearer = {"Authorization": f"Bearer {people.token('eve')}"}
    answer = httpx.post(
        f"{address}{PATH}/feedback", data={"verdict": "late"}, headers=bearer, timeout=30
    )
    assert answer.status_code == 303
    assert said(db) == [("eve", "late", "")]


def test_what_is_no_verdict_or_no_incident_is_told(db: Database, ann: Visitor) -> None:
    for verdict in ("", "fine", "<script>"):
        assert ann.send(f"{PATH}/feedback", verdict=verdict).status_code == 400
    for name in (LEADER.id[:12], "0" * 32, "%25", "x" * 32):
        answer = ann.send(f"/incidents/{name}/feedback", verdict="useful")
        assert answer.status_code == 404
    assert said(db) == []


def test_hostile_note_is_text_and_long_ones_end(db: Database, ann: Visitor) -> None:
    for text in HOSTILE:
        ann.send(f"{PATH}/feedback", verdict="useful", note=text)
    ann.send(f"{PATH}/feedback", verdict="useful", note="x" * 9_000)
    assert len(said(db)[-1][2]) == 1_000
    answer = ann.http.get(PATH)
    written = Written(answer.text)
    assert written.tags <= TAGS | {"form", "input", "label", "button", "fieldset", "legend"}
    assert not [name for name in written.attributes if name.startswith("on")]
    rules = answer.headers["Content-Security-Policy"]
    assert rules == f"{policy(forms=True)}; frame-ancestors 'none'"


def test_without_users_the_page_offers_no_form_and_takes_none(
    db: Database, tmp_path: Path
) -> None:
    with serving(settings(str(db.engine.url))) as sender, visitor(sender.url) as who:
        page = who.http.get(PATH)
        assert "<form" not in page.text
        assert "form-action 'none'" in page.headers["Content-Security-Policy"]
        answer = who.http.post(f"{PATH}/feedback", data={"verdict": "useful"})
        assert answer.status_code == 403
        assert "bearwatch user NAME" in answer.text
    assert said(db) == []
