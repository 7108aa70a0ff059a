"""train(): from labelled rows to a version, as a page to read downwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn import functional

from models import backbone as backbones
from models import dataset, evaluation, prompts, taxonomy, versions
from models.backbone import Backbone
from models.card import CARD, Card, read_card
from models.classifier import Classifier, logits, pad, trained
from models.evaluation import TaskReport
from models.examples import IGNORED, Examples, batches, class_weights, examples, names_of
from models.recipe import Progress, Recipe
from models.taxonomy import Taxonomy

__all__ = ["Progress", "Recipe", "train"]

BEST = "best.safetensors"
"""The best weights so far, in the version's folder while it is trained."""

PROGRESS_STEPS = 20
LOSS_STEPS = 100

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


@dataclass(slots=True)
class Run:
    """The state of the loop. ``loss`` is a mean that forgets over ``LOSS_STEPS`` steps.

    ``mean`` is of the trained tensors over the last ``averaged`` steps, empty without averaging
    (stochastic weight averaging, arXiv 1803.05407): it lies in the middle of what the last steps
    wander through, and does better on rows that were not trained on.
    """

    classifier: Classifier
    heads: dict[str, nn.Linear]
    training: Examples
    recipe: Recipe
    weights: dict[str, Tensor]
    plan: list[list[list[int]]]  # per epoch, batches of row indices
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0
    loss: float = 0.0
    averaged: int = 0
    mean: dict[str, Tensor] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Of all epochs together."""
        return sum(map(len, self.plan))


def train(
    data: Sequence[Path],
    out: Path,
    recipe: Recipe,
    progress: Callable[[Progress], None],
    *,
    start: Path | None = None,
    judged: Sequence[Path] = (),
    labels: Taxonomy | None = None,
    prompt: prompts.Prompt | None = None,
    encoder: Path | None = None,
) -> Card:
    """Tune the deep prompt and the heads on the rows whose split is ``train``; write ``out``.

    The epoch with the best mean macro-F1 on the inner rows is kept; each head's temperature is
    fitted on them. ``start`` is a version to go on from, in place of the prompt's text; its
    vectors stay, and topics new to it begin at their descriptions. ``judged`` are further files to
    be evaluated on, whatever their split: a repeat of one of their rows stops training. The best
    weights so far lie in ``out`` while it runs, but the card comes last: interrupted, ``out`` is
    no version. Files, recipe and machine being equal, so is the result.

    Raises:
        FileExistsError: ``out`` holds a version already.
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
        card, classifier = versions.untuned(backbone, prompt, labels, recipe.vectors)
    else:
        card, classifier, backbone, labels = _go_on(start, labels, split.training, encoder)
    first = _copied(classifier)
    inner = examples(split.inner, labels, backbone, recipe.max_tokens)
    run = _start(classifier, examples(split.training, labels, backbone, recipe.max_tokens), recipe)

    best = -1.0
    for epoch, plan in enumerate(run.plan, start=1):
        for batch in plan:
            _step(run, batch, backbone.pad_id)
            if run.step % PROGRESS_STEPS == 0:
                progress(Progress(epoch, recipe.epochs, run.step, run.steps, run.loss))
        wandering = _copied(classifier)
        classifier.load_state_dict(run.mean, strict=False)
        reports = judge(classifier, inner, labels, backbone.pad_id)
        progress(Progress(epoch, recipe.epochs, run.step, run.steps, run.loss, reports))
        if (quality := _quality(reports)) >= best:
            best = quality
            (out / BEST).write_bytes(save_tensors(trained(classifier)))
        classifier.load_state_dict(wandering, strict=False)

    tuned = load_tensors((out / BEST).read_bytes())
    classifier.load_state_dict(_between(tuned, first, recipe.kept), strict=False)
    (out / BEST).unlink()
    scores = judge(classifier, inner, labels, backbone.pad_id)
    card = replace(
        card,
        data=_origins(card, data),
        recipe=asdict(recipe) | _counts(split) | ({"start": card.id} if start else {}),
        scores={"inner": {task: asdict(report) for task, report in scores.items()}},
        temperatures=_temperatures(classifier, inner, backbone.pad_id),
        limits=LIMITS,
    )
    return versions.save(out, card, classifier, backbone)


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
    dataset.refuse_leak(split.training, rows[rows["split"] != dataset.TRAIN])
    dataset.refuse_leak(split.training, split.inner)
    if judged:
        dataset.refuse_leak(split.training, dataset.read(judged, labels))
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
    base = versions.load(
        start, precision="fp32", labels=replace(labels, topics=topics), encoder=encoder
    )
    card = replace(base.card, topics={topic.name: topic.digest for topic in base.labels.topics})
    return card, base.classifier, base.backbone, base.labels


def _start(classifier: Classifier, training: Examples, recipe: Recipe) -> Run:
    heads = {"topic": classifier.topic_head, "sentiment": classifier.sentiment_head}
    plan = [
        batches(training.rows, recipe.batch_tokens, recipe.seed, epoch)
        for epoch in range(recipe.epochs)
    ]
    optimiser, schedule = _optimiser(classifier, recipe, sum(map(len, plan)))
    weights = {
        task: class_weights(training.labels[task], head.out_features, recipe.balance)
        for task, head in heads.items()
    }
    return Run(classifier, heads, training, recipe, weights, plan, optimiser, schedule)


def _step(run: Run, batch: Sequence[int], pad_id: int) -> None:
    run.classifier.train()
    loss = _loss(run, batch, pad_id)
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(run.classifier.parameters(), 1.0)
    run.optimiser.step()
    run.schedule.step()
    run.step += 1
    run.loss += (loss.item() - run.loss) / min(run.step, LOSS_STEPS)
    if run.step > run.steps * (1 - run.recipe.averaging):
        _average(run)


def _average(run: Run) -> None:
    run.averaged += 1
    for name, value in trained(run.classifier).items():
        run.mean.setdefault(name, value.clone()).lerp_(value, 1 / run.averaged)


def _loss(run: Run, batch: Sequence[int], pad_id: int) -> Tensor:
    """Cross-entropy of both heads, summed over tasks and labelled rows, per row of the batch."""
    ids, mask = pad([run.training.rows[i] for i in batch], pad_id)
    features = functional.dropout(run.classifier.features(ids, mask), run.recipe.dropout)
    shares = {"topic": 1.0, "sentiment": run.recipe.sentiment_weight}
    total = features.new_zeros(())
    for task, head in run.heads.items():
        total = total + shares[task] * functional.cross_entropy(
            head(features),
            run.training.labels[task][batch],
            weight=run.weights[task],
            ignore_index=IGNORED,
            label_smoothing=run.recipe.smoothing,
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
