"""The versions' pages over a real server: what they show, who may move the champion, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
import torch
from sqlalchemy import insert

from pipeline.health import Health
from pipeline.pages.versions import version_view
from pipeline.registry import folders
from pipeline.registry.registry import Registry
from pipeline.store import events, tables, versions
from pipeline.store.database import Database, open_database
from pipeline.store.versions import Files, Promotion, Registered
from pipeline.web.access import Access
from pipeline.web.accounts import Accounts
from pipeline.web.app import make_app
from pipeline.web.login import Login
from pipeline.web.server import WebServer
from pipeline.web.sessions import Sessions
from pipeline.web.versions_pages import VersionPages, shipped
from tests.fakes import MONDAY, ManualClock
from tests.models.tiny import tiny_encoder
from tests.pages.made import HOSTILE
from tests.pages.test_view import TAGS, Written
from tests.registry.made import loader, tiny_version
from tests.web import people
from tests.web.people import Visitor, visitor
from tests.web.served import serving, settings

ALLOWED = TAGS | {"form", "input", "label", "button", "details", "summary"}
NOW = MONDAY + timedelta(hours=9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("versions")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Path:
    return tiny_encoder(folder / "tiny")


@pytest.fixture(scope="module")
def made(folder: Path, encoder: Path) -> list[Path]:
    """Folders of two versions that answer differently."""
    for seed in (1, 2):
        tiny_version(folder / f"made{seed}", encoder, seed)
    return [folder / "made1", folder / "made2"]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/versions.db")
    yield found
    found.close()


@pytest.fixture
def registry(db: Database, tmp_path: Path, encoder: Path) -> Registry:
    return Registry(db, tmp_path / "registry", loader(encoder))


@pytest.fixture
def ids(registry: Registry, made: list[Path]) -> list[str]:
    return [registry.register(one, by="mel", now=NOW).id for one in made]


@pytest.fixture
def url(db: Database, registry: Registry) -> Iterator[str]:
    """A server whose registry knows tiny versions."""
    found = settings(str(db.engine.url), users=people.users())
    accounts = Accounts(found.web.users)
    clock = ManualClock(NOW)
    sessions = Sessions(accounts, lambda: db, clock, lasts=timedelta(hours=1), secure=False)
    access = Access(accounts, sessions, None)
    login = Login(access, accounts, sessions, None, monotonic)
    pages = VersionPages(lambda: db, access, lambda _: registry, clock)
    ok = Health(True, "ok")
    with ExitStack() as stack:
        app = make_app(None, [login, pages], health=lambda: ok, ready=lambda: ok)
        server = WebServer(app, found.web)
        stack.callback(server.close)
        yield server.url


@pytest.fixture
def eve(url: str) -> Iterator[Visitor]:
    """An engineer."""
    with visitor(url, "eve") as found:
        yield found


def send(who: Visitor, path: str, **fields: str) -> int:
    """A form of the page about versions."""
    return who.http.post(path, data={"csrf": who.csrf("/versions")} | fields).status_code


def champion(db: Database) -> str | None:
    found = versions.champion(db)
    return None if found is None else found.version


def test_engineer_promotes_and_rolls_back_with_reasons_that_are_kept(
    eve: Visitor, db: Database, ids: list[str]
) -> None:
    assert "it came with the program" in Written(eve.http.get("/versions").text).text
    assert send(eve, f"/versions/{ids[0]}/promote", reason="better on the sealed rows") == 303
    assert champion(db) == ids[0]
    assert send(eve, f"/versions/{ids[1]}/promote", reason="better still") == 303
    assert send(eve, "/versions/rollback", reason="<b>worse</b> in production") == 303
    assert champion(db) == ids[0]
    page = Written(eve.http.get("/versions").text)
    for said in (
        f"rolled back to {ids[0]} from {ids[1]}",
        "eve",
        "<b>worse</b> in production",
        "better on the sealed rows",
        f"To {folders.shipped_id()} , the champion before this one",
    ):
        assert said in page.text
    assert page.tags <= ALLOWED
    (_, _, last) = events.read(db, "version")
    assert (last.actor, last.value["from"], last.value["to"]) == ("eve", ids[1], ids[0])


@pytest.mark.parametrize("name", ["vera", "ann"])
def test_who_is_no_engineer_reads_and_moves_nothing(
    url: str, db: Database, ids: list[str], name: str
) -> None:
    with visitor(url, name) as who:
        page = who.http.get(f"/versions/{ids[0]}").text
        assert 'action="/versions' not in page
        assert "role engineer" in page
        token = {"csrf": who.csrf("/versions"), "reason": "because"}
        assert who.http.post(f"/versions/{ids[0]}/promote", data=token).status_code == 403
        assert who.http.post("/versions/rollback", data=token).status_code == 403
    assert champion(db) is None


def test_form_of_another_page_and_one_without_a_reason_move_nothing(
    eve: Visitor, db: Database, ids: list[str]
) -> None:
    path = f"/versions/{ids[0]}/promote"
    assert eve.http.post(path, data={"reason": "because"}).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    given = {"csrf": eve.csrf("/versions"), "reason": "because"}
    assert eve.http.post(path, data=given, headers=foreign).status_code == 403
    for reason in ("", "   ", "x" * 501):
        assert send(eve, path, reason=reason) == 400
    assert eve.http.get(path).status_code in (404, 405)
    assert champion(db) is None


def test_what_cannot_be_done_says_so_and_the_champion_stays(
    eve: Visitor, db: Database, ids: list[str], registry: Registry
) -> None:
    assert send(eve, "/versions/0000000000/promote", reason="because") == 404
    assert send(eve, "/versions/rollback", reason="because") == 409
    assert send(eve, f"/versions/{ids[0]}/promote", reason="because") == 303
    assert send(eve, f"/versions/{ids[0]}/promote", reason="again") == 409
    found = versions.files(db, ids[1])
    assert found is not None
    with db.write() as connection:  # what was registered does not fit its checksum any more
        connection.execute(tables.version_file.update().values(weights=found.weights[:-8]))
    assert send(eve, f"/versions/{ids[1]}/promote", reason="because") == 409
    assert champion(db) == ids[0]


def test_page_of_a_version_has_its_card_and_when_it_classified(
    eve: Visitor, ids: list[str]
) -> None:
    assert send(eve, f"/versions/{ids[0]}/promote", reason="because") == 303
    text = Written(eve.http.get(f"/versions/{ids[0]}").text).text
    assert "champion" in text
    assert "Registered Mon 2 Mar 2026, 09:00 by mel" in text
    assert "promoted" in text
    beginning = eve.http.get(f"/versions/{ids[0][:6]}")
    assert (beginning.status_code, beginning.headers["Location"]) == (307, f"/versions/{ids[0]}")
    assert eve.http.get("/versions/none").status_code == 404
    assert eve.http.get("/versions/%27--").status_code == 404


def test_version_that_ships_has_a_page_before_anything_is_registered(tmp_path: Path) -> None:
    with serving(settings(f"sqlite:///{tmp_path}/empty.db")) as sender:
        listed = Written(sender.http.get("/versions").text)
        page = Written(sender.http.get(f"/versions/{folders.shipped_id()}").text)
        assert sender.http.post("/versions/rollback").status_code == 403  # nobody may write
    assert f"{folders.shipped_id()} classifies: it came with the program" in listed.text
    assert "Nothing was trained from labels so far" in listed.text
    assert "There is no user in the settings" in listed.text
    score = shipped().card["scores"]["inner"]["topic"]["macro_f1"]
    for said in ("Scores on its card", f"{score:.3f}", "F1 by topic", "Dividend", "MIT"):
        assert said in page.text
    assert page.tags <= ALLOWED


NUMBERS = [
    {
        "name": "F1 of topic <i>Energy</i>",
        "rows": 40,
        "champion": 0.2,
        "candidate": 0.6,
        "gain": 0.4,
        "low": 0.2,
        "high": 0.5,
        "may_gain": True,
        "verdict": "better",
    },
    {
        "name": "recall of negative",
        "rows": 90,
        "champion": 0.8,
        "candidate": 0.7,
        "gain": -0.1,
        "low": -0.15,
        "high": 0.05,
        "may_gain": False,
        "verdict": "within noise",
    },
]


def test_retrainings_are_listed_with_their_decisions_and_reasons(
    eve: Visitor, db: Database, ids: list[str]
) -> None:
    reasons = ["worse: recall of negative", "<script>alert(1)</script>"]
    with db.write() as connection:
        connection.execute(
            insert(tables.retraining).values(
                started_at=NOW,
                ended_at=NOW,
                trigger="labels",
                state="refused",
                labels_to=300,
                candidate=ids[1],
                decision=json.dumps({"reasons": reasons}),
                holder="test",
                lease_until=NOW,
            )
        )
    page = Written(eve.http.get("/versions").text)
    assert "enough new labels refused" in page.text
    assert reasons[0] in page.text
    assert reasons[1] in page.text
    assert page.tags <= ALLOWED


def test_gains_are_drawn_from_what_is_stored_on_one_scale_around_zero() -> None:
    found = Registered(
        "abc", Path(), NOW, "x", None, shipped().card, {"numbers": NUMBERS, "reasons": ["ok"]}
    )
    view = version_view(found, "abc", [Promotion(1, NOW, "abc", None, "promote", "eve", "why")])
    assert view.gains is not None
    better, noise = view.gains.rows
    assert view.gains.zero < better.low < better.x < better.high
    assert noise.low < noise.x < view.gains.zero < noise.high
    assert (better.candidate, noise.interval) == ("0.600", "-0.150 to +0.050")
    assert better.high - view.gains.zero == pytest.approx(
        (view.gains.zero - noise.low) * 0.5 / 0.15, abs=0.5
    )


def test_hostile_cards_and_reasons_are_text(eve: Visitor, db: Database) -> None:
    bad = "".join(HOSTILE)
    card = {
        "backbone": bad,
        "prompt": bad,
        "recipe": {bad: bad},
        "limits": list(HOSTILE),
        "data": [{"name": bad, "licence": bad}],
        "scores": {bad: {bad: {"macro_f1": 0.5, "per_class": {bad: {"f1": 1, "support": 3}}}}},
    }
    report = {"reasons": list(HOSTILE), "numbers": [NUMBERS[0] | {"name": bad, "verdict": bad}]}
    one = Registered("abcdef0123", Path(bad), NOW, bad[:64], bad[:64], card, report)
    versions.register(db, one, Files(b"", b""))
    for path in ("/versions", "/versions/abcdef0123"):
        written = Written(eve.http.get(path).text)
        assert written.tags <= ALLOWED
        assert not any(
            "evil" in (link["href"] or "").partition("?")[0][:8] for link in written.links
        )
    assert "<script>alert(1)</script>" in written.text
