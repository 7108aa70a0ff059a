"""The loop of a training: steps, the mean of the last weights, and going on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models import checkpoint
from models.card import ENCODER
from models.checkpoint import Checkpoint
from models.classifier import Classifier, biases_and_norms, pad, trained
from models.examples import IGNORED, Examples, batches, class_weights
from models.recipe import Recipe
from models.rehearsal import Remembered
from models.versions import rounds

LOSS_STEPS = 100

HEADS = ("topic_head.", "sentiment_head.")
SHIFTS = ("topic_shift.", "sentiment_shift.", "posts_head.")
"""Tuned where there are posts and other texts. Of one kind alone they would learn nothing but to
forget the other."""


@dataclass(slots=True)
class Run:
    """The state of the loop. ``loss`` is a mean that forgets over ``LOSS_STEPS`` steps.

    ``mean`` is of the trained tensors over the last ``averaged`` steps, empty without averaging
    (stochastic weight averaging, arXiv 1803.05407): it lies in the middle of what the last steps
    wander through, and does better on rows that were not trained on.
    """

    classifier: Classifier
    training: Examples
    recipe: Recipe
    rows: list[list[int]]  # token ids of this epoch
    labels: dict[str, Tensor]
    weights: dict[str, Tensor]
    plan: list[list[list[int]]]  # per epoch, batches of row indices
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0
    loss: float = 0.0
    averaged: int = 0
    mean: dict[str, Tensor] = field(default_factory=dict)
    posts: Tensor | None = None  # (rows,) 1 for a row of a file of posts; None: all are alike
    remembered: Remembered | None = None
    rounded: bool = False  # the encoder computes in bfloat16

    @property
    def steps(self) -> int:
        """Of all epochs together."""
        return sum(map(len, self.plan))


def start(classifier: Classifier, training: Examples, recipe: Recipe) -> Run:
    """The loop before its first step."""
    heads = {"topic": classifier.topic_head, "sentiment": classifier.sentiment_head}
    plan = [
        batches(
            training.rows,
            recipe.batch_tokens,
            recipe.seed,
            epoch,
            training.domains,
            recipe.mixing,
        )
        for epoch in range(recipe.epochs)
    ]
    mixed = bool(training.posts.min() < training.posts.max())
    optimiser, schedule = _optimiser(classifier, recipe, sum(map(len, plan)), shifts=mixed)
    device = classifier.prompt_keys.device
    weights = {
        task: class_weights(training.labels[task], head.out_features, recipe.balance).to(device)
        for task, head in heads.items()
    }
    labels = {task: values.to(device) for task, values in training.labels.items()}
    return Run(
        classifier,
        training,
        recipe,
        training.rows,
        labels,
        weights,
        plan,
        optimiser,
        schedule,
        posts=training.posts.to(device) if mixed else None,
        rounded=_rounded(recipe, device),
    )


def _rounded(recipe: Recipe, device: torch.device) -> bool:
    return device.type == "cpu" and rounds(recipe.precision)


def step(run: Run, batch: Sequence[int], pad_id: int) -> None:
    """One step of the optimiser on ``batch``, indices of training rows."""
    run.classifier.train(run.recipe.method != "heads")
    loss = _loss(run, batch, pad_id)
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    tuned = (value for group in run.optimiser.param_groups for value in group["params"])
    torch.nn.utils.clip_grad_norm_(tuned, 1.0)
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
    """Cross-entropy of both heads, summed over tasks and labelled rows, per row of the batch.

    With ``consistency`` every row is answered twice, each time with other units dropped, and the
    divergence of the two answers is added (R-Drop, arXiv 2106.14448).
    """
    device = run.classifier.prompt_keys.device
    ids, mask = pad([run.rows[i] for i in batch], pad_id)
    ids, mask = ids.to(device), None if mask is None else mask.to(device)
    passes = 2 if run.recipe.consistency else 1
    answers = [_answers(run, ids, mask) for _ in range(passes)]
    chosen = torch.tensor(batch, device=device)
    shares = {"topic": 1.0, "sentiment": run.recipe.sentiment_weight}
    total = ids.new_zeros((), dtype=torch.float32)
    for task, share in shares.items():
        for answer in answers:
            total = total + share / passes * _taught(run, task, answer[task], chosen)
        if passes == 2:
            labelled = run.labels[task][chosen] != IGNORED
            total = total + share * run.recipe.consistency * _divergence(
                answers[0][task][labelled], answers[1][task][labelled]
            )
    if run.posts is not None:
        for answer in answers:
            told = functional.binary_cross_entropy_with_logits(
                answer["posts"], run.posts[chosen], reduction="sum"
            )
            total = total + run.recipe.posts_weight / passes * told
    return total / len(batch)


def _taught(run: Run, task: str, answer: Tensor, chosen: Tensor) -> Tensor:
    """Cross-entropy with labels of the ``chosen`` rows, or with what is remembered, summed."""
    by_label = functional.cross_entropy(
        answer,
        run.labels[task][chosen],
        weight=run.weights[task],
        ignore_index=IGNORED,
        label_smoothing=run.recipe.smoothing,
        reduction="none",
    )
    if run.remembered is None:
        return by_label.sum()
    share = run.recipe.distilled * run.remembered.rows[task][chosen].float()
    told = run.remembered.answers[task][chosen]
    by_memory = -(told * functional.log_softmax(answer, dim=-1)).sum(dim=-1)
    return ((1 - share) * by_label + share * by_memory).sum()


def _answers(run: Run, ids: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=run.rounded):
        features = run.classifier.features(ids, mask)
    features = functional.dropout(features.float(), run.recipe.dropout)
    topic, sentiment = run.classifier.answers(features)
    posts = run.classifier.posts_head(features).squeeze(1)
    return {"topic": topic, "sentiment": sentiment, "posts": posts}


def _divergence(one: Tensor, other: Tensor) -> Tensor:
    """Of two answers' probabilities from each other, the mean of both directions, summed."""
    p, q = functional.log_softmax(one, dim=-1), functional.log_softmax(other, dim=-1)
    there = functional.kl_div(p, q, log_target=True, reduction="sum")
    back = functional.kl_div(q, p, log_target=True, reduction="sum")
    return (there + back) / 2


def _optimiser(
    classifier: Classifier, recipe: Recipe, steps: int, *, shifts: bool
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    named = HEADS + SHIFTS if shifts else HEADS
    heads = [value for name, value in classifier.named_parameters() if name.startswith(named)]
    groups: list[dict[str, Any]] = [
        {"params": heads, "lr": recipe.head_rate, "weight_decay": recipe.weight_decay}
    ]
    prompt = [classifier.prompt_keys, classifier.prompt_values]
    if recipe.method in ("deep", "shallow"):
        groups.insert(0, {"params": prompt, "lr": recipe.prompt_rate, "weight_decay": 0.0})
    if recipe.method == "shallow":
        for vectors in prompt:
            vectors.register_hook(_first_layer)  # type: ignore[no-untyped-call]
    if recipe.method != "heads" and recipe.pooling_rate:
        pooling = [classifier.layer_mix, classifier.query]
        groups.append({"params": pooling, "lr": recipe.pooling_rate, "weight_decay": 0.0})
    if recipe.method == "deep" and recipe.bias_rate:
        classifier.open(biases_and_norms(classifier))
        groups.append(_opened(classifier, 1, lr=recipe.bias_rate, weight_decay=0.0))
    changes = list(classifier.low_rank.parameters())
    if recipe.method == "deep" and recipe.rank_rate and changes:
        groups.append({"params": changes, "lr": recipe.rank_rate, "weight_decay": 0.0})
    if recipe.method == "full":
        classifier.open(name for name in classifier.state_dict() if name.startswith(ENCODER))
        # Biases and norms do not decay, as is usual.
        rate = recipe.encoder_rate
        groups.append(_opened(classifier, 2, lr=rate, weight_decay=recipe.weight_decay))
        groups.append(_opened(classifier, 1, lr=rate, weight_decay=0.0))
    optimiser = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=[group["lr"] for group in groups],
        total_steps=steps + 1,
        # A rise of no step at all is a division by zero there.
        pct_start=min(0.9, max(recipe.warm_up, 2 / (steps + 1))),
    )
    return optimiser, schedule


def _first_layer(gradient: Tensor) -> Tensor:
    """That gradient for the first layer's vectors, nothing for those of the others."""
    kept = torch.zeros_like(gradient)
    kept[0] = gradient[0]
    return kept


def _opened(classifier: Classifier, dimensions: int, **given: float) -> dict[str, Any]:
    """A group of those of the encoder's opened parameters that have so many dimensions."""
    return {
        "params": [
            value
            for name, value in classifier.named_parameters()
            if name in classifier.opened and value.ndim == dimensions
        ],
        **given,
    }


def state(run: Run, epoch: int, best: float) -> Checkpoint:
    """What it takes to go on after ``epoch``; ``best`` is the quality of the best so far."""
    groups = [
        {name: value for name, value in group.items() if name != "params"}
        for group in run.optimiser.param_groups
    ]
    return Checkpoint(
        epoch=epoch,
        numbers={
            "best": best,
            "step": run.step,
            "loss": run.loss,
            "averaged": run.averaged,
            "groups": groups,
            "schedule": run.schedule.state_dict(),
        },
        weights=trained(run.classifier),
        mean=run.mean,
        optimiser=checkpoint.optimiser_state(run.optimiser),
        random=torch.get_rng_state(),
    )


def resume(run: Run, found: Checkpoint | None) -> tuple[int, float]:
    """Put the loop where an interrupted one stood; give the epochs done and the best quality."""
    if found is None:
        return 0, -1.0
    run.step, run.loss = found.numbers["step"], found.numbers["loss"]
    device = run.classifier.prompt_keys.device
    run.averaged = found.numbers["averaged"]
    run.mean = {name: value.to(device) for name, value in found.mean.items()}
    run.classifier.load_state_dict(found.weights, strict=False)
    checkpoint.restore_optimiser(run.optimiser, found.optimiser)
    for group, stored in zip(run.optimiser.param_groups, found.numbers["groups"], strict=True):
        group.update(stored)
    run.schedule.load_state_dict(found.numbers["schedule"])
    torch.set_rng_state(found.random)
    return found.epoch, found.numbers["best"]
