"""The command line as a user meets it: results on standard output, the rest beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from pipeline.cli import app


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_stats_of_an_empty_database_are_zeros(command: CliRunner) -> None:
    done = command.invoke(app, ["stats", "--db", "sqlite:///new.db", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "articles": 0,
        "stories": 0,
        "undated": 0,
        "late": 0,
        "dead_letters": {},
        "totals": [],
    }


def test_incidents_of_an_empty_database_are_none(command: CliRunner) -> None:
    done = command.invoke(app, ["incidents", "list", "--db", "sqlite:///new.db", "--json"])
    assert json.loads(done.stdout) == {"incidents": []}


def test_empty_database_verifies(command: CliRunner) -> None:
    done = command.invoke(app, ["db", "verify", "--db", "sqlite:///new.db", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["total"]) == (0, 0)


def test_config_masks_the_password(command: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARWATCH_DATABASE__URL", "postgresql+psycopg://me:hunter2@db/news")
    done = command.invoke(app, ["config"])
    assert done.exit_code == 0
    assert "hunter2" not in done.output
    assert json.loads(done.stdout)["database"]["url"].startswith("postgresql+psycopg://me:")


def test_wrong_settings_are_told_at_once_and_without_a_traceback(command: CliRunner) -> None:
    Path("bearwatch.toml").write_text("[metrics]\nport = 99999\nhots = 'x'\n")
    done = command.invoke(app, ["config"])
    assert done.exit_code == 2
    assert "port" in done.stderr
    assert "hots" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "missing.jsonl"], "missing.jsonl"),
        (["stats", "--db", "nonsense"], "database URL"),
        (["evaluate", "missing.jsonl"], "missing.jsonl"),
        (["classify", "--file", "missing.txt"], "missing.txt"),
        (["classify"], "give texts"),
        (["classify", "news", "--model", "nowhere"], "nowhere"),
    ],
)
def test_what_the_user_can_mend_is_one_clear_line(
    command: CliRunner, arguments: list[str], said: str
) -> None:
    done = command.invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_recipe_takes_changes_by_name_and_refuses_what_it_does_not_know(
    command: CliRunner,
) -> None:
    arguments = ["train", "--data", "rows.jsonl", "--out", "new"]
    unknown = command.invoke(app, [*arguments, "--set", "epoch=3"])
    assert unknown.exit_code == 2
    assert "epochs" in unknown.stderr
    wrong = command.invoke(app, [*arguments, "--set", "epochs=many"])
    assert wrong.exit_code == 2
    assert "epochs takes int" in wrong.stderr
    method = command.invoke(app, [*arguments, "--method", "lora"])
    assert method.exit_code == 2
    assert "deep, shallow, heads, full" in method.stderr
    assert not Path("new").exists()


def test_training_judges_on_rows_it_may_not_repeat_and_leaves_a_report(
    command: CliRunner,
) -> None:
    verbs = {"negative": "falls", "neutral": "is quiet", "positive": "climbs"}
    subjects = ("corn", "wheat", "cocoa", "tin", "sugar", "coffee", "rubber", "wool")
    rows = [
        {"text": f"{subject} {verb} in {place}", "sentiment": sentiment}
        for subject in subjects
        for sentiment, verb in verbs.items()
        for place in ("Chicago", "Rotterdam")
    ]
    trained, judged = [row for row in rows if "wool" not in row["text"]], rows[-6:]
    for name, part in (("trained", trained), ("judged", judged)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    quick = ["--set", "epochs=2", "--set", "inner_share=0.3", "--json"]
    given = ["train", "--data", "trained.jsonl", *quick]
    watched = ["--judged", "judged.jsonl", "--tensorboard", "curves"]
    done = command.invoke(app, [*given, *watched, "--out", "new"])
    assert done.exit_code == 0, done.stderr
    curves = EventAccumulator("curves").Reload()
    epochs = curves.Scalars("inner/sentiment/accuracy")
    assert len(epochs) == 2
    assert 0 < epochs[0].step < epochs[1].step
    assert all(0 <= epoch.value <= 1 for epoch in epochs)
    assert all(loss.value > 0 for loss in curves.Scalars("training/loss"))
    report = json.loads(Path("new/report/report.json").read_text())
    assert report["version"].startswith(json.loads(done.stdout)["version"])
    refused = command.invoke(app, [*given, "--judged", "trained.jsonl", "--out", "other"])
    assert refused.exit_code == 2
    assert "repeat rows to be evaluated on" in refused.stderr
