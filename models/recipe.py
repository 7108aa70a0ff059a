"""What a training may vary, and what it tells of itself on the way. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from models.augmentation import chosen
from models.evaluation import TaskReport

METHODS: Final = {
    "deep": "keys and values in every layer, small changes of the encoder, and the heads",
    "shallow": "keys and values in the first layer alone, and the heads",
    "heads": "the heads alone; the prompt stays as its text makes it",
    "full": "the whole encoder and the heads, without a prompt",
}
"""What a training may tune. Deep prompts are what the product is about, the rest is there to be
compared with."""

PRECISIONS: Final = ("auto", "fp32", "bf16")
"""bf16 rounds what the encoder computes, not the weights that are tuned; ``auto`` is bf16 where
the processor multiplies it natively. On a GPU all is float32."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What may be varied between two trainings on the same rows.

    Raises:
        ValueError: an unknown method, precision or variation.
    """

    seed: int = 7
    method: str = "deep"  # one of METHODS
    vectors: int = 20  # prompt vectors in each layer
    rank: int = 2  # of the changes of the encoder's matrices, with a deep prompt; 0: none
    epochs: int = 6
    batch_tokens: int = 640  # longest row times rows of a batch; padding counts
    max_tokens: int = 64  # a row's, in training only; 99 % of posts and headlines are shorter
    prompt_rate: float = 2e-2  # peak of the one-cycle schedule
    bias_rate: float = 1e-3  # of the encoder's biases and norms, with a deep prompt; 0: frozen
    rank_rate: float = 3e-3  # of those changes; 0: as they are
    pooling_rate: float = 1e-2  # of how states become a text's vector; 0: the last layer's mean
    encoder_rate: float = 1e-4  # where all of the encoder is tuned
    head_rate: float = 5e-3
    warm_up: float = 0.1  # share of all steps
    weight_decay: float = 0.01
    smoothing: float = 0.05  # of the labels
    balance: float = 0.2  # a class weighs its frequency to the power of minus this
    sentiment_weight: float = 1.5  # of its loss beside the topics'; it has fewer rows
    posts_weight: float = 0.5  # of telling files of posts from others, where there are both
    dropout: float = 0.1  # of the text vector
    mixing: float = 0.65  # 0: an epoch is every row once; 1: as many rows from each file
    variations: str = ""  # of models.augmentation, separated by commas
    varied: float = 0.5  # share of the rows of an epoch that are varied
    consistency: float = 2.0  # weight of the difference between two answers to the same row
    averaging: float = 0.4  # share of all steps, the last ones, whose weights are averaged
    kept: float = 0.0  # share of the weights it went on from in those that are stored
    distilled: float = 0.0  # share of that version's answers in what rows to rehearse teach
    inner_share: float = 0.05  # of the repeat groups, for the choice of epoch and temperatures
    precision: str = "auto"  # one of PRECISIONS, of the encoder's passes on a processor

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"no precision {self.precision!r}; there are {', '.join(PRECISIONS)}")
        if self.method not in METHODS:
            raise ValueError(f"no method {self.method!r}; there are {', '.join(METHODS)}")
        chosen(self.variations)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands. ``loss`` is a running mean; ``scores`` come at an epoch's end."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    scores: dict[str, TaskReport] | None = None
