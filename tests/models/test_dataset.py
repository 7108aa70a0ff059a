"""Labelled rows: what is merged, what is dropped, and that nothing leaks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models import dataset, text
from models.dataset import DatasetError, Leak
from models.taxonomy import Taxonomy


def write(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def row(text: str, split: str | None = "train", **labels: str) -> dict[str, Any]:
    return {"text": text, "split": split, **labels}


@pytest.fixture
def read(tmp_path: Path, labels: Taxonomy) -> Any:
    def _read(*files: list[dict[str, Any]]) -> pd.DataFrame:
        paths = [write(tmp_path, rows, f"{i}.jsonl.gz") for i, rows in enumerate(files)]
        return dataset.read(paths, labels)

    return _read


def training(rows: pd.DataFrame) -> pd.DataFrame:
    return dataset.split(rows, inner_share=0.0, seed=7).training


# Trap: training texts prepared in another way than served ones.
def test_training_texts_are_prepared_as_served_ones_are(read: Any) -> None:
    raw = "Profit &amp; sales\n fall https://t.co/AbC1"
    rows = read([row(raw, sentiment="negative")])
    assert rows["text"].tolist() == [text.prepare(raw)] == ["Profit & sales fall →"]


def test_a_file_of_posts_is_known_by_the_signs_of_three_in_ten_rows(read: Any) -> None:
    posts = [row("$ACM slips", topic="IPO"), *(row(f"oil {c}", topic="IPO") for c in "ab")]
    news = [row("$BRL slips", topic="IPO"), *(row(f"gas {c}", topic="IPO") for c in "abc")]
    rows = read(posts, news)
    assert rows.groupby("domain")["posts"].unique().map(list).to_dict() == {"0": [1], "1": [0]}


def test_only_rows_whose_split_is_train_are_trained_on(read: Any) -> None:
    splits = ["train", "valid", "test", "Train", "", None]
    rows = read([row(f"text {'abcdef'[i]}", s, sentiment="neutral") for i, s in enumerate(splits)])
    assert training(rows)["text"].tolist() == ["text a"]


def test_file_without_splits_is_all_training(read: Any) -> None:
    assert (
        len(training(read([{"text": "one", "topic": "IPO"}, {"text": "two", "topic": "IPO"}])))
        == 2
    )


def test_repeats_become_one_row_with_the_labels_of_all(read: Any) -> None:
    rows = read(
        [
            row("Acme falls! https://t.co/1", sentiment="negative"),
            row("Other", sentiment="neutral"),
        ],
        [row("acme  FALLS", topic="Stock Movement")],
    )
    split = dataset.split(rows, inner_share=0.0, seed=7)
    found = split.training[["text", "topic", "sentiment"]].to_numpy().tolist()
    assert ["Acme falls! →", "Stock Movement", "negative"] in found
    assert len(found) == 2
    assert split.repeats == 1


def test_contradicting_labels_are_dropped_task_by_task(read: Any) -> None:
    rows = read(
        [
            row("Acme falls", sentiment="negative", topic="Stock Movement"),
            row("Acme falls.", sentiment="neutral", topic="Stock Movement"),
            row("Acme rises", sentiment="positive"),
            row("Acme rises", sentiment="negative"),
        ]
    )
    split = dataset.split(rows, inner_share=0.0, seed=7)
    assert split.training[["text", "topic", "sentiment"]].values.tolist() == [
        ["Acme falls", "Stock Movement", None]
    ]
    assert split.conflicts == 2


def test_rows_without_words_or_labels_are_dropped(read: Any) -> None:
    rows = read([row("https://t.co/1", sentiment="neutral"), row("Acme"), row("B", topic="IPO")])
    assert training(rows)["text"].tolist() == ["B"]


def test_training_row_that_repeats_a_row_of_another_split_is_held_out(read: Any) -> None:
    rows = read(
        [row("Acme falls", sentiment="negative"), row("Acme rises", sentiment="positive")],
        [row("ACME FALLS... https://t.co/9", "valid", topic="Stock Movement")],
    )
    split = dataset.split(rows, inner_share=0.0, seed=7)
    assert split.training["text"].tolist() == ["Acme rises"]
    assert split.held_out == 1


# Trap: an evaluation row, or a repeat of it, in training data.
def test_leak_stops_training_and_names_the_rows(read: Any) -> None:
    ours = read([{"id": "t1", **row("Acme falls", sentiment="negative")}])
    theirs = read([row("ACME falls! https://t.co/2", "valid", sentiment="negative")])
    with pytest.raises(
        Leak, match="1 training rows repeat rows to be evaluated on, or nearly: t1"
    ):
        dataset.refuse_leak(ours, theirs)
    dataset.refuse_leak(ours, read([row("Acme rises", "valid", sentiment="positive")]))


def test_inner_rows_are_whole_groups_about_the_share_and_fixed_by_the_seed(read: Any) -> None:
    words = [chr(97 + i % 26) + chr(97 + i // 26 % 26) + "x" * (i // 676) for i in range(1_000)]
    rows = read([row(f"{word} s{word} t{word}", sentiment="neutral") for word in words])
    first = dataset.split(rows, inner_share=0.1, seed=7)
    again = dataset.split(rows.sample(frac=1, random_state=1), inner_share=0.1, seed=7)
    other = dataset.split(rows, inner_share=0.1, seed=8)
    assert 70 <= len(first.inner) <= 130
    assert len(first.inner) + len(first.training) == 1_000
    assert set(first.inner["group"]) == set(again.inner["group"]) != set(other.inner["group"])
    assert not set(first.inner["group"]) & set(first.training["group"])


def test_near_duplicates_are_on_one_side_and_never_on_both(read: Any) -> None:
    first = "Harbour operator lifts its outlook for the year as traffic grows by 4%"
    other = "Harbour operator lifts its outlook for the year as traffic grows by 7% - Daily Post"
    rows = read([row(first, sentiment="positive")], [row(other, "valid", sentiment="positive")])
    split = dataset.split(rows, inner_share=0.0, seed=7)
    assert len(split.training) == 0
    assert split.held_out == 1
    with pytest.raises(Leak, match="1 training rows"):
        dataset.refuse_leak(rows[rows["split"] == "train"], rows[rows["split"] == "valid"])
    both = read([row(first, sentiment="positive"), row(other, sentiment="positive")])
    sides = [dataset.split(both, inner_share=0.5, seed=seed) for seed in range(12)]
    assert {len(side.inner) for side in sides} == {0, 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a", "topic": "IPO"', "not JSON Lines"),
        ('{"title": "a", "topic": "IPO"}', "no 'text'"),
        ('{"text": "a", "label": "IPO"}', "neither 'topic' nor 'sentiment'"),
        ('{"text": 5, "topic": "IPO"}', "not a string"),
        ('{"text": "a", "topic": "Cheese"}', "unknown topic: Cheese"),
        ('{"text": "a", "sentiment": "bullish"}', "unknown sentiment: bullish"),
        ("", "no 'text'"),
    ],
)
def test_unusable_rows_are_refused(
    tmp_path: Path, labels: Taxonomy, content: str, said: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(DatasetError, match=said):
        dataset.read([path], labels)


def test_files_that_are_missing_or_cut_short_are_refused(tmp_path: Path, labels: Taxonomy) -> None:
    cut = write(tmp_path, [row("Acme falls", sentiment="negative")] * 50, "cut.jsonl.gz")
    cut.write_bytes(cut.read_bytes()[:-12])
    for path in (cut, tmp_path / "absent.jsonl"):
        with pytest.raises(DatasetError, match="not JSON Lines"):
            dataset.read([path], labels)
    with pytest.raises(DatasetError, match="no file"):
        dataset.read([], labels)
