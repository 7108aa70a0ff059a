"""`bearwatch models`: versions, who promoted what and when, which version labelled an article."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from models import dataset, versions
from pipeline.cli import app
from pipeline.display import Shown
from pipeline.registry import commands, folders
from pipeline.registry.comparing import compare, labelled_rows, moved_most
from pipeline.registry.registry import Registry
from pipeline.store.database import Database, StoreError, open_database
from tests.fakes import MONDAY, ListSource, ManualClock, store_all
from tests.registry.made import LABELS, loader

HOUR = timedelta(hours=1)
Made = tuple[Path, Path]
SENTENCES = ("shares fall after loss", "oil rises", "the fed raises rates", "profit beats", "ceo")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/test.db")
    yield found
    found.close()


def told(shown: Shown) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(shown.view)
    return console.export_text()


def two(registry: Registry, made: Made) -> tuple[str, str]:
    """Both registered, the first promoted at 1 h and the second at 2 h."""
    found = []
    for hour, folder in enumerate(made, start=1):
        at = MONDAY + hour * HOUR
        done = commands.register(registry, folder, by="ann", now=at)
        found.append(str(done.result["id"]))
        commands.promote(registry, found[-1], by="ann", reason=f"[b]{hour}[/b]", now=at)
    return found[0], found[1]


def test_list_shows_every_version_and_marks_the_champion(
    db: Database, registry: Registry, made: Made
) -> None:
    shipped = folders.shipped_id()
    assert commands.listing(db).result["champion"] == shipped
    assert shipped in told(commands.listing(db))
    one, second = two(registry, made)
    shown = commands.listing(db)
    assert shown.result["champion"] == second
    assert {v["id"] for v in shown.result["versions"]} == {one, second, shipped}
    lines = [line for line in told(shown).splitlines() if "champion" in line]
    assert [line.split()[0] for line in lines] == [second]


def test_show_gives_the_card_and_when_it_was_champion(
    db: Database, registry: Registry, made: Made
) -> None:
    one, _ = two(registry, made)
    shown = commands.show_version(db, registry, one[:5])
    assert shown.result["card"] == json.loads((made[0] / folders.CARD).read_text())
    assert [m["kind"] for m in shown.result["history"]] == ["promote", "promote"]
    assert shown.result["champion"] is False
    assert "Earnings, Energy, Macro" in told(shown)


def test_history_says_who_when_and_why_as_it_was_written(
    db: Database, registry: Registry, made: Made
) -> None:
    one, second = two(registry, made)
    commands.rollback(registry, by="bob", reason="worse", now=MONDAY + 3 * HOUR)
    offsets = {"topic": {"Energy": {"share": 0.1}}}
    at = MONDAY + 4 * HOUR
    registry.promote(second, actor="ann", reason="better", now=at, offsets=offsets)
    commands.rollback(registry, by="bob", reason="no", now=MONDAY + 5 * HOUR)
    shown = commands.history(db)
    assert [m["offsets"] for m in shown.result["history"]] == [{}, {}, {}, offsets, {}]
    assert shown.result["champion"] == one
    moves = [(m["kind"], m["version"], m["actor"]) for m in shown.result["history"]]
    assert moves == [
        ("promote", one, "ann"),
        ("promote", second, "ann"),
        ("rollback", one, "bob"),
        ("promote", second, "ann"),
        ("rollback", one, "bob"),
    ]
    assert "[b]2[/b]" in told(shown)


def test_at_names_the_champion_of_a_time(db: Database, registry: Registry, made: Made) -> None:
    assert commands.at(db, MONDAY).result["version"] == folders.shipped_id()
    one, second = two(registry, made)
    found = [commands.at(db, MONDAY + n * HOUR / 2).result["version"] for n in (1, 2, 3, 4)]
    assert found == [folders.shipped_id(), one, one, second]


def test_the_version_of_any_article_is_on_its_row(db: Database) -> None:
    lines = [
        json.dumps({"source": source, "id": id_, "title": "Macro", "published_at": "2026-03-02"})
        for source, id_ in (("wire", "a/1"), ("a/b", "c"))
    ]
    lines = [line.replace("2026-03-02", "2026-03-02T01:00:00Z") for line in lines]
    clock = ManualClock(MONDAY + 2 * HOUR)
    store_all(db, ListSource({0: [line.encode() for line in lines]}, clock=clock), clock)
    for name, source in (("wire/a/1", "wire"), ("a/b/c", "a/b")):
        found = commands.of_article(db, name).result
        assert (found["version"], found["source"], found["registered"]) == (
            "fake+0",
            source,
            False,
        )
        assert f"{found['source']}/{found['id']}" == name
    for name in ("wire/a", "wire", "wire/"):
        with pytest.raises(StoreError, match="no article"):
            commands.of_article(db, name)


def test_comparing_tells_who_is_right_where_they_differ(made: Made, encoder: Path) -> None:
    load = loader(encoder)
    first, second = (load(folder) for folder in made)
    assert first is not None
    assert second is not None
    texts = [f"{a} {b}" for a in SENTENCES for b in SENTENCES for _ in range(2)]
    ours, theirs = first.predict(texts), second.predict(texts)
    rows = pd.DataFrame(
        {
            "id": [str(n) for n in range(len(texts))],
            "text": texts,
            "topic": None,
            # All that the second says is right; where the first says the same it is right too.
            "sentiment": [p.sentiment for p in theirs],
        }
    )
    (found,) = compare(first, second, rows, most=3).values()
    differ = sum(a.sentiment != b.sentiment for a, b in zip(ours, theirs, strict=True))
    assert differ > 3
    assert (found.differ, found.first_right, found.second_right) == (differ, 0, differ)
    assert (found.second.macro_f1, found.second.accuracy) == (1.0, 1.0)
    assert found.gain == pytest.approx(1.0 - found.first.macro_f1)
    assert found.beyond_noise
    assert len(found.disagreements) == 3
    for each in found.disagreements:
        assert (each.second, each.first != each.label) == (each.label, True)
    sure = [each.first_probability + each.second_probability for each in found.disagreements]
    assert sure == sorted(sure, reverse=True)
    moved = [abs(second - first) for _, first, second in moved_most(found)]
    assert moved == sorted(moved, reverse=True)


def test_version_compared_with_itself_differs_nowhere(made: Made, encoder: Path) -> None:
    version = versions.load(made[0], precision="fp32", labels=LABELS, encoder=encoder)
    rows = pd.DataFrame(
        {"id": ["1"], "text": ["oil rises"], "topic": ["Energy"], "sentiment": [None]}
    )
    (found,) = compare(version, version, rows).values()
    assert (found.n, found.differ, found.gain, found.beyond_noise) == (1, 0, 0.0, False)


def test_without_a_file_the_held_out_headlines_are_compared_on() -> None:
    rows = labelled_rows(None, None)
    assert set(rows["split"]) == {"holdout"}
    assert len(rows) > 400
    with pytest.raises(dataset.DatasetError, match="split 'nowhere'"):
        labelled_rows(None, "nowhere")


def cli(db: Database, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["models", *arguments, "--db", str(db.engine.url)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stderr if code else done.stdout


def test_command_line_from_registering_to_comparing(db: Database, tmp_path: Path) -> None:
    shipped = folders.shipped_id()
    assert json.loads(cli(db, "register", str(folders.SHIPPED), "--json"))["id"] == shipped
    assert json.loads(cli(db, "list", "--json"))["champion"] == shipped
    assert json.loads(cli(db, "show", shipped[:4], "--json"))["card"]["id"] == shipped
    assert json.loads(cli(db, "at", "7d", "--json"))["version"] == shipped
    assert json.loads(cli(db, "history", "--json"))["history"] == []
    assert "champion already" in cli(db, "promote", shipped, "--reason", "x", code=2)
    assert "before this one" in cli(db, "rollback", "--reason", "x", code=2)
    assert "no article" in cli(db, "at", "--article", "a/b", code=2)
    assert "give a TIME" in cli(db, "at", code=2)
    assert "is no time" in cli(db, "at", "soon", code=2)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "Oil slides", "sentiment": "negative"}\n')
    same = json.loads(cli(db, "compare", shipped, shipped[:5], "--data", str(rows), "--json"))
    assert same["tasks"]["sentiment"]["differ"] == 0
    assert shipped in cli(db, "compare", shipped, shipped, "--data", str(rows))
