"""The process that trains: what its parent hears, how it ends, what it makes of old remains."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from models.card import WEIGHTS
from pipeline.recipes import INCREMENTAL
from pipeline.retraining import child, job, process
from pipeline.retraining.deciding import decide
from pipeline.retraining.job import Doubt, Job, Result
from pipeline.retraining.parts import Parts
from pipeline.retraining.process import Heard, Stopped, TrainingFailed
from pipeline.retraining.run import retrain
from tests.retraining.made import NEW, World, in_process, label, texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job that cannot be done: its list of topics is not there."""
    told = Job(None, str(tmp_path / "none.yaml"), None, asdict(INCREMENTAL), 1, 0.1, ("a",))
    job.write(tmp_path / job.JOB, told)
    assert job.read_job(tmp_path) == told
    return tmp_path


def run(folder: Path, stop: Event | None = None, longest_s: float = 60.0) -> Result:
    return process.run(
        folder,
        stop=stop or Event(),
        alive=lambda: None,
        heard=lambda _: None,
        longest_s=longest_s,
    )


def test_a_process_that_fails_is_told_by_the_end_of_what_it_said(folder: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"ended by status 1: .*cannot read labels"):
        run(folder)


def test_one_that_takes_too_long_is_ended(folder: Path) -> None:
    with pytest.raises(TrainingFailed, match="longest_minutes"):
        run(folder, longest_s=0.0)


def test_one_that_is_to_stop_is_ended(folder: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(Stopped):
        run(folder, stop)


def test_whoever_loses_the_lease_ends_the_training(folder: Path) -> None:
    class Lost(Exception):
        pass

    def lost() -> None:
        raise Lost

    with pytest.raises(Lost):
        process.run(folder, stop=Event(), alive=lost, heard=lambda _: None, longest_s=60.0)


def test_our_own_rows_are_rehearsed_by_what_the_champion_answers(
    world: World, make: Callable[..., Parts]
) -> None:
    made = []

    def train(folder: Path, **_: Any) -> Result:
        told = job.read_job(folder)
        for share in (0.0, 1.0):
            copy = folder.with_name(f"distilled-{share}")
            shutil.copytree(folder, copy)
            wanted = replace(told, recipe=dict(told.recipe) | {"epochs": 1, "distilled": share})
            found = child.trained(copy, wanted, world.champion, world.labels, lambda **_: None)
            made.append(found.card)
        raise Stopped("enough was seen")

    parts = replace(make(), train=train)
    label(parts.db, texts([NEW], 60, 3))
    with pytest.raises(Stopped):
        retrain(parts, "hand", stop=Event(), heard=lambda _: None, least=1)
    assert [card.recipe["distilled"] for card in made] == [0.0, 1.0]
    assert made[0].weights_sha256 != made[1].weights_sha256


def test_a_version_that_a_power_cut_left_damaged_is_made_again(
    world: World, make: Callable[..., Parts]
) -> None:
    heard: list[Mapping[str, Any]] = []

    def train(folder: Path, *, heard: Heard, **more: Any) -> Result:
        shutil.copytree(world.champion, folder / job.VERSION)
        (folder / job.VERSION / WEIGHTS).write_bytes(b"\0" * 100)
        return in_process(folder, heard=heard, **more)

    parts = replace(make(), train=train)
    label(parts.db, texts([NEW], 150, 3))
    ended = retrain(parts, "hand", stop=Event(), heard=heard.append, least=20)
    assert ended.outcome == "promoted", ended.decision["reasons"]
    assert "training anew" in [told["at"] for told in heard]


@pytest.mark.parametrize(
    ("share", "low", "refused"),
    [(0.33, 0.05, True), (0.31, 0.05, False), (0.33, -0.01, False), (0.1, 0.0, False)],
)
def test_labels_are_in_doubt_beyond_the_usual_by_more_than_is_set(
    share: float, low: float, refused: bool
) -> None:
    doubt = {"topic": Doubt(labels=240, share=share, usual=0.2, low=low)}
    found = decide(Result(doubt, candidate=None if refused else "abc"), contradicted=0.12)
    assert (found.refusal == "noisy_labels") == refused
    if refused:
        assert found.reasons[0].startswith("33% of the 240 new topic labels are contradicted")
