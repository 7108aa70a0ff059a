"""Labelled rows as token ids and class indices, and how they are cut into batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from models.backbone import Backbone
from models.taxonomy import Taxonomy

IGNORED = -100
"""The class index of a missing label; cross-entropy skips it."""

BUCKET_BATCHES = 40
"""Batches are cut from rows sorted by length within this many batches' worth: little padding,
yet a batch is never all short rows of the whole set."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Token ids, ragged; per task each row's class index, ``IGNORED`` where unlabelled."""

    rows: list[list[int]]
    labels: dict[str, Tensor]


def examples(
    rows: pd.DataFrame, labels: Taxonomy, backbone: Backbone, max_tokens: int
) -> Examples:
    """Token ids of the rows, cut at ``max_tokens``, and their labels as class indices."""
    backbone.tokenizer.enable_truncation(max_length=max_tokens)
    encodings = backbone.tokenizer.encode_batch_fast(rows["text"].tolist())
    backbone.tokenizer.no_truncation()
    return Examples(
        rows=[encoding.ids for encoding in encodings],
        labels={task: _indices(rows[task], names) for task, names in names_of(labels).items()},
    )


def batches(
    rows: Sequence[Sequence[int]], batch_tokens: int, seed: int, epoch: int
) -> list[list[int]]:
    """Every row's index once, in batches of at most ``batch_tokens`` padded tokens, shuffled.

    Drawn from the seed and the epoch alone. A row over the limit gets a batch of its own.
    """
    draw = random.Random(f"{seed}:{epoch}")  # noqa: S311 - a shuffle, not a secret
    order = list(range(len(rows)))
    draw.shuffle(order)
    mean = sum(map(len, rows)) / max(1, len(rows))
    bucket = max(1, int(BUCKET_BATCHES * batch_tokens / max(1.0, mean)))
    cut: list[list[int]] = []
    for start in range(0, len(order), bucket):
        batch: list[int] = []
        for index in sorted(order[start : start + bucket], key=lambda i: len(rows[i])):
            if batch and len(rows[index]) * (len(batch) + 1) > batch_tokens:
                cut.append(batch)
                batch = []
            batch.append(index)
        cut.append(batch)
    draw.shuffle(cut)
    return cut


def class_weights(labels: Tensor, classes: int, balance: float) -> Tensor:
    """(classes,) weights whose mean over the labelled rows is 1; 1 for a class without rows.

    ``balance`` 0 weighs rows alike, 1 weighs classes alike.
    """
    counts = torch.bincount(labels[labels != IGNORED], minlength=classes).float()
    raw = torch.where(counts > 0, counts.clamp(min=1) ** -balance, 0.0)
    scale = counts.sum() / (raw * counts).sum().clamp(min=1e-12)
    return torch.where(counts > 0, raw * scale, 1.0)


def _indices(values: pd.Series[Any], names: Sequence[str]) -> Tensor:
    index = {name: i for i, name in enumerate(names)}
    return torch.tensor([index.get(value, IGNORED) for value in values], dtype=torch.int64)


def names_of(labels: Taxonomy) -> dict[str, list[str]]:
    """Each task's labels, in the order of its head's rows."""
    return {
        "topic": [label.name for label in labels.topics],
        "sentiment": [label.name for label in labels.sentiments],
    }
