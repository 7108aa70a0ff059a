"""Scores and calibration, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation import calibration_error, log_softmax, score, temperature

NAMES = ("a", "b", "c")


def rows(*probabilities: tuple[float, ...]) -> np.ndarray:
    return np.array(probabilities, dtype=np.float64)


def test_scores_of_five_rows_by_hand() -> None:
    # true a a a b b, told a a b b a
    told = rows((1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0), (1, 0, 0))
    report = score(np.array([0, 0, 0, 1, 1]), told, NAMES)
    assert report.n == 5
    assert report.accuracy == pytest.approx(3 / 5)
    a, b = report.per_class["a"], report.per_class["b"]
    assert [a.precision, a.recall, a.f1, a.support] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 3])
    assert [b.precision, b.recall, b.f1, b.support] == pytest.approx([1 / 2, 1 / 2, 1 / 2, 2])
    assert report.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_macro_f1_is_over_the_labels_that_occur() -> None:
    # c is told once and never true: it costs a its recall, but is no class of its own
    report = score(np.array([0, 0]), rows((1, 0, 0), (0, 0, 1)), NAMES)
    assert list(report.per_class) == ["a"]
    assert report.macro_f1 == pytest.approx(2 / 3)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    told = rows(*[(0.9, 0.1)] * 10, *[(0.6, 0.4)] * 10)
    right = np.array([0] * 9 + [1] + [0] * 4 + [1] * 6)  # 90 % sure: 9 of 10; 60 % sure: 4 of 10
    assert calibration_error(right, told) == pytest.approx(0.5 * 0.0 + 0.5 * 0.2)


def test_certain_and_right_is_calibrated() -> None:
    assert calibration_error(np.array([0, 1]), rows((1, 0), (0, 1))) == 0


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_temperature_undoes_a_factor_on_honest_logits(factor: float) -> None:
    draw = np.random.default_rng(7)
    honest = draw.normal(size=(4_000, 3)) * 2
    labels = np.array([draw.choice(3, p=np.exp(row)) for row in log_softmax(honest)])
    assert temperature(labels, honest * factor) == pytest.approx(factor, rel=0.1)


def test_too_few_rows_leave_the_temperature_at_one() -> None:
    draw = np.random.default_rng(7)
    assert temperature(np.zeros(99, dtype=np.int64), draw.normal(size=(99, 3))) == 1.0
    assert temperature(np.zeros(100, dtype=np.int64), draw.normal(size=(100, 3))) != 1.0


def test_log_softmax_is_stable() -> None:
    assert log_softmax(rows((1e4, 0.0)))[0].tolist() == [0.0, -1e4]
