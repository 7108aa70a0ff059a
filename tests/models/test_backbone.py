"""Finding, verifying and loading the encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from models import backbone
from models.backbone import Backbone, BackboneError
from tests.models.tiny import tiny_encoder


def test_installed_package_is_found_verified_and_frozen(real: Backbone) -> None:
    assert real.name == backbone.DEFAULT_NAME
    assert real.sha256 == backbone.DEFAULT_SHA256
    assert (real.width, real.positions, real.pad_id) == (384, 512, 0)
    assert not real.encoder.training
    assert not any(p.requires_grad for p in real.encoder.parameters())
    assert {p.dtype for p in real.encoder.parameters()} == {torch.float32}


def test_tokenizer_neither_cuts_nor_pads_whatever_its_file_says(
    real: Backbone, tiny: Backbone
) -> None:
    for loaded in (real, tiny):
        short, long = loaded.tokenizer.encode_batch(["shares fall", "shares " * 300])
        assert (len(short.ids), len(long.ids)) == (4, 302)


def test_explicit_folder_wins_and_must_be_complete(tiny_folder: Path, tmp_path: Path) -> None:
    assert backbone.find(tiny_folder) == tiny_folder
    shutil.copy(tiny_folder / "config.json", tmp_path)
    with pytest.raises(BackboneError, match=r"lacks model\.safetensors, tokenizer\.json"):
        backbone.find(tmp_path)


def test_pickled_weights_are_no_encoder(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_folder, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BackboneError, match=r"lacks model\.safetensors"):
        backbone.load(folder)


def test_unknown_family_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny_folder, folder)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"bert"', '"distilbert"'))
    with pytest.raises(BackboneError, match="distilbert is none of bert"):
        backbone.load(folder)


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "tokenizer.json"])
def test_broken_file_is_refused_by_our_own_error(
    tiny_folder: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_folder, folder)
    (folder / damage).write_bytes(b"{nonsense")
    with pytest.raises(BackboneError, match="cannot load"):
        backbone.load(folder)


@pytest.mark.parametrize(
    ("family", "positions"), [("bert", 80), ("electra", 80), ("roberta", 79), ("xlm-roberta", 79)]
)
def test_positions_leave_out_what_a_family_reserves(
    tmp_path: Path, family: str, positions: int
) -> None:
    loaded = backbone.load(tiny_encoder(tmp_path, family))
    assert loaded.positions == positions
    longest = torch.full((1, positions), 5)
    assert loaded.encoder(input_ids=longest).last_hidden_state.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        loaded.encoder(input_ids=torch.full((1, positions + 1), 5))
