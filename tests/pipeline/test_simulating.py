"""`bearwatch spikes simulate`: a small study through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

SMALL = ["spikes", "simulate", "--days", "24", "--keys", "2"]


@pytest.fixture(autouse=True)
def _no_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_study_comes_as_json_and_follows_the_settings() -> None:
    given = [*SMALL, "--rate", "50", "--seed", "3", "--json"]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    (row,) = found["shipped"]
    assert (found["seeds"], row["rate"], row["events"] > 5) == ([3], 50.0, True)
    assert row["recall"][2] > 0.5
    Path("bearwatch.toml").write_text(
        "[incidents]\nopen_score = 60\nstrong_score = 60\nmostly_score = 60\n", "utf-8"
    )
    deaf = json.loads(CliRunner().invoke(app, given).stdout)
    assert deaf["shipped"][0]["recall"] == [0.0, 0.0, 0.0]
    assert deaf["shipped"][0]["delay"] == [None, None, None]
    assert deaf["tuned"] == found["tuned"]


def test_rate_that_is_not_there_is_told() -> None:
    done = CliRunner().invoke(app, [*SMALL, "--rate", "7"])
    assert done.exit_code == 2
    assert "0.5, 5, 50, 500" in " ".join(done.output.split())
