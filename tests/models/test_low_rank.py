"""Changes of low rank: nothing at first, what the changed matrices compute once tuned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models import backbone, training, versions
from models.backbone import FAMILIES, Backbone
from models.card import LOW_RANK, MATRICES, WEIGHTS
from models.classifier import Classifier, logits, trained
from models.taxonomy import Taxonomy
from tests.models.test_training import PROMPT, QUICK, headlines
from tests.models.tiny import tiny_encoder

ROWS = [[2, 5, 9, 3], [2, 7, 3], [2, 4, 8, 11, 3]]
RANK = 2


def own(folder: Path, rank: int) -> tuple[Backbone, Classifier]:
    """A classifier on an encoder of its own, which changes are attached to."""
    loaded = backbone.load(folder)
    shape = loaded.prompt_shape(4)
    prompt = torch.linspace(-1, 1, 4 * shape[-1] * 8).reshape(shape)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return loaded, Classifier(loaded, (prompt, prompt), 5, 3, rank).eval()


def tune(classifier: Classifier) -> None:
    chance = torch.Generator().manual_seed(2)
    for name, value in classifier.low_rank.named_parameters():
        if name.endswith("up"):
            value.data = torch.randn(value.shape, generator=chance) / 4


def answers(classifier: Classifier) -> torch.Tensor:
    return torch.cat(logits(classifier, ROWS, 0), dim=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_matrix_of_every_layer_computes_as_if_it_were_changed(
    tmp_path: Path, family: str
) -> None:
    folder = tiny_encoder(tmp_path, family)
    _, plain = own(folder, 0)
    _, changed = own(folder, RANK)
    assert torch.equal(answers(changed), answers(plain))  # not tuned yet
    tune(changed)
    for name, path in MATRICES.items():
        change = changed.low_rank[name]
        for place, layer in enumerate(plain.encoder.encoder.layer):  # type: ignore[union-attr, arg-type]
            before = answers(plain)
            layer.get_submodule(path).weight.data += change.up[place] @ change.down[place]  # type: ignore[index]
            assert not torch.allclose(answers(plain), before, atol=1e-4)
    assert torch.allclose(answers(changed), answers(plain), atol=1e-4)


def test_changes_start_apart_and_the_same_each_time(tiny_folder: Path) -> None:
    one, two = (own(tiny_folder, RANK)[1].low_rank.state_dict() for _ in range(2))
    downs = [value for name, value in one.items() if name.endswith("down")]
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not any(torch.equal(downs[0], other) for other in downs[1:])
    assert not torch.equal(downs[0][0], downs[0][1])  # two layers


def test_folded_changes_answer_alike_and_are_no_parameters_any_more(tiny_folder: Path) -> None:
    _, classifier = own(tiny_folder, RANK)
    tune(classifier)
    before = answers(classifier)
    classifier.fold()
    assert torch.allclose(answers(classifier), before, atol=1e-5)
    assert not any(name.startswith(LOW_RANK) for name in trained(classifier))
    classifier.fold()
    assert torch.allclose(answers(classifier), before, atol=1e-5)


def test_a_loaded_version_serves_folded_what_it_was_saved_as(
    tiny_folder: Path, tmp_path: Path, labels: Taxonomy
) -> None:
    loaded = backbone.load(tiny_folder)
    card, classifier = versions.untuned(loaded, PROMPT, labels, 4, RANK)
    tune(classifier)
    reference = answers(classifier)
    versions.save(tmp_path / "version", card, classifier, loaded)
    for folded in (True, False):
        version = versions.load(
            tmp_path / "version", precision="fp32", encoder=tiny_folder, folded=folded
        )
        assert len(version.classifier.low_rank) == (0 if folded else len(MATRICES))
        found = torch.cat(logits(version.classifier, ROWS, 0), dim=1)
        assert torch.allclose(found, reference, atol=1e-5)
    served = versions.load(tmp_path / "version", precision="fp32", encoder=tiny_folder)
    assert torch.allclose(torch.cat(served._forward(ROWS), dim=1), reference, atol=1e-4)


def test_going_on_keeps_the_rank_of_the_version_and_tunes_it(tmp_path: Path) -> None:
    data = tmp_path / "headlines.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in headlines()))
    for rank in (0, 3):
        first, second = tmp_path / f"first{rank}", tmp_path / f"second{rank}"
        recipe = replace(QUICK, epochs=1, rank=rank)
        training.train([data], first, recipe, lambda _: None)
        training.train([data], second, replace(recipe, rank=2), lambda _: None, start=first)
        before, after = (load_file(folder / WEIGHTS) for folder in (first, second))
        changes = {name for name in after if name.startswith(LOW_RANK)}
        assert {name for name in before if name.startswith(LOW_RANK)} == changes
        assert len(changes) == (12 if rank else 0)
        for name in changes:
            assert after[name].shape == before[name].shape
            assert rank in after[name].shape
            assert not torch.equal(after[name], before[name])
