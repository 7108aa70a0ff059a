"""Bootstrap intervals: wide on few rows, narrow on many, and blind to what both get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from models.intervals import Answers, difference, interval, intervals, macro_f1


def drawn(rows: int, right: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Labels of three classes, and answers of which the share ``right`` is right."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, rows)
    told = np.where(draw.random(rows) < right, labels, (labels + 1) % 3)
    return labels, told


def test_macro_f1_is_that_of_scikit_learn() -> None:
    labels, told = drawn(200, 0.7)
    assert macro_f1(labels, told, 3) == pytest.approx(f1_score(labels, told, average="macro"))


def test_an_interval_holds_the_score_and_narrows_with_the_rows() -> None:
    widths = []
    for rows in (50, 5_000):
        labels, told = drawn(rows, 0.8)
        found = intervals(labels, np.eye(3)[told])
        assert found["accuracy"].low < (labels == told).mean() < found["accuracy"].high
        widths.append(found["accuracy"].high - found["accuracy"].low)
    # the standard error of a share falls with the root of the rows: a hundredth of 100 is a tenth
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.35)
    assert widths[1] == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 5_000), rel=0.15)


def test_the_same_rows_give_the_same_interval() -> None:
    labels, told = drawn(100, 0.8)
    assert intervals(labels, np.eye(3)[told]) == intervals(labels, np.eye(3)[told])


def test_a_difference_that_both_tasks_show_is_more_than_noise() -> None:
    labels, poor = drawn(400, 0.6)
    _, good = drawn(400, 0.8)
    first, second = Answers(labels, [poor], 3), Answers(labels, [good], 3)
    found = difference([first, first], [second, second])
    assert found.beyond_noise
    assert found.macro_f1 == pytest.approx(second.macro_f1() - first.macro_f1())
    assert found.interval.low < found.macro_f1 < found.interval.high


def test_one_row_more_that_is_right_may_be_noise() -> None:
    labels, told = drawn(400, 0.7)
    better = told.copy()
    wrong = int(np.flatnonzero(told != labels)[0])
    better[wrong] = labels[wrong]
    found = difference([Answers(labels, [told], 3)], [Answers(labels, [better], 3)])
    assert found.macro_f1 > 0
    assert not found.beyond_noise


def test_many_comparisons_ask_for_more_than_one() -> None:
    labels, told = drawn(400, 0.7)
    _, other = drawn(400, 0.72)
    pair = [Answers(labels, [told], 3)], [Answers(labels, [other], 3)]
    one, ten = difference(*pair), difference(*pair, comparisons=10)
    assert one.macro_f1 == ten.macro_f1
    assert ten.interval.low < one.interval.low
    assert ten.interval.high > one.interval.high


def test_seeds_are_averaged_on_every_draw() -> None:
    labels, one = drawn(300, 0.9)
    _, other = drawn(300, 0.5)
    both = Answers(labels, [one, other], 3)
    mean = (macro_f1(labels, one, 3) + macro_f1(labels, other, 3)) / 2
    assert both.macro_f1() == pytest.approx(mean)
    found = interval(both)
    assert found.low < mean < found.high
