"""The weights of the copy rule: what is in their file, and what is said of a bad one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.likeness import SIGNS
from ingest.weights import FILE, Weights, WeightsError, read, weights

HELD = json.loads(FILE.read_text("utf-8"))


def test_file_of_the_package_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "near.json"
    weights().write(path)
    assert read(path) == weights()
    assert path.read_bytes() == FILE.read_bytes()


def test_score_is_the_sum_of_weighted_numbers() -> None:
    found = Weights(tuple(map(float, range(len(SIGNS)))), 0.5, 1.0, {})
    assert found.score((0.0, 1.0, 2.0, *[0.0] * (len(SIGNS) - 3))) == 0.5 + 1 + 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "not the weights"),
        ({**HELD, "threshold": "high"}, "not the weights"),
        ({**HELD, "weights": {}}, "not the weights"),
        ({**HELD, "weights": {**HELD["weights"], "moon": 1.0}}, "of another rule"),
        ({**HELD, "intercept": float("nan")}, "not finite"),
        ({**HELD, "weights": {**HELD["weights"], "figure_added": 1.0}}, "wrong sign"),
    ],
)
def test_file_that_is_missing_damaged_or_of_another_rule_is_refused_with_what_to_do(
    tmp_path: Path, content: object, said: str
) -> None:
    path = tmp_path / "near.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    with pytest.raises(WeightsError, match=said) as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert "python -m tests.stories.fit" in str(refused.value)


def test_numbers_of_another_length_are_no_score() -> None:
    with pytest.raises(ValueError, match="zip"):
        replace(weights(), weights=(1.0,)).score((1.0, 2.0))
