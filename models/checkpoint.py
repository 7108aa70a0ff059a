"""A training that was interrupted, as a file: what it takes to end as if nothing had happened.

safetensors only: tensors as they are, everything else as JSON beside them. The file replaces the
one before by rename, so that it is whole or absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

CHECKPOINT: Final = "checkpoint.safetensors"


class CheckpointError(ValueError):
    """The unfinished training in a folder cannot be gone on with; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state at the end of an epoch.

    ``numbers`` is plain JSON. ``optimiser`` is the state of each parameter in the order of the
    optimiser; ``random`` is torch's generator, from which dropout draws.
    """

    epoch: int
    numbers: dict[str, Any]
    weights: dict[str, Tensor]
    mean: dict[str, Tensor]
    optimiser: list[dict[str, Tensor]]
    random: Tensor


def write(folder: Path, fingerprint: str, state: Checkpoint) -> None:
    """Replace the folder's checkpoint. ``fingerprint`` says of what training it is a part."""
    tensors = {
        **{f"weights/{name}": value.clone() for name, value in state.weights.items()},
        **{f"mean/{name}": value for name, value in state.mean.items()},
        **{
            f"optimiser/{index}/{name}": value
            for index, part in enumerate(state.optimiser)
            for name, value in part.items()
        },
        "random": state.random,
    }
    told = {"fingerprint": fingerprint, "epoch": state.epoch, "numbers": state.numbers}
    unfinished = folder / f"{CHECKPOINT}.part"
    save_file(tensors, unfinished, {"state": json.dumps(told)})
    unfinished.replace(folder / CHECKPOINT)


def read(folder: Path, fingerprint: str) -> Checkpoint | None:
    """The folder's checkpoint; None where there is none.

    Raises:
        CheckpointError: it is damaged, or of another training: other rows, recipe, labels, prompt.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            told = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); delete the folder and train again"
        ) from error
    if told["fingerprint"] != fingerprint:
        raise CheckpointError(
            f"{folder} holds an unfinished training of other rows, labels or another recipe; "
            "choose another folder, or delete it"
        )
    optimiser: list[dict[str, Tensor]] = []
    for index in range(len({n.split("/")[1] for n in tensors if n.startswith("optimiser/")})):
        optimiser.append(_under(f"optimiser/{index}/", tensors))
    return Checkpoint(
        epoch=told["epoch"],
        numbers=told["numbers"],
        weights=_under("weights/", tensors),
        mean=_under("mean/", tensors),
        optimiser=optimiser,
        random=tensors["random"],
    )


def optimiser_state(optimiser: torch.optim.Optimizer) -> list[dict[str, Tensor]]:
    """What it remembers of each parameter, in the order of its groups."""
    return [
        dict(optimiser.state[parameter])
        for group in optimiser.param_groups
        for parameter in group["params"]
    ]


def restore_optimiser(optimiser: torch.optim.Optimizer, state: list[dict[str, Tensor]]) -> None:
    """Give it back what :func:`optimiser_state` told."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for parameter, part in zip(parameters, state, strict=True):
        # The number of steps stays where it was counted, on the processor.
        optimiser.state[parameter] = {
            name: value if name == "step" else value.to(parameter.device)
            for name, value in part.items()
        }


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
