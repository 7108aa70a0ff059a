"""Whether what `bearwatch labels next` chooses teaches more than labels drawn at random.

``python -m tests.benchmarks.labelling DATA/twitter_topic.jsonl.gz [--task topic] [--picture F]``.
Labels are taken from a labelled file in rounds. What learns is a logistic regression on the
untuned encoder's features, not the prompt: minutes instead of days, and only the difference
between the ways of choosing is the result. The descriptions of the labels are its first rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from models import backbone, dataset, pictures, prompts, taxonomy, versions
from models.classifier import SHARPNESS, Classifier, pad
from pipeline.labels.choosing import PRESELECTED
from pipeline.labels.scoring import Candidate, choose, preselect, trust, words_of
from pipeline.labels.settings import LabelSettings
from pipeline.store.hashing import text_hash

POOL = LabelSettings().pool
RANDOM_SHARE = LabelSettings().random_share
IN_HAND = 10
"""Questions before the counts of labels are read again; the page reads them each time."""

VECTORS = 24
STRENGTH = 1.0
"""C of the regression; the features have length 1 x a constant, as in the classifier."""

Floats = NDArray[np.float64]
Rows = list[int]


@dataclass(frozen=True, slots=True)
class Data:
    """(rows, width) features and labels as numbers, of what is chosen from and judged on.

    ``first`` are the features of the labels' descriptions.
    """

    features: Floats
    labels: NDArray[np.int64]
    titles: list[str]
    judged: Floats
    judged_labels: NDArray[np.int64]
    first: Floats
    names: tuple[str, ...]


Chooser = Callable[[Data, Sequence[int], Floats, Sequence[int], np.random.Generator, int], Rows]
"""Of the data, the pool, its probabilities and what is labelled: so many rows of the pool."""


def at_random(
    data: Data,
    pool: Sequence[int],
    told: Floats,
    labelled: Sequence[int],
    draw: np.random.Generator,
    number: int,
) -> Rows:
    """The baseline: what an annotator gets who labels what comes."""
    return [int(row) for row in draw.choice(pool, number, replace=False)]


def unsure(
    data: Data,
    pool: Sequence[int],
    told: Floats,
    labelled: Sequence[int],
    draw: np.random.Generator,
    number: int,
) -> Rows:
    """Uncertainty alone, for comparison."""
    return [pool[place] for place in np.argsort(told.max(axis=1), kind="stable")[:number]]


def chosen(
    data: Data,
    pool: Sequence[int],
    told: Floats,
    labelled: Sequence[int],
    draw: np.random.Generator,
    number: int,
) -> Rows:
    """As the page asks: a share at random, the rest by worth."""
    random = int(draw.binomial(number, RANDOM_SHARE))
    found = at_random(data, pool, told, labelled, draw, random)
    rows = {text_hash(data.titles[row], str(row)): row for row in pool if row not in set(found)}
    counts = Counter(data.names[data.labels[row]] for row in (*labelled, *found))
    trusted = trust(data.names[0], data.names, counts)  # no topic was tuned before
    place = {row: n for n, row in enumerate(pool)}
    candidates = [
        Candidate(
            key,
            data.names[int(told[place[row]].argmax())],
            float(told[place[row]].max()),
            1.0,
            words_of(data.titles[row]),
            trusted,
        )
        for key, row in rows.items()
    ]
    recent = [words_of(data.titles[row]) for row in labelled[-60:]]
    first = preselect(candidates, counts, PRESELECTED)
    return found + [
        rows[one.text_hash] for one, _ in choose(first, counts, recent, number - random)
    ]


WAYS: dict[str, Chooser] = {
    "bearwatch labels next": chosen,
    "at random": at_random,
    "uncertainty alone": unsure,
}


def curve(data: Data, way: Chooser, *, seed: int, rounds: int, a_round: int) -> list[float]:
    """Macro-F1 on the judged rows after each round; the first is of descriptions alone."""
    draw = np.random.default_rng(seed)
    labelled: list[int] = []
    model = _fit(data, labelled)
    scores = [_score(data, model)]
    for _ in range(rounds):
        free = np.setdiff1d(np.arange(len(data.labels)), labelled)
        pool = [int(row) for row in draw.choice(free, min(POOL, len(free)), replace=False)]
        told = np.asarray(model.predict_proba(data.features[pool]))
        for _ in range(a_round // IN_HAND):
            taken = set(labelled)
            left = [n for n, row in enumerate(pool) if row not in taken]
            asked = [pool[n] for n in left]
            labelled += way(data, asked, told[left], labelled, draw, IN_HAND)
        model = _fit(data, labelled)
        scores.append(_score(data, model))
    return scores


def _fit(data: Data, labelled: Sequence[int]) -> Any:
    features = np.vstack([data.first, data.features[list(labelled)]])
    labels = np.concatenate([np.arange(len(data.names)), data.labels[list(labelled)]])
    return LogisticRegression(C=STRENGTH, max_iter=500).fit(features, labels)


def _score(data: Data, model: Any) -> float:
    told = model.predict(data.judged)
    return float(f1_score(data.judged_labels, told, average="macro"))


def load(path: Path, task: str, most: int) -> Data:
    """Read and encode; repeats are out, and so are judged rows' repeats."""
    labels = taxonomy.load()
    frame = dataset.read([path], labels).drop_duplicates("group")
    frame = frame[frame[task].notna()].sample(frac=1, random_state=7)
    training = frame[frame["split"] == "train"].head(most)
    judged = frame[frame["split"] != "train"]
    meanings = labels.topics if task == "topic" else labels.sentiments
    names = tuple(label.name for label in meanings)
    place = {name: number for number, name in enumerate(names)}
    encoder = backbone.load()
    _, classifier = versions.untuned(encoder, prompts.load(), labels, VECTORS)
    titles = list(training["text"])
    return Data(
        _features(classifier, encoder, titles),
        np.array([place[name] for name in training[task]]),
        titles,
        _features(classifier, encoder, list(judged["text"])),
        np.array([place[name] for name in judged[task]]),
        _features(classifier, encoder, [label.description for label in meanings]),
        names,
    )


@torch.inference_mode()
def _features(classifier: Classifier, encoder: backbone.Backbone, texts: Sequence[str]) -> Floats:
    rows = [one.ids for one in encoder.tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
    made = np.zeros((len(rows), encoder.width))
    for start in range(0, len(order), 64):
        part = order[start : start + 64]
        made[part] = classifier.features(*pad([rows[n] for n in part], encoder.pad_id)).numpy()
    return made * (4.0 / SHARPNESS)


def main() -> None:
    """Simulate and print the table, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", choices=dataset.TASKS, default="topic")
    parser.add_argument("--rows", type=int, default=6_000, help="to choose from")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--a-round", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    data = load(options.data, options.task, options.rows)
    numbers = [options.a_round * n for n in range(options.rounds + 1)]
    found: dict[str, tuple[list[int], list[list[float]]]] = {}
    for name, way in WAYS.items():
        seeds = [
            curve(data, way, seed=seed, rounds=options.rounds, a_round=options.a_round)
            for seed in range(options.seeds)
        ]
        found[name] = (numbers, seeds)
        mean = np.mean(seeds, axis=0).round(3).tolist()
        spread = np.ptp(seeds, axis=0).round(3).tolist()
        line = {"way": name, "labels": numbers, "macro_f1": mean, "spread": spread}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    if options.picture is not None:
        pictures.learning_curves(found, options.picture, score=f"macro-F1, {options.task}")


if __name__ == "__main__":
    main()
