"""What has not happened yet, and is no copy of what has."""

from __future__ import annotations

import pytest

from ingest.wording import marks
from tests.ingest.copies import is_copy


def musts(title: str) -> list[str]:
    """What turns the sentence round."""
    return [mark.name for mark in marks(title) if mark.kind == "must"]


@pytest.mark.parametrize(
    "title",
    [
        "Sonavox to build plant near Varna",
        "Sonavox to test ferries in Varna as it seeks new riders",
        "Sonavox sees plant sales down 4 pct",
        "Sonavox expects plant sales to fall 4 pct",
        "Sonavox forecasts plant sales falling 4 pct",
    ],
)
def test_what_is_planned_or_expected_is_to_come(title: str) -> None:
    assert musts(title) == ["future"]


@pytest.mark.parametrize(
    "title",
    [
        "Sonavox plant sales fall 4 pct",
        "Sonavox beats view, sees storms in Varna",
        "Sonavox exports to Varna fall",
    ],
)
def test_what_has_happened_or_is_only_gone_to_is_not(title: str) -> None:
    assert musts(title) == []


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (
            "Sonavox to test smaller ferries in Varna and Gdynia",
            "Sonavox to test smaller ferries in Varna and Gdynia as it seeks younger riders",
        ),
        (
            "Sonavox to add flights to Hanoi from 15 January",
            "Sonavox will add Hanoi flights from Jan. 15",
        ),
        (
            "Sonavox expects Gdynia ferry traffic to grow 3%",
            "Sonavox sees Gdynia ferry traffic growth of 3 pct",
        ),
    ],
)
def test_copy_tells_it_whatever_it_leaves_out(later: str, earlier: str) -> None:
    assert is_copy(later, earlier)


def test_from_what_something_is_moved_is_told_but_not_from_when() -> None:
    assert musts("Fund moves Sonavox to hold from buy") == ["future", "from buy"]
    assert musts("Fund moves Sonavox from positive to stable") == ["from positiv"]
    assert musts("Fund to buy stake from Clarion") == ["future", "from clarion"]
    assert musts("Fund to buy stake from January") == ["future"]


def test_not_and_a_name_do_not_hide_what_is_to_come() -> None:
    assert musts("Sonavox will not bid for Varna yard") == ["no", "future"]
    assert musts("Sonavox not to bid for Varna yard") == ["no", "future"]
    assert musts("Norvane Rise sees ferry sales down 4 pct") == ["future"]


def test_may_with_a_capital_inside_a_sentence_is_the_month() -> None:
    assert musts("Sonavox may close Varna plant") == ["perhaps"]
    assert musts("Sonavox closes Varna plant in May") == []
    assert musts("SONAVOX CLOSES VARNA PLANT IN MAY") == []
    assert musts("Sonavox May ferry sales fall") == []
    assert [m.name for m in marks("Sonavox May ferry sales fall") if m.kind == "period"]
    assert not is_copy("Sonavox ferry sales fall in June", "Sonavox ferry sales fall in May")
