"""Prompt texts against labelled rows: each as it is, and after a short tuning.

Untuned, every token of the prompt is a vector of its own, so that nothing of the wording is
averaged away. Tuned is what `train` makes of it. Judged are the inner rows alone: a prompt is a
choice, and choices leave the validation rows untouched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from models import backbone as backbones
from models import dataset, taxonomy, versions
from models.backbone import Backbone
from models.dataset import DatasetError
from models.evaluation import judged
from models.intervals import Answers, Difference, Interval, difference, interval
from models.prompts import PARTS, Prompt, PromptError, load
from models.recipe import Progress, Recipe
from models.taxonomy import Taxonomy
from models.training import train
from models.versions import Version


@dataclass(frozen=True, slots=True)
class Scored:
    """One task's mean macro-F1 over the seeds, with the bootstrap interval of the rows."""

    macro_f1: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Trial:
    """One prompt's scores by task. ``tuned`` is empty where nothing was tuned.

    ``behind`` compares the best prompt with this one: it is better by so much, None for the best.
    """

    name: str
    tokens: int
    untuned: dict[str, Scored]
    tuned: dict[str, Scored]
    behind: Difference | None


def candidates(folder: Path | None) -> dict[str, Prompt]:
    """The prompts of a folder by file name; without one, the default that ships and what is left
    of it when a part is absent, or when the parts stand the other way round.

    Raises:
        PromptError: the folder has no ``*.yaml``, or one that cannot be used.
    """
    if folder is not None:
        found = {path.stem: load(path) for path in sorted(folder.glob("*.yaml"))}
        if not found:
            raise PromptError(f"{folder} has no *.yaml file; a prompt's parts are: {PARTS}")
        return found
    whole = load()
    without = {
        f"without {part}": replace(whole, order=tuple(p for p in PARTS if p != part))
        for part in PARTS
    }
    return {"default": whole, **without, "reversed": replace(whole, order=PARTS[::-1])}


def compare(
    prompts: Mapping[str, Prompt],
    data: Sequence[Path],
    recipe: Recipe,
    *,
    rows: int,
    seeds: int,
    progress: Callable[[str, Progress | None], None],
    encoder: Path | None = None,
) -> list[Trial]:
    """Judge each prompt on the inner rows, best first by mean macro-F1: tuned, else untuned.

    ``rows`` of the training rows are tuned on, drawn by the recipe's seed, once for each of
    ``seeds``; 0 rows tunes nothing. ``progress`` is told the prompt and where its training stands.

    Raises:
        DatasetError: no row is left to judge on.
        PromptError: a prompt is too long.
    """
    labels = taxonomy.load()
    split = dataset.split(
        dataset.read(data, labels), inner_share=recipe.inner_share, seed=recipe.seed
    )
    if split.inner.empty:
        raise DatasetError(
            f"{len(split.training)} training rows leave none to judge on; give more, or a larger "
            "inner_share"
        )
    encoder_read = backbones.load(encoder)
    untuned, tuned, tokens = {}, {}, {}
    for name, prompt in prompts.items():
        progress(name, None)
        tokens[name] = len(encoder_read.tokenizer.encode(prompt.text).ids)
        version = _untuned(encoder_read, prompt, labels, tokens[name])
        untuned[name] = _answers([version], split.inner)
        if rows:
            tuned[name] = _tuned(name, prompt, split, recipe, rows, seeds, progress, encoder)
    return _ranked(tokens, untuned, tuned)


def _untuned(backbone: Backbone, prompt: Prompt, labels: Taxonomy, vectors: int) -> Version:
    card, classifier = versions.untuned(backbone, prompt, labels, vectors)
    backbone.tokenizer.enable_truncation(max_length=backbone.positions - vectors)
    return Version(card, classifier, backbone, labels)


def _tuned(
    name: str,
    prompt: Prompt,
    split: dataset.Split,
    recipe: Recipe,
    rows: int,
    seeds: int,
    progress: Callable[[str, Progress | None], None],
    encoder: Path | None,
) -> dict[str, Answers]:
    """Train as `train` does, on a draw of the training rows, into a folder that is thrown away."""
    drawn = split.training.sample(min(rows, len(split.training)), random_state=recipe.seed)
    with tempfile.TemporaryDirectory(prefix="bearwatch-") as folder:
        file = Path(folder) / "rows.jsonl"
        drawn.assign(split=dataset.TRAIN).to_json(file, orient="records", lines=True)
        made = []
        for seed in range(recipe.seed, recipe.seed + seeds):
            out = Path(folder) / str(seed)
            train(
                [file],
                out,
                replace(recipe, seed=seed),
                lambda at: progress(name, at),
                prompt=prompt,
                encoder=encoder,
            )
            made.append(versions.load(out, precision="fp32", encoder=encoder))
        return _answers(made, split.inner)


def _answers(made: Sequence[Version], rows: pd.DataFrame) -> dict[str, Answers]:
    found = [judged(version, rows) for version in made]
    return {
        task: Answers(
            first.labels, [f[task].probabilities.argmax(axis=1) for f in found], len(first.names)
        )
        for task, first in found[0].items()
    }


def _ranked(
    tokens: Mapping[str, int],
    untuned: Mapping[str, dict[str, Answers]],
    tuned: Mapping[str, dict[str, Answers]],
) -> list[Trial]:
    deciding = tuned or untuned

    def quality(name: str) -> float:
        scores = [answers.macro_f1() for answers in deciding[name].values()]
        return sum(scores) / len(scores)

    order = sorted(deciding, key=quality, reverse=True)
    best = [*deciding[order[0]].values()]
    return [
        Trial(
            name,
            tokens[name],
            _scored(untuned[name]),
            _scored(tuned.get(name, {})),
            difference([*deciding[name].values()], best, comparisons=max(1, len(order) - 1))
            if name != order[0]
            else None,
        )
        for name in order
    ]


def _scored(answers: Mapping[str, Answers]) -> dict[str, Scored]:
    return {task: Scored(one.macro_f1(), interval(one)) for task, one in answers.items()}
