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
    """Token ids, ragged; per task each row's class index, ``IGNORED`` where unlabelled; the file
    that each row is from; and (rows,) 1.0 where that is a file of posts, 0.0 elsewhere."""

    rows: list[list[int]]
    labels: dict[str, Tensor]
    domains: list[str]
    posts: Tensor


def examples(
    rows: pd.DataFrame, labels: Taxonomy, backbone: Backbone, max_tokens: int
) -> Examples:
    """Token ids of the rows, cut at ``max_tokens``, and their labels as class indices."""
    return Examples(
        rows=token_ids(rows["text"].tolist(), backbone, max_tokens),
        labels={task: _indices(rows[task], names) for task, names in names_of(labels).items()},
        domains=rows["domain"].tolist() if "domain" in rows else [""] * len(rows),
        posts=torch.tensor(rows["posts"].tolist() if "posts" in rows else [0.0] * len(rows)),
    )


def token_ids(texts: list[str], backbone: Backbone, max_tokens: int) -> list[list[int]]:
    """Token ids of texts, each cut at ``max_tokens``."""
    backbone.tokenizer.enable_truncation(max_length=max_tokens)
    encodings = backbone.tokenizer.encode_batch_fast(texts)
    backbone.tokenizer.no_truncation()
    return [encoding.ids for encoding in encodings]


def drawn(domains: Sequence[str], mixing: float, chance: random.Random) -> list[int]:
    """Indices of an epoch's rows, as many as there are, shuffled.

    A domain of n rows gets a share like n to the power of 1 - ``mixing``: 0 is every row once, 1
    is as many from each domain. What a domain gets beyond its rows repeats them evenly.
    """
    places: dict[str, list[int]] = {}
    for index, domain in enumerate(domains):
        places.setdefault(domain, []).append(index)
    weights = {domain: len(own) ** (1 - mixing) for domain, own in places.items()}
    total = sum(weights.values())
    order: list[int] = []
    for domain, own in places.items():
        wanted = round(len(domains) * weights[domain] / total)
        order += own * (wanted // len(own)) + chance.sample(own, wanted % len(own))
    chance.shuffle(order)
    return order


def batches(
    rows: Sequence[Sequence[int]],
    batch_tokens: int,
    seed: int,
    epoch: int,
    domains: Sequence[str] = (),
    mixing: float = 0.0,
) -> list[list[int]]:
    """An epoch's rows in batches of at most ``batch_tokens`` padded tokens, shuffled.

    Every row's index once, or with ``mixing`` as :func:`drawn` says. Drawn from the seed and the
    epoch alone. A row over the limit gets a batch of its own.
    """
    draw = random.Random(f"{seed}:{epoch}")  # noqa: S311 - a shuffle, not a secret
    order = drawn(domains if mixing else [""] * len(rows), mixing, draw)
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
