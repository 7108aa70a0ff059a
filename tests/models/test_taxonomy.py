"""The file of labels: what is read, what is refused, what changes a hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import taxonomy
from models.prediction import SENTIMENTS
from models.taxonomy import Taxonomy, TaxonomyError

GOOD = """
topics:
  - {name: Earnings, description: Profit and sales.}
  - {name: Oil, description: Crude and gas.}
sentiments:
  - {name: positive, description: Good.}
  - {name: negative, description: Bad.}
  - {name: neutral, description: Plain.}
"""


def read(folder: Path, content: str) -> Taxonomy:
    path = folder / "topics.yaml"
    path.write_text(content, encoding="utf-8")
    return taxonomy.load(path)


def test_shipped_labels_are_twenty_topics_and_three_sentiments(labels: Taxonomy) -> None:
    assert len({label.name for label in labels.topics}) == 20
    assert tuple(label.name for label in labels.sentiments) == SENTIMENTS


def test_sentiments_come_in_the_order_of_the_head_whatever_the_file_says(tmp_path: Path) -> None:
    assert tuple(label.name for label in read(tmp_path, GOOD).sentiments) == SENTIMENTS


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("Profit and sales.", "Profit or sales.", True),
        ("name: Oil", "name: Energy", True),
        ("Profit and sales.", "Profit   and sales.", False),  # spacing means nothing
        ("description: Bad.", "description: Worse.", False),  # of the topics only
    ],
)
def test_digest_changes_with_names_and_meanings_of_topics(
    tmp_path: Path, old: str, new: str, changes: bool
) -> None:
    before = read(tmp_path, GOOD).digest
    assert (read(tmp_path, GOOD.replace(old, new)).digest != before) is changes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("topics: [", "cannot read"),
        ("- a", "expected the keys"),
        (GOOD.replace("topics:", "subjects:"), "topics"),
        (GOOD.replace("name: Oil", "name: Earnings"), "more than once: Earnings"),
        (GOOD.replace("Crude and gas.", "''"), "not empty"),
        (GOOD.replace("name: neutral", "name: mixed"), "sentiments must be exactly"),
    ],
)
def test_unusable_file_is_refused_with_what_to_change(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(TaxonomyError, match=said):
        read(tmp_path, content)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="cannot read"):
        taxonomy.load(tmp_path / "absent.yaml")
