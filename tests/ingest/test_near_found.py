"""Copies that word lists do not find: broken letters, tags alone, figures in words."""

from __future__ import annotations

import pytest

from ingest.text import mended
from tests.ingest.copies import is_found_copy


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        # nothing but a tag, however short the rest
        ("Silver price rises - Fjord Ledger", "Silver price rises"),
        ("UPDATE 3-Harbour tolls up", "Harbour tolls up"),
        ("(2nd LD) Harbour tolls up in Gdynia", "Harbour tolls up in Gdynia"),
        ("14:05 GMT Quinto Bank names new chairman", "Quinto Bank names new chairman"),
        ("Asia FX: Ringgit slips before budget", "Ringgit slips before budget"),
        ("Quinto Bank names new chairman | 3 min read", "Quinto Bank names new chairman"),
        # the ticker beside the name
        (
            "Quinto Bank $QNB to buy Gdynia grain terminal",
            "Quinto Bank to buy Gdynia grain terminal",
        ),
        # figures in words
        (
            "Quinto Bank to close one hundred and twenty branches in Poland",
            "Quinto Bank to close 120 branches in Poland",
        ),
        (
            "One in four Quinto Bank customers in Poland paid late, survey shows",
            "25 pct of Quinto Bank customers in Poland paid late, survey shows",
        ),
        (
            "Sonavox first-half sales of ferry tickets double",
            "Sonavox 1H sales of ferry tickets double",
        ),
        # what prices are told of, in which money, and numbers of a list
        ("Scrap price in Varna climbs to $372/t", "Scrap price in Varna climbs to $372 per tonne"),
        ("Tin spot price in Varna tops $90/lb", "Tin spot price in Varna tops $90 a pound"),
        ("Lev hits five-year high versus the dollar", "Lev hits 5-year high against dollar"),
        (
            "No. 2 ferry line Norvane opens Varna depot",
            "Number two ferry line Norvane opens Varna depot",
        ),
        ("Norvane ferry sales off 0.7 pct in Varna", "Norvane ferry sales down 0.7% in Varna"),
        # a ticker within, letters apart
        (
            "Ferry line $NRV Norvane to uplist in Oslo",
            "Ferry line Norvane to uplist in Oslo",
        ),
        ("Q & A: what new tolls mean for ferries", "Q&A | What new tolls mean for ferries"),
        # one verb in two ways
        ("Bank of Quinto keeps rates", "Bank of Quinto leaves rates unchanged"),
        ("Norvane ferry fares keep falling in Varna", "Norvane ferry fares fall in Varna"),
        (
            "Norvane quarterly loss widens on ferry fares",
            "Norvane posts wider quarterly loss on ferry fares",
        ),
        (
            "Norvane awarded $40 mln ferry contract in Varna",
            "Norvane wins $40 million ferry contract in Varna",
        ),
        ("Crew strike at Norvane starting Monday", "Crew strike at Norvane from Monday"),
        # what a firm is, in other words
        (
            "Salt miner Norvane names Orlik as chief",
            "Salt producer Norvane names Orlik as chief",
        ),
        # letters that were read in another encoding
        (
            "Quinto Bank\u00e2\u20ac\u2122s chairman calls Gdynia port sale premature",
            "Quinto Bank\u2019s chairman calls Gdynia port sale premature",
        ),
    ],
)
def test_is_a_copy(later: str, earlier: str) -> None:
    assert is_found_copy(later, earlier)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        # a symbol, or who says so, in the place of another
        (
            "Added to my $QNB position at the open, holding for years",
            "Added to my $HRW position at the open, holding for years",
        ),
        (
            "Harwell Economics: Poland growth to slow to 4% next year",
            "Morvern Economics: Poland growth to slow to 4% next year",
        ),
        ("HARBOUR TOLLS UP - GDYNIA", "HARBOUR TOLLS UP - VARNA"),
        (
            "Quinto Bank to close one hundred and thirty branches in Poland",
            "Quinto Bank to close 120 branches in Poland",
        ),
        (
            "One in five Quinto Bank customers in Poland paid late, survey shows",
            "25 pct of Quinto Bank customers in Poland paid late, survey shows",
        ),
        # a ticker that is also a word, a day for a month, a unit for a rival
        ("$NOW chief to speak at Varna ferry summit", "$CRM chief to speak at Varna ferry summit"),
        (
            "Varna port to pay pilots in December for early ferries",
            "Varna port to pay pilots on Thursday for early ferries",
        ),
        (
            "Norvane sues rival over ferry rights in Varna",
            "Norvane sues unit over ferry rights in Varna",
        ),
    ],
)
def test_is_another_report(later: str, earlier: str) -> None:
    assert not is_found_copy(later, earlier)


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("Citro\u00c3\u00abn", "Citro\u00ebn"),
        ("S\u00c3\u00a3o Paulo \u00e2\u20ac\u201c port", "S\u00e3o Paulo \u2013 port"),
        ("\u00c2\u00a33 bln", "\u00a33 bln"),
        ("S\u00e3o Paulo", "S\u00e3o Paulo"),
        ("\u00c2ngela", "\u00c2ngela"),
        ("plain", "plain"),
    ],
)
def test_letters_are_mended_where_they_are_broken(broken: str, whole: str) -> None:
    assert mended(broken) == whole
    assert mended(whole) == whole
