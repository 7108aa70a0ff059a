"""The module: an encoder, a deep prompt, two heads over one pass. No files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import low_rank
from models.backbone import Backbone
from models.card import ENCODER

SHARPNESS = 16.0
"""Factor on the unit-length text vector. With unit-length label vectors a cosine difference of
0.1 between two labels is a factor of 5 between their probabilities."""

BATCH_ROWS = 64
"""Of :func:`logits`, which is for training and checks; the engine makes its own batches."""


class Classifier(nn.Module):
    """Topic and sentiment of a batch of texts.

    Trained and stored are ``prompt_keys``, ``prompt_values``, the heads, how states become a
    text's vector (``layer_mix``, ``query``), changes of low ``rank`` of the encoder's matrices
    (:mod:`models.low_rank`), and what was opened of it: its biases and norms (BitFit, arXiv
    2106.10199), for comparison all of it. Otherwise it stays frozen. In training mode its own
    dropout is active: without it a prompt learns rows by heart. A deep prompt (P-tuning v2) is
    keys and values per layer, head and vector, both (layers, heads, vectors, head width); every
    token of every text can attend to it.
    """

    def __init__(
        self,
        backbone: Backbone,
        prompt: tuple[Tensor, Tensor],
        topics: int,
        sentiments: int,
        rank: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = backbone.encoder
        self.low_rank = low_rank.attached(self.encoder, rank)
        self.prompt_keys = nn.Parameter(prompt[0].clone())
        self.prompt_values = nn.Parameter(prompt[1].clone())
        self.topic_head = nn.Linear(backbone.width, topics)
        self.sentiment_head = nn.Linear(backbone.width, sentiments)
        self.topic_shift, self.sentiment_shift, self.posts_head = (
            zeroed(nn.Linear(backbone.width, rows)) for rows in (topics, sentiments, 1)
        )
        self.layer_mix, self.query = map(nn.Parameter, plain_pooling(backbone))
        self.opened: frozenset[str] = frozenset()
        self.folded = False

    def open(self, names: Iterable[str]) -> None:
        """Let these tensors of the encoder, named as in ``state_dict``, be trained and stored."""
        self.opened = frozenset(names)
        for name, value in self.named_parameters():
            if name.startswith(ENCODER):
                value.requires_grad_(name in self.opened)

    def fold(self) -> None:
        """Make the low-rank changes a part of the encoder: faster, and the end of their tuning."""
        self.folded |= len(self.low_rank) > 0
        low_rank.fold(self.encoder, self.low_rank)

    @property
    def vectors(self) -> int:
        """Number of prompt vectors in each layer."""
        return self.prompt_keys.shape[2]

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits of topics (rows, topics) and sentiments (rows, 3), float32, before temperature.

        ``input_ids`` is (rows, tokens); ``attention_mask`` has its shape, 1 on a text's tokens, 0
        on padding. ``None`` promises that there is no padding, and is faster.
        """
        return self.answers(self.features(input_ids, attention_mask))

    def answers(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads' logits of (rows, width) features.

        A post and a line of a wire that say the same are labelled by different habits. The heads
        answer as for news, and to the degree in which a text reads like a post, ``topic_shift``
        and ``sentiment_shift`` are added. What is taught of the labels does not reach back into
        that degree: it stays what it is named after.
        """
        posts = torch.sigmoid(self.posts_head(features)).detach()
        return (
            self.topic_head(features) + posts * self.topic_shift(features),
            self.sentiment_head(features) + posts * self.sentiment_shift(features),
        )

    def features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """What both heads read: a mean over a text's own tokens, scaled to length ``SHARPNESS``.

        (rows, width), float32. A token's state is a mix of all layers' (ELMo, arXiv 1802.05365)
        and weighs as its product with ``query`` says, all alike where that is zero. The prompt has
        no positions in the output, so it is never averaged.
        """
        mask = None
        if attention_mask is not None:
            mask = functional.pad(attention_mask.bool(), (self.vectors, 0), value=True)[
                :, None, None, :
            ]
        states = self.encoder(
            input_ids=input_ids,
            attention_mask=mask,
            prompt=self._prompt(),
            output_hidden_states=True,
        ).hidden_states
        mix = self.layer_mix.to(states[0].dtype)
        mixed = sum(share * layer for share, layer in zip(mix, states, strict=True))
        scores = (mixed @ self.query.to(mixed.dtype)).float()
        if attention_mask is not None:
            scores = scores.masked_fill(attention_mask == 0, -torch.inf)
        weights = scores.softmax(dim=1).to(mixed.dtype).unsqueeze(1)
        mean = (weights @ mixed).squeeze(1).float()  # its length does not matter below
        return SHARPNESS * functional.normalize(mean, dim=-1)

    def _prompt(self) -> list[tuple[Tensor, Tensor]]:
        dtype = self.encoder.dtype
        keys, values = self.prompt_keys.to(dtype), self.prompt_values.to(dtype)  # type: ignore[arg-type]
        return [(k.unsqueeze(0), v.unsqueeze(0)) for k, v in zip(keys, values, strict=True)]


def zeroed(head: nn.Linear) -> nn.Linear:
    """The same with every weight 0."""
    for value in head.parameters():
        nn.init.zeros_(value)
    return head


def plain_pooling(backbone: Backbone) -> tuple[Tensor, Tensor]:
    """``layer_mix`` (embeddings and layers,) and ``query`` (width,) of the last layer's mean."""
    layers = backbone.prompt_shape(0)[0]
    return torch.eye(layers + 1)[-1], torch.zeros(backbone.width)


def biases_and_norms(classifier: Classifier) -> list[str]:
    """The encoder's parameters of one dimension, by name: about a seven hundredth of all."""
    return [
        name
        for name, value in classifier.named_parameters()
        if name.startswith(ENCODER) and value.ndim == 1
    ]


def trained(classifier: Classifier) -> dict[str, Tensor]:
    """The parts that a version stores, by name: all but what the encoder kept as it was."""
    return {
        name: value.detach()
        for name, value in classifier.state_dict().items()
        if name in classifier.opened or not name.startswith(ENCODER)
    }


@torch.no_grad()
def describe(classifier: Classifier, backbone: Backbone, descriptions: Sequence[str]) -> Tensor:
    """A head's rows from the labels' descriptions: their text vectors at unit length.

    (labels, width). Read through the classifier as it is, so that a description and a text about
    the same thing lie close together.
    """
    device = classifier.prompt_keys.device
    rows = [backbone.tokenizer.encode(text).ids for text in descriptions]
    vectors = [classifier.features(torch.tensor([ids], device=device)) for ids in rows]
    return torch.cat(vectors) / SHARPNESS


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor | None]:
    """Token ids as (rows, longest) and their mask, ``None`` where every row is equally long."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    if int(lengths.min()) == longest:
        return ids, None
    return ids, (torch.arange(longest) < lengths[:, None]).long()


@torch.inference_mode()
def logits(
    classifier: Classifier, rows: Sequence[Sequence[int]], pad_id: int
) -> tuple[Tensor, Tensor]:
    """Both heads' logits of token ids, in batches of like length, in the order of ``rows``."""
    topic = torch.zeros(len(rows), classifier.topic_head.out_features)
    sentiment = torch.zeros(len(rows), classifier.sentiment_head.out_features)
    for batch, ids, mask in _batches(classifier, rows, pad_id):
        t, s = classifier(ids, mask)
        topic[batch], sentiment[batch] = t.cpu(), s.cpu()
    return topic, sentiment


@torch.inference_mode()
def features(classifier: Classifier, rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """What the heads read of token ids, (rows, width), in the order of ``rows``."""
    found = torch.zeros(len(rows), classifier.topic_head.in_features)
    for batch, ids, mask in _batches(classifier, rows, pad_id):
        found[batch] = classifier.features(ids, mask).cpu()
    return found


def _batches(
    classifier: Classifier, rows: Sequence[Sequence[int]], pad_id: int
) -> Iterator[tuple[list[int], Tensor, Tensor | None]]:
    """Places of rows of like length, their ids and mask where the classifier is."""
    device = classifier.prompt_keys.device
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), BATCH_ROWS):
        batch = order[start : start + BATCH_ROWS]
        ids, mask = pad([rows[i] for i in batch], pad_id)
        yield batch, ids.to(device), None if mask is None else mask.to(device)
