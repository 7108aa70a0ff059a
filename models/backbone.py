"""Load the frozen encoder and its tokenizer, once verified. Safetensors only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.encoder_files import (
    DEFAULT_NAME,
    DEFAULT_SHA256,
    BackboneError,
    checksum,
    file_sha256,
    find,
)

__all__ = [
    "DEFAULT_NAME",
    "DEFAULT_SHA256",
    "Backbone",
    "BackboneError",
    "file_sha256",
    "find",
    "load",
    "prompted_attention",
]

FAMILIES = ("bert", "roberta", "xlm-roberta", "electra")

ATTENTION = "bearwatch_prompt"
"""The name under which :func:`prompted_attention` is known to transformers."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A frozen encoder, and what is needed to feed it.

    ``tokenizer`` neither pads nor truncates; ``positions`` is the longest input in tokens.
    ``sha256`` is of the weights' file, and the same for every copy of them.
    """

    name: str
    sha256: str
    encoder: nn.Module
    tokenizer: Tokenizer
    pad_id: int
    positions: int

    @property
    def width(self) -> int:
        """Width of a hidden state."""
        return int(self.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def prompt_shape(self, vectors: int) -> tuple[int, int, int, int]:
        """(layers, heads, vectors, head width) of a deep prompt for this encoder."""
        config: Any = self.encoder.config
        heads = int(config.num_attention_heads)
        return int(config.num_hidden_layers), heads, vectors, self.width // heads

    def attention_states(self, input_ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each layer's keys and values of one text, (heads, tokens, head width) each."""
        recorded: list[tuple[Tensor, Tensor]] = []
        with torch.inference_mode():
            self.encoder(input_ids=input_ids, record=recorded)
        return [(keys[0].clone(), values[0].clone()) for keys, values in recorded]


def prompted_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    prompt: list[tuple[Tensor, Tensor]] | None = None,
    record: list[tuple[Tensor, Tensor]] | None = None,
    **_unused: object,
) -> tuple[Tensor, None]:
    """Attention in which every text also sees its layer's prompt, the seam of all families.

    ``query``, ``key`` and ``value`` are (rows, heads, tokens, head width). ``prompt`` holds per
    layer keys and values of (1, heads, vectors, head width), put before the text's own.
    ``attention_mask`` is ``None`` or (rows, 1, 1, vectors + tokens), true where a token may look.
    Nothing is kept between calls. The prompt has no queries, so it costs no feed-forward work.
    Attention itself never drops out, in training mode neither: the fast kernels have no dropout.
    """
    if record is not None:
        record.append((key, value))
    if prompt is not None:
        keys, values = prompt[module.layer_idx]  # type: ignore[index]
        rows = key.shape[0]
        key = torch.cat([keys.expand(rows, -1, -1, -1), key], dim=2)
        value = torch.cat([values.expand(rows, -1, -1, -1), value], dim=2)
    mixed = nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=scaling
    )
    return mixed.transpose(1, 2), None


def load(folder: Path | None = None, *, dtype: torch.dtype = torch.float32) -> Backbone:
    """Load the encoder, frozen and in evaluation mode.

    Raises:
        BackboneError: not found, altered weights of the default encoder, an unknown family.
    """
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    explicit = folder is not None
    folder = find(folder)
    sha256 = checksum(folder, explicit=explicit)
    _register()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # loading is quick
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type not in FAMILIES:
            raise BackboneError(f"{folder}: {config.model_type} is none of {', '.join(FAMILIES)}")
        encoder = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=ATTENTION,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
        tokenizer = _tokenizer(folder)
    except BackboneError:
        raise
    except Exception as error:  # transformers, safetensors and tokenizers raise kinds of their own
        raise BackboneError(f"cannot load an encoder from {folder}: {error}") from error
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # unused: both heads read the mean over the text
    encoder.eval().requires_grad_(False)
    name = DEFAULT_NAME if sha256 == DEFAULT_SHA256 else folder.name
    return Backbone(name, sha256, encoder, tokenizer, config.pad_token_id, _positions(config))


def _tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The file's own settings cut at 128 tokens and pad to 128, both silently.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _positions(config: Any) -> int:  # noqa: ANN401 - transformers' configurations are untyped
    """Longest input. RoBERTa numbers its positions from ``pad_token_id + 1``."""
    positions = int(config.max_position_embeddings)
    if config.model_type in ("roberta", "xlm-roberta"):
        positions -= int(config.pad_token_id) + 1
    return positions


def _register() -> None:
    """Make :func:`prompted_attention` known to transformers; repeating it changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(ATTENTION, prompted_attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
