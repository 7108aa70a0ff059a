"""What the tests of models share: the real encoder once, and a tiny one that loads at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models import backbone, taxonomy
from models.backbone import Backbone
from models.taxonomy import Taxonomy
from tests.models.tiny import tiny_encoder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Threads of one operation that wait for each other are slow on a machine that is busy.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def labels() -> Taxonomy:
    return taxonomy.load()


@pytest.fixture(scope="session")
def real() -> Backbone:
    return backbone.load()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny(tiny_folder: Path) -> Backbone:
    return backbone.load(tiny_folder)
