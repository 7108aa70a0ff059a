"""The headlines that ship: labels that exist, enough of each topic, and a holdout kept apart."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from models import dataset
from models.dataset import TRAIN
from models.prediction import SENTIMENTS
from models.taxonomy import Taxonomy
from models.text import fold

FILE = Path(__file__).parents[2] / "models/headlines/bearwatch_headlines.jsonl"
SEALED = Path(__file__).parents[1] / "headlines/sealed.jsonl"
"""For final measurements only; its labels are never looked at while choosing."""
ALIKE = 0.6
"""Share of common words among all words of two texts, from which one says what the other does."""


@pytest.fixture(scope="module")
def rows(labels: Taxonomy) -> pd.DataFrame:
    return dataset.read([FILE], labels)  # refuses labels that do not exist


def test_every_topic_and_sentiment_has_rows_to_learn_from(
    rows: pd.DataFrame, labels: Taxonomy
) -> None:
    training = rows[rows["split"] == TRAIN]
    assert len(training) >= 1_500
    assert training["topic"].value_counts().reindex([t.name for t in labels.topics]).min() >= 40
    pairs = set(zip(training["topic"], training["sentiment"], strict=True))
    assert pairs == set(product([t.name for t in labels.topics], SENTIMENTS))


def test_a_fifth_is_held_out_in_every_topic(rows: pd.DataFrame) -> None:
    assert set(rows["split"]) == {TRAIN, "holdout"}
    held = (rows["split"] == "holdout").groupby(rows["topic"]).mean()
    assert 0.15 < (rows["split"] == "holdout").mean() < 0.25
    assert held.min() > 0.08


def test_no_text_is_there_twice(rows: pd.DataFrame) -> None:
    assert rows["group"].is_unique
    assert rows["id"].is_unique


def test_no_held_out_text_says_what_a_training_text_says(rows: pd.DataFrame) -> None:
    words = [frozenset(fold(text).split()) for text in rows["text"]]
    held = (rows["split"] == "holdout").tolist()
    training = [said for said, out in zip(words, held, strict=True) if not out]
    for said in (said for said, out in zip(words, held, strict=True) if out):
        nearest = max(training, key=lambda other: len(said & other) / len(said | other))
        assert len(said & nearest) / len(said | nearest) < ALIKE


def test_nothing_that_is_sealed_can_be_learned(rows: pd.DataFrame, labels: Taxonomy) -> None:
    sealed = dataset.read([SEALED], labels)
    assert len(sealed) >= 400
    assert sealed["group"].is_unique
    assert set(sealed["topic"]) == {t.name for t in labels.topics}
    dataset.refuse_leak(rows, sealed)
    # A file without splits is all training rows: each must say that it is none.
    assert set(sealed["split"]) == {"sealed"}
