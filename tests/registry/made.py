"""Versions of a few thousand parameters for the registry's tests, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from models import backbone, inspection, versions
from models.card import Card
from models.prompts import Prompt
from models.taxonomy import Label, Taxonomy
from models.versions import Version
from pipeline.registry import folders

LABELS = Taxonomy(
    topics=(
        Label("Earnings", "company earnings profit sales report"),
        Label("Energy", "oil price"),
        Label("Macro", "fed bank rate policy inflation"),
    ),
    sentiments=(
        Label("negative", "profit falls shares sink loss"),
        Label("neutral", "company report"),
        Label("positive", "profit rises shares rally growth"),
    ),
)


def tiny_version(folder: Path, encoder: Path, seed: int, vectors: int = 4) -> str:
    """Write a version that another seed makes answer otherwise; gives its id."""
    loaded = backbone.load(encoder)
    prompt = Prompt(task="the outlook of a company")
    card, classifier = versions.untuned(loaded, prompt, LABELS, vectors)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in (p for p in classifier.parameters() if p.requires_grad):
            part.add_(torch.randn(part.shape, generator=generator) / 4)
    return versions.save(folder, replace(card, recipe={"seed": seed}), classifier, loaded).id


def loader(encoder: Path) -> Callable[[Path], Version | None]:
    """Loads and verifies tiny versions; the shipped one, which has another encoder, it takes."""

    def load(folder: Path) -> Version | None:
        if folder == folders.SHIPPED or folder.name == folders.shipped_id():
            return None
        return versions.load(folder, precision="fp32", labels=LABELS, encoder=encoder)

    return load


def looker(encoder: Path) -> Callable[[Path], Card | None]:
    """Looks at their files alone, as a rollback does; likewise."""

    def look(folder: Path) -> Card | None:
        if folder == folders.SHIPPED or folder.name == folders.shipped_id():
            return None
        return inspection.inspect(folder, labels=LABELS, encoder=encoder)

    return look
