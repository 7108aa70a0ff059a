"""The forms in which labelled rows come in."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models import dataset
from models.dataset import DatasetError
from models.labelled_files import read_frame
from models.taxonomy import Taxonomy


def test_csv_has_named_columns_and_empty_cells_are_missing(
    tmp_path: Path, labels: Taxonomy
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        'note,text,sentiment,topic\nx,"Mill, once idle, reopens",positive,\n'
        "y,Bank names chair,,Personnel Change\nz,NA,neutral,\n"
    )
    rows = dataset.read([file], labels)
    assert rows["text"].tolist() == ["Mill, once idle, reopens", "Bank names chair", "NA"]
    assert rows["sentiment"].tolist() == ["positive", None, "neutral"]
    assert rows["topic"].tolist() == [None, "Personnel Change", None]


def test_phrasebank_lines_end_with_their_sentiment(tmp_path: Path, labels: Taxonomy) -> None:
    file = tmp_path / "Sentences_50Agree.txt"
    lines = 'Ölmühle "Nord" rose @ market close@positive\nThe firm moved .@neutral\n'
    file.write_bytes(lines.encode("latin-1"))
    rows = dataset.read([file], labels)
    assert rows["text"].tolist() == ['Ölmühle "Nord" rose @ market close', "The firm moved ."]
    assert rows["sentiment"].tolist() == ["positive", "neutral"]
    assert rows["id"].tolist() == ["Sentences_50Agree.txt:0", "Sentences_50Agree.txt:1"]


def test_every_form_may_be_compressed(tmp_path: Path) -> None:
    for name, content in (
        ("a.csv.gz", "text,sentiment\nup,positive\n"),
        ("b.txt.gz", "up@positive\n"),
        ("c.jsonl.gz", '{"text": "up", "sentiment": "positive"}\n'),
    ):
        (tmp_path / name).write_bytes(gzip.compress(content.encode()))
        rows = read_frame(tmp_path / name)
        assert rows[["text", "sentiment"]].to_numpy().tolist() == [["up", "positive"]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.txt", "a line without a label\n", "sentence@sentiment: 1 lines have no @"),
        ("rows.csv", 'text,sentiment\n"open,positive\n', "not CSV"),
        ("rows.csv", "headline,sentiment\nup,positive\n", "no 'text'"),
        ("rows.jsonl", "text,sentiment\n", "not JSON Lines"),
        ("rows.txt", "it rose@good\n", "unknown sentiment: good"),
    ],
)
def test_what_is_not_of_its_form_is_named(
    tmp_path: Path, labels: Taxonomy, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DatasetError, match=said):
        dataset.read([tmp_path / name], labels)
