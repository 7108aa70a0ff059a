"""What an added topic's row is made of: its neighbours, and texts that are like its sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models import added_topics, backbone, labelled_files, text, versions
from models.added_topics import NEIGHBOURS, STRENGTH, WELCOME, add_topics
from models.classifier import Classifier, describe, features
from models.prompts import Prompt
from models.taxonomy import Label, Taxonomy

LABELS = Taxonomy(
    topics=tuple(Label(name, f"{name} price") for name in ("oil", "fed", "profit", "shares")),
    sentiments=tuple(Label(name, name) for name in ("negative", "neutral", "positive")),
)
NEW = Label("bond", "bond yield or debt")
TEXTS = [
    f"{subject} {verb} {rest}"
    for subject in ("oil", "the fed", "bond yield", "shares", "company profit", "debt", "bank")
    for verb in ("rises", "falls", "jumps", "report", "sink")
    for rest in ("", "after loss", "as inflation jumps up", "in the outlook")
]


def tuned(folder: Path) -> tuple[Classifier, backbone.Backbone]:
    loaded = backbone.load(folder)
    _, classifier = versions.untuned(loaded, Prompt(task="tell the topic"), LABELS, 4, rank=2)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for part in (p for p in classifier.parameters() if p.requires_grad):
            part.add_(torch.randn(part.shape, generator=generator) / 10)
    return classifier, loaded


def extended(folder: Path, texts: list[str] = TEXTS) -> tuple[Classifier, backbone.Backbone]:
    classifier, loaded = tuned(folder)
    add_topics(classifier, loaded, backbone.load(folder), (*LABELS.topics, NEW), texts)
    return classifier, loaded


def ids(loaded: backbone.Backbone, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in loaded.tokenizer.encode_batch(texts)]


@torch.no_grad()
def test_row_says_of_texts_how_much_more_they_are_like_it_than_like_its_neighbours(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_topics, "RIDGE", 1e-9)
    few = TEXTS[::6]  # fewer than a text's vector is wide: they are fitted exactly
    classifier, loaded = extended(tiny_folder, few)
    inputs = features(classifier, ids(loaded, few), loaded.pad_id)
    added = classifier.topic_head(inputs)[:, -1] - WELCOME

    plain = backbone.load(tiny_folder)
    empty = torch.zeros(plain.prompt_shape(0))
    untouched = Classifier(plain, (empty, empty), 1, 1).eval()
    meanings = torch.stack([meaning(untouched, plain, topic) for topic in (*LABELS.topics, NEW)])
    nearest = (meanings[4] @ meanings[:4].T).topk(NEIGHBOURS).indices
    likeness = features(untouched, ids(plain, few), plain.pad_id) @ meanings.T
    more = likeness[:, 4] - likeness[:, nearest].mean(dim=1)
    theirs = classifier.topic_head(inputs)[:, nearest].mean(dim=1)
    assert torch.allclose(added - theirs, STRENGTH * more, atol=1e-2)
    assert more.std() > 0.1


def meaning(untouched: Classifier, plain: backbone.Backbone, topic: Label) -> Tensor:
    said = topic.description.split(" or ")
    parts = describe(untouched, plain, said).mean(dim=0)
    name, whole = describe(untouched, plain, [topic.name, topic.description])
    return torch.nn.functional.normalize(name + whole + parts / parts.norm(), dim=0)


def test_tuned_rows_stay_and_posts_are_shifted_as_the_neighbours(tiny_folder: Path) -> None:
    before, loaded = tuned(tiny_folder)
    with torch.no_grad():  # whichever three are its neighbours
        before.topic_shift.weight.fill_(0.5)
        before.topic_shift.bias.fill_(2.0)
    head, shift = before.topic_head, before.topic_shift
    topics = (*LABELS.topics, NEW)
    add_topics(before, loaded, backbone.load(tiny_folder), topics, TEXTS)
    assert torch.equal(before.topic_head.weight[:4], head.weight)
    assert torch.equal(before.topic_head.bias[:4], head.bias)
    assert torch.equal(before.topic_shift.weight[:4], shift.weight)
    assert torch.allclose(before.topic_shift.weight[4], torch.tensor(0.5))
    assert before.topic_shift.bias[4].item() == pytest.approx(2.0)


def test_nothing_to_add_changes_nothing_and_needs_no_text(tiny_folder: Path) -> None:
    classifier, loaded = tuned(tiny_folder)
    head = classifier.topic_head
    add_topics(classifier, loaded, backbone.load(tiny_folder), LABELS.topics, [])
    assert classifier.topic_head is head


def test_a_topic_without_any_text_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="without any text"):
        extended(tiny_folder, [])


def test_at_most_so_many_texts_are_read_evenly_spaced(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_topics, "TEXTS", len(TEXTS) // 2)
    some, _ = extended(tiny_folder)
    half, _ = extended(tiny_folder, TEXTS[::2])
    monkeypatch.undo()
    every, _ = extended(tiny_folder)
    assert torch.equal(some.topic_head.weight, half.topic_head.weight)
    assert not torch.allclose(some.topic_head.weight, every.topic_head.weight, atol=1e-4)


def test_our_headlines_are_those_of_training_and_prepared() -> None:
    rows = labelled_files.read_frame(added_topics.HEADLINES)
    held = {text.prepare(found) for found in rows.loc[rows["split"] != "train", "text"]}
    ours = added_topics.headlines()
    assert len(ours) > 4_000
    assert len(held) > 1_000
    assert not held & set(ours)
    assert all(text.prepare(found) == found for found in ours[:200])
