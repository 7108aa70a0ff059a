"""What a look at a version's files finds out without computing anything, and what it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import backbone, card, versions
from models.card import CARD, LOW_RANK, WEIGHTS, Card, VersionError
from models.encoder_files import BackboneError, file_sha256
from models.inspection import ADDED, inspect
from models.prompts import Prompt
from tests.models.test_versions import LABELS
from tests.models.tiny import tiny_encoder


@pytest.fixture
def saved(tiny_folder: Path, tmp_path: Path) -> Path:
    loaded = backbone.load(tiny_folder)
    made, classifier = versions.untuned(loaded, Prompt(task="the outlook"), LABELS, 4, rank=2)
    versions.save(tmp_path / "version", made, classifier, loaded)
    return tmp_path / "version"


def flip(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 0x01
    (folder / WEIGHTS).write_bytes(content)


def with_weights(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    """Other tensors, as someone would write them who also puts checksum and id right."""

    def damage(folder: Path) -> None:
        weights = {name: value.copy() for name, value in load_file(folder / WEIGHTS).items()}
        change(weights)
        save_file(weights, folder / WEIGHTS)
        found = Card(**json.loads((folder / CARD).read_text()))
        found = replace(found, weights_sha256=file_sha256(folder / WEIGHTS))
        told = asdict(replace(found, id=found.digest()))
        (folder / CARD).write_text(json.dumps(told))

    return damage


def not_a_number(weights: dict[str, np.ndarray]) -> None:
    weights["prompt_keys"][1, 2, 3, 4] = np.nan


def infinite(weights: dict[str, np.ndarray]) -> None:
    weights["topic_head.bias"][0] = np.inf


def one_row_less(weights: dict[str, np.ndarray]) -> None:
    weights["topic_head.weight"] = weights["topic_head.weight"][:2]


def one_vector_more(weights: dict[str, np.ndarray]) -> None:
    weights["prompt_values"] = np.repeat(weights["prompt_values"], 2, axis=2)


def stranger(weights: dict[str, np.ndarray]) -> None:
    weights["third_head.bias"] = np.zeros(3, np.float32)


def narrow_query(weights: dict[str, np.ndarray]) -> None:
    weights["query"] = weights["query"][:4]


def narrow_shift(weights: dict[str, np.ndarray]) -> None:
    weights["topic_shift.weight"] = weights["topic_shift.weight"][:, :4]


def one_rank_more(weights: dict[str, np.ndarray]) -> None:
    weights["low_rank.widen.up"] = np.repeat(weights["low_rank.widen.up"], 2, axis=2)


def edited(folder: Path) -> None:
    text = (folder / CARD).read_text()
    (folder / CARD).write_text(text.replace('"vectors": 4', '"vectors": 5'))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip, "damaged"),
        (edited, "damaged"),
        (with_weights(not_a_number), "damaged"),
        (with_weights(infinite), "damaged"),
        (with_weights(one_row_less), "damaged"),
        (with_weights(one_vector_more), "damaged"),
        (with_weights(stranger), "damaged"),
        (with_weights(narrow_query), "damaged"),
        (with_weights(narrow_shift), "damaged"),
        (with_weights(one_rank_more), "damaged"),
        (with_weights(lambda weights: weights.pop("low_rank.narrow.up")), "damaged"),
        (with_weights(lambda weights: weights.pop("low_rank.query.down")), "damaged"),
        (with_weights(lambda weights: weights.pop("sentiment_head.bias")), "damaged"),
        (lambda folder: (folder / WEIGHTS).unlink(), "incomplete"),
        (lambda folder: (folder / CARD).unlink(), "incomplete"),
    ],
)
def test_a_look_refuses_damaged_files_for_the_reason_that_loading_gives(
    saved: Path, tiny_folder: Path, damage: Callable[[Path], None], reason: str
) -> None:
    assert inspect(saved, labels=LABELS, encoder=tiny_folder).id == card.read_card(saved).id
    damage(saved)
    with pytest.raises(VersionError) as seen:
        inspect(saved, labels=LABELS, encoder=tiny_folder)
    with pytest.raises(VersionError) as loaded:
        versions.load(saved, precision="fp32", labels=LABELS, encoder=tiny_folder)
    assert (seen.value.reason, loaded.value.reason) == (reason, reason)


def test_a_version_from_before_all_that_was_added_later_answers_as_it_did(
    saved: Path, tiny_folder: Path
) -> None:
    before = versions.load(saved, precision="fp32", labels=LABELS, encoder=tiny_folder)

    def without(weights: dict[str, np.ndarray]) -> None:
        for name in [name for name in weights if name.startswith((*ADDED, LOW_RANK))]:
            del weights[name]

    with_weights(without)(saved)
    inspect(saved, labels=LABELS, encoder=tiny_folder)
    after = versions.load(saved, precision="fp32", labels=LABELS, encoder=tiny_folder)
    texts = ["profit falls", "oil price rises on growth"]
    assert (after.probabilities(texts)[0] == before.probabilities(texts)[0]).all()


def test_a_look_refuses_labels_and_encoders_that_are_not_the_versions(
    saved: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    fewer = replace(LABELS, topics=LABELS.topics[:2])
    with pytest.raises(VersionError, match="lacks") as labels:
        inspect(saved, labels=fewer, encoder=tiny_folder)
    other = tiny_encoder(tmp_path / "other", "electra")
    with pytest.raises(VersionError, match="was tuned on") as encoder:
        inspect(saved, labels=LABELS, encoder=other)
    assert (labels.value.reason, encoder.value.reason) == ("labels_differ", "backbone_differs")
    with pytest.raises(BackboneError, match="is no encoder folder"):
        inspect(saved, labels=LABELS, encoder=tmp_path)


def test_encoder_whose_sizes_are_not_told_is_refused(
    saved: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "encoder")
    (tmp_path / "encoder" / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match="does not tell the encoder's sizes"):
        inspect(saved, labels=LABELS, encoder=tmp_path / "encoder")


def test_a_look_does_not_compute_so_only_loading_finds_other_numbers(
    saved: Path, tiny_folder: Path
) -> None:
    with_weights(lambda weights: weights.update(prompt_keys=weights["prompt_keys"] * 1.5))(saved)
    inspect(saved, labels=LABELS, encoder=tiny_folder)
    with pytest.raises(VersionError) as loaded:
        versions.load(saved, precision="fp32", labels=LABELS, encoder=tiny_folder)
    assert loaded.value.reason == "outputs_differ"


def test_the_version_that_ships_fits_the_encoder_that_is_installed() -> None:
    assert inspect(versions.SHIPPED).id == card.read_card(versions.SHIPPED).id
