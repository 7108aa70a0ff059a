"""The rules find the companies of the labelled sentences.

Of the sealed half a failure shows totals only, and nobody may tune a rule by them: whoever changes
rules works with the open half.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.companies import Company, Watchlist
from tests.companies.measure import Half, Score, compare, main, scores


@pytest.mark.parametrize(
    ("half", "precision", "recall"), [("open", 0.985, 0.985), ("sealed", 0.97, 0.93)]
)
def test_the_bar_is_reached(half: Half, precision: float, recall: float) -> None:
    total = sum(scores(half).values(), Score())
    assert total.right + total.missed > 300
    assert (total.precision >= precision, total.recall >= recall) == (True, True), total


def test_pairs_of_a_sentence_and_a_symbol_are_counted() -> None:
    score = Score(right=6, false=2, missed=4) + Score(right=2)
    assert (score.precision, score.recall) == (0.8, 8 / 12)
    assert score.f1 == pytest.approx(2 * 0.8 * (8 / 12) / (0.8 + 8 / 12))
    assert (Score().precision, Score().recall, Score().f1) == (1.0, 1.0, 1.0)


def test_a_list_that_finds_nothing_misses_everything() -> None:
    nobody = Watchlist([Company("ZZZZ", "Zzyzx Harbour Holdings")])
    total = sum((compared.score for compared in compare("open", nobody)), Score())
    assert (total.right, total.false) == (0, 0)
    assert total.missed > 300


def test_a_list_that_finds_what_is_not_there_is_false() -> None:
    eager = Watchlist([Company("ZZZZ", "Zzyzx Harbour Holdings", ("the",))])
    total = sum((compared.score for compared in compare("open", eager)), Score())
    assert total.right == 0
    assert total.false > 50
    assert total.precision == 0


def test_of_the_sealed_half_no_sentence_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--half", "sealed"])
    printed = capsys.readouterr().out
    assert "all" in printed
    assert Path(__file__).parent.joinpath("sentences_sealed.jsonl").is_file()
    shown = [
        compared.sentence["id"]
        for compared in compare("sealed")
        if compared.sentence["id"] in printed or compared.sentence["title"][:20] in printed
    ]
    assert len(shown) == 0, len(shown)
