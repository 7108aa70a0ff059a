"""What a training sees: new labels first, rows to rehearse, and never a sealed text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models import dataset, taxonomy
from models.taxonomy import Taxonomy
from pipeline.retraining import staging
from pipeline.retraining.staging import BASE, COLUMNS, LABELLED, Rows, gather

TOPIC = "Earnings"


@pytest.fixture(scope="module")
def labels() -> Taxonomy:
    return taxonomy.load()


@pytest.fixture
def headlines(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    rows = [
        {"id": f"h-{i}", "text": f"Own headline {i}", "topic": TOPIC, "sentiment": "neutral"}
        | {"split": "train" if i < 40 else "holdout"}
        for i in range(50)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def frame(*texts: str, start: int = 0, **more: Any) -> pd.DataFrame:
    rows = [
        {"id": f"t{start + i}", "text": text, "topic": TOPIC, "sentiment": "positive"}
        | {"split": "train", "story": f"s{start + i}"}
        | more
        for i, text in enumerate(texts)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def put(headlines: Path, labels: Taxonomy, **changes: Any) -> Rows:
    values: dict[str, Any] = {
        "given": frame("Profit up", "Profit down"),
        "sealed": frame("A sealed one", start=90),
        "new": {"t0"},
        "most_rows": 1000,
    }
    values |= changes
    return gather(
        values["given"],
        values["sealed"],
        labels,
        new=values["new"],
        most_rows=values["most_rows"],
        headlines=headlines,
    )


def test_sealed_rows_are_the_own_fifth_and_sealed_labels(
    headlines: Path, labels: Taxonomy
) -> None:
    rows = put(headlines, labels)
    assert rows.sealed["split"].value_counts().to_dict() == {BASE: 10, LABELLED: 1}
    assert set(rows.rehearsal["id"]) == {f"h-{i}" for i in range(40)}
    assert list(rows.labels["id"]) == ["t0", "t1"]
    assert rows.new == {"t0"}


def test_every_file_of_our_own_rows_is_rehearsed_and_its_other_rows_are_sealed(
    headlines: Path, labels: Taxonomy
) -> None:
    posts = [
        {"id": f"p-{split}", "text": f"$ACM to the moon {split}", "sentiment": "positive"}
        | {"split": split}
        for split in ("train", "holdout")
    ]
    (headlines.parent / "posts.jsonl").write_text("".join(json.dumps(p) + "\n" for p in posts))
    (headlines.parent / "README.md").write_text("No rows.")
    rows = put(headlines.parent, labels)
    assert set(rows.rehearsal["id"]) == {f"h-{i}" for i in range(40)} | {"p-train"}
    assert rows.sealed["split"].value_counts().to_dict() == {BASE: 11, LABELLED: 1}
    assert "p-holdout" in set(rows.sealed["id"])


@pytest.mark.parametrize("text", ["Own headline 45", "OWN headline, 45!", "a SEALED one"])
def test_no_text_that_is_sealed_is_trained_on(
    headlines: Path, labels: Taxonomy, text: str
) -> None:
    rows = put(headlines, labels, given=frame("Profit up", text))
    assert list(rows.labels["text"]) == ["Profit up"]


def test_a_sealed_label_takes_its_text_out_of_what_is_rehearsed(
    headlines: Path, labels: Taxonomy
) -> None:
    rows = put(headlines, labels, sealed=frame("own headline 3", start=90))
    assert "h-3" not in set(rows.rehearsal["id"])
    assert len(rows.rehearsal) == 39


def test_an_annotators_label_replaces_our_own(headlines: Path, labels: Taxonomy) -> None:
    rows = put(headlines, labels, given=frame("Own headline 3"))
    assert "h-3" not in set(rows.rehearsal["id"])
    assert list(rows.labels["sentiment"]) == ["positive"]


def test_the_own_fifth_stays_what_it_is_whoever_labels_it(
    headlines: Path, labels: Taxonomy
) -> None:
    rows = put(headlines, labels, sealed=frame("Own headline 45", start=90))
    (row,) = rows.sealed[rows.sealed["text"] == "Own headline 45"].to_dict("records")
    assert (row["split"], row["sentiment"]) == (BASE, "neutral")


def test_new_labels_come_first_and_the_rest_is_drawn(headlines: Path, labels: Taxonomy) -> None:
    many = frame(*(f"Label {i}" for i in range(30)))
    new = {f"t{i}" for i in range(10)}
    rows = put(headlines, labels, given=many, new=new, most_rows=25)
    assert new <= set(rows.labels["id"])
    assert len(rows.labels) + len(rows.rehearsal) == 25
    assert rows.labels.equals(put(headlines, labels, given=many, new=new, most_rows=25).labels)
    few = put(headlines, labels, given=many, new=new, most_rows=5)
    assert len(few.labels) == 5
    assert set(few.labels["id"]) <= new
    assert few.rehearsal.empty


def test_labels_of_topics_that_are_not_listed_are_left_out_and_counted(
    headlines: Path, labels: Taxonomy
) -> None:
    odd = frame("Profit up", "Profit down", topic="Astrology")
    odd.loc[1, "sentiment"] = None
    rows = put(headlines, labels, given=odd)
    assert rows.unknown == 2
    (row,) = rows.labels.to_dict("records")  # its sentiment is still a label
    assert (row["topic"], row["sentiment"]) == (None, "positive")


def test_without_any_label_there_is_still_something_to_judge_on(
    headlines: Path, labels: Taxonomy
) -> None:
    empty = frame()
    rows = put(headlines, labels, given=empty, sealed=empty)
    assert len(rows.sealed) == 10
    assert rows.labels.empty


def test_the_fingerprint_changes_with_every_row_and_nothing_else(
    headlines: Path, labels: Taxonomy
) -> None:
    first = staging.fingerprint(put(headlines, labels), "champion")
    assert first == staging.fingerprint(put(headlines, labels, new={"t1"}), "champion")
    assert first != staging.fingerprint(put(headlines, labels), "another")
    other = put(headlines, labels, sealed=frame("Another", start=90))
    assert first != staging.fingerprint(other, "champion")


def test_lines_can_be_read_as_labelled_rows(
    headlines: Path, labels: Taxonomy, tmp_path: Path
) -> None:
    given = frame("Profit up", "Profit down")
    given.loc[0, "topic"] = None
    path = tmp_path / "rows.jsonl"
    path.write_text(staging.lines(put(headlines, labels, given=given).labels))
    read = dataset.read([path], labels)
    assert read["topic"].tolist() == [None, TOPIC]
    assert (read["split"] == dataset.TRAIN).all()


def test_our_own_headlines_are_the_base(labels: Taxonomy) -> None:
    rows = gather(frame(), frame(), labels, new=(), most_rows=10_000)
    assert 1_000 < len(rows.sealed) < 1_300
    assert len(rows.rehearsal) > 4_500
