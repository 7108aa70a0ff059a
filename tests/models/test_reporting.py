"""The report of an evaluation: slices, the surest mistakes, pictures, and hostile headlines."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree  # the file is written by the test itself

import numpy as np
import pytest

from models import pictures
from models.evaluation import Judged
from models.reporting import PAGE, REPORT, TaskPage, task_page, write
from models.slices import SLICES

TEXTS = [
    "Mill profit not as low as feared",
    "Bank may buy rival",
    "$ABC up 4%",
    "Grocer opens a shop in the north after it has looked for a fitting place for more than one "
    "whole year",
]
NAMES = ("negative", "neutral", "positive")


def answers(texts: list[str] = TEXTS) -> Judged:
    """Labels 2 1 2 1; told 2 1 0 0, sure of the third answer most."""
    told = [(0.1, 0.2, 0.7), (0.2, 0.5, 0.3), (0.9, 0.0, 0.1), (0.6, 0.3, 0.1)]
    return Judged(
        names=NAMES,
        ids=[f"r{i}" for i in range(len(texts))],
        texts=texts,
        labels=np.array([2, 1, 2, 1]),
        probabilities=np.array(told),
    )


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("short", [0, 1, 2]),
        ("long", [3]),
        ("numbers", [2]),
        ("negation", [0]),
        ("hedged", [1]),
        ("cashtags", [2]),
    ],
)
def test_each_slice_holds_its_texts(name: str, inside: list[int]) -> None:
    assert [i for i, text in enumerate(TEXTS) if SLICES[name](text)] == inside


def test_page_has_scores_of_slices_and_mistakes_surest_first() -> None:
    page = task_page(answers(), {"shops": lambda text: "shop" in text})
    assert page.report.accuracy == 0.5
    assert page.slices["short"].accuracy == pytest.approx(2 / 3)
    assert page.slices["shops"].n == 1
    assert page.slices["shops"].accuracy == 0
    assert [(m.id, m.label, m.answer) for m in page.mistakes] == [
        ("r2", "positive", "negative"),
        ("r3", "neutral", "negative"),
    ]
    assert page.confusion == [[0, 0, 0], [1, 1, 0], [1, 0, 1]]


def written(folder: Path, found: Judged) -> TaskPage:
    page = task_page(found)
    write(folder, "v1", "rows.jsonl", {"sentiment": found}, {"sentiment": page})
    return page


def test_folder_holds_numbers_a_page_and_pictures(tmp_path: Path) -> None:
    page = written(tmp_path, answers())
    told = json.loads((tmp_path / REPORT).read_text("utf-8"))
    assert told["version"] == "v1"
    assert told["sentiment"]["report"]["accuracy"] == page.report.accuracy
    text = (tmp_path / PAGE).read_text("utf-8")
    for name in ("sentiment_confusion.svg", "sentiment_reliability.svg"):
        assert name in text
        picture = ElementTree.parse(tmp_path / name)  # noqa: S314 - our own file
        assert picture.getroot().tag.endswith("svg")
        assert "negative" in (tmp_path / "sentiment_confusion.svg").read_text("utf-8")


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "one", answers())
    written(tmp_path / "two", answers())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_headline_is_text_in_the_page_whatever_it_holds(tmp_path: Path) -> None:
    hostile = "<script>x</script> | [go](javascript:y) `z` **b**\n# title"
    written(tmp_path, answers([hostile] * 4))
    page = (tmp_path / PAGE).read_text("utf-8")
    assert "<script>" not in page
    assert "[go](" not in page
    assert "\n# title" not in page
    assert "\\| \\[go\\]" in page


def test_learning_curves_are_one_picture(tmp_path: Path) -> None:
    file = tmp_path / "curve.png"
    found = {"chosen": ([0, 10], [[0.1, 0.4], [0.2, 0.5]]), "drawn": ([0, 10], [[0.1, 0.3]])}
    pictures.learning_curves(found, file, score="macro-F1")
    first = file.read_bytes()
    assert first.startswith(b"\x89PNG")
    pictures.learning_curves(found, file, score="macro-F1")
    assert file.read_bytes() == first
