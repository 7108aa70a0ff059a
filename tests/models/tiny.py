"""Encoders of a few thousand parameters, one for each family, made on the spot."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel

WORDS = (
    "a after and as bank beats bond buys ceo chief company court cuts deal dividend dollar "
    "drops earnings falls fed fine forecast fund gold growth index inflation jumps lawsuit "
    "loses loss lower merger names new no not of oil on opens outlook plunges policy posts "
    "price product profit raises rally rate record report rises sales shares sinks slides "
    "soars stock surges the to up warns win with yield "
)

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 80,
}


def tiny_encoder(folder: Path, family: str = "bert") -> Path:
    """A folder with random weights (fixed seed), a word-level tokenizer and a configuration."""
    vocabulary = {
        word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.split()])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(max_length=8)  # as real files do: it must not reach the texts
    tokenizer.enable_padding(length=8)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    more = {"embedding_size": 32} if family == "electra" else {}
    config = AutoConfig.for_model(
        family, vocab_size=len(vocabulary), pad_token_id=0, initializer_range=0.2, **SIZES, **more
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        encoder = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        encoder.save_pretrained(folder)
    return folder
