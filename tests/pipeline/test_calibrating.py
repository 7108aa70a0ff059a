"""`bearwatch calibrate`: a past, a budget, and one value in the settings file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.rules import IncidentSettings
from pipeline.cli import app
from pipeline.store.database import open_database
from pipeline.store.incidents import incidents
from tests.pipeline.test_monitor import play, stream

Calibrate = Callable[..., Any]
PLAIN = IncidentSettings().open_score


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("past") / "past.db"
    db = open_database(f"sqlite:///{path}")
    play(db, stream(), poll=500)
    db.close()
    return path


@pytest.fixture
def calibrate(past: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calibrate:
    monkeypatch.chdir(tmp_path)

    def run(*given: str) -> Any:
        done = CliRunner().invoke(app, ["calibrate", str(past), *given, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def test_budget_that_is_kept_already_changes_no_score(calibrate: Calibrate, past: Path) -> None:
    before = past.read_bytes()
    found = calibrate("--per-day", "2")
    assert found["plain"] == found["calibrated"] >= 1
    assert 7.0 < found["days"] < 8.5
    assert found["kept"] is True
    assert set(found["open_score_by_band"]) == {PLAIN}
    written = tomllib.loads(Path("bearwatch.toml").read_text("utf-8"))
    assert written == {"incidents": {"open_score_by_band": found["open_score_by_band"]}}
    assert past.read_bytes() == before


def test_small_budget_raises_the_band_that_overran_it(calibrate: Calibrate) -> None:
    Path("mine.toml").write_text("[incidents]\nleast_stories = 3\n", "utf-8")
    found = calibrate("--per-day", "0.05", "--config", "mine.toml")
    assert found["calibrated"] < found["plain"]
    assert max(found["open_score_by_band"]) > PLAIN
    written = tomllib.loads(Path("mine.toml").read_text("utf-8"))["incidents"]
    assert written == {"open_score_by_band": found["open_score_by_band"], "least_stories": 3}


def test_dry_run_writes_nothing(calibrate: Calibrate, past: Path) -> None:
    found = calibrate("--per-month", "100", "--dry-run")
    assert (found["file"], list(Path().iterdir())) == (None, [])
    db = open_database(f"sqlite:///{past}")
    assert any(incident.severity != "info" for incident in incidents(db))
    db.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["gone.jsonl"], "no such file"),
        (["bad.db"], "cannot be copied"),
        (["bad.db", "--per-day", "1", "--per-month", "1"], "give one of"),
    ],
)
def test_what_the_user_can_mend_is_told(
    given: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.db").write_text("no database " * 100, "utf-8")
    done = CliRunner().invoke(app, ["calibrate", *given])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not Path("bearwatch.toml").exists()
