"""What is rehearsed holds a version where it is: it teaches the version's own answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import loop, training, versions
from models.checkpoint import CheckpointError
from models.classifier import Classifier, logits
from models.examples import IGNORED, Examples
from models.loop import Run
from models.rehearsal import Remembered, remember
from models.training import Progress, Recipe
from models.versions import Version
from tests.models.test_training import PROMPT, headlines

RECIPE = Recipe(
    vectors=4,
    epochs=6,
    batch_tokens=200,
    max_tokens=16,
    consistency=0.0,
    mixing=0.0,
    averaging=0.0,
    head_rate=3e-2,
)
ON = replace(
    RECIPE,
    prompt_rate=1e-3,
    bias_rate=1e-4,
    pooling_rate=5e-4,
    head_rate=1e-2,
    dropout=0.0,
    smoothing=0.0,
)
TURNED = {"negative": "positive", "neutral": "neutral", "positive": "negative"}
KNOWN = {"topic": 2, "sentiment": 3}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """The version to go on from; it has learned what falls and what rises."""
    folder = tmp_path_factory.mktemp("first")
    data = written(folder / "old.jsonl", headlines())
    training.train(
        [data], folder / "v", RECIPE, lambda _: None, prompt=PROMPT, encoder=tiny_folder
    )
    return folder / "v"


@pytest.fixture
def again(first: Path, tiny_folder: Path, tmp_path: Path) -> Callable[..., Version]:
    """Goes on from the first version, on its own texts with every sentiment turned round."""
    rows = [row | {"sentiment": TURNED[row["sentiment"]]} for row in headlines()]
    file = written(tmp_path / "old.jsonl", rows)

    def train(
        name: str, progress: Callable[[Progress], None] = lambda _: None, **more: Any
    ) -> Any:
        recipe = replace(ON, distilled=more.pop("distilled"))
        rehearsed = [file] if more.pop("rehearsed", True) else []
        out = tmp_path / name
        training.train(
            [file], out, recipe, progress, start=first, rehearsed=rehearsed, encoder=tiny_folder
        )
        return versions.load(out, precision="fp32", encoder=tiny_folder)

    return train


TEXTS = [row["text"] for row in headlines()]


def apart(one: Version, other: Version) -> float:
    """Mean difference of two versions' probabilities of the sentiments, 0 to 2."""
    found, others = one.probabilities(TEXTS)[1], other.probabilities(TEXTS)[1]
    return float(np.abs(found - others).sum(axis=1).mean())


def test_rehearsed_rows_teach_what_the_version_answered_and_not_their_labels(
    again: Callable[..., Version], first: Path, tiny_folder: Path
) -> None:
    before = versions.load(first, precision="fp32", encoder=tiny_folder)
    held, turned = again("held", distilled=1.0), again("turned", distilled=0.0)
    assert 2 * apart(held, before) < apart(turned, before)
    # Only of rows that are said to be rehearsed.
    assert apart(again("not", distilled=1.0, rehearsed=False), turned) < 1e-6


def test_an_interrupted_rehearsal_goes_on_and_ends_as_if_nothing_had_happened(
    again: Callable[..., Version], tmp_path: Path
) -> None:
    def stop(at: Progress) -> None:
        if at.epoch == 3 and at.scores:
            raise KeyboardInterrupt

    whole = again("whole", distilled=1.0)
    with pytest.raises(KeyboardInterrupt):
        again("cut", stop, distilled=1.0)
    with pytest.raises(CheckpointError, match="another folder"):
        again("cut", distilled=1.0, rehearsed=False)
    assert again("cut", distilled=1.0).card.id == whole.card.id


@pytest.fixture
def classifier(first: Path, tiny_folder: Path) -> Classifier:
    return versions.load(first, precision="fp32", encoder=tiny_folder).classifier


TRAINING = Examples(
    rows=[[2, 7, 9, 3], [2, 8, 3], [2, 7, 3], [2, 11, 12, 13, 3]],
    labels={
        "topic": torch.tensor([0, 2, IGNORED, 1]),
        "sentiment": torch.tensor([0, IGNORED, 1, 2]),
    },
    domains=["old", "old", "old", "labels"],
    posts=torch.zeros(4),
)


def remembered(classifier: Classifier) -> Remembered:
    found = remember(classifier, TRAINING, ["old"], KNOWN, pad_id=0)
    assert found is not None
    return found


def test_answers_are_of_known_classes_and_asked_for_where_the_label_is_known_or_missing(
    classifier: Classifier,
) -> None:
    found = remembered(classifier)
    # The third topic is new to the version: that row learns it, and rehearses its sentiment.
    assert found.rows["topic"].tolist() == [True, False, True, False]
    assert found.rows["sentiment"].tolist() == [True, True, True, False]
    topic, sentiment = logits(classifier, TRAINING.rows, 0)
    assert torch.allclose(found.answers["topic"][:3, :2], topic[:3, :2].softmax(1), atol=1e-5)
    assert torch.equal(found.answers["topic"][:, 2:], torch.zeros(4, topic.shape[1] - 2))
    assert torch.allclose(found.answers["sentiment"][:3], sentiment[:3].softmax(1), atol=1e-5)
    assert not found.answers["sentiment"][3].any()


def test_without_rows_to_rehearse_nothing_is_remembered(classifier: Classifier) -> None:
    assert remember(classifier, TRAINING, ["other"], KNOWN, pad_id=0) is None
    assert remember(classifier, TRAINING, [], KNOWN, pad_id=0) is None


def taught(run: Run, classifier: Classifier, task: str = "sentiment") -> Tensor:
    values = dict(zip(KNOWN, logits(classifier, TRAINING.rows, 0), strict=True))[task]
    chosen = torch.tensor([0, 1, 2, 3])
    return loop._taught(run, task, values.clone().requires_grad_(), chosen)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_of_memory_in_what_a_rehearsed_row_teaches(
    classifier: Classifier, share: float
) -> None:
    plain = loop.start(classifier, TRAINING, replace(RECIPE, smoothing=0.0))
    run = loop.start(classifier, TRAINING, replace(RECIPE, smoothing=0.0, distilled=share))
    run.remembered = remembered(classifier)
    told = logits(classifier, TRAINING.rows, 0)[1].log_softmax(1)
    labels, weights = plain.labels["sentiment"], plain.weights["sentiment"]
    by_label = [
        0.0 if label == IGNORED else float(-told[row, label] * weights[label])
        for row, label in enumerate(labels.tolist())
    ]
    by_memory = (-told.exp() * told).sum(1).tolist()
    expected = by_label[3] + sum(
        (1 - share) * by_label[row] + share * by_memory[row] for row in range(3)
    )
    assert taught(run, classifier).item() == pytest.approx(expected, rel=1e-4)
    assert taught(plain, classifier).item() == pytest.approx(sum(by_label), rel=1e-4)


def test_before_the_first_step_what_is_remembered_pulls_nowhere(classifier: Classifier) -> None:
    run = loop.start(classifier, TRAINING, replace(RECIPE, distilled=1.0))
    run.remembered = remembered(classifier)
    values = logits(classifier, TRAINING.rows[:3], 0)[1].clone().requires_grad_()
    torch.autograd.backward(loop._taught(run, "sentiment", values, torch.arange(3)))
    assert values.grad is not None
    assert values.grad.abs().max() < 1e-6
