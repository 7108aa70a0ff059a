"""The card of a version, its file format, and the reasons for refusing one. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

Weights = Mapping[str, NDArray[Any]]
"""A version's tensors by name, as they lie in its file."""

WEIGHTS = "weights.safetensors"
CARD = "card.json"
FORMAT = 1

ENCODER = "encoder."
"""What the names of the encoder's tensors begin with, where a version has them."""

LOW_RANK = "low_rank."
"""What the names of low-rank changes begin with, where a version has them."""

MATRICES: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mix": "attention.output.dense",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
}
"""The encoder's matrices that low-rank changes are of, and where each lies in a layer."""


class VersionError(Exception):
    """A version cannot be used. ``reason`` is a closed set, safe as a metric label."""

    reason: ClassVar[str] = "unknown"


class Incomplete(VersionError):
    """A file is missing: never finished, or partly copied."""

    reason = "incomplete"


class Damaged(VersionError):
    """Contents do not fit their checksum, or are not numbers."""

    reason = "damaged"


class LabelsDiffer(VersionError):
    """Its labels are not those of the label file, or no longer mean the same."""

    reason = "labels_differ"


class BackboneDiffers(VersionError):
    """It was tuned on another encoder."""

    reason = "backbone_differs"


class OutputsDiffer(VersionError):
    """It loads, but does not give the outputs that its card remembers."""

    reason = "outputs_differ"


@dataclass(frozen=True, slots=True)
class Card:
    """Everything about a version but its tensors. All values are plain JSON.

    ``id`` is a digest of the rest, so a card that was edited, its label map included, is refused.
    ``topics`` and ``sentiments`` map each tuned label, in the order of the head's rows, to the
    digest of its description. ``golden`` holds per text and label the logit before temperature.
    """

    backbone: str
    backbone_sha256: str
    prompt: str
    prompt_digest: str
    vectors: int
    topics: dict[str, str]
    sentiments: dict[str, str]
    weights_sha256: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)
    recipe: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    temperatures: dict[str, float] = field(
        default_factory=lambda: {"topic": 1.0, "sentiment": 1.0}
    )
    golden: list[dict[str, Any]] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    format: int = FORMAT
    id: str = ""

    def digest(self) -> str:
        """Ten hex digits of everything but ``id``."""
        content = {name: value for name, value in asdict(self).items() if name != "id"}
        canonical = json.dumps(content, sort_keys=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:10]


def write(folder: Path, card: Card, weights: Weights) -> Card:
    """Write weights, then the card by rename: a folder without a card is no version.

    Gives the card back with its checksum and id filled in.

    Raises:
        FileExistsError: ``folder`` holds a version already; a name is used once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CARD).exists():
        raise FileExistsError(f"{folder} holds a version already; choose another folder")
    content = save_arrays({name: np.ascontiguousarray(v) for name, v in weights.items()})
    (folder / WEIGHTS).write_bytes(content)
    card = replace(card, weights_sha256=hashlib.sha256(content).hexdigest())
    card = replace(card, id=card.digest())
    part = folder / f"{CARD}.part"
    part.write_text(
        json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    part.rename(folder / CARD)
    return card


def read_card(folder: Path) -> Card:
    """The card of a version, checked against its own id.

    Raises:
        Incomplete: there is none.
        Damaged: it is no card of this format, or was changed after it was written.
    """
    if missing := [name for name in (CARD, WEIGHTS) if not (folder / name).is_file()]:
        raise Incomplete(f"{folder} is no complete version: it lacks {', '.join(missing)}")
    try:
        card = Card(**json.loads((folder / CARD).read_text(encoding="utf-8")))
        digest = card.digest()
    except (TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"{folder / CARD} is no card: {error}") from error
    if card.format != FORMAT:
        raise Damaged(f"{folder / CARD} has format {card.format}, this program reads {FORMAT}")
    if card.id != digest:
        raise Damaged(
            f"{folder / CARD} was changed after it was written: id {card.id}, content {digest}"
        )
    if not _whole(card):
        raise Damaged(f"{folder / CARD} lacks a value, or has one of the wrong kind")
    return card


def read_weights(folder: Path, card: Card) -> dict[str, NDArray[Any]]:
    """The tensors of a version, as its card's checksum knows them; they cannot be written to.

    Raises:
        Damaged: another checksum, no safetensors file, or values that are not finite.
    """
    content = (folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise Damaged(f"{folder / WEIGHTS} does not fit the checksum on its card")
    try:
        weights = load_arrays(content)
    # KeyError: a kind of number that numpy lacks, which no version is stored in.
    except (SafetensorError, KeyError) as error:
        raise Damaged(f"{folder / WEIGHTS} is no safetensors file: {error}") from error
    if bad := sorted(name for name, value in weights.items() if not np.isfinite(value).all()):
        raise Damaged(f"{folder / WEIGHTS} holds values that are not finite in {', '.join(bad)}")
    return weights


def _whole(card: Card) -> bool:
    """Whether every value that loading relies on is there and of its kind."""
    maps = (card.topics, card.sentiments)
    return (
        all(isinstance(labels, dict) and all(map(_text, labels.values())) for labels in maps)
        and isinstance(card.vectors, int)
        and isinstance(card.temperatures, dict)
        and all(_positive(card.temperatures.get(task)) for task in ("topic", "sentiment"))
        and isinstance(card.golden, list)
        and len(card.golden) > 0
        and all(map(_golden, card.golden))
    )


def _golden(entry: object) -> bool:
    match entry:
        case {"text": str(), "topic": dict() as topic, "sentiment": dict() as sentiment}:
            values = (*topic.values(), *sentiment.values())
            return len(values) > 0 and all(isinstance(value, float) for value in values)
    return False


def _text(value: object) -> bool:
    return isinstance(value, str)


def _positive(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 < value < math.inf
