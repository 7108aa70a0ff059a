"""What a training may vary, and what it tells of itself on the way. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.evaluation import TaskReport


@dataclass(frozen=True, slots=True)
class Recipe:
    """What may be varied between two trainings on the same rows."""

    seed: int = 7
    vectors: int = 24  # prompt vectors in each layer
    epochs: int = 6
    batch_tokens: int = 640  # longest row times rows of a batch; padding counts
    max_tokens: int = 64  # a row's, in training only; 99 % of posts and headlines are shorter
    prompt_rate: float = 1e-2  # peak of the one-cycle schedule
    head_rate: float = 5e-3
    warm_up: float = 0.1  # share of all steps
    weight_decay: float = 0.01
    smoothing: float = 0.05  # of the labels
    balance: float = 0.15  # a class weighs its frequency to the power of minus this
    sentiment_weight: float = 1.25  # of its loss beside the topics'; it has fewer rows
    dropout: float = 0.1  # of the text vector
    averaging: float = 0.0  # share of all steps, the last ones, whose weights are averaged
    kept: float = 0.0  # share of the weights it went on from in those that are stored
    inner_share: float = 0.05  # of the repeat groups, for the choice of epoch and temperatures


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands. ``loss`` is a running mean; ``scores`` come at an epoch's end."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    scores: dict[str, TaskReport] | None = None
