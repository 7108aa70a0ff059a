"""The classifier's forward for serving on a processor: nothing padded, one thread per lane.

:class:`models.classifier.Classifier` says what is computed and is the reference; this computes the
same numbers, but for the order of sums, on the encoder's own weights:

- Rows are packed one behind another. Whatever looks at one token at a time (nine tenths of the
  work) runs over all of them at once, without padding; attention runs over groups of equally long
  rows, without a mask. Rows never see each other.
- Weights are stored once more in the layout that oneDNN multiplies fastest.
- A batch is cut into parts that fit a core's cache, and each lane runs whole parts on one thread.
  Nothing waits for the slower thread between two operations.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.classifier import SHARPNESS, Classifier

PART_TOKENS = 512
"""Tokens of a part. In float32 its states are 0.8 MB, about a core's second-level cache."""

TOKEN_STEP = 16
"""A part's length is rounded up to this, so that oneDNN sees few shapes: it compiles each anew."""

SECONDS = 600.0
"""Longest wait for a lane's part of a batch; a part takes under a second."""

Linear = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """One encoder layer. ``prompt`` is (2, 1, vectors, heads, head width): keys, then values."""

    query_key_value: Linear
    mix: Linear
    mix_norm: Linear
    widen: Linear
    narrow: Linear
    narrow_norm: Linear
    prompt: Tensor


@dataclass(frozen=True, slots=True)
class Group:
    """Equally long rows of a part: ``rows`` of ``length`` tokens from token ``start`` on."""

    start: int
    rows: int
    length: int

    @property
    def end(self) -> int:
        """The token after the last."""
        return self.start + self.rows * self.length


def applies(classifier: Classifier) -> bool:
    """Whether this forward knows the classifier's encoder: BERT, on a processor."""
    config = classifier.encoder.config
    return (
        classifier.prompt_keys.device.type == "cpu"
        and getattr(config, "model_type", "") == "bert"
        and getattr(config, "hidden_act", "") == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


class Serving:
    """A classifier's weights, arranged for serving. A later change of the classifier is not seen.

    ``logits`` may be called by one thread at a time. ``lanes`` is the number of threads.
    """

    def __init__(self, classifier: Classifier, *, lanes: int) -> None:
        encoder: Any = classifier.encoder
        embeddings = encoder.embeddings
        self._words = embeddings.word_embeddings.weight.detach()
        kind = embeddings.token_type_embeddings.weight[0]
        self._positions = (embeddings.position_embeddings.weight + kind).detach()
        self._embedding_norm = _norm(embeddings.LayerNorm)
        self._heads = int(encoder.config.num_attention_heads)
        prompts = torch.stack([classifier.prompt_keys, classifier.prompt_values], dim=1)
        prompts = prompts.detach().to(self._words.dtype).transpose(2, 3).unsqueeze(2)
        self._layers = [
            _layer(layer, prompt)
            for layer, prompt in zip(encoder.encoder.layer, prompts, strict=True)
        ]
        self._mix: list[float] = classifier.layer_mix.tolist()
        self._query = classifier.query.detach().float()
        self._answers = classifier.answers
        self._lanes = lanes
        self._pool = _single_threads(lanes)

    @torch.inference_mode()
    def logits(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Topics (rows, topics) and sentiments (rows, 3), float32, before temperature."""
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        parts = split([len(rows[place]) for place in order], self._lanes)
        given = [[rows[place] for place in order[start:end]] for start, end in parts]
        features = torch.empty(len(rows), self._words.shape[1])
        done = self._pool.map(self._features, given, timeout=SECONDS)
        for (start, end), part in zip(parts, done, strict=True):
            features[order[start:end]] = part
        return self._answers(features)

    @torch.inference_mode()
    def _features(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The mean state of each row, at length ``SHARPNESS``. Rows are sorted by length."""
        groups = _groups([len(row) for row in rows])
        tokens = groups[-1].end
        padding = -tokens % TOKEN_STEP
        ids = torch.tensor([token for row in rows for token in row] + [0] * padding)
        places = [torch.arange(group.length).repeat(group.rows) for group in groups]
        positions = torch.cat([*places, torch.zeros(padding, dtype=torch.long)])
        states = self._embedding_norm(self._words[ids] + self._positions[positions])
        pooled = states * self._mix[0]
        for layer, share in zip(self._layers, self._mix[1:], strict=True):
            mixed = layer.mix(self._attention(layer, layer.query_key_value(states), groups))
            states = layer.mix_norm(mixed.add_(states))
            wide = torch.ops.aten.gelu_(layer.widen(states))
            states = layer.narrow_norm(layer.narrow(wide).add_(states))
            if share:
                pooled.add_(states, alpha=share)
        means = [self._mean(pooled, group) for group in groups]
        return SHARPNESS * functional.normalize(torch.cat(means), dim=-1)

    def _mean(self, states: Tensor, group: Group) -> Tensor:
        """A group's rows' vectors, of any length: (rows, width), float32."""
        own = states[group.start : group.end].view(group.rows, group.length, -1).float()
        weights = (own @ self._query).softmax(dim=1).unsqueeze(1)
        return (weights @ own).squeeze(1)

    def _attention(self, layer: Layer, projected: Tensor, groups: Sequence[Group]) -> Tensor:
        """Attention of (tokens, 3 x width) within each row and to the prompt: (tokens, width)."""
        width, vectors = projected.shape[1] // 3, layer.prompt.shape[2]
        heads = (self._heads, width // self._heads)
        mixed = []
        for group in groups:
            own = projected[group.start : group.end].view(group.rows, group.length, 3, *heads)
            seen = projected.new_empty(2, group.rows, vectors + group.length, *heads)
            seen[:, :, :vectors] = layer.prompt
            seen[:, :, vectors:] = own[:, :, 1:].permute(2, 0, 1, 3, 4)
            keys, values = seen.transpose(2, 3).unbind(0)
            attended = functional.scaled_dot_product_attention(
                own[:, :, 0].transpose(1, 2), keys, values
            )
            mixed.append(attended.transpose(1, 2).reshape(-1, width))
        mixed.append(projected.new_zeros(projected.shape[0] - groups[-1].end, width))
        return torch.cat(mixed)


def split(lengths: Sequence[int], lanes: int) -> list[tuple[int, int]]:
    """Cut rows into contiguous half-open parts of about equal numbers of tokens.

    At most ``PART_TOKENS`` each where rows allow it, and as many parts for each lane.
    """
    total = sum(lengths)
    wanted = math.ceil(total / PART_TOKENS / lanes) * lanes
    parts: list[tuple[int, int]] = []
    start = seen = 0
    for place, length in enumerate(lengths):
        seen += length
        if seen * wanted >= total * (len(parts) + 1):
            parts.append((start, place + 1))
            start = place + 1
    return parts


def _groups(lengths: Sequence[int]) -> list[Group]:
    groups: list[Group] = []
    start = 0
    for length, same in groupby(lengths):
        groups.append(Group(start, len(list(same)), length))
        start = groups[-1].end
    return groups


def _layer(layer: Any, prompt: Tensor) -> Layer:  # noqa: ANN401 - transformers' modules are untyped
    attention, mix, narrow = layer.attention.self, layer.attention.output, layer.output
    projections = (attention.query, attention.key, attention.value)
    return Layer(
        query_key_value=_linear(
            torch.cat([projection.weight for projection in projections]),
            torch.cat([projection.bias for projection in projections]),
        ),
        mix=_linear(mix.dense.weight, mix.dense.bias),
        mix_norm=_norm(mix.LayerNorm),
        widen=_linear(layer.intermediate.dense.weight, layer.intermediate.dense.bias),
        narrow=_linear(narrow.dense.weight, narrow.dense.bias),
        narrow_norm=_norm(narrow.LayerNorm),
        prompt=prompt.contiguous(),
    )


def _linear(weight: Tensor, bias: Tensor) -> Linear:
    """``weight @ x + bias`` with the weight in oneDNN's own layout, where this torch offers it."""
    weight, bias = weight.detach().contiguous(), bias.detach().contiguous()
    try:
        with torch.inference_mode():
            packed = torch.ops.mkldnn._reorder_linear_weight(weight, PART_TOKENS)
            run = torch.ops.mkldnn._linear_pointwise

            def multiply(states: Tensor) -> Tensor:
                return run(states, packed, bias, "none", [], "")  # type: ignore[no-any-return]

            multiply(weight.new_zeros(TOKEN_STEP, weight.shape[1]))
    except (AttributeError, RuntimeError, NotImplementedError):
        return lambda states: functional.linear(states, weight, bias)
    return multiply


def _norm(norm: torch.nn.LayerNorm) -> Linear:
    weight, bias = norm.weight.detach(), norm.bias.detach()
    shape, epsilon = tuple(norm.normalized_shape), norm.eps
    return lambda states: functional.layer_norm(states, shape, weight, bias, epsilon)


def _single_threads(lanes: int) -> ThreadPoolExecutor:
    """A pool whose threads each run torch on themselves alone.

    torch keeps that number per thread, and as a default for later threads, which is put back.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(lanes, "lane", initializer=torch.set_num_threads, initargs=(1,))
    everyone = threading.Barrier(lanes + 1, timeout=SECONDS)
    for _ in range(lanes):
        pool.submit(everyone.wait)  # holds its thread, so that the pool has to start another
    everyone.wait()
    torch.set_num_threads(before)
    return pool
