"""Recipes of trainings as people write them: ``name=value``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Final

from models.dataset import DatasetError
from models.recipe import Recipe

INCREMENTAL: Final = Recipe(
    epochs=5,
    prompt_rate=5e-3,
    bias_rate=5e-4,
    rank_rate=1e-3,
    pooling_rate=2.5e-3,
    head_rate=2.5e-3,
    balance=0.15,
    sentiment_weight=1.25,
    mixing=0.0,
    consistency=0.0,
    averaging=0.5,
    kept=0.5,
    distilled=1.0,
    inner_share=0.1,
)
"""For going on from a version, with new labels among rows to rehearse (LOG.md, 26 November)."""


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """``recipe`` with ``name=value`` changes; a value has the type of the one that it replaces.

    Raises:
        DatasetError: an unknown name, a value of another type, an unknown method or variation.
    """
    for change in changes:
        name, _, value = change.partition("=")
        if name not in {field.name for field in fields(recipe)}:
            known = ", ".join(field.name for field in fields(recipe))
            raise DatasetError(f"the recipe has no {name!r}; it has {known}")
        kind = type(getattr(recipe, name))
        try:
            recipe = replace(recipe, **{name: kind(value)})
        except ValueError as error:
            told = str(error) if kind is str else f"{name} takes {kind.__name__}"
            raise DatasetError(f"{change}: {told}") from error
    return recipe
