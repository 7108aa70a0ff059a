"""Rows to rehearse answer as the version answered that a training goes on from.

Learning without forgetting (arXiv 1606.09282): a row that is rehearsed stands for all that the
version knows. Taught its label again, it would pull the version towards the few texts at hand;
taught the version's own answer, doubts included, it holds the version where it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.classifier import Classifier, logits
from models.examples import IGNORED, Examples


@dataclass(frozen=True, slots=True)
class Remembered:
    """Per task what the version answered, (rows, classes) probabilities, and for which rows that
    is to be answered again, (rows,) true or false; aligned with the training rows."""

    answers: Mapping[str, Tensor]
    rows: Mapping[str, Tensor]


def remember(
    classifier: Classifier,
    training: Examples,
    files: Collection[str],
    known: Mapping[str, int],
    pad_id: int,
) -> Remembered | None:
    """The answers of a classifier that has not been tuned further yet; None: nothing to rehearse.

    ``files`` are domains of the rows to rehearse. ``known`` says per task how many classes, the
    first ones, the version was tuned on: no row answers with another one, and a row whose label
    is another one is no rehearsal of that task.
    """
    rehearsed = torch.tensor([domain in files for domain in training.domains])
    places = rehearsed.nonzero().flatten().tolist()
    if not places:
        return None
    classifier.eval()
    told = logits(classifier, [training.rows[place] for place in places], pad_id)
    device = classifier.prompt_keys.device
    answers, rows = {}, {}
    for (task, classes), values in zip(known.items(), told, strict=True):
        answers[task] = torch.zeros(len(training.rows), values.shape[1])
        answers[task][places, :classes] = values[:, :classes].softmax(dim=1)
        labels = training.labels[task]
        rows[task] = (rehearsed & ((labels < classes) | (labels == IGNORED))).to(device)
        answers[task] = answers[task].to(device)
    return Remembered(answers, rows)
