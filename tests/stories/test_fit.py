"""The weights that ship: fitted by the command on these pairs, and what they promise."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from math import inf

import pytest

from ingest.weights import weights
from tests.stories.fit import AIM, fit, left_out, seen, threshold
from tests.stories.measure import files


def test_weights_that_ship_are_of_these_pairs_and_come_out_again() -> None:
    paths = files("open")
    shipped = weights()
    assert shipped.fitted_on == {p.name: sha256(p.read_bytes()).hexdigest() for p in paths}
    again = fit(paths)
    assert again.weights == pytest.approx(shipped.weights, abs=0.02)
    assert again.intercept == pytest.approx(shipped.intercept, abs=0.02)
    assert again.threshold == pytest.approx(shipped.threshold, abs=0.02)


def test_author_whose_pairs_were_left_out_is_served_as_well() -> None:
    every = seen(files("open"))
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for one, score in zip(every, left_out(every), strict=True):
        counts[one.author, one.same, score >= weights().threshold] += 1
    for author in {one.author for one in every}:
        right, wrong = counts[author, True, True], counts[author, False, True]
        assert right >= 0.98 * (right + wrong), author
        assert right >= 0.92 * (right + counts[author, True, False]), author


def test_threshold_gives_up_little_recall_and_is_infinite_where_nothing_is_precise() -> None:
    assert AIM > 0.9
    scores = [5.0, 4.0, 3.0, 2.0, 1.0]
    assert threshold(scores, [True, True, True, False, False]) == 3.0
    assert threshold(scores, [False, True, True, True, True]) == inf
    assert threshold([inf, inf, 2.0], [True, True, False]) == inf
    assert threshold([2.0, 2.0, 1.0], [True, False, True]) == inf
