"""Low-rank changes of an encoder's matrices (LoRA, arXiv 2106.09685): tuned apart, served as one.

A prompt steers what is attended to. What the encoder makes of it, it does with matrices of its
own, and a change of few ranks of these is what tuning all of it mostly comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.card import MATRICES


class Change(nn.Module):
    """What is added to one matrix of every layer: ``up @ down``.

    ``down`` is (layers, rank, inputs), ``up`` is (layers, outputs, rank) and starts at zero, so
    that nothing is changed before training. ``down`` starts the same in every training.
    """

    def __init__(self, matrices: Sequence[nn.Linear], rank: int, chance: torch.Generator) -> None:
        super().__init__()
        inputs, outputs = matrices[0].in_features, matrices[0].out_features
        start = torch.randn(len(matrices), rank, inputs, generator=chance) / inputs**0.5
        self.down = nn.Parameter(start)
        self.up = nn.Parameter(torch.zeros(len(matrices), outputs, rank))
        self.hooks = [
            matrix.register_forward_hook(partial(self._added, place))
            for place, matrix in enumerate(matrices)
        ]

    def _added(self, layer: int, _: nn.Module, inputs: tuple[Tensor], given: Tensor) -> Tensor:
        down, up = (part[layer].to(given.dtype) for part in (self.down, self.up))
        return given + functional.linear(functional.linear(inputs[0], down), up)


def attached(encoder: nn.Module, rank: int) -> nn.ModuleDict:
    """Changes of this rank of all ``MATRICES`` of an encoder, which from here on computes with
    them; none at rank 0."""
    changes = nn.ModuleDict()
    if not rank:
        return changes
    chance = torch.Generator().manual_seed(rank)
    for name in MATRICES:
        changes[name] = Change(_matrices(encoder, name), rank, chance)
    return changes


@torch.no_grad()
def fold(encoder: nn.Module, changes: nn.ModuleDict) -> None:
    """Add the changes into the matrices for good: the same outputs, as fast as without them."""
    for name, module in changes.items():
        change = cast("Change", module)
        for matrix, up, down in zip(_matrices(encoder, name), change.up, change.down, strict=True):
            matrix.weight += up @ down
        for hook in change.hooks:
            hook.remove()
    changes.clear()


def _matrices(encoder: nn.Module, name: str) -> list[nn.Linear]:
    """That matrix of every layer."""
    layers: Any = encoder.encoder.layer  # type: ignore[union-attr]
    return [layer.get_submodule(MATRICES[name]) for layer in layers]
