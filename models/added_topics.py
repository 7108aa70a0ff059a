"""Topics that a version was not tuned on, told by what the file of labels says of them.

Tuning draws texts together by the topics that it is taught, and what it does to a sentence that
defines a topic is nobody's aim: beside texts it reads like no news at all. The plain encoder still
tells which texts are like the sentence. So it says for a thousand unlabelled headlines how near
each is, and a row of the head is fitted that says so from what the tuned encoder makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import labelled_files, text
from models.backbone import Backbone
from models.classifier import Classifier, describe, features
from models.taxonomy import Label

NEIGHBOURS: Final = 3
"""Tuned topics that lend their rows to an added one."""

STRENGTH: Final = 1.5
"""Of the fitted difference from the neighbours. Tuned rows are further apart than sentences."""

WELCOME: Final = 2.0
"""What an added topic has more of a bias than its neighbours: texts have been pulled to their
rows, none to its."""

RIDGE: Final = 0.01
"""Weight of the penalty on a fitted row, in mean squares of the texts' vectors."""

TEXTS: Final = 1_000
"""Headlines that rows are fitted on. Twice as many tell added topics a point better, in twice the
time."""

HEADLINES: Final = Path(__file__).with_name("headlines") / "bearwatch_headlines.jsonl"

PARTS: Final = re.compile(r",| or ")
"""What the parts of a topic's sentence are cut at."""


@cache
def headlines() -> tuple[str, ...]:
    """Prepared texts of our own training headlines; their labels are not looked at."""
    rows = labelled_files.read_frame(HEADLINES)
    return tuple(map(text.prepare, rows.loc[rows["split"] == "train", "text"]))


@torch.no_grad()
def add_topics(
    classifier: Classifier,
    backbone: Backbone,
    plain: Backbone,
    topics: Sequence[Label],
    texts: Sequence[str],
) -> None:
    """Give the topics behind the tuned ones, if any, rows made of what their labels say.

    ``topics`` are all, the tuned ones first, in the order of the head's rows. ``plain`` is the
    encoder as it was before any tuning, an object of its own. Of ``texts``, prepared and
    unlabelled, at most ``TEXTS`` are read, evenly spaced. A new row is the mean of those of the
    ``NEIGHBOURS`` nearest in meaning and what tells it from them, by ridge regression. For posts
    it is shifted as its neighbours' are on average.

    Raises:
        ValueError: there is a topic to add and no text.
    """
    head, shift = classifier.topic_head, classifier.topic_shift
    tuned = head.out_features
    if len(topics) == tuned:
        return
    if not texts:
        raise ValueError("topics cannot be added without any text to compare them by")
    some = texts[:: -(-len(texts) // TEXTS)]
    untouched = _without_prompt(plain)
    meanings = torch.stack([_meaning(untouched, plain, topic) for topic in topics])
    old, new = meanings[:tuned], meanings[tuned:]
    nearest = (new @ old.T).topk(min(NEIGHBOURS, tuned)).indices
    apart = new - old[nearest].mean(dim=1)
    rows, biases = _ridge(
        features(classifier, _ids(backbone, some), backbone.pad_id),
        features(untouched, _ids(plain, some), plain.pad_id) @ apart.T,
    )
    classifier.topic_head = _extended(
        head,
        head.weight[nearest].mean(dim=1) + STRENGTH * rows,
        head.bias[nearest].mean(dim=1) + STRENGTH * biases + WELCOME,
    )
    classifier.topic_shift = _extended(
        shift, shift.weight[nearest].mean(dim=1), shift.bias[nearest].mean(dim=1)
    )


def _without_prompt(plain: Backbone) -> Classifier:
    empty = torch.zeros(plain.prompt_shape(0))
    return Classifier(plain, (empty, empty), 1, 1).eval()


def _meaning(untouched: Classifier, plain: Backbone, topic: Label) -> Tensor:
    """Mean direction of a topic's name, its sentence, and the parts of this: (width,), length 1.

    A part of a sentence is more like a headline than the sentence is, which like all the others
    is about everything that its topic has.
    """
    cut = [part.strip() for part in PARTS.split(topic.description.rstrip("."))]
    parts = describe(untouched, plain, [part for part in cut if part] or [topic.description])
    name, whole = describe(untouched, plain, [topic.name, topic.description])
    return functional.normalize(
        name + whole + functional.normalize(parts.mean(dim=0), dim=0), dim=0
    )


def _ridge(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (targets, width) and biases (targets,) from (n, width) and (n, targets)."""
    x, y = inputs.double(), targets.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    penalty = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(x.T @ x + penalty, x.T @ y)
    return weights.T.float(), (y_mean - x_mean @ weights).float()


def _extended(head: nn.Linear, rows: Tensor, biases: Tensor) -> nn.Linear:
    """A head with further rows behind its own."""
    extended = nn.Linear(head.in_features, head.out_features + len(rows))
    extended.weight.copy_(torch.cat([head.weight, rows]))
    extended.bias.copy_(torch.cat([head.bias, biases]))
    return extended


def _ids(backbone: Backbone, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in backbone.tokenizer.encode_batch_fast(list(texts))]
