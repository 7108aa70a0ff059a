"""`bearwatch incidents`: look, narrow down, accept, say what it was worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from alerts.rules import Severity
from pipeline.cli import app
from pipeline.cli_incidents import Least, Verdict
from pipeline.incident_commands import WrongTime, since
from pipeline.pages.view import VERDICTS
from pipeline.store import events
from pipeline.store.database import Database, open_database
from tests.pages.made import NOW, evidence, incident, still_open, store, story

LEADER = incident(1)
CHILD = incident(2, kind="topic", key="Cars", severity="warn", parent=LEADER.id)
OPEN = still_open(3, key="BRK", severity="warn", evidence=evidence(name="Brick"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/incidents.db")
    store(found, LEADER, CHILD, OPEN)
    yield found
    found.close()


def run(db: Database, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["incidents", *arguments, "--db", str(db.engine.url)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stderr if code else done.stdout


def listed(db: Database, *arguments: str) -> list[str]:
    return [i["id"] for i in json.loads(run(db, "list", "--json", *arguments))["incidents"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [LEADER, CHILD, OPEN]),
        (("--state", "open"), [OPEN]),
        (("--state", "resolved"), [LEADER, CHILD]),
        (("--severity", "critical"), [LEADER]),
        (("--severity", "info"), [LEADER, CHILD, OPEN]),
        (("--key", "Cars"), [CHILD]),
        (("--key", "cars"), []),
        (("--since", CHILD.opened_at.isoformat()), [CHILD, OPEN]),
        (("--since", "2026-03-13"), []),
        (("--state", "resolved", "--severity", "warn", "--key", "ACM"), [LEADER]),
    ],
)
def test_list_is_narrowed_by_every_filter(
    db: Database, arguments: tuple[str, ...], expected: list[Any]
) -> None:
    assert listed(db, *arguments) == [one.id for one in expected]


def test_list_for_people_names_what_show_needs(db: Database) -> None:
    text = run(db, "list")
    for one in (LEADER, CHILD, OPEN):
        assert one.id[:8] in text
    assert run(db, "list", "--key", "nothing").strip() == "no incidents"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90m", datetime(2026, 3, 13, 22, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 13, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 3, 7, tzinfo=UTC)),
        ("2026-03-12", datetime(2026, 3, 12, tzinfo=UTC)),
        ("2026-03-12T09:00", datetime(2026, 3, 12, 9, tzinfo=UTC)),
        ("2026-03-12T09:00+01:00", datetime(2026, 3, 12, 8, tzinfo=UTC)),
    ],
)
def test_since_takes_spans_and_dates(text: str, at: datetime) -> None:
    assert since(text, NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "12", "h", "-3d", ""])
def test_since_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(WrongTime, match="2026-03-12"):
        since(text, NOW)


def test_show_has_counts_picture_stories_history_and_what_was_said(db: Database) -> None:
    run(db, "feedback", LEADER.id[:8], "wrong-labels", "--note", "satire", "--by", "ann")
    text = " ".join(run(db, "show", LEADER.id[:8]).split())
    for said in (
        "CRITICAL Acme (ACM)",
        "█",
        "Acme recalls cars",
        "opened, at 5 negative of 6 stories",
        "ann: articles are labelled wrongly (satire)",
        f"leads {CHILD.id[:8]}",
        "95 %: 0 to 2",
    ):
        assert said in text
    found = json.loads(run(db, "show", LEADER.id, "--json"))
    assert found["evidence"] == LEADER.evidence
    assert (found["children"], found["log"][0]["verdict"]) == ([CHILD.id], "wrong-labels")


def test_terminal_gets_no_control_characters_of_a_headline(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/hostile.db")
    bad = "\x1b[31mred\x07 [bold]markup[/bold] \u202egpj"
    store(db, incident(evidence=evidence(stories=[story(bad, source=bad)], name=bad)))
    for command in ("list", "show"):
        text = run(db, command, *([] if command == "list" else [incident().id]))
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[bold]markup[/bold]" in " ".join(run(db, "show", incident().id).split())
    db.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [("ffff", "no incident ffff"), ("xyz", "no id"), ("0000", "several"), ("", "no id")],
)
def test_id_that_names_none_or_several_is_told(db: Database, name: str, said: str) -> None:
    assert said in " ".join(run(db, "show", name, code=2).split())


def test_accept_is_asked_for_in_the_log_with_who_and_why(db: Database) -> None:
    done = run(db, "accept", OPEN.id[:8], "--note", "a trial begins", "--by", "ann", "--json")
    assert json.loads(done) == {"incident": OPEN.id, "asked": True}
    (event,) = events.read(db, "accept")
    assert event.actor == "ann"
    assert event.value == {"incident": OPEN.id, "note": "a trial begins"}


def test_what_is_over_cannot_be_accepted(db: Database) -> None:
    assert "is over" in run(db, "accept", LEADER.id, code=2)
    assert events.read(db, "accept") == []


def test_feedback_is_one_of_a_closed_set(db: Database) -> None:
    run(db, "feedback", LEADER.id, "useful", "--by", "bob")
    assert [e.value["verdict"] for e in events.of_incident(db, LEADER.id)] == ["useful"]
    assert events.of_incident(db, OPEN.id) == []
    run(db, "feedback", LEADER.id, "great", code=2)


def test_choices_are_those_of_the_parts_behind_them() -> None:
    assert [verdict.value for verdict in Verdict] == list(VERDICTS)
    assert [one.value for one in Least] == list(get_args(Severity))
