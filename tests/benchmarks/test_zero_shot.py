"""What the measure of topics without examples hides, and how it counts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from models import added_topics, taxonomy, versions
from models.evaluation import ClassScore
from tests.benchmarks.zero_shot import dealt, hide, others, table, told

TOPICS = [label.name for label in taxonomy.load().topics]


def test_each_topic_is_hidden_once() -> None:
    groups = dealt(TOPICS)
    assert sorted(topic for group in groups for topic in group) == sorted(TOPICS)
    assert {len(group) for group in groups} == {5}


def test_hidden_rows_keep_all_but_their_topic(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "topic": "IPO", "sentiment": "neutral", "split": "train"},
        {"text": "b", "topic": "Macro", "sentiment": "negative", "split": "train"},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    copy = hide(file, ["IPO"], tmp_path / "hidden")

    found = [json.loads(line) for line in copy.read_text().splitlines()]
    assert found == [rows[0] | {"topic": None}, rows[1]]
    assert copy.name == file.name  # by which its origin is known


def test_headlines_about_hidden_topics_do_not_help_to_add_them() -> None:
    assert set(others(["IPO", "Macro"])) < set(others(["IPO"])) < set(added_topics.headlines())
    assert others(TOPICS) == []


def test_topics_are_told_where_they_occur() -> None:
    rows = pd.DataFrame(
        {
            "id": ["1", "2", "3"],
            "text": ["Retailer raises dividend by 10%", "Oil falls below $70", "Oil rises"],
            "topic": ["Dividend", "Energy | Oil", None],
            "sentiment": [None, None, None],
        }
    )
    version = versions.load()
    good = ClassScore(1.0, 1.0, 1.0, 1)
    found = told(version, rows, ["Dividend", "Energy | Oil", "Macro"])
    assert found == {"Dividend": good, "Energy | Oil": good}
    assert told(version, rows.assign(topic="Macro"), ["Macro"])["Macro"].recall == 0.0
    with pytest.raises(ValueError, match="no row to judge on has a topic"):
        told(version, rows.assign(topic=None), ["Macro"])


def test_means_are_of_the_topics_and_a_tie_is_no_gain() -> None:
    good, bad = ClassScore(0.5, 0.25, 1 / 3, 4), ClassScore(0.0, 0.0, 0.0, 2)
    text = table({"posts": ({"A | B": good, "C": bad}, {"A | B": bad, "C": bad})})
    assert "| A \\| B | 0.50 / 0.25 (0.00 / 0.00) |" in text
    assert text.endswith("mean F1 0.167, of the nearest sentence 0.000; better for 1 of 2")
