"""The loop of a training: steps, the mean of the last weights, and going on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import checkpoint
from models.checkpoint import Checkpoint
from models.classifier import Classifier, pad, trained
from models.examples import IGNORED, Examples, batches, class_weights
from models.recipe import Recipe

LOSS_STEPS = 100


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


def start(classifier: Classifier, training: Examples, recipe: Recipe) -> Run:
    """The loop before its first step."""
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


def step(run: Run, batch: Sequence[int], pad_id: int) -> None:
    """One step of the optimiser on ``batch``, indices of training rows."""
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
    run.averaged, run.mean = found.numbers["averaged"], found.mean
    run.classifier.load_state_dict(found.weights, strict=False)
    checkpoint.restore_optimiser(run.optimiser, found.optimiser)
    for group, stored in zip(run.optimiser.param_groups, found.numbers["groups"], strict=True):
        group.update(stored)
    run.schedule.load_state_dict(found.numbers["schedule"])
    torch.set_rng_state(found.random)
    return found.epoch, found.numbers["best"]
