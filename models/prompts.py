"""Role + task + requirements + details + examples -> text -> the deep prompt's initial vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
import yaml
from torch import Tensor

from models.backbone import Backbone

DEFAULT = Path(__file__).with_name("prompts") / "default.yaml"

MAX_TOKENS = 256
"""A rendered prompt is used whole or refused: a cut one would silently lose its last parts."""

PARTS: Final = ("role", "task", "requirements", "details", "examples")


class PromptError(ValueError):
    """The prompt cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of a prompt, rendered in ``order``. Any part may be empty."""

    role: str = ""
    task: str = ""
    requirements: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    order: tuple[str, ...] = PARTS

    @property
    def text(self) -> str:
        """The rendered prompt, one line."""
        parts = {
            "role": (self.role,),
            "task": (self.task,),
            "requirements": self.requirements,
            "details": self.details,
            "examples": self.examples,
        }
        sentences = [sentence for part in self.order for sentence in parts[part]]
        return " ".join(" ".join(sentences).split())

    @property
    def digest(self) -> str:
        """Sixteen hex digits of the rendered text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def load(path: Path | None = None) -> Prompt:
    """Read a template; ``None`` is the default that ships.

    The parts are rendered in the order of the file.

    Raises:
        PromptError: unreadable, an unknown part, a part of the wrong kind, or nothing to say.
    """
    path = path or DEFAULT
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PromptError(f"cannot read a prompt from {path}: {error}") from error
    if not isinstance(content, Mapping):
        raise PromptError(f"{path}: expected the parts {', '.join(PARTS)}")
    if unknown := sorted(set(map(str, content)) - set(PARTS)):
        raise PromptError(f"{path}: unknown parts: {', '.join(unknown)}")
    prompt = Prompt(
        role=_sentence(content, "role", path),
        task=_sentence(content, "task", path),
        requirements=_sentences(content, "requirements", path),
        details=_sentences(content, "details", path),
        examples=_sentences(content, "examples", path),
        order=(*content, *(part for part in PARTS if part not in content)),
    )
    if not prompt.text:
        raise PromptError(f"{path}: every part is empty")
    return prompt


def initial_vectors(backbone: Backbone, text: str, vectors: int) -> tuple[Tensor, Tensor]:
    """Keys and values that make the frozen encoder read as if ``text`` stood before every text.

    The whole text runs through the encoder once. In each layer its states are averaged over
    ``vectors`` contiguous segments of near-equal length and projected by the layer's own frozen
    key and value matrices; as those are affine, averaging the projected states is the same. A text
    shorter than ``vectors`` repeats tokens.

    Returns:
        Two tensors of (layers, heads, vectors, head width), float32.

    Raises:
        PromptError: the text has more than ``MAX_TOKENS`` tokens, or is empty.
    """
    ids = backbone.tokenizer.encode(text).ids
    if len(ids) > (most := min(MAX_TOKENS, backbone.positions)):
        raise PromptError(f"the prompt has {len(ids)} tokens, {most} are allowed: shorten it")
    if not text.strip():
        raise PromptError("the prompt is empty")
    states = backbone.attention_states(torch.tensor([ids]))
    bounds = segments(len(ids), vectors)
    keys, values = (
        torch.stack([torch.stack([s[:, a:b].mean(dim=1) for a, b in bounds], dim=1) for s in kind])
        for kind in zip(*states, strict=True)
    )
    return keys.float(), values.float()


def segments(tokens: int, vectors: int) -> list[tuple[int, int]]:
    """``vectors`` half-open ranges over ``tokens`` positions, none empty, every token in one."""
    starts = [i * tokens // vectors for i in range(vectors)]
    ends = [(i + 1) * tokens // vectors for i in range(vectors)]
    return [(start, max(start + 1, end)) for start, end in zip(starts, ends, strict=True)]


def _sentence(content: Mapping[str, object], part: str, path: Path) -> str:
    value = content.get(part) or ""
    if not isinstance(value, str):
        raise PromptError(f"{path}: {part} must be one text")
    return " ".join(value.split())


def _sentences(content: Mapping[str, object], part: str, path: Path) -> tuple[str, ...]:
    values = content.get(part) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise PromptError(f"{path}: {part} must be a list of texts")
    return tuple(" ".join(value.split()) for value in values)
