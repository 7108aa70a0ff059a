"""A replay looked at: the page stands alone, and two settings judge the same counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.changes import with_change
from pipeline.cli import app
from pipeline.display import Shown
from pipeline.pages.report import Played, report, same
from pipeline.pages.view import link
from pipeline.replaying import FILE, Facts, Review
from pipeline.settings import InvalidSettings, Settings
from pipeline.store import events
from pipeline.store.database import Database, open_database
from pipeline.store.incidents import incidents
from pipeline.tracing import POINTS, Trace
from tests.pages.made import HOSTILE, OPENED, evidence, incident, story
from tests.pages.test_view import TAGS, Written
from tests.pipeline.test_accepting import NOW, Desk
from tests.pipeline.test_monitor import essence, stream

STRICT = "incidents.least_stories=200"
PLAIN = "incidents.least_stories=3"


def reviewed(db: Database, review: Review) -> Shown:
    """A replay of the monitor's test stream, as the command runs it."""
    desk = Desk(db, review.first.incidents)
    review.watch(desk.detection)
    desk.source.values["news", 0] += stream()
    desk.worker.step(0.0)
    desk.monitor.tick(NOW)
    facts = Facts(Path("news.jsonl"), "v+t", len(stream()), 2.0)
    return review.finish(db, facts, lambda: NOW)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Shown, Path]]:
    folder = tmp_path_factory.mktemp("replay")
    db = open_database(f"sqlite:///{folder}/replay.db")
    shown = reviewed(db, Review(Settings(), (STRICT, PLAIN), folder / "new" / "report"))
    yield db, shown, folder / "new" / "report" / FILE
    db.close()


def test_second_setting_judges_the_same_counts_as_if_it_had_been_the_only_one(
    compared: tuple[Database, Shown, Path], tmp_path: Path
) -> None:
    alone = open_database(f"sqlite:///{tmp_path}/alone.db")
    reviewed(alone, Review(Settings(), (), None))
    assert essence(incidents(compared[0])) == essence(incidents(alone))
    assert incidents(alone) != []
    alone.close()


def test_what_the_first_setting_accepted_is_news_to_the_second(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/accepted.db")
    soon, never = "incidents.accept_after=PT30M", "incidents.accept_after=P300D"
    reviewed(db, Review(Settings(), (never, soon), None))
    assert events.read(db, "accepted") != []
    db.close()
    db = open_database(f"sqlite:///{tmp_path}/forgotten.db")
    reviewed(db, Review(Settings(), (soon, never), None))
    assert events.read(db, "accepted") == []
    db.close()


def test_result_says_what_each_setting_found_and_the_other_did_not(
    compared: tuple[Database, Shown, Path],
) -> None:
    strict, plain = compared[1].result["compared"]
    assert (strict["set"], plain["set"]) == (STRICT, PLAIN)
    assert strict["leading"]["critical"] == 0
    assert plain["leading"]["critical"] == 1
    assert ("company", "ACM") in [(i["kind"], i["key"]) for i in plain["only_here"]]
    assert compared[1].result["report"] == str(compared[2])
    console = Console(record=True, width=100)
    console.print(compared[1].view)
    assert "only here" in console.export_text()


def test_page_stands_alone_and_has_pictures_table_and_evidence(
    compared: tuple[Database, Shown, Path],
) -> None:
    page = compared[2].read_text("utf-8")
    written = Written(page)
    for said in ("Replay of news.jsonl", STRICT, PLAIN, "Side by side", "only here", "The whole"):
        assert said in written.text
    assert written.tags <= TAGS
    assert page.count("<polyline") >= 8
    assert "Acme (ACM)" in written.text
    hrefs = [a["href"] or "" for a in written.links]
    targets = {href[1:] for href in hrefs if href.startswith("#") and len(href) > 1}
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert all(href.startswith("#") or link(href) for href in hrefs)
    assert not re.search(r"\ssrc=|@import|url\(", page)


@pytest.mark.parametrize("text", HOSTILE)
def test_headlines_are_text_in_a_report(text: str) -> None:
    found = incident(evidence=evidence(stories=[story(text, url=text)], name=text, note=text))
    played = Played(text, [found], lambda key: None, 1)
    page = report(text, [("File", text)], [played], OPENED, OPENED + timedelta(days=1))
    assert Written(page).tags <= TAGS


def test_report_without_an_incident_or_an_hour_says_so() -> None:
    played = Played("settings", [], lambda key: None, 0)
    text = Written(report("Replay", [], [played], OPENED, OPENED)).text
    assert "No incident." in text
    assert "too short" in text


def test_two_incidents_are_the_same_thing_if_key_rule_and_time_agree() -> None:
    one = incident(1)
    assert same(one, replace(one, id="other"))
    assert same(one, incident(4))  # the one begins as the other ends
    assert not same(one, incident(5))
    assert same(one, replace(incident(0), resolved_at=None))
    assert not same(one, replace(one, key="BRK"))
    assert not same(one, replace(one, rule="volume_burst"))


def test_long_replay_is_drawn_by_the_hours_that_stand_out() -> None:
    import numpy as np

    from tests.alerts.test_spikes import KEYS, NOON, TAUGHT, window

    trace = Trace(KEYS)
    for hour in range(POINTS + 20):
        negative = 30 if hour == 333 else 0
        counts = window(0, negative, others=negative)
        trace(NOON + timedelta(hours=hour), TAUGHT.score(NOON, *counts))
        trace(NOON + timedelta(hours=hour, minutes=5), TAUGHT.score(NOON, *counts))
    assert trace.evaluations == 2 * (POINTS + 20)
    series = trace.series(KEYS[0])
    assert series is not None
    assert len(series.times) == (POINTS + 20) / 2
    assert series.times[int(np.argmax(series.negative))] == NOON + timedelta(hours=333)
    assert Trace(KEYS).series(KEYS[0]) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("incidents.open_score=2.24", ("incidents", "open_score", 2.24)),
        ("incidents.cool_dense=PT1H", ("incidents", "cool_dense", timedelta(hours=1))),
        ("spikes.least_negative=5", ("spikes", "least_negative", 5)),
        (" spikes.sparse_below = 4 ", ("spikes", "sparse_below", 4.0)),
    ],
)
def test_setting_is_changed_by_its_name(text: str, found: tuple[str, str, Any]) -> None:
    group, name, value = found
    changed = with_change(Settings(), text)
    assert getattr(getattr(changed, group), name) == value
    assert changed != Settings()


def test_setting_within_a_group_is_changed_and_its_neighbours_stay() -> None:
    changed = with_change(Settings(), "spikes.baseline.warmup_hours=24")
    assert changed.spikes.baseline.warmup_hours == 24
    plain = Settings().spikes.baseline.model_dump() | {"warmup_hours": 24}
    assert changed.spikes.baseline.model_dump() == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("open_score=2", "incidents. or spikes."),
        ("incidents.open_score", "name=value"),
        ("counting.lateness_minutes=1", "incidents. or spikes."),
        ("incidents.open=2", "open_score"),
        ("incidents.open_score=high", "number"),
        ("spikes.baseline=1", "is a group of"),
        ("spikes.least_negative.x=1", "no settings of its own"),
        ("spikes.least_negative=0", "greater than or equal to 1"),
    ],
)
def test_setting_that_cannot_be_is_told(text: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(said)):
        with_change(Settings(), text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "incidents.open=2"], "open_score"),
        (["--set", PLAIN, "--set", STRICT, "--set", PLAIN], "twice to compare"),
        (["--set", PLAIN, "--set", STRICT, "--db", "sqlite:///kept.db"], "no --db"),
    ],
)
def test_command_refuses_before_it_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("news.jsonl").write_text(json.dumps({"source": "a", "title": "b"}))
    done = CliRunner().invoke(app, ["replay", "news.jsonl", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert not Path("kept.db").exists()
