"""Prompts are compared on rows that were not tuned on, with the shipped one's parts as a start."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from models.dataset import DatasetError
from models.prompt_trials import Trial, candidates, compare
from models.prompts import PARTS, PromptError, load
from models.recipe import Progress, Recipe

RECIPE = Recipe(vectors=4, epochs=1, batch_tokens=200, inner_share=0.3)


def rows(path: Path, count: int = 120) -> Path:
    """Texts of which one word decides the sentiment."""
    draw = random.Random(3)  # noqa: S311 - rows, not secrets
    words = {"negative": "plunges", "neutral": "names", "positive": "soars"}
    fill = [
        "bank",
        "oil",
        "stock",
        "the",
        "profit",
        "company",
        "index",
        "fund",
        "gold",
        "shares",
        "deal",
    ]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            tone = draw.choice([*words])
            text = " ".join([*draw.sample(fill, 5), words[tone], *draw.sample(fill, 3)])
            file.write(json.dumps({"id": number, "text": text, "sentiment": tone}) + "\n")
    return path


def judge(tmp_path: Path, encoder: Path, **options: int) -> list[Trial]:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "long.yaml").write_text("role: bank report\ntask: the news of the company\n")
    (folder / "short.yaml").write_text("task: oil\n")
    told: list[tuple[str, Progress | None]] = []
    trials = compare(
        candidates(folder),
        [rows(tmp_path / "rows.jsonl")],
        RECIPE,
        progress=lambda name, at: told.append((name, at)),
        encoder=encoder,
        **{"rows": 0, "seeds": 1, **options},
    )
    assert [name for name, at in told if at is None] == ["long", "short"]
    return trials


def test_untuned_prompts_are_ranked_and_told_apart_from_noise(
    tmp_path: Path, tiny_folder: Path
) -> None:
    best, other = judge(tmp_path, tiny_folder)
    assert best.behind is None
    assert other.behind is not None
    assert best.untuned["sentiment"].macro_f1 >= other.untuned["sentiment"].macro_f1
    gap = best.untuned["sentiment"].macro_f1 - other.untuned["sentiment"].macro_f1
    assert other.behind.macro_f1 == pytest.approx(gap)
    assert {best.name: best.tokens, other.name: other.tokens} == {"long": 9, "short": 3}
    assert best.tuned == {}


def test_tuned_prompts_are_ranked_by_what_tuning_made_of_them(
    tmp_path: Path, tiny_folder: Path
) -> None:
    best, other = judge(tmp_path, tiny_folder, rows=60, seeds=2)
    assert best.tuned["sentiment"].macro_f1 >= other.tuned["sentiment"].macro_f1
    found = best.tuned["sentiment"].interval
    assert found.low <= best.tuned["sentiment"].macro_f1 <= found.high


def test_nothing_left_to_judge_on_is_an_error(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(DatasetError, match="inner_share"):
        compare(
            candidates(None),
            [rows(tmp_path / "rows.jsonl", 2)],
            Recipe(inner_share=1e-9),
            rows=0,
            seeds=1,
            progress=lambda *_: None,
            encoder=tiny_folder,
        )


def test_the_shipped_prompt_is_tried_without_each_part_and_reversed() -> None:
    found = candidates(None)
    whole = load()
    assert found["default"].text == whole.text
    assert whole.role not in found["without role"].text
    assert whole.examples[0] not in found["without examples"].text
    assert found["reversed"].text.startswith(whole.examples[0])
    assert len({prompt.digest for prompt in found.values()}) == len(PARTS) + 2


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"\*\.yaml"):
        candidates(tmp_path)


def test_parts_are_rendered_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("examples: [one.]\nrole: two.\n")
    assert load(file).text == "one. two."
