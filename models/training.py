"""train(): from labelled rows to a version, as a page to read downwards."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from models import augmentation, checkpoint, dataset, evaluation, loop, prompts, taxonomy, versions
from models import backbone as backbones
from models.backbone import Backbone
from models.card import CARD, Card, read_card
from models.classifier import Classifier, logits, trained
from models.evaluation import TaskReport
from models.examples import IGNORED, Examples, examples, names_of, token_ids
from models.recipe import Progress, Recipe
from models.rehearsal import remember
from models.taxonomy import Taxonomy

__all__ = ["Progress", "Recipe", "train"]

BEST = "best.safetensors"
"""The best weights so far, in the version's folder while it is trained."""

PROGRESS_STEPS = 20

LICENCES = {
    "twitter_sentiment": ("zeroshot/twitter-financial-news-sentiment", "MIT"),
    "twitter_topic": ("zeroshot/twitter-financial-news-topic", "MIT"),
    "bearwatch_headlines": ("Bearwatch headlines (models/headlines)", "Apache-2.0"),
}
"""Origin and licence of files that are known by their name."""

LIMITS = [
    "English headlines, short posts and first lines of articles; other languages are not tested.",
    "Taught by posts of 2019 to 2022 and invented headlines; irony and long articles are hard.",
    "One sentiment a text: news that is good for one company and bad for another gets one answer.",
    "Not advice to buy or sell.",
]


def train(
    data: Sequence[Path],
    out: Path,
    recipe: Recipe,
    progress: Callable[[Progress], None],
    *,
    start: Path | None = None,
    judged: Sequence[Path] = (),
    rehearsed: Sequence[Path] = (),
    labels: Taxonomy | None = None,
    prompt: prompts.Prompt | None = None,
    encoder: Path | None = None,
    device: str = "cpu",
    names: Sequence[str] = (),
) -> Card:
    """Tune the deep prompt and the heads on the rows whose split is ``train``; write ``out``.

    The epoch with the best mean macro-F1 on the inner rows is kept; each head's temperature is
    fitted on them. ``start`` is a version to go on from, in place of the prompt's text; its
    vectors and its rank stay, and topics new to it begin at their descriptions. ``judged`` are
    further files to be evaluated on, whatever their split: a repeat of one of their rows stops
    training. ``rehearsed`` are those of ``data`` whose rows are to be answered as ``start``
    answers them, by the recipe's ``distilled`` (:mod:`models.rehearsal`). ``names`` of companies
    are for the variation that swaps them. The best weights so far lie in ``out`` while it runs,
    but the card comes last: interrupted, ``out`` is no version, and the same call goes on after
    the last whole epoch. Files, recipe and machine being equal, so is the result, interrupted or
    not; on a GPU but for what it drops and the order of its sums.

    Raises:
        FileExistsError: ``out`` holds a version already.
        CheckpointError: ``out`` holds an unfinished training of something else.
        DatasetError: the rows cannot be used; ``Leak`` where they repeat rows to be judged on.
    """
    if (out / CARD).exists():
        raise FileExistsError(f"{out} holds a version already; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    labels, prompt = labels or taxonomy.load(), prompt or prompts.load()
    split = _rows(data, judged, labels, recipe)
    if start is None:
        labels = _with_rows(labels, split.training)
        backbone = backbones.load(encoder)
        vectors = 0 if recipe.method == "full" else recipe.vectors
        rank = recipe.rank if recipe.method == "deep" else 0
        card, classifier = versions.untuned(backbone, prompt, labels, vectors, rank)
    else:
        card, classifier, backbone, labels = _go_on(start, labels, split.training, encoder)
    classifier.to(device)
    inner = examples(split.inner, labels, backbone, recipe.max_tokens)
    training = examples(split.training, labels, backbone, recipe.max_tokens)
    run = loop.start(classifier, training, recipe)
    first = _copied(classifier)
    if start is not None and recipe.distilled:
        files = [path.name.partition(".")[0] for path in rehearsed]
        known = {"topic": len(read_card(start).topics), "sentiment": len(card.sentiments)}
        run.remembered = remember(classifier, training, files, known, backbone.pad_id)

    origins = _origins(card, data)
    fingerprint = _fingerprint(card, origins, split, recipe, rehearsed)
    done, best = loop.resume(run, checkpoint.read(out, fingerprint))
    for epoch, plan in enumerate(run.plan[done:], start=done + 1):
        run.rows = _varied(split.training, training, backbone, recipe, names, epoch)
        for batch in plan:
            loop.step(run, batch, backbone.pad_id)
            if run.step % PROGRESS_STEPS == 0:
                progress(Progress(epoch, recipe.epochs, run.step, run.steps, run.loss))
        wandering = _copied(classifier)
        classifier.load_state_dict(run.mean, strict=False)
        reports = judge(classifier, inner, labels, backbone.pad_id)
        if (quality := _quality(reports)) >= best:
            best = quality
            (out / BEST).write_bytes(save_tensors(trained(classifier)))
        classifier.load_state_dict(wandering, strict=False)
        checkpoint.write(out, fingerprint, loop.state(run, epoch, best))
        progress(Progress(epoch, recipe.epochs, run.step, run.steps, run.loss, reports))

    tuned = load_tensors((out / BEST).read_bytes())
    classifier.load_state_dict(_between(tuned, first, recipe.kept), strict=False)
    classifier.cpu()
    scores = judge(classifier, inner, labels, backbone.pad_id)
    card = replace(
        card,
        data=origins,
        recipe=asdict(recipe) | _counts(split) | ({"start": card.id} if start else {}),
        scores={"inner": {task: asdict(report) for task, report in scores.items()}},
        temperatures=_temperatures(classifier, inner, backbone.pad_id),
        limits=LIMITS,
    )
    card = versions.save(out, card, classifier, backbone)
    for name in (BEST, checkpoint.CHECKPOINT):
        (out / name).unlink()
    return card


def _varied(
    rows: pd.DataFrame,
    plain: Examples,
    backbone: Backbone,
    recipe: Recipe,
    names: Sequence[str],
    epoch: int,
) -> list[list[int]]:
    """An epoch's token ids: a share of the rows varied anew, from the seed and the epoch alone."""
    variations = augmentation.chosen(recipe.variations, names)
    if not variations:
        return plain.rows
    chance = random.Random(f"variations:{recipe.seed}:{epoch}")  # noqa: S311 - no secret
    texts = [
        augmentation.vary(text, variations, chance) if chance.random() < recipe.varied else text
        for text in rows["text"]
    ]
    return token_ids(texts, backbone, recipe.max_tokens)


def judge(
    classifier: Classifier, judged: Examples, labels: Taxonomy, pad_id: int
) -> dict[str, TaskReport]:
    """Scores per task that has labelled rows, before temperature."""
    classifier.eval()
    names, reports = names_of(labels), {}
    for task, (truth, values) in _held(classifier, judged, pad_id).items():
        probabilities = np.exp(evaluation.log_softmax(values))
        reports[task] = evaluation.score(truth, probabilities, names[task])
    return reports


def _rows(
    data: Sequence[Path], judged: Sequence[Path], labels: Taxonomy, recipe: Recipe
) -> dataset.Split:
    rows = dataset.read(data, labels)
    split = dataset.split(rows, inner_share=recipe.inner_share, seed=recipe.seed)
    if split.training.empty:
        raise dataset.DatasetError(
            f"no row is left to train on: {split.held_out} repeat rows of another split, "
            f"{len(split.inner)} are inner rows, and of the others none has a label"
        )
    others = [rows[rows["split"] != dataset.TRAIN], split.inner]
    if judged:
        others.append(dataset.read(judged, labels))
    dataset.refuse_leak(split.training, pd.concat(others))
    return split


def _with_rows(labels: Taxonomy, rows: pd.DataFrame) -> Taxonomy:
    """The topics that can be tuned; without any such row, all, which then stay descriptions."""
    named = set(rows["topic"].dropna())
    topics = tuple(topic for topic in labels.topics if topic.name in named)
    return replace(labels, topics=topics or labels.topics)


def _go_on(
    start: Path, labels: Taxonomy, rows: pd.DataFrame, encoder: Path | None
) -> tuple[Card, Classifier, Backbone, Taxonomy]:
    """A version's parts, with a row for each topic that it did not know and that has examples."""
    tuned = read_card(start).topics
    named = set(rows["topic"].dropna()) | set(tuned)
    topics = tuple(topic for topic in labels.topics if topic.name in named)
    known = replace(labels, topics=topics)
    base = versions.load(start, precision="fp32", labels=known, encoder=encoder, folded=False)
    card = replace(base.card, topics={topic.name: topic.digest for topic in base.labels.topics})
    return card, base.classifier, base.backbone, base.labels


def _fingerprint(
    card: Card,
    origins: list[dict[str, str]],
    split: dataset.Split,
    recipe: Recipe,
    rehearsed: Sequence[Path],
) -> str:
    """Digest of all that a training's result depends on."""
    content = {
        "card": card.digest(),
        "data": origins,
        "rows": _counts(split),
        "recipe": asdict(recipe),
        "rehearsed": sorted(path.name for path in rehearsed),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _held(
    classifier: Classifier, judged: Examples, pad_id: int
) -> dict[str, tuple[evaluation.Labels, evaluation.Probabilities]]:
    """Per task with labelled rows: their class indices and logits."""
    outputs = dict(zip(dataset.TASKS, logits(classifier, judged.rows, pad_id), strict=True))
    held = {}
    for task, values in outputs.items():
        labelled = judged.labels[task] != IGNORED
        if labelled.any():
            held[task] = (judged.labels[task][labelled].numpy(), values[labelled].double().numpy())
    return held


def _temperatures(classifier: Classifier, inner: Examples, pad_id: int) -> dict[str, float]:
    fitted = dict.fromkeys(dataset.TASKS, 1.0)
    for task, (truth, values) in _held(classifier, inner, pad_id).items():
        fitted[task] = round(evaluation.temperature(truth, values), 4)
    return fitted


def _quality(reports: dict[str, TaskReport]) -> float:
    return float(np.mean([report.macro_f1 for report in reports.values()])) if reports else 0.0


def _copied(classifier: Classifier) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trained(classifier).items()}


def _between(tuned: dict[str, Tensor], first: dict[str, Tensor], kept: float) -> dict[str, Tensor]:
    """Weights on the line from ``tuned`` to ``first``: a version that goes on from another forgets
    less when it keeps a part of it (arXiv 2109.01903)."""
    return {name: value.lerp(first[name].to(value.device), kept) for name, value in tuned.items()}


def _counts(split: dataset.Split) -> dict[str, int]:
    return {
        "training_rows": len(split.training),
        "inner_rows": len(split.inner),
        "repeats_merged": split.repeats,
        "conflicts_dropped": split.conflicts,
        "held_out": split.held_out,
    }


def _origins(card: Card, data: Sequence[Path]) -> list[dict[str, str]]:
    """What the version has learned from, the one it started from included."""
    origins = list(card.data)
    for path in data:
        name, licence = LICENCES.get(path.name.partition(".")[0], (path.name, "not stated"))
        origin = {"name": name, "licence": licence, "sha256": backbones.file_sha256(path)}
        if origin not in origins:
            origins.append(origin)
    return origins
