"""Whether a version's files are whole and belong here, without computing anything. No torch.

The files are compared with their checksums, the labels with the list of topics, the tensors with
the encoder's sizes, and the encoder itself with the one that the version was tuned on. What only
:func:`models.versions.load` finds out is that it computes on this machine what its card remembers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from models import encoder_files, taxonomy
from models.card import (
    ENCODER,
    LOW_RANK,
    MATRICES,
    BackboneDiffers,
    Card,
    Damaged,
    LabelsDiffer,
    Weights,
    read_card,
    read_weights,
)
from models.encoder_files import BackboneError
from models.prediction import SENTIMENTS
from models.taxonomy import Label, Taxonomy

Shapes = dict[str, tuple[int, ...]]

SIZES = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
"""Of an encoder, as its configuration names them."""

ADDED = ("layer_mix", "query", "topic_shift.", "sentiment_shift.", "posts_head.")
"""Beginnings of the names of tensors that the first versions did not have: they load without."""


def inspect(folder: Path, *, labels: Taxonomy | None = None, encoder: Path | None = None) -> Card:
    """The card of a version whose files are whole and fit labels, encoder and each other.

    ``labels`` and ``encoder`` as for :func:`models.versions.load`, which finds the same reasons.

    Raises:
        VersionError: with its ``reason``.
        BackboneError: the encoder was not found, or is not what it should be.
    """
    card = read_card(folder)
    weights = read_weights(folder, card)
    agree(card, labels or taxonomy.load())
    found = encoder_files.find(encoder)
    sha256 = encoder_files.checksum(found, explicit=encoder is not None)
    same_encoder(card, sha256, found.name)
    _fits(card, weights, found)
    return card


def same_encoder(card: Card, sha256: str, name: str) -> None:
    """Refuse an encoder that a version was not tuned on.

    Raises:
        BackboneDiffers: it is another one.
    """
    if sha256 != card.backbone_sha256:
        raise BackboneDiffers(f"version {card.id} was tuned on {card.backbone}, found {name}")


def agree(card: Card, labels: Taxonomy) -> Taxonomy:
    """The labels in the order of the heads' rows: the tuned ones, then those only in the file.

    Raises:
        LabelsDiffer: a tuned one is not in ``labels``, or means something else there.
    """
    if tuple(card.sentiments) != SENTIMENTS:
        raise LabelsDiffer(f"version {card.id} knows the sentiments {', '.join(card.sentiments)}")
    topics = _tuned(card, card.topics, labels.topics)
    sentiments = _tuned(card, card.sentiments, labels.sentiments)
    added = [label for label in labels.topics if label.name not in card.topics]
    return Taxonomy((*topics, *added), sentiments)


def _fits(card: Card, weights: Weights, encoder: Path) -> None:
    """Compare the tensors with what the card and the encoder's sizes ask for.

    Those of the encoder, its biases and norms or all of it, are left to loading.
    """
    expected = _expected(card, weights, encoder)
    for name in expected.keys() - weights.keys():
        if name.startswith(ADDED):
            del expected[name]
    found = {name: value.shape for name, value in weights.items() if name in expected}
    others = [name for name in weights if name not in expected and not name.startswith(ENCODER)]
    if found != expected or others:
        raise Damaged(f"version {card.id}: tensors {found} do not fit its card; {others} unknown")


def rank_of(weights: Weights) -> int:
    """The rank of a version's low-rank changes; 0 where it has none."""
    down = weights.get(f"{LOW_RANK}query.down")
    return 0 if down is None or down.ndim < 2 else int(down.shape[1])


def _expected(card: Card, weights: Weights, encoder: Path) -> Shapes:
    path = encoder / encoder_files.CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        layers, attention_heads, width, inner = (int(config[name]) for name in SIZES)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackboneError(f"{path} does not tell the encoder's sizes: {error}") from error
    prompt = (layers, attention_heads, card.vectors, width // max(1, attention_heads))
    shapes: Shapes = {"prompt_keys": prompt, "prompt_values": prompt}
    shapes |= {"layer_mix": (layers + 1,), "query": (width,)}
    heads = {"topic": len(card.topics), "sentiment": len(card.sentiments)}
    rows = {f"{task}_{part}": n for task, n in heads.items() for part in ("head", "shift")}
    for head, labels in (rows | {"posts_head": 1}).items():
        shapes[f"{head}.weight"] = (labels, width)
        shapes[f"{head}.bias"] = (labels,)
    if rank := rank_of(weights):
        for matrix in MATRICES:
            inputs, outputs = (inner if matrix == end else width for end in ("narrow", "widen"))
            shapes[f"{LOW_RANK}{matrix}.down"] = (layers, rank, inputs)
            shapes[f"{LOW_RANK}{matrix}.up"] = (layers, outputs, rank)
    return shapes


def _tuned(card: Card, tuned: Mapping[str, str], labels: Sequence[Label]) -> tuple[Label, ...]:
    known = {label.name: label for label in labels}
    for name, digest in tuned.items():
        if name not in known:
            raise LabelsDiffer(
                f"version {card.id} was tuned on {name!r}, which the label file lacks"
            )
        if known[name].digest != digest:
            raise LabelsDiffer(
                f"version {card.id} was tuned on another description of {name!r}: "
                "restore it, or train anew"
            )
    return tuple(known[name] for name in tuned)
