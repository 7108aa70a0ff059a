"""Save, load and verify a version: a folder of ``weights.safetensors`` and ``card.json``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from models import added_topics, serving
from models import backbone as backbones
from models import taxonomy as taxonomies
from models.backbone import Backbone
from models.card import (
    ENCODER,
    Card,
    Damaged,
    OutputsDiffer,
    VersionError,
    Weights,
    read_card,
    read_weights,
    write,
)
from models.classifier import Classifier, describe, logits, trained
from models.inspection import ADDED, agree, rank_of, same_encoder
from models.prediction import SENTIMENTS, Prediction
from models.prompts import Prompt, initial_vectors
from models.taxonomy import Taxonomy

__all__ = [
    "SHIPPED",
    "Precision",
    "Version",
    "VersionError",
    "load",
    "logits",
    "native_bf16",
    "save",
    "untuned",
]

Precision = Literal["auto", "fp32", "bf16"]

Forward = Callable[[Sequence[Sequence[int]]], tuple[Tensor, Tensor]]
"""Token ids, ragged -> both heads' logits before temperature, float32, in the same order."""

SHIPPED = Path(__file__).with_name("shipped")

GOLDEN_TEXTS = (
    "Shares of a chip maker plunge 18% after it cuts its full-year revenue forecast",
    "Central bank holds rates and says inflation risks are balanced",
    "Retailer raises dividend by 10% and extends its buyback",
    "Airline names finance director as new chief executive",
    "Crude slips below $70 as inventories rise more than expected",
    "Court fines lender $120 million over misleading loan adverts",
)
"""Texts whose logits a card remembers; a version that computes others is refused."""

GOLDEN_TOLERANCE = 0.01
"""In logits. Another processor's order of sums moves float32 results by under 0.001."""


class Version:
    """A classifier ready to use. ``predict`` may be called from one thread at a time.

    ``id`` stands on every row: the card's id, a plus, and the digest of the topics. ``tokenizer``
    cuts at the longest text that fits beside the prompt, and does not pad.
    """

    def __init__(
        self, card: Card, classifier: Classifier, backbone: Backbone, labels: Taxonomy
    ) -> None:
        self.card = card
        self.classifier = classifier
        self.backbone = backbone
        self.labels = labels
        self.tokenizer: Tokenizer = backbone.tokenizer
        self.pad_id = backbone.pad_id
        self.topics = tuple(label.name for label in labels.topics)
        self.sentiments = SENTIMENTS
        self.id = f"{card.id}+{labels.digest}"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prepared texts, ragged, title first and cut at the end."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Both heads' answer for each prepared text, in order."""
        return self.predict_ids(self.encode(texts))

    def predict_ids(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        """The same for token ids that :meth:`encode` gave: what the engine runs."""
        return self.answers(*self._forward(rows))

    def answers(self, topic_logits: Tensor, sentiment_logits: Tensor) -> list[Prediction]:
        """What the logits of one batch mean, row by row."""
        return self._name(
            self._calibrate(topic_logits, "topic"), self._calibrate(sentiment_logits, "sentiment")
        )

    def probabilities(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, topics) and (n, 3), after temperature, in the order of ``texts``."""
        topic, sentiment = self.logits(texts)
        return self._calibrate(topic, "topic"), self._calibrate(sentiment, "sentiment")

    def logits(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(n, topics) and (n, 3) before temperature, float32 on the CPU."""
        return self._forward(self.encode(texts))

    @cached_property
    def _forward(self) -> Forward:
        """The fastest forward for this encoder and device. The classifier changes no more."""
        if serving.applies(self.classifier):
            return serving.Serving(self.classifier, lanes=torch.get_num_threads()).logits
        return partial(logits, self.classifier, pad_id=self.pad_id)

    def _calibrate(self, values: Tensor, task: str) -> NDArray[np.float64]:
        scaled = values.double() / self.card.temperatures[task]
        return np.asarray(scaled.softmax(dim=1).cpu().numpy(), dtype=np.float64)

    def _name(
        self, topic: NDArray[np.float64], sentiment: NDArray[np.float64]
    ) -> list[Prediction]:
        best = topic.argmax(axis=1).tolist()
        likely, tones = topic.max(axis=1).tolist(), sentiment.tolist()
        return [
            Prediction(self.topics[k], p, negative, neutral, positive, self.id)
            for k, p, (negative, neutral, positive) in zip(best, likely, tones, strict=True)
        ]


def untuned(
    backbone: Backbone, prompt: Prompt, labels: Taxonomy, vectors: int, rank: int = 0
) -> tuple[Card, Classifier]:
    """The version before any training: the prompt's text and the labels' descriptions alone.

    Low-rank changes of ``rank`` change nothing yet.
    """
    empty = torch.zeros(backbone.prompt_shape(0))
    initial = initial_vectors(backbone, prompt.text, vectors) if vectors else (empty, empty)
    sizes = len(labels.topics), len(labels.sentiments)
    classifier = Classifier(backbone, initial, *sizes, rank).eval()
    heads = (
        (classifier.topic_head, labels.topics),
        (classifier.sentiment_head, labels.sentiments),
    )
    with torch.no_grad():
        for head, meanings in heads:
            head.weight.copy_(describe(classifier, backbone, [m.description for m in meanings]))
            head.bias.zero_()
    card = Card(
        backbone=backbone.name,
        backbone_sha256=backbone.sha256,
        prompt=prompt.text,
        prompt_digest=prompt.digest,
        vectors=vectors,
        topics={label.name: label.digest for label in labels.topics},
        sentiments={label.name: label.digest for label in labels.sentiments},
    )
    return card, classifier


def save(folder: Path, card: Card, classifier: Classifier, backbone: Backbone) -> Card:
    """Write a version; give its card back with id, checksum and golden outputs filled in.

    Raises:
        FileExistsError: ``folder`` holds a version already; a name is used once.
        ValueError: its low-rank changes are a part of the encoder, which no version stores.
    """
    if classifier.folded:
        raise ValueError(
            f"version {card.id} was loaded to serve; to save it, load it folded=False"
        )
    card = replace(card, golden=_golden(GOLDEN_TEXTS, card, classifier, backbone))
    weights = {name: value.cpu().numpy() for name, value in trained(classifier).items()}
    return write(folder, card, weights)


def load(
    folder: Path | None = None,
    *,
    precision: Precision = "auto",
    labels: Taxonomy | None = None,
    encoder: Path | None = None,
    folded: bool = True,
    unlabelled: Sequence[str] | None = None,
) -> Version:
    """Load and verify a version; ``None`` is the default that ships.

    ``labels`` defaults to the shipped label file. Topics in it that the version was not tuned on
    are added from their descriptions (:mod:`models.added_topics`), which takes some seconds more;
    prepared ``unlabelled`` texts, by default our own headlines, say what texts are like.
    ``auto`` is bf16 where the processor multiplies it natively. ``folded`` makes low-rank changes
    a part of the encoder; to go on tuning them, keep them apart.

    Raises:
        VersionError: with its ``reason``; nothing is loaded half.
        BackboneError: the encoder was not found.
    """
    folder = folder or SHIPPED
    labels = labels or taxonomies.load()
    card = read_card(folder)
    weights = read_weights(folder, card)
    labels = agree(card, labels)
    backbone = backbones.load(encoder)
    same_encoder(card, backbone.sha256, backbone.name)
    classifier = _fill(card, weights, backbone)
    _verify_outputs(card, classifier, backbone)
    if len(labels.topics) > len(card.topics):
        texts = added_topics.headlines() if unlabelled is None else unlabelled
        plain = backbones.load(encoder)
        added_topics.add_topics(classifier, backbone, plain, labels.topics, texts)
    if folded:
        classifier.fold()
    if rounds(precision):
        _to_bf16(classifier)
    backbone.tokenizer.enable_truncation(max_length=backbone.positions - card.vectors)
    return Version(card, classifier, backbone, labels)


def rounds(precision: str) -> bool:
    """Whether this precision is bfloat16 on this machine's processor."""
    return precision == "bf16" or (precision == "auto" and native_bf16())


def native_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _fill(card: Card, arrays: Weights, backbone: Backbone) -> Classifier:
    weights = {name: torch.tensor(value) for name, value in arrays.items()}
    try:
        prompt = (weights["prompt_keys"], weights["prompt_values"])
        sizes = len(card.topics), len(card.sentiments)
        classifier = Classifier(backbone, prompt, *sizes, rank_of(arrays)).eval()
        # Earlier versions have none of these, and answer as if they had these plain ones.
        plain = {n: v for n, v in trained(classifier).items() if n.startswith(ADDED)}
        weights = plain | weights
        classifier.open(name for name in weights if name.startswith(ENCODER))
        expected = {name: value.shape for name, value in trained(classifier).items()}
        found = {name: value.shape for name, value in weights.items()}
        shape = backbone.prompt_shape(card.vectors)
        if found != expected or any(part.shape != shape for part in prompt):
            raise Damaged(f"version {card.id}: tensors {found} do not fit its card")
    except (KeyError, IndexError) as error:
        raise Damaged(f"version {card.id}: tensor missing or misshapen: {error}") from error
    classifier.load_state_dict(weights, strict=False)
    return classifier


def _golden(
    texts: Sequence[str], card: Card, classifier: Classifier, backbone: Backbone
) -> list[dict[str, Any]]:
    """Per text, each head's logits by label, before temperature."""
    rows = [encoding.ids for encoding in backbone.tokenizer.encode_batch_fast(list(texts))]
    both = [values.tolist() for values in logits(classifier, rows, backbone.pad_id)]
    return [
        {
            "text": text,
            "topic": {name: round(v, 4) for name, v in zip(card.topics, t, strict=True)},
            "sentiment": {name: round(v, 4) for name, v in zip(card.sentiments, s, strict=True)},
        }
        for text, t, s in zip(texts, *both, strict=True)
    ]


def _verify_outputs(card: Card, classifier: Classifier, backbone: Backbone) -> None:
    """Compare with the logits on the card, in float32 and by label, before anything is added."""
    found = _golden([known["text"] for known in card.golden], card, classifier, backbone)
    worst = max(
        abs(here[task].get(name, math.inf) - value)
        for known, here in zip(card.golden, found, strict=True)
        for task in ("topic", "sentiment")
        for name, value in known[task].items()
    )
    if not worst <= GOLDEN_TOLERANCE:
        raise OutputsDiffer(f"version {card.id}: logits are {worst:.3f} off those on its card")


def _to_bf16(classifier: Classifier) -> None:
    """Encoder and prompt in bfloat16; the heads keep float32, they are small."""
    classifier.encoder.to(torch.bfloat16)
    for vectors in (classifier.prompt_keys, classifier.prompt_values):
        vectors.data = vectors.data.to(torch.bfloat16)
