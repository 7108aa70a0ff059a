"""train(): from labelled rows to a version, as a page to read downwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from models import backbone as backbones
from models import dataset, evaluation, prompts, taxonomy, versions
from models.backbone import Backbone
from models.card import CARD, WEIGHTS, Card
from models.classifier import Classifier, pad, trained
from models.evaluation import TaskReport
from models.taxonomy import Taxonomy

IGNORED = -100
"""The class index of a missing label; cross-entropy skips it."""

BUCKET_BATCHES = 40
"""Batches are cut from rows sorted by length within this many batches' worth: little padding,
yet a batch is never all short rows of the whole set."""

PROGRESS_STEPS = 20

LICENCES = {
    "twitter_sentiment": ("zeroshot/twitter-financial-news-sentiment", "MIT"),
    "twitter_topic": ("zeroshot/twitter-financial-news-topic", "MIT"),
}
"""Origin and licence of the files that the default is trained on, by the file's name."""

LIMITS = [
    "English headlines, short posts and first lines of articles; other languages are not tested.",
    "Trained on posts of 2019 to 2022; wire style, irony and long articles are weaker.",
    "One sentiment a text: news that is good for one company and bad for another gets one answer.",
    "Not advice to buy or sell.",
]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What may be varied between two trainings on the same rows."""

    seed: int = 7
    vectors: int = 24  # prompt vectors in each layer
    epochs: int = 6
    batch_tokens: int = 640  # longest row times rows of a batch; padding counts
    max_tokens: int = 64  # a row's, in training only; 99 % of posts and headlines are shorter
    prompt_rate: float = 1e-2  # peak of the one-cycle schedule
    head_rate: float = 5e-3
    warm_up: float = 0.1  # share of all steps
    weight_decay: float = 0.01
    smoothing: float = 0.05  # of the labels
    balance: float = 0.3  # a class weighs its frequency to the power of minus this
    sentiment_weight: float = 1.5  # of its loss beside the topics'; it has fewer rows
    dropout: float = 0.1  # of the text vector
    inner_share: float = 0.05  # of the repeat groups, for the choice of epoch and temperatures


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands. ``loss`` is a running mean; ``scores`` come at an epoch's end."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    scores: dict[str, TaskReport] | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """Token ids, ragged; per task each row's class index, ``IGNORED`` where unlabelled."""

    rows: list[list[int]]
    labels: dict[str, Tensor]


def train(
    data: Sequence[Path],
    out: Path,
    recipe: Recipe,
    progress: Callable[[Progress], None],
    *,
    judged: Sequence[Path] = (),
    labels: Taxonomy | None = None,
    prompt: prompts.Prompt | None = None,
    encoder: Path | None = None,
) -> Card:
    """Tune the deep prompt and the heads on the rows whose split is ``train``; write ``out``.

    The epoch with the best mean macro-F1 on the inner rows is kept; each head's temperature is
    fitted on them. ``judged`` are further files to be evaluated on, whatever their split: a repeat
    of one of their rows stops training. The best weights so far lie in ``out`` while it runs, but
    the card comes last: interrupted, ``out`` is no version. Files, recipe and machine being equal,
    so is the result.

    Raises:
        FileExistsError: ``out`` holds a version already.
        DatasetError: the rows cannot be used; ``Leak`` where they repeat rows to be judged on.
    """
    if (out / CARD).exists():
        raise FileExistsError(f"{out} holds a version already; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    labels, prompt = labels or taxonomy.load(), prompt or prompts.load()

    rows = dataset.read(data, labels)
    split = dataset.split(rows, inner_share=recipe.inner_share, seed=recipe.seed)
    dataset.refuse_leak(split.training, rows[rows["split"] != dataset.TRAIN])
    dataset.refuse_leak(split.training, split.inner)
    if judged:
        dataset.refuse_leak(split.training, dataset.read(judged, labels))

    backbone = backbones.load(encoder)
    card, classifier = versions.untuned(backbone, prompt, labels, recipe.vectors)
    training = examples(split.training, labels, backbone, recipe.max_tokens)
    inner = examples(split.inner, labels, backbone, recipe.max_tokens)
    weights = {
        task: class_weights(training.labels[task], recipe.balance) for task in dataset.TASKS
    }
    plan = [batches(training.rows, recipe, epoch) for epoch in range(recipe.epochs)]
    steps = sum(map(len, plan))
    optimiser, schedule = _optimiser(classifier, recipe, steps)

    step, mean_loss, best, kept = 0, 0.0, -1.0, trained(classifier)
    scores: dict[str, TaskReport] = {}
    for epoch, epoch_batches in enumerate(plan, start=1):
        classifier.train()
        for batch in epoch_batches:
            loss = _loss(classifier, training, batch, weights, recipe, backbone.pad_id)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            mean_loss += (loss.item() - mean_loss) / min(step, 100)
            if step % PROGRESS_STEPS == 0:
                progress(Progress(epoch, recipe.epochs, step, steps, mean_loss))
        classifier.eval()
        reports = judge(classifier, inner, labels, backbone.pad_id)
        progress(Progress(epoch, recipe.epochs, step, steps, mean_loss, reports))
        if (quality := _quality(reports)) > best:
            best, scores = quality, reports
            kept = {name: value.clone() for name, value in trained(classifier).items()}
            save_file(kept, out / WEIGHTS)

    classifier.load_state_dict(kept, strict=False)
    return versions.save(
        out,
        replace(
            card,
            data=[_origin(path) for path in data],
            recipe=asdict(recipe) | _counts(split),
            scores={"inner": {task: asdict(report) for task, report in scores.items()}},
            temperatures=_temperatures(classifier, inner, backbone.pad_id),
            limits=LIMITS,
        ),
        classifier,
        backbone,
    )


def examples(
    rows: pd.DataFrame, labels: Taxonomy, backbone: Backbone, max_tokens: int
) -> Examples:
    """Token ids of the rows, cut at ``max_tokens``, and their labels as class indices."""
    backbone.tokenizer.enable_truncation(max_length=max_tokens)
    encodings = backbone.tokenizer.encode_batch_fast(rows["text"].tolist())
    backbone.tokenizer.no_truncation()
    names = {"topic": labels.topics, "sentiment": labels.sentiments}
    return Examples(
        rows=[encoding.ids for encoding in encodings],
        labels={
            task: _indices(rows[task], [label.name for label in names[task]]) for task in names
        },
    )


def batches(rows: Sequence[Sequence[int]], recipe: Recipe, epoch: int) -> list[list[int]]:
    """Every row's index once, in batches of at most ``batch_tokens`` padded tokens, shuffled.

    Drawn from the seed and the epoch alone. A row over the limit gets a batch of its own.
    """
    draw = random.Random(f"{recipe.seed}:{epoch}")  # noqa: S311 - a shuffle, not a secret
    order = list(range(len(rows)))
    draw.shuffle(order)
    mean = sum(map(len, rows)) / max(1, len(rows))
    bucket = max(1, int(BUCKET_BATCHES * recipe.batch_tokens / max(1.0, mean)))
    cut: list[list[int]] = []
    for start in range(0, len(order), bucket):
        batch: list[int] = []
        for index in sorted(order[start : start + bucket], key=lambda i: len(rows[i])):
            if batch and len(rows[index]) * (len(batch) + 1) > recipe.batch_tokens:
                cut.append(batch)
                batch = []
            batch.append(index)
        cut.append(batch)
    draw.shuffle(cut)
    return cut


def class_weights(labels: Tensor, balance: float) -> Tensor:
    """(classes,) weights whose mean over the labelled rows is 1; 1 for a class without rows.

    ``balance`` 0 weighs rows alike, 1 weighs classes alike.
    """
    known = labels[labels != IGNORED]
    counts = torch.bincount(known, minlength=int(labels.max()) + 1 if len(known) else 1).float()
    raw = torch.where(counts > 0, counts.clamp(min=1) ** -balance, 0.0)
    scale = counts.sum() / (raw * counts).sum().clamp(min=1e-12)
    return torch.where(counts > 0, raw * scale, 1.0)


def judge(
    classifier: Classifier, judged: Examples, labels: Taxonomy, pad_id: int
) -> dict[str, TaskReport]:
    """Scores per task that has labelled rows, before temperature."""
    names = {"topic": labels.topics, "sentiment": labels.sentiments}
    reports = {}
    for task, (truth, logits) in _held(classifier, judged, pad_id).items():
        probabilities = np.exp(evaluation.log_softmax(logits))
        reports[task] = evaluation.score(truth, probabilities, [n.name for n in names[task]])
    return reports


def _loss(
    classifier: Classifier,
    training: Examples,
    batch: Sequence[int],
    weights: dict[str, Tensor],
    recipe: Recipe,
    pad_id: int,
) -> Tensor:
    """Cross-entropy of both heads, summed over tasks and labelled rows, per row of the batch."""
    ids, mask = pad([training.rows[i] for i in batch], pad_id)
    features = functional.dropout(classifier.features(ids, mask), recipe.dropout, training=True)
    heads = {"topic": classifier.topic_head, "sentiment": classifier.sentiment_head}
    total = features.new_zeros(())
    for task, head in heads.items():
        share = recipe.sentiment_weight if task == "sentiment" else 1.0
        total = total + share * functional.cross_entropy(
            head(features),
            training.labels[task][batch],
            weight=weights[task],
            ignore_index=IGNORED,
            label_smoothing=recipe.smoothing,
            reduction="sum",
        )
    return total / len(batch)


def _optimiser(
    classifier: Classifier, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    prompt = [classifier.prompt_keys, classifier.prompt_values]
    heads = [*classifier.topic_head.parameters(), *classifier.sentiment_head.parameters()]
    optimiser = torch.optim.AdamW(
        [
            {"params": prompt, "lr": recipe.prompt_rate, "weight_decay": 0.0},
            {"params": heads, "lr": recipe.head_rate, "weight_decay": recipe.weight_decay},
        ]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=[recipe.prompt_rate, recipe.head_rate],
        total_steps=steps + 1,
        pct_start=recipe.warm_up,
    )
    return optimiser, schedule


def _held(
    classifier: Classifier, judged: Examples, pad_id: int
) -> dict[str, tuple[evaluation.Labels, evaluation.Probabilities]]:
    """Per task with labelled rows: their class indices and logits."""
    outputs = dict(
        zip(dataset.TASKS, versions.logits(classifier, judged.rows, pad_id), strict=True)
    )
    held = {}
    for task, logits in outputs.items():
        labelled = judged.labels[task] != IGNORED
        if labelled.any():
            held[task] = (judged.labels[task][labelled].numpy(), logits[labelled].double().numpy())
    return held


def _temperatures(classifier: Classifier, inner: Examples, pad_id: int) -> dict[str, float]:
    fitted = dict.fromkeys(dataset.TASKS, 1.0)
    for task, (truth, logits) in _held(classifier, inner, pad_id).items():
        fitted[task] = round(evaluation.temperature(truth, logits), 4)
    return fitted


def _quality(reports: dict[str, TaskReport]) -> float:
    return float(np.mean([report.macro_f1 for report in reports.values()])) if reports else 0.0


def _indices(values: pd.Series[Any], names: Sequence[str]) -> Tensor:
    index = {name: i for i, name in enumerate(names)}
    return torch.tensor([index.get(value, IGNORED) for value in values], dtype=torch.int64)


def _counts(split: dataset.Split) -> dict[str, int]:
    return {
        "training_rows": len(split.training),
        "inner_rows": len(split.inner),
        "repeats_merged": split.repeats,
        "conflicts_dropped": split.conflicts,
        "held_out": split.held_out,
    }


def _origin(path: Path) -> dict[str, str]:
    name, licence = LICENCES.get(path.name.partition(".")[0], (path.name, "not stated"))
    return {"name": name, "licence": licence, "sha256": backbones.file_sha256(path)}
