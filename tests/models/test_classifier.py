"""The module's promises: only prompt and heads learn, and no row feels its neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models import backbone, prompts, versions
from models.backbone import FAMILIES, Backbone
from models.classifier import (
    SHARPNESS,
    Classifier,
    biases_and_norms,
    describe,
    pad,
    trained,
)
from models.prompts import Prompt, initial_vectors
from models.recipe import Recipe
from models.taxonomy import Taxonomy
from tests.models.tiny import tiny_encoder

ROWS = [[2, 9, 14, 3], [2, 5, 3], [2, 30, 31, 32, 33, 34, 35, 3], [2, 20, 21, 22, 3]]


@pytest.fixture
def classifier(tiny: Backbone) -> Classifier:
    return small(tiny)


def small(tiny: Backbone) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        vectors = initial_vectors(tiny, "shares fall after the company cuts its outlook", 4)
        return Classifier(tiny, vectors, topics=5, sentiments=3).eval()


@torch.inference_mode()
def both(classifier: Classifier, rows: list[list[int]]) -> Tensor:
    return torch.cat(classifier(*pad(rows, 0)), dim=1)


def test_what_learns_is_the_prompt_and_what_is_small_and_under_one_percent(
    labels: Taxonomy,
) -> None:
    own = backbone.load()  # not the one that other tests share: it is opened
    recipe = Recipe()
    _, model = versions.untuned(own, prompts.load(), labels, recipe.vectors, recipe.rank)
    model.open(biases_and_norms(model))
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert set(learning) == set(trained(model))
    assert {name.partition(".")[0] for name in learning} == {
        "prompt_keys",
        "prompt_values",
        "topic_head",
        "sentiment_head",
        "topic_shift",
        "sentiment_shift",
        "posts_head",
        "layer_mix",
        "query",
        "low_rank",
        "encoder",
    }
    opened = {name for name in learning if name.startswith("encoder.")}
    assert opened == {n for n in learning if n.endswith(".bias") or "LayerNorm" in n} - {
        f"{head}.bias"
        for head in (
            "topic_head",
            "sentiment_head",
            "topic_shift",
            "sentiment_shift",
            "posts_head",
        )
    }
    count = sum(p.numel() for p in learning.values())
    assert count < 0.01 * sum(p.numel() for p in model.parameters())


def test_a_step_moves_every_trained_tensor_and_nothing_of_the_encoder(
    classifier: Classifier,
) -> None:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in classifier.parameters() if p.requires_grad], lr=1.0)
    topic, sentiment = classifier.train()(*pad(ROWS, 0))
    posts = classifier.posts_head(classifier.features(*pad(ROWS, 0)))
    torch.autograd.backward(topic.logsumexp(1).sum() + sentiment.logsumexp(1).sum() + posts.sum())
    optimiser.step()
    moved = {n for n, v in classifier.state_dict().items() if not torch.equal(v, before[n])}
    assert moved == set(trained(classifier))


def test_a_text_is_answered_as_a_post_as_far_as_it_reads_like_one(classifier: Classifier) -> None:
    with torch.inference_mode():
        features = classifier.features(*pad(ROWS, 0))
        news = classifier.answers(features)
        for head in (classifier.topic_shift, classifier.sentiment_shift):
            head.bias.copy_(torch.arange(head.out_features))
        for logit, degree in ((-50.0, 0.0), (0.0, 0.5), (50.0, 1.0)):
            classifier.posts_head.bias.fill_(logit)
            for shifted, plain in zip(classifier.answers(features), news, strict=True):
                moved = degree * torch.arange(plain.shape[1])
                assert torch.allclose(shifted - plain, moved.expand_as(plain), atol=1e-4)


def test_what_is_taught_of_labels_does_not_teach_what_a_post_is(classifier: Classifier) -> None:
    for head in (classifier.topic_shift, classifier.sentiment_shift):
        torch.nn.init.ones_(head.weight)
    topic, sentiment = classifier.train()(*pad(ROWS, 0))
    torch.autograd.backward(topic.square().sum() + sentiment.square().sum())
    assert classifier.posts_head.weight.grad is None
    assert classifier.topic_shift.weight.grad is not None


def test_opened_parameters_are_the_only_ones_of_the_encoder_that_learn(
    classifier: Classifier,
) -> None:
    names = biases_and_norms(classifier)
    classifier.open(names[:3])
    learning = {n for n, p in classifier.named_parameters() if p.requires_grad}
    assert {n for n in learning if n.startswith("encoder.")} == set(names[:3])
    assert set(names[:3]) < set(trained(classifier))
    classifier.open([])
    assert not any(p.requires_grad for p in classifier.encoder.parameters())


def test_plain_pooling_is_the_mean_of_the_last_layer(classifier: Classifier) -> None:
    ids, mask = pad(ROWS, 0)
    assert mask is not None
    with torch.inference_mode():
        states = classifier.encoder(
            input_ids=ids[:1, : len(ROWS[0])], prompt=classifier._prompt()
        ).last_hidden_state
        vector = classifier.features(ids, mask)[0] / SHARPNESS
    mean = states.mean(dim=1)[0]
    assert torch.allclose(vector, mean / mean.norm(), atol=1e-5)


def test_a_query_and_a_mix_of_layers_change_what_a_text_is_read_as(classifier: Classifier) -> None:
    plain = both(classifier, ROWS)
    for parameter in (classifier.query, classifier.layer_mix):
        before = parameter.data.clone()
        parameter.data = before + torch.linspace(-1, 1, before.numel())
        changed = both(classifier, ROWS)
        assert not torch.allclose(changed, plain, atol=1e-3)
        alone = torch.cat([both(classifier, [row]) for row in ROWS])
        assert torch.allclose(changed, alone, atol=1e-4)  # padding has no weight
        parameter.data = before


def test_every_layer_and_vector_of_the_prompt_has_a_say(classifier: Classifier) -> None:
    before = both(classifier, ROWS)
    for vectors in (classifier.prompt_keys, classifier.prompt_values):
        for layer in range(vectors.shape[0]):
            for vector in range(vectors.shape[2]):
                kept = vectors.data.clone()
                vectors.data[layer, :, vector] += 1.0
                assert (both(classifier, ROWS) - before).abs().amax(dim=1).min() > 1e-6
                vectors.data.copy_(kept)


def test_hidden_states_drop_out_in_training_mode_alone(classifier: Classifier) -> None:
    classifier.train()
    assert not torch.allclose(both(classifier, ROWS), both(classifier, ROWS))
    classifier.eval()
    assert torch.equal(both(classifier, ROWS), both(classifier, ROWS))


# Trap: a prefix cache that grows, or is left over from the batch before.
def test_a_batch_leaves_nothing_behind_for_the_next(classifier: Classifier) -> None:
    first = both(classifier, ROWS)
    for other in (ROWS[:1], ROWS * 5, ROWS[2:]):
        both(classifier, other)
        assert torch.equal(both(classifier, ROWS), first)


# Trap: rows of a batch attending to each other.
def test_a_row_does_not_see_the_words_of_another(classifier: Classifier) -> None:
    before = both(classifier, ROWS)
    changed = [*ROWS[:2], [2, 40, 41, 42, 43, 44, 45, 3], ROWS[3]]
    after = both(classifier, changed)
    assert torch.equal(after[[0, 1, 3]], before[[0, 1, 3]])
    assert not torch.allclose(after[2], before[2])


# Trap: a label that changes with the batch neighbours.
def test_a_row_gives_the_same_alone_in_company_and_in_any_place(classifier: Classifier) -> None:
    together = both(classifier, ROWS)
    alone = torch.cat([both(classifier, [row]) for row in ROWS])
    turned = both(classifier, ROWS[::-1]).flip(0)
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together, turned, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_real_labels_do_not_change_with_the_neighbours(precision: versions.Precision) -> None:
    version = versions.load(precision=precision)
    texts = [*versions.GOLDEN_TEXTS, "Shares fall. " + "The company cut its outlook again. " * 30]
    together = version.predict_ids(version.encode(texts))
    alone = [version.predict([text])[0] for text in texts]
    for a, b in zip(together, alone, strict=True):
        assert a.sentiment == b.sentiment
        assert a.topic == b.topic
        assert a.positive == pytest.approx(b.positive, abs=1e-5 if precision == "fp32" else 0.05)


def test_no_mask_is_the_same_as_a_mask_without_padding(classifier: Classifier) -> None:
    ids = torch.tensor([ROWS[0], [2, 17, 18, 3]])
    assert pad(ids.tolist(), 0)[1] is None
    with torch.inference_mode():
        plain, masked = classifier(ids), classifier(ids, torch.ones_like(ids))
    assert torch.allclose(plain[0], masked[0], atol=1e-5)
    assert torch.allclose(plain[1], masked[1], atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(classifier: Classifier) -> None:
    ids, mask = pad(ROWS, 0)
    assert mask is not None
    with torch.inference_mode():
        clean = classifier.features(ids, mask)
        dirty = classifier.features(torch.where(mask.bool(), ids, 44), mask)
    assert torch.equal(clean, dirty)


# Trap: pooling over virtual tokens.
def test_the_mean_is_over_the_texts_own_tokens_and_no_others(classifier: Classifier) -> None:
    ids, mask = pad(ROWS, 0)
    assert mask is not None
    seen = []
    hook = classifier.encoder.register_forward_hook(lambda _m, _i, out: seen.append(out[0]))
    with torch.inference_mode():
        features = classifier.features(ids, mask)
    hook.remove()
    (hidden,) = seen
    assert hidden.shape[1] == ids.shape[1]  # the prompt has no place in the output
    for row, states, found in zip(ROWS, hidden, features, strict=True):
        mean = states[: len(row)].mean(dim=0)
        assert torch.allclose(found, SHARPNESS * mean / mean.norm(), atol=1e-4)


# Trap: prompt and text together past the last position.
def test_texts_of_any_length_fit_beside_the_prompt() -> None:
    version = versions.load(precision="fp32")
    vectors = version.card.vectors
    title = "Acme shares plunge after profit warning"
    short, long = version.encode([title, title + " and so on" * 3_000])
    assert len(long) == 512 - vectors
    assert long[: len(short) - 1] == short[:-1]  # the title is whole and first
    assert long[-1] == short[-1]  # the end mark is not cut off
    assert version.predict([title + " and so on" * 3_000])[0].topic in version.topics


@pytest.mark.parametrize("family", FAMILIES)
def test_all_families_take_the_prompt_in_every_layer(tmp_path: Path, family: str) -> None:
    loaded = backbone.load(tiny_encoder(tmp_path, family))
    model = small(loaded)
    before = both(model, ROWS)
    for layer in range(2):
        model.prompt_values.data[layer] += 1.0
        after = both(model, ROWS)
        assert (after - before).abs().amax(dim=1).min() > 1e-3
        before = after
    alone = torch.cat([both(model, [row]) for row in ROWS])
    assert torch.allclose(before, alone, atol=1e-5)


def test_heads_start_from_what_the_labels_mean(real: Backbone, labels: Taxonomy) -> None:
    _, model = versions.untuned(real, prompts.load(), labels, 24)
    rows = describe(model, real, [label.description for label in labels.topics])
    assert torch.allclose(rows.norm(dim=1), torch.ones(20), atol=1e-5)
    assert torch.allclose(model.topic_head.weight, rows, atol=1e-6)
    assert not model.topic_head.bias.any()


def test_other_descriptions_give_other_heads(real: Backbone, labels: Taxonomy) -> None:
    prompt = Prompt(task="Tell the topic.")
    _, model = versions.untuned(real, prompt, labels, 8)
    one, two = describe(model, real, ["Crude oil prices rise.", "A chief executive resigns."])
    assert torch.dot(one, two) < 0.8
