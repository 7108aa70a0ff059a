"""What a retraining works with: the labels, the registry, and the database between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, Final, Protocol

import pandas as pd

import models
from pipeline.labels import training_rows
from pipeline.process import now
from pipeline.registry.registry import open_registry
from pipeline.retraining import process
from pipeline.retraining.job import Result
from pipeline.retraining.process import Heard
from pipeline.retraining.staging import HEADLINES
from pipeline.settings import Settings
from pipeline.store.database import Database

SHIPPED: Final = Path(models.__file__).parent / "shipped"
"""The champion as long as no version was promoted."""


class Labelled(Protocol):
    """``pipeline.labels.training_rows.Rows``."""

    @property
    def training(self) -> pd.DataFrame:
        """Rows to train on."""

    @property
    def holdout(self) -> pd.DataFrame:
        """Sealed rows."""

    @property
    def disputed(self) -> int:
        """Texts that annotators do not agree on."""

    @property
    def labels_to(self) -> int:
        """The newest event that was read."""


class Registered(Protocol):
    """A version that the registry knows."""

    @property
    def id(self) -> str:
        """Its card's."""


class Champions(Protocol):
    """What is asked of ``pipeline.registry.registry.Registry``."""

    def champion_folder(self) -> Path | None:
        """None: the version that ships."""

    def register(
        self, folder: Path, *, by: str, now: datetime, report: Mapping[str, Any] | None = None
    ) -> Registered:
        """Verify a version and keep it."""

    def promote(
        self,
        id: str,
        *,
        actor: str,
        reason: str,
        now: datetime,
        offsets: Mapping[str, Any] | None = None,
    ) -> object:
        """Make it the champion."""


class Train(Protocol):
    """What :func:`pipeline.retraining.process.run` is."""

    def __call__(
        self,
        folder: Path,
        *,
        stop: Event,
        alive: Callable[[], None],
        heard: Heard,
        longest_s: float,
    ) -> Result:
        """Do the job of ``folder``."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a retraining works with. ``encoder`` is a folder, None for the one that ships;
    ``headlines`` are the rows to rehearse, and the base of the sealed ones."""

    db: Database
    settings: Settings
    registry: Champions
    labelled: Callable[[Database], Labelled]
    clock: Callable[[], datetime]
    encoder: Path | None = None
    headlines: Path = HEADLINES
    train: Train = process.run


def champion(registry: Champions) -> tuple[Path | None, str]:
    """The champion's folder, None for the version that ships, and its id."""
    folder = registry.champion_folder()
    card = (folder or SHIPPED) / "card.json"
    return folder, str(json.loads(card.read_text(encoding="utf-8"))["id"])


def open_parts(settings: Settings, db: Database) -> Parts:
    """The real ones, on the wall clock."""
    registry = open_registry(settings, db)
    return Parts(db, settings, registry, training_rows.rows, now)
