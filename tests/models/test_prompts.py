"""The prompt's text, and that every part of it reaches the initial vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from models import prompts
from models.backbone import Backbone
from models.prompts import Prompt, PromptError, initial_vectors, segments

PROMPT = Prompt(
    role="You are an analyst.",
    task="Tell the topic.",
    requirements=("Judge the text.", "Mind the word not."),
    details=("Texts are headlines.",),
    examples=("Shares sink. Negative.",),
)


def test_parts_are_rendered_in_order_on_one_line() -> None:
    assert PROMPT.text == (
        "You are an analyst. Tell the topic. Judge the text. Mind the word not. "
        "Texts are headlines. Shares sink. Negative."
    )


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROMPT, role="You are a trader."),
        replace(PROMPT, task="Tell the tone."),
        replace(PROMPT, requirements=("Judge the text.",)),
        replace(PROMPT, requirements=("Mind the word not.", "Judge the text.")),
        replace(PROMPT, details=()),
        replace(PROMPT, examples=("Shares soar. Negative.",)),
    ],
)
def test_changing_any_part_changes_the_initial_prompt(real: Backbone, changed: Prompt) -> None:
    before = initial_vectors(real, PROMPT.text, 24)
    after = initial_vectors(real, changed.text, 24)
    assert changed.digest != PROMPT.digest
    for old, new in zip(before, after, strict=True):
        moved_most = (old - new).abs().amax(dim=(1, 2, 3))
        assert (moved_most > 1e-3).all()  # in every layer


def test_shipped_prompt_is_whole_and_every_vector_is_its_own(real: Backbone) -> None:
    keys, values = initial_vectors(real, prompts.load().text, 24)
    assert keys.shape == values.shape == (6, 12, 24, 32) == real.prompt_shape(24)
    flat = keys.transpose(1, 2).reshape(6, 24, 384)
    assert (torch.cdist(flat, flat) + 9 * torch.eye(24)).min() > 0.1


def test_vectors_are_projections_of_the_mean_state_of_a_segment(tiny: Backbone) -> None:
    text = "shares fall after the company cuts its outlook"
    ids = torch.tensor([tiny.tokenizer.encode(text).ids])
    states = tiny.encoder(input_ids=ids, output_hidden_states=True).hidden_states
    bounds = segments(ids.shape[1], 4)
    keys, values = initial_vectors(tiny, text, 4)
    for layer, module in enumerate(tiny.encoder.encoder.layer):  # type: ignore[union-attr, arg-type]
        pooled = torch.stack([states[layer][0, a:b].mean(dim=0) for a, b in bounds])
        for found, projection in (
            (keys[layer], module.attention.self.key),
            (values[layer], module.attention.self.value),
        ):
            expected = functional.linear(pooled, projection.weight, projection.bias)
            assert torch.allclose(found.transpose(0, 1).reshape(4, 32), expected, atol=1e-5)


@pytest.mark.parametrize(("tokens", "vectors"), [(216, 24), (10, 4), (5, 5), (3, 8), (256, 1)])
def test_segments_cover_every_token_and_none_is_empty(tokens: int, vectors: int) -> None:
    bounds = segments(tokens, vectors)
    assert len(bounds) == vectors
    assert all(start < end for start, end in bounds)
    assert {i for start, end in bounds for i in range(start, end)} == set(range(tokens))


def test_prompt_longer_than_the_limit_is_refused_not_cut(tiny: Backbone) -> None:
    assert initial_vectors(tiny, "shares " * 70, 4)[0].shape == (2, 4, 4, 8)
    with pytest.raises(PromptError, match="81 tokens, 80 are allowed"):
        initial_vectors(tiny, "shares " * 79, 4)


def test_prompt_may_have_256_tokens(real: Backbone) -> None:
    assert initial_vectors(real, "shares " * 254, 4)[0].isfinite().all()
    with pytest.raises(PromptError, match="257 tokens, 256 are allowed"):
        initial_vectors(real, "shares " * 255, 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("role: [", "cannot read"),
        ("just text", "expected the parts"),
        ("role: a\nmood: b", "unknown parts: mood"),
        ("role: [a]", "role must be one text"),
        ("details: a", "details must be a list"),
        ("role: ''", "every part is empty"),
    ],
)
def test_unusable_template_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "prompt.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PromptError, match=said):
        prompts.load(path)
