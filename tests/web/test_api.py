"""The JSON API over a real server: the same as the pages show, bounded, with the same rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from pipeline.count import bucket_start
from pipeline.pages.reference import reference
from pipeline.registry import folders
from pipeline.store import listing, tables, versions
from pipeline.store.database import Database, open_database
from pipeline.store.events import NewEvent
from pipeline.store.versions import Files, NewPromotion, Registered
from pipeline.web.versions_pages import shipped
from tests.fakes import MONDAY
from tests.pages.made import HOSTILE, OPENED, incident, store
from tests.pages.test_view import TAGS, Written
from tests.web import people
from tests.web.lived import live_through, watching
from tests.web.served import serving, settings

PROBLEM = "application/problem+json"
MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def db(folder: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{folder}/api.db")
    live_through(found)
    yield found
    found.close()


@pytest.fixture(scope="module")
def http(db: Database, folder: Path) -> Iterator[httpx.Client]:
    with serving(watching(str(db.engine.url), folder)) as sender:
        yield sender.http


def get(http: httpx.Client, path: str, status: int = 200, **given: Any) -> dict[str, Any]:
    answer = http.get(f"/api/v1/{path}" if "/api/" not in path else path, params=given or None)
    assert answer.status_code == status, answer.text
    media = "application/json" if status == 200 else PROBLEM
    assert answer.headers["Content-Type"] == media
    found: dict[str, Any] = answer.json()
    if status != 200:
        assert found["status"] == status
        assert found["title"]
        assert found["detail"]
    return found


def whole(http: httpx.Client, path: str, **given: Any) -> list[dict[str, Any]]:
    """Every row, page after page."""
    found = get(http, path, **given)
    rows = list(found["items"])
    while found["next"]:
        found = get(http, found["next"])
        rows += found["items"]
    return rows


def test_status_and_keys_are_what_the_live_page_shows(http: httpx.Client) -> None:
    status = get(http, "status")
    assert status["at"].startswith("2026-03-05T11:")
    assert (status["waiting_records"], status["dead_letters"]) == (0, 1)
    assert (status["classifier"], status["champion"]) == ("fake+0", folders.shipped_id())
    assert status["open_incidents"] >= 1
    keys = {(one["kind"], one["key"]): one for one in get(http, "keys")["items"]}
    acme = keys["company", "ACM"]
    assert (acme["name"], acme["negative_last_hour"]) == ("Acme & <b>Sons</b>", 11)
    assert ("source", "other") not in keys
    assert {one["kind"] for one in get(http, "keys", kind="topic")["items"]} == {"topic"}


def test_buckets_page_by_page_are_all_of_them_once_and_in_order(http: httpx.Client) -> None:
    given: dict[str, Any] = {"kind": "all", "key": "all", "since": MONDAY.isoformat()}
    at_once = get(http, "buckets", **given, limit=2000)
    assert at_once["next"] is None
    assert whole(http, "buckets", **given, limit=7) == at_once["items"]
    starts = [one["start"] for one in at_once["items"]]
    assert starts == sorted(set(starts))
    assert sum(one["articles"] for one in at_once["items"]) == 176
    day = get(http, "buckets", kind="company", key="ACM")["items"]
    assert sum(one["negative"] for one in day) == 12


def test_series_are_the_hours_before_each_moment_beside_the_usual(http: httpx.Client) -> None:
    found = get(http, "series", kind="company", key="ACM", hours=2, step_minutes=10)
    assert len(found["times"]) == len(found["negative"]) == len(found["high"]) == 13
    assert found["times"][-1] == get(http, "status")["at"]
    assert found["negative"][-1] == 11
    assert found["negative"][0] == 0
    assert all(low <= high for low, high in zip(found["low"], found["high"], strict=True))
    assert 0 < found["usual_share"][0] < 1


def test_articles_of_a_key_page_by_page_are_all_of_them_once_newest_first(
    http: httpx.Client,
) -> None:
    for kind, key, number in (
        ("company", "ACM", 12),
        ("company", "BRK", 164),
        ("all", "all", 176),
    ):
        rows = whole(http, "articles", kind=kind, key=key, limit=5)
        places = [(one["published_at"], one["source"], one["id"]) for one in rows]
        assert len(places) == number
        assert places == sorted(set(places), reverse=True)
    topics = [len(whole(http, "articles", kind="topic", key=key)) for key in ("Earnings", "Macro")]
    assert sum(topics) == 176
    newest = get(http, "articles", kind="company", key="ACM", limit=1)["items"][0]
    assert newest["title"].startswith("negative Earnings ACM <script>")
    assert (newest["sentiment"], newest["topic"]) == ("negative", "Earnings")


def test_articles_of_one_moment_are_not_lost_between_pages(folder: Path) -> None:
    db = open_database(f"sqlite:///{folder}/moment.db")
    at = MONDAY + timedelta(hours=1)
    names = [f"{number:02}" for number in range(23)]
    with db.write() as connection:
        connection.execute(
            insert(tables.bucket),
            [_bucket(bucket_start(at), len(names)), _bucket(bucket_start(at) - MINUTES, 1)],
        )
        for name in [*names, "old"]:
            moment = at if name != "old" else at - MINUTES
            connection.execute(insert(tables.text), [_text(name)])
            connection.execute(insert(tables.article), [_article(name, moment)])
    seen: list[str] = []
    before, more = None, True
    while more:
        rows, more = listing.article_rows(db, ("all", "all"), before=before, limit=5)
        seen += [row.id for row in rows]
        before = rows[-1].place if rows else before
    db.close()
    assert seen == [*sorted(names, reverse=True), "old"]


def test_incidents_page_by_page_keep_those_together_that_opened_together(folder: Path) -> None:
    db = open_database(f"sqlite:///{folder}/many.db")
    found = [
        replace(incident(n), opened_at=OPENED + (n // 4) * timedelta(hours=1)) for n in range(21)
    ]
    store(db, *found)
    with serving(settings(str(db.engine.url))) as sender:
        rows = whole(sender.http, "incidents", limit=3)
        assert sorted(one["id"] for one in rows) == sorted(one.id for one in found)
        assert [one["opened_at"] for one in rows] == sorted(
            (one["opened_at"] for one in rows), reverse=True
        )
        assert get(sender.http, "incidents", state="open")["items"] == []
        assert whole(sender.http, "incidents", severity="critical", key="ACM", limit=2) == rows
        one = get(sender.http, f"incidents/{found[0].id}")
        assert one["evidence"]["observed"] == 12
        assert [told["sink"] for told in one["messages"]] == ["log"]
        get(sender.http, "incidents/" + "0" * 32, status=404)
    db.close()


def test_versions_promotions_retrainings_and_labels_are_told(folder: Path) -> None:
    db = open_database(f"sqlite:///{folder}/versions.db")
    card = shipped().card
    with serving(settings(str(db.engine.url))) as sender:
        assert get(sender.http, "versions") == {"champion": folders.shipped_id(), "items": []}
        made = Registered("abcdef0123", folder, MONDAY, "mel", "8af6", card, {"reasons": ["x"]})
        versions.register(db, made, Files(b"", b""))
        move = NewPromotion(MONDAY, made.id, folders.shipped_id(), "promote", "eve", "better")
        versions.move(db, move, NewEvent(MONDAY, "version", "eve", {}), after=None)
        with db.write() as connection:
            connection.execute(insert(tables.retraining), [_retraining()])
            connection.execute(insert(tables.labelled_text), [_labelled()])
            connection.execute(insert(tables.label), [_label()])
        listed = get(sender.http, "versions")
        assert (listed["champion"], listed["items"][0]["champion"]) == (made.id, True)
        whole_one = get(sender.http, f"versions/{made.id[:6]}")
        assert (whole_one["card"]["id"], whole_one["report"]) == (card["id"], {"reasons": ["x"]})
        assert "folder" not in whole_one  # where it lies on a server is nobody's business
        (moved,) = get(sender.http, "promotions")["items"]
        assert (moved["actor"], moved["reason"], moved["kind"]) == ("eve", "better", "promote")
        (run,) = get(sender.http, "retraining")["items"]
        assert (run["state"], run["decision"]) == ("refused", {"reasons": ["worse"]})
        told = get(sender.http, "labels")
        assert (told["texts"], told["labels"][0]["value"]) == (1, "Macro")
        get(sender.http, "versions/none", status=404)
    db.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("buckets", 400),
        ("buckets?kind=source&key=wire", 400),
        ("buckets?kind=company&key=NONE", 404),
        ("buckets?kind=all&key=all&limit=0", 400),
        ("buckets?kind=all&key=all&limit=2001", 400),
        ("buckets?kind=all&key=all&since=noon", 400),
        ("buckets?kind=all&key=all&since=2026-03-02T09:00:00", 400),
        ("series?kind=topic&key=Nothing", 404),
        ("series?kind=all&key=all&step_minutes=7", 400),
        ("series?kind=all&key=all&hours=720&step_minutes=5", 400),
        ("articles?kind=all&key=all&cursor=%00", 400),
        ("articles?kind=all&key=all&cursor=WzEsMiwzXQ", 400),
        ("articles?kind=all&key=all&limit=101", 400),
        ("incidents?state=shut", 400),
        ("incidents?before=2026-03-02T09:00:00", 400),
        ("incidents/xyz", 400),
        ("versions/%27", 404),
        ("nothing", 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(
    http: httpx.Client, path: str, status: int
) -> None:
    get(http, path, status=status)


def test_api_reads_only(http: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = http.request(method, "/api/v1/incidents")
        assert (answer.status_code, answer.headers["Content-Type"]) == (405, PROBLEM)
    paths = http.get("/openapi.json").json()["paths"]
    assert {m for path in paths if path.startswith("/api/") for m in paths[path]} == {"get"}


def test_with_accounts_a_token_of_a_user_is_needed(db: Database, folder: Path) -> None:
    found = watching(str(db.engine.url), folder, users=people.users("vera"))
    with serving(found) as sender:
        del sender.http.headers["Authorization"]
        paths = sender.http.get("/openapi.json").json()["paths"]
        listed = [path for path in paths if path.startswith("/api/v1/")]
        assert len(listed) >= 12
        for path in listed:
            answer = sender.http.get(path.replace("{id}", "0" * 32))
            assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        token = {"Authorization": f"Bearer {people.token('vera')}"}
        assert sender.http.get("/api/v1/status", headers=token).status_code == 200


def test_database_that_is_away_is_a_problem_too() -> None:
    with serving(settings("postgresql://nobody@127.0.0.1:1/none")) as sender:
        get(sender.http, "status", status=503)
        get(sender.http, "promotions", status=503)


def test_page_about_the_api_has_every_path_every_field_and_no_script(http: httpx.Client) -> None:
    api = http.get("/openapi.json").json()
    answer = http.get("/api")
    written = Written(answer.text)
    assert written.tags <= TAGS
    for path, methods in api["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in written.text
    for name, schema in api["components"]["schemas"].items():
        assert f'id="{name}"' in answer.text
        for field in schema["properties"]:
            assert f"<code>{field}</code>" in answer.text
    anchors = {link["href"] for link in written.links if (link["href"] or "").startswith("#")}
    assert anchors <= {f"#{name}" for name in api["components"]["schemas"]}
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_description_says_what_is_answered_and_who_may_ask(http: httpx.Client) -> None:
    api = http.get("/openapi.json").json()
    assert "HTTPValidationError" not in api["components"]["schemas"]
    schemes = set(api["components"]["securitySchemes"])
    for path, methods in api["paths"].items():
        for operation in methods.values():
            assert {name for one in operation.get("security", ()) for name in one} <= schemes
            if path.startswith("/api/v1/"):
                assert operation["security"]
                answers = operation["responses"]
                assert "422" not in answers
                assert list(answers["400"]["content"]) == [PROBLEM]
                assert list(answers["200"]["content"]) == ["application/json"]


def test_reference_says_types_bounds_and_defaults_in_words(http: httpx.Client) -> None:
    found = reference(http.get("/openapi.json").json())
    operations = {(one.method, one.path): one for _, group in found.groups for one in group}
    given = {one.name: one for one in operations["GET", "/api/v1/buckets"].parameters}
    assert given["limit"].kind == "whole number, from 1 to 2000; 288"
    assert (given["kind"].kind, given["kind"].required) == ("all, topic, company", True)
    assert given["since"].kind == "time or null"
    answers = {one.status: one.schema for one in operations["GET", "/api/v1/status"].answers}
    assert (answers["200"], answers["401"]) == ("Status", "ProblemBody")


def test_hostile_texts_stay_json(folder: Path) -> None:
    db = open_database(f"sqlite:///{folder}/hostile.db")
    found = replace(incident(), key="".join(HOSTILE)[:64])
    store(db, found)
    with serving(settings(str(db.engine.url))) as sender:
        answer = sender.http.get("/api/v1/incidents")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(answer.content)["items"][0]["key"] == found.key
    db.close()


def _bucket(start: datetime, articles: int) -> dict[str, object]:
    counts = dict.fromkeys(("negative", "neutral", "positive", "polarity"), 0)
    return {
        "kind": "all",
        "key": "all",
        "start": start,
        "articles": articles,
        "stories": articles,
    } | counts


def _text(name: str) -> dict[str, object]:
    return {"hash": name, "title": f"Story {name}", "body": "", "first_seen": MONDAY}


def _article(name: str, at: datetime) -> dict[str, object]:
    return {
        "source": "wire",
        "id": name,
        "revision": 0,
        "deleted": False,
        "text_hash": name,
        "symbols": "[]",
        "extra": "{}",
        "published_at": at,
        "received_at": at,
        "late": False,
        "record_topic": "news",
        "record_partition": 0,
        "record_offset": 0,
    }


def _retraining() -> dict[str, object]:
    return {
        "started_at": MONDAY,
        "trigger": "labels",
        "state": "refused",
        "labels_to": 7,
        "decision": json.dumps({"reasons": ["worse"]}),
        "holder": "test",
        "lease_until": MONDAY,
    }


def _labelled() -> dict[str, object]:
    return {
        "hash": "h",
        "title": "t",
        "body": "",
        "story": "s",
        "first_at": MONDAY,
        "held_out": True,
    }


def _label() -> dict[str, object]:
    return {
        "key": "k",
        "at": MONDAY,
        "annotator": "ann",
        "text_hash": "h",
        "task": "topic",
        "value": "Macro",
        "origin": "page",
    }
