"""What the marks of a watch-list mean, and which codes are understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.companies import Company, Watchlist, WatchlistError
from ingest.tickers import Tickers


def found(watchlist: Watchlist, title: str) -> list[str]:
    return [mention.symbol for mention in watchlist.find(title, "")]


def one(alias: str, *decoys: str) -> Watchlist:
    return Watchlist([Company("H", "Harbour Freight", (alias,), decoys)])


# --- marks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "title", "is_found"),
    [
        ("Tide", "Detergents: analysts like tide again", True),
        ("=Tide", "Detergents: analysts like tide again", False),
        ("=Tide", "Tide and two other makers were quiet", True),
        ("?Tide", "Tide and two other makers were quiet", False),
        ("?Tide", "Detergents: analysts like Tide again", True),
        ("?Tide", "Tide sells its soap works in Ghent", True),
        ("!Tide", "Detergents: analysts like Tide again", False),
        ("!Tide", "Detergents: shares of Tide fell again", True),
        ("?TDE", "TDE drivers walked out over night shifts", True),
        ("?TDE", "TDE DRIVERS WALKED OUT OVER NIGHT SHIFTS", False),
    ],
)
def test_a_mark_says_what_a_name_needs(alias: str, title: str, *, is_found: bool) -> None:
    assert found(one(alias), title) == (["H"] if is_found else [])


def test_a_family_is_not_the_firm_with_another_name_behind_it() -> None:
    watchlist = one("=Tide", "Tide +")
    assert found(watchlist, "Yesterday Tide Heavy delivered its last tanker") == []
    assert found(watchlist, "Yesterday Tide CEO and board met again") == ["H"]
    assert found(watchlist, "Yesterday Tide July sales were weaker") == ["H"]
    assert found(watchlist, "Yesterday Tide delivered its last tanker") == ["H"]


def test_a_surname_is_not_the_firm_with_another_name_before_it() -> None:
    watchlist = one("=Tide", "+ Tide")
    assert found(watchlist, "The late collector Ottoline Tide owned the picture") == []
    assert found(watchlist, "Regulators asked German Tide about the picture") == ["H"]
    assert found(watchlist, "Last week on Monday Tide bought the picture") == ["H"]


def test_a_word_of_the_text_can_speak_against_names_of_one_word() -> None:
    watchlist = one("=Tide", "~moon*")
    assert found(watchlist, "Tide rises higher under full moons this spring") == []
    assert found(watchlist, "Tide rises higher after strong sales this spring") == ["H"]
    assert found(watchlist, "Harbour Freight sells moons of plastic this spring") == ["H"]


def test_a_marked_name_is_not_found_with_accents_it_does_not_have() -> None:
    assert found(one("=Uber"), "\u00dcber 300 Firmen warten auf Geld") == []
    assert found(one("=Uber"), "Uber 300 Firmen warten auf Geld") == ["H"]
    assert found(one("=Herm\u00e8s"), "Herm\u00e8s lifts its prices") == ["H"]


def test_words_without_the_capitals_of_a_name_are_words() -> None:
    watchlist = Watchlist([Company("R", "Red Harbour")])
    assert found(watchlist, "Red harbour walls are painted again") == []
    assert found(watchlist, "They painted a red harbour in Ghent") == []
    assert found(watchlist, "red harbour cuts its outlook") == ["R"]
    assert found(watchlist, "RED HARBOUR CUTS ITS OUTLOOK") == ["R"]


def test_a_decoy_hides_a_name_although_another_decoy_overlaps_it() -> None:
    watchlist = Watchlist(
        [
            Company("T", "Tide Soaps", ("=Tide",), ("low Tide in",)),
            Company("B", "Bruges Beer", ("=Bruges",), ("in Bruges",)),
        ]
    )
    assert found(watchlist, "Ships wait for low Tide in Bruges") == []
    assert found(watchlist, "Ships of Tide and Bruges") == ["B", "T"]


def test_a_plus_needs_a_name_of_the_company(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("symbol,name,aliases,not\nA,Alpha,,Beta +\n", "utf-8")
    with pytest.raises(WatchlistError, match='line 2: "Beta" beside a \\+ is none of its names'):
        Watchlist.load(path)


# --- persons and places -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "Senator Harbour asks for a vote",
        "Police question Margaret Harbour over a loan",
        "Violinist Stefan K. Harbour retires",
        "Harbour, 81, leaves a library to the town",
        "The widow says Harbour's daughter will inherit",
        "Golfer praises course: novelist Harbour disagrees",
        "Strikes close Harbour Stadium for a week",
        "Strikes close Harbour High School for a week",
        "Strikes close Harbour Street for a week",
        "The Harbour family sells its castle",
        "Storm hits the University of Harbour again",
        "Storm hits homes in Harbour, Ohio again",
    ],
)
def test_persons_and_places_are_no_company(title: str) -> None:
    assert found(one("=Harbour"), title) == []


def test_what_looks_like_a_place_in_title_case_may_be_a_product() -> None:
    assert found(one("=Harbour"), "Harbour Street Cars Recalled After Fires") == ["H"]
    assert found(one("=Harbour"), "Harbour Open To Talks With Rival") == ["H"]
    assert found(one("=Harbour"), "Harbour Stadium Closed After Fires") == []


# --- codes --------------------------------------------------------------------------------------

CODES = Tickers(
    {code: code for code in ("AAL", "AAL.L", "0700.HK", "BT-A.L", "NOVN.SW", "M", "T")}
)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Miner (LON: AAL) rises", ["AAL.L"]),
        ("Airline (NASDAQ: AAL) rises", ["AAL"]),
        ("Airline AAL.O rises", ["AAL"]),
        ("Miner <AAL.L> rises", ["AAL.L"]),
        ("Miner AAL.L, rises", ["AAL.L"]),
        ("Miner (AAL LN) rises", ["AAL.L"]),
        ("Games (HKEX: 700) rise", ["0700.HK"]),
        ("Games 700.HK rise", ["0700.HK"]),
        ("Telecoms (LSE: BT.A) rise", ["BT-A.L"]),
        ("Drugs NOVN.S rise", ["NOVN.SW"]),
        ("Long $AAL and $T", ["AAL", "T"]),
        ("Sales ($M) and costs in $M", []),
        ("Shops $M rise", ["M"]),
        ("T.N. Rao and M.A. Khan meet", []),
        ("The A$ and US$T and $TT and $700", []),
        ("Miner (TSX: AAL) rises", []),
        ("see x.AAL.L.y", []),
    ],
)
def test_codes_are_read_by_their_exchange(text: str, symbols: list[str]) -> None:
    assert [symbol for _, _, symbol in CODES.find(text)] == symbols


def test_one_small_word_of_a_headlines_four_is_enough_for_sentence_case() -> None:
    watchlist = one("=Tide", "Tide +")
    assert found(watchlist, "Fire closes Tide Heavy Rosebank") == []
    assert found(watchlist, "Fire Near Tide Heavy with Rosebank Mill") == ["H"]


def test_a_code_hides_the_name_inside_it() -> None:
    watchlist = Watchlist(
        [Company("0388.HK", "Hong Kong Exchanges", ("HKEX",)), Company("X", "Y")]
    )
    assert found(watchlist, "Games (HKEX: 388) rise") == ["0388.HK"]
    assert found(
        Watchlist([Company("0388.HK", "HKEX"), Company("0700.HK", "Tencent")]),
        "Games (HKEX: 700) rise",
    ) == ["0700.HK"]
