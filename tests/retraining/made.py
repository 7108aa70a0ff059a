"""A small world that trains in seconds: a tiny encoder, three topics and a fourth that is new."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

import yaml

from models import taxonomy, training, versions
from models.card import CARD, Card, read_card
from models.prompts import Prompt
from models.recipe import Recipe
from models.taxonomy import Label, Taxonomy
from pipeline.labels import training_rows
from pipeline.registry.registry import Registry
from pipeline.retraining import child, job
from pipeline.retraining.job import Result
from pipeline.retraining.parts import Parts
from pipeline.retraining.process import Heard
from pipeline.retraining.settings import RetrainingSettings
from pipeline.settings import DatabaseSettings, ModelSettings, SecretUrl, Settings
from pipeline.store import labels as label_store
from pipeline.store.database import Database
from pipeline.store.labels import NewLabel
from pipeline.store.pinning import LabelledText, Outside, pin_texts
from tests.fakes import MONDAY
from tests.models.tiny import tiny_encoder

NEW: Final = "Courts"
SUBJECTS: Final = {
    "Energy | Oil": ("oil price", "the price of oil", "oil sales", "oil"),
    "Dividend": ("dividend", "the dividend of the bank", "the company dividend", "bank dividend"),
    "Earnings": ("earnings", "profit of the company", "earnings of the bank", "company profit"),
    NEW: ("court fine", "the lawsuit", "the court", "lawsuit of the court"),
}
VERBS: Final = {
    "negative": ("falls", "drops", "sinks", "slides", "plunges"),
    "neutral": ("names the ceo", "opens", "not new", "with policy", "report"),
    "positive": ("rises", "jumps", "rallies", "soars", "surges"),
}
TAILS: Final = (
    "",
    "after the merger",
    "as index posts record",
    "with the fund",
    "on product deal",
    "after outlook",
    "as fed warns",
    "on growth forecast",
    "to the dollar",
    "and the stock",
)
RECIPE: Final = Recipe(
    seed=8,  # so little is learned here that another seed may promote nothing
    vectors=8,
    epochs=60,
    batch_tokens=200,
    max_tokens=24,
    inner_share=0.3,
    prompt_rate=2e-2,
    head_rate=2e-2,
    mixing=0.0,
    consistency=0.0,
    averaging=0.0,
    bias_rate=2e-3,
    precision="fp32",  # alike on every processor
)


def texts(topics: Sequence[str], number: int, seed: int) -> list[dict[str, str]]:
    """``number`` different texts of these topics, with their labels."""
    draw = random.Random(seed)  # noqa: S311 - made-up news
    found: dict[str, dict[str, str]] = {}
    while len(found) < number:
        topic, sentiment = draw.choice(list(topics)), draw.choice(list(VERBS))
        words = (draw.choice(SUBJECTS[topic]), draw.choice(VERBS[sentiment]), draw.choice(TAILS))
        text = " ".join(words).strip()
        found[text] = {"text": text, "topic": topic, "sentiment": sentiment}
    return list(found.values())


class World:
    """Files that are made once: encoder, topics, headlines, and a champion that knows three.

    In a folder that has them already, they are taken as they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.encoder = folder / "encoder"
        shipped = taxonomy.load()
        known = [Label(name, f"News of {name}, {SUBJECTS[name][0]}") for name in SUBJECTS]
        self.labels = replace(shipped, topics=tuple(known))
        self.topics = folder / "topics.yaml"
        self.headlines = folder / "headlines.jsonl"
        self.champion = folder / "champion"
        if not (self.champion / CARD).exists():
            self._make()
        self.card = read_card(self.champion)

    def _make(self) -> None:
        tiny_encoder(self.encoder)
        self.topics.write_text(as_yaml(self.labels))
        rows = texts([name for name in SUBJECTS if name != NEW], 600, 1)
        self.headlines.write_text(
            "".join(
                json.dumps({"id": f"h-{i}", "split": "train" if i % 3 else "holdout"} | row) + "\n"
                for i, row in enumerate(rows)
            )
        )
        training.train(
            [self.headlines],
            self.champion,
            RECIPE,
            lambda _: None,
            labels=self.labels,
            prompt=Prompt(task="report the outlook of a company"),
            encoder=self.encoder,
        )

    def loads(self, folder: Path) -> Card:
        """Verify a version as a worker would."""
        return versions.load(
            folder, precision="fp32", labels=self.labels, encoder=self.encoder
        ).card

    def verify(self, folder: Path) -> object:
        """For the registry: as :meth:`loads`, but what ships is of another encoder here."""
        card = read_card(folder)
        return self.loads(folder) if card.backbone_sha256 == self.card.backbone_sha256 else card

    def parts(
        self,
        db: Database,
        folder: Path,
        clock: Callable[[], datetime],
        **changes: object,
    ) -> Parts:
        """What a retraining works with; ``changes`` are settings of it."""
        recipe = ("epochs=10", *(f"{name}={getattr(RECIPE, name)}" for name in RECIPE_NAMES))
        more: Mapping[str, object] = {
            "folder": folder / "work",
            "recipe": recipe,
            "new_labels": 100,
            "least_new_labels": 20,
        }
        settings = Settings(
            database=DatabaseSettings(url=SecretUrl("sqlite:///unused.db")),
            model=ModelSettings(topics=self.topics),
            retraining=RetrainingSettings.model_validate(dict(more) | changes),
        )
        registry = Registry(db, folder / "versions", self.verify)
        rows, encoder = training_rows.rows, self.encoder
        return Parts(db, settings, registry, rows, clock, encoder, self.headlines, in_process)


# Kept and distilled are as they come: a champion that knows its topics and moods keeps them.
RECIPE_NAMES: Final = (
    *("batch_tokens", "max_tokens", "inner_share", "prompt_rate", "head_rate"),
    *("balance", "sentiment_weight", "mixing", "consistency", "averaging"),
    *("bias_rate", "precision"),
)


def in_process(
    folder: Path, *, stop: Event, alive: Callable[[], None], heard: Heard, longest_s: float
) -> Result:
    """What the training's own process does, without one: starting Python takes seconds."""

    def say(**facts: object) -> None:
        alive()
        heard(facts)

    result = child.work(folder, job.read_job(folder), say)
    job.write(folder / job.RESULT, result)
    found = job.read_result(folder)
    assert found is not None
    return found


def as_yaml(labels: Taxonomy) -> str:
    """A file of labels."""
    content = {
        kind: [{"name": one.name, "description": one.description} for one in found]
        for kind, found in (("topics", labels.topics), ("sentiments", labels.sentiments))
    }
    return yaml.safe_dump(content)


def label(
    db: Database,
    rows: Sequence[Mapping[str, str]],
    *,
    noise: float = 0.0,
    annotator: str = "ann",
    at: datetime = MONDAY,
    topics: Sequence[str] = tuple(SUBJECTS),
) -> int:
    """Store labels as an annotator gives them, wrong with the chance ``noise``; how many."""
    draw = random.Random(5)  # noqa: S311 - made-up mistakes
    choices = {"topic": list(topics), "sentiment": list(VERBS)}
    outside = [Outside(row["text"], "") for row in rows]
    with db.write() as connection:
        found = pin_texts(connection, outside, at)
        pinned = [one for one in found.values() if isinstance(one, LabelledText)]
        events = []
        for number, (row, one) in enumerate(zip(rows, outside, strict=True)):
            for task in ("topic", "sentiment"):
                value = row[task]
                if draw.random() < noise:
                    value = draw.choice([name for name in choices[task] if name != value])
                key = hashlib.sha256(f"{annotator}:{task}:{row['text']}".encode()).hexdigest()
                when = at + timedelta(seconds=number)
                events.append(NewLabel(key, when, annotator, one.hash, task, value, "import"))
        return label_store.add(connection, pinned, events)
