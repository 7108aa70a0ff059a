"""The near-duplicate rule on its labelled pairs, and what the set must be."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import pytest

from tests.stories.measure import Half, judge, pairs, totals


def test_pairs_are_enough_and_the_halves_share_none() -> None:
    every = {half: list(pairs(half)) for half in get_args(Half)}
    ids = [pair["id"] for half in every.values() for pair in half]
    assert len(ids) == len(set(ids)) >= 400
    texts = [
        {json.dumps([pair["a"], pair["b"]], sort_keys=True) for pair in half}
        for half in every.values()
    ]
    assert not texts[0] & texts[1]
    for half in filter(None, every.values()):
        labels = Counter(pair["same"] for pair in half)
        assert min(labels.values()) >= 0.35 * len(half)


@pytest.mark.parametrize(("half", "precision", "recall"), [("open", 0.98, 0.90)])
def test_rule_holds_its_bars(half: Half, precision: float, recall: float) -> None:
    right, wrong, missed = totals(judge(pair) for pair in pairs(half))
    assert right / (right + wrong) >= precision
    assert right / (right + missed) >= recall
