"""What `bearwatch retrain` does as a program: metrics, health, failures that it outlives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics import Metrics
from pipeline.retraining.metrics import NUMBERS
from pipeline.retraining.parts import Parts, champion
from pipeline.retraining.process import Stopped, TrainingFailed
from pipeline.retraining.serve import Serving
from pipeline.store import retraining as store
from pipeline.store.database import open_database
from tests.retraining.made import NEW, label, texts

BEARWATCH = Path(sys.executable).with_name("bearwatch")
PATIENCE_S = 60.0


def series(metrics: Metrics) -> dict[str, float]:
    """Every sample of retraining by its name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def failing(*_: Any, **__: Any) -> Any:
    raise TrainingFailed("the training's process ended by a signal: it said nothing")


def test_a_training_that_dies_is_stored_counted_and_outlived(
    make: Callable[..., Parts],
) -> None:
    parts = replace(make(), train=failing)
    label(parts.db, texts([NEW], 30, 3))
    server = Serving(parts, Event())
    server.train("labels")
    (stored,) = store.history(parts.db, limit=5)
    assert (stored.state, stored.trigger) == ("failed", "labels")
    assert stored.decision == {
        "reasons": ["TrainingFailed: the training's process ended by a signal: it said nothing"]
    }
    found = series(server.metrics)
    assert found["bearwatch_retrainings_total['failed']"] == 1
    assert found["bearwatch_retraining_running[]"] == 0
    server.train("schedule")  # and the next one begins as if nothing had been
    assert series(server.metrics)["bearwatch_retrainings_total['failed']"] == 2
    assert list(parts.settings.retraining.folder.iterdir()) == []


def test_one_that_is_stopped_is_gone_on_with_at_the_next_start(
    make: Callable[..., Parts],
) -> None:
    def stopped(*_: Any, **__: Any) -> Any:
        raise Stopped("the training was stopped")

    parts = replace(make(), train=stopped)
    label(parts.db, texts([NEW], 30, 3))
    server = Serving(parts, Event())
    server.train("labels")
    assert series(server.metrics)["bearwatch_retrainings_total['failed']"] == 0
    left = store.interrupted(parts.db, now=parts.clock())
    assert left is not None
    assert left.state == "running"
    assert len(list(parts.settings.retraining.folder.iterdir())) == 1


def test_metrics_tell_the_newest_comparison_and_remember_it_after_a_restart(
    make: Callable[..., Parts],
) -> None:
    parts = make()
    label(parts.db, texts([NEW], 150, 3))
    server = Serving(parts, Event())
    before = series(server.metrics)
    assert before["bearwatch_sealed_rows['topic']"] != before["bearwatch_sealed_rows['topic']"]
    server.turn(parts.db)
    assert series(server.metrics)["bearwatch_waiting_labels[]"] == 300
    promoted = f"bearwatch_champion_promoted_timestamp_seconds['{champion(parts.registry)[1]}']"
    assert series(server.metrics)[promoted] == parts.clock().timestamp()
    server.train("labels")
    found = series(server.metrics)
    assert found["bearwatch_retrainings_total['promoted']"] == 1
    (stored,) = store.history(parts.db, limit=1)
    assert stored.decision is not None
    numbers = {one["name"]: one for one in stored.decision["numbers"]}
    for name, (task, number) in NUMBERS.items():
        for who in ("champion", "candidate"):
            key = f"bearwatch_sealed_score_ratio{sorted([task, number, who])}"
            assert found[key] == numbers[name][who]
    again = series(Serving(parts, Event()).metrics)
    assert again["bearwatch_retrainings_total['promoted']"] == 0
    same = [key for key in found if "sealed" in key or "ended_timestamp" in key]
    assert len(same) > 12
    assert {key: again[key] for key in same} == pytest.approx(
        {key: found[key] for key in same}, nan_ok=True
    )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A database of its own, any free port."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("BEARWATCH_")}
    return mine | {
        "BEARWATCH_DATABASE__URL": f"sqlite:///{tmp_path}/served.db",
        "BEARWATCH_METRICS__PORT": "0",
        "BEARWATCH_RETRAINING__FOLDER": str(tmp_path / "work"),
    }


def test_the_program_answers_for_itself_and_ends_when_asked(
    environment: dict[str, str],
) -> None:
    program = subprocess.Popen(
        [BEARWATCH, "retrain", "--serve"], stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert program.stderr is not None
        url = ""
        for line in program.stderr:
            if found := re.search(r"metrics: (\S+)/metrics", line):
                url = found[1]
            if line.startswith("next training: "):
                break
        assert url
        for page in ("healthz", "readyz", "metrics"):
            with urllib.request.urlopen(f"{url}/{page}", timeout=PATIENCE_S) as answer:  # noqa: S310
                assert answer.status == 200
                body = answer.read().decode()
        assert 'bearwatch_retrainings_total{outcome="promoted"} 0.0' in body
        program.send_signal(signal.SIGTERM)
        assert program.wait(PATIENCE_S) == 0
    finally:
        program.kill()
        program.communicate()


def test_once_with_nothing_to_learn_says_so(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [BEARWATCH, "retrain", "--once", "--json"],
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
        env=environment,
    )
    told = json.loads(done.stdout)
    assert told["outcome"] == "nothing"
    assert told["decision"]["reasons"][0].startswith("0 new labels; 30 are needed")
    db = open_database(environment["BEARWATCH_DATABASE__URL"])
    try:
        assert [one.state for one in store.history(db, limit=5)] == ["nothing"]
    finally:
        db.close()


@pytest.mark.parametrize("options", [[], ["--once", "--serve"], ["--serve", "--anyway"]])
def test_what_to_do_has_to_be_said(options: list[str]) -> None:
    from typer.testing import CliRunner

    from pipeline.cli import app

    done = CliRunner().invoke(app, ["retrain", *options])
    assert done.exit_code == 2
    assert "give one of --once, --serve and --history" in done.output
