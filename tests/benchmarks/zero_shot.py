"""How well topics are told that were never trained on, by their names and sentences alone.

    python -m tests.benchmarks.zero_shot --data FILE ... --judge FILE[:SPLIT] ... --out DIR

The topics are dealt into four groups. Each is hidden from a training of its own, whose rows of
hidden topics keep no topic, and then added from ``topics.yaml`` as any new topic is, but by
headlines of the other topics alone: no text about a new topic need be among ours. Printed are
precision and recall of each while it was hidden, among all topics, and in parentheses those of
the nearest sentence: the plain encoder's mean vector of a text beside those of the sentences,
without prompt or training. Versions stay in ``--out``; stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

import pandas as pd

from models import (
    added_topics,
    backbone,
    dataset,
    evaluation,
    labelled_files,
    prompts,
    taxonomy,
    text,
    training,
    versions,
)
from models.card import CARD
from models.evaluation import ClassScore
from models.recipe import Progress, Recipe
from models.versions import Version
from pipeline.recipes import changed

GROUPS: Final = 4

Scores = Mapping[str, ClassScore]
"""By topic."""


def dealt(topics: Sequence[str]) -> list[tuple[str, ...]]:
    """Every fourth topic, beginning with each of the first four: neighbours are parted."""
    return [tuple(topics[first::GROUPS]) for first in range(GROUPS)]


def hide(file: Path, topics: Sequence[str], folder: Path) -> Path:
    """A copy in ``folder`` whose rows of ``topics`` have no topic."""
    rows = labelled_files.read_frame(file)
    if "topic" in rows:
        rows.loc[rows["topic"].isin(topics), "topic"] = None
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{file.name.partition('.')[0]}.jsonl"
    rows.to_json(copy, orient="records", lines=True)
    return copy


def without(topics: Sequence[str], files: Sequence[Path], out: Path, recipe: Recipe) -> Version:
    """A version that has learned from ``files`` but for ``topics``, and was told of these."""
    if not (out / CARD).exists():
        copies = [hide(file, topics, out.with_name(f"{out.name}-data")) for file in files]
        training.train(copies, out, recipe, _tell)
    return versions.load(out, unlabelled=others(topics))


def others(topics: Sequence[str]) -> list[str]:
    """Our own training headlines, prepared, about anything but ``topics``."""
    rows = labelled_files.read_frame(added_topics.HEADLINES)
    ours = rows[(rows["split"] == "train") & ~rows["topic"].isin(topics)]
    return [text.prepare(found) for found in ours["text"]]


def nearest_sentence() -> Version:
    """The plain encoder with the topics' sentences for a head: no prompt, nothing tuned."""
    encoder, labels = backbone.load(), taxonomy.load()
    return Version(*versions.untuned(encoder, prompts.load(), labels, 0), encoder, labels)


def told(version: Version, rows: pd.DataFrame, topics: Sequence[str]) -> Scores:
    """How those of ``topics`` that occur are told among all that the version knows.

    ``rows`` are as ``dataset.read`` gives them.

    Raises:
        ValueError: no row has a topic.
    """
    report = evaluation.evaluate(version, rows).topic
    if report is None:
        raise ValueError("no row to judge on has a topic; give --judge a file and split with some")
    return {topic: report.per_class[topic] for topic in topics if topic in report.per_class}


def table(found: Mapping[str, tuple[Scores, Scores]]) -> str:
    """Markdown. ``found`` has by judged file the scores of each topic, and those of the nearest
    sentence."""
    lines = ["| topic | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for topic in dict.fromkeys(topic for ours, _ in found.values() for topic in ours):
        cells = [
            f"{_cell(ours, topic)} ({_cell(theirs, topic)})" for ours, theirs in found.values()
        ]
        lines.append("| " + " | ".join([topic.replace("|", "\\|"), *cells]) + " |")
    lines.append("")
    for name, (ours, theirs) in found.items():
        means = [fmean(score.f1 for score in scores.values()) for scores in (ours, theirs)]
        better = sum(ours[topic].f1 > theirs[topic].f1 for topic in ours)
        lines.append(
            f"{name}: mean F1 {means[0]:.3f}, of the nearest sentence {means[1]:.3f}; "
            f"better for {better} of {len(ours)}"
        )
    return "\n".join(lines)


def _cell(scores: Scores, topic: str) -> str:
    of = scores.get(topic)  # a file need not have every topic
    return f"{of.precision:.2f} / {of.recall:.2f}" if of else "-"


def _tell(at: Progress) -> None:
    if at.scores or at.step % 200 == 0:
        sys.stderr.write(f"epoch {at.epoch} of {at.epochs}, step {at.step} of {at.steps}\n")


def main() -> None:
    """Train what is not trained, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--judge", nargs="+", required=True, metavar="FILE[:SPLIT]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="name=value")
    given = parser.parse_args()
    labels, recipe = taxonomy.load(), changed(Recipe(), given.set)
    judged = {}
    for name in given.judge:
        file, _, split = name.partition(":")
        rows = dataset.read([Path(file)], labels)
        judged[Path(file).name.partition(".")[0]] = rows[rows["split"] == split] if split else rows
    topics = [label.name for label in labels.topics]
    plain = nearest_sentence()
    theirs = {name: told(plain, rows, topics) for name, rows in judged.items()}
    ours: dict[str, dict[str, ClassScore]] = {name: {} for name in judged}
    for number, hidden in enumerate(dealt(topics), start=1):
        sys.stderr.write(f"group {number} of {GROUPS}: {', '.join(hidden)}\n")
        version = without(hidden, given.data, given.out / f"group{number}", recipe)
        for name, rows in judged.items():
            ours[name].update(told(version, rows, hidden))
    sys.stdout.write(table({name: (ours[name], theirs[name]) for name in judged}) + "\n")


if __name__ == "__main__":
    main()
