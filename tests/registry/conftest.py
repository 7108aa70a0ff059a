"""What the registry's tests share: a tiny encoder, two versions on it, a registry."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.registry.registry import Registry
from pipeline.store.database import Database
from tests.models.tiny import tiny_encoder
from tests.registry.made import loader, looker, tiny_version


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def made(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two versions that answer differently."""
    folder = tmp_path_factory.mktemp("made")
    for seed in (1, 2):
        tiny_version(folder / str(seed), encoder, seed)
    return folder / "1", folder / "2"


@pytest.fixture
def registry(db: Database, encoder: Path, tmp_path: Path) -> Registry:
    return Registry(db, tmp_path / "versions", loader(encoder), looker(encoder))
