from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.companies import TAG_RELEVANCE, Company, Mention, Watchlist, WatchlistError
from ingest.names import Passage, fold

LIST = Watchlist.load()
with (Path(__file__).parent / "companies_cases.csv").open(encoding="utf-8") as _stream:
    CASES = list(csv.DictReader(_stream))


def named(title: str, body: str = "", symbols: tuple[str, ...] = ()) -> list[str]:
    return [mention.symbol for mention in LIST.find(title, body, symbols)]


def relevance(title: str, body: str = "", symbols: tuple[str, ...] = ()) -> float:
    (mention,) = LIST.find(title, body, symbols)
    return mention.relevance


# --- which companies ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_names_and_traps(case: dict[str, str]) -> None:
    assert named(case["text"]) == case["symbols"].split(), case["why"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_a_body_is_read_by_the_same_rules(case: dict[str, str]) -> None:
    assert named("A headline", case["text"]) == case["symbols"].split(), case["why"]


def test_every_company_is_found_by_its_own_name() -> None:
    missed = [
        name
        for symbol, name in LIST.names.items()
        if symbol not in named(f"Yesterday {name} shares were quiet after the early news")
    ]
    assert missed == []


def test_every_company_is_found_by_its_cashtag() -> None:
    american = [symbol for symbol in LIST.symbols if symbol.replace(".", "").isalpha()]
    american = [symbol for symbol in american if "." not in symbol or symbol == "BRK.B"]
    assert len(american) > 150
    assert [symbol for symbol in american if named(f"Long ${symbol} today") != [symbol]] == []


def test_the_shipped_list_is_large_and_sorted() -> None:
    assert len(LIST.symbols) >= 160
    assert list(LIST.symbols) == sorted(LIST.names)
    for ending in (".T", ".NS", ".HK", ".DE", ".PA", ".L", ".SW"):
        assert sum(symbol.endswith(ending) for symbol in LIST.symbols) >= 5


@pytest.mark.parametrize(
    ("tag", "symbol"),
    [
        ("AAPL", "AAPL"),
        (" aapl ", "AAPL"),
        ("$AAPL", "AAPL"),
        ("NASDAQ:AAPL", "AAPL"),
        ("AAPL:US", "AAPL"),
        ("AAPL.O", "AAPL"),
        ("BRK-B", "BRK.B"),
        ("GOOG", "GOOGL"),
        ("7203.T", "7203.T"),
        ("0700.hk", "0700.HK"),
        ("XETRA:F", None),
        ("TARGET", None),
        ("", None),
        ("$", None),
    ],
)
def test_the_publishers_tags_are_understood(tag: str, symbol: str | None) -> None:
    assert named("A headline", symbols=(tag,)) == ([symbol] if symbol else [])


def test_a_name_beside_a_certain_one_needs_a_list_between_them() -> None:
    assert named("Walmart, Target Face Squeeze") == ["TGT", "WMT"]
    assert named("Walmart Exceeds Target Again") == ["WMT"]
    assert named("Walmart, Target, Gap Face Squeeze") == ["GAP", "TGT", "WMT"]
    assert named("Block, Gap, Target, Walmart Face Squeeze") == ["GAP", "TGT", "WMT", "XYZ"]
    assert named("Block, Gap, Target Face Squeeze") == []


def test_positions_are_right_after_letters_that_change_length() -> None:
    assert named("\u0130\u00df\u00e6\ufb01\u1e9e \U0001f680 says Apple, not apple") == ["AAPL"]
    assert named("\u0130\u00df\u00e6\ufb01\u1e9e \U0001f680 Apple") == ["AAPL"]


def test_lower_case_never_moves_a_letter() -> None:
    growing = [chr(code) for code in range(0x110000) if len(chr(code).lower()) != 1]
    assert growing
    assert [char for char in growing if len(fold(char).lower()) != len(fold(char))] == []


# --- letter case --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("Harbour Steel cuts its outlook after fire", "sentence"),
        ("Harbour Steel Cuts Its Outlook After Fire", "title"),
        ("HARBOUR STEEL CUTS ITS $2bn OUTLOOK AFTER FIRE", "capitals"),
        ("Why Harbour Steel Fell with Peers", "title"),
        ("Steel, Copper and Zinc face tariffs", "sentence"),
        ("Harbour joins Steel Copper", "sentence"),
        ("Harbour", "title"),
        ("", "title"),
        ("2024", "title"),
    ],
)
def test_letter_case_is_recognised(text: str, style: str) -> None:
    assert Passage(text).letter_case == style


# --- relevance ----------------------------------------------------------------------------------


def test_relevance_follows_its_formula() -> None:
    # T = 1, P = 1, F = 1/3
    assert relevance("Nvidia") == pytest.approx(0.5 + 0.3 + 0.2 / 3, abs=1e-4)
    # T = 1, P = 1 - 10/20, F = 1/3
    assert relevance("Chip firm Nvidia rose") == pytest.approx(
        0.5 + 0.3 * 11 / 21 + 0.2 / 3, abs=1e-4
    )
    # T = 0, P = 1 - 5/11, F = 1/3
    assert relevance("A headline", "Chip Nvidia") == pytest.approx(
        0.3 * 6 / 11 + 0.2 / 3, abs=1e-4
    )
    # T = 1, P = 1, F = 3/3, never more
    assert relevance("Nvidia", "Nvidia, Nvidia, Nvidia") == 1.0


def test_a_title_counts_more_than_any_body() -> None:
    assert relevance("All the talk in Taipei is of Nvidia") > relevance("News", "Nvidia " * 9)


def test_a_tag_alone_counts_little_and_never_lowers() -> None:
    assert relevance("A headline", symbols=("NVDA",)) == TAG_RELEVANCE
    assert relevance("Nvidia", symbols=("NVDA",)) == relevance("Nvidia")
    late = "x " * 200 + "Nvidia"
    assert relevance("A headline", late) < TAG_RELEVANCE
    assert relevance("A headline", late, ("NVDA",)) == TAG_RELEVANCE


def test_mentions_are_sorted_by_symbol_and_each_company_comes_once() -> None:
    found = LIST.find("Walmart, Nvidia and Apple", "Apple and Walmart", ("NVDA", "AAPL"))
    assert [mention.symbol for mention in found] == ["AAPL", "NVDA", "WMT"]


@given(
    st.lists(
        st.sampled_from([case["text"] for case in CASES]) | st.text(st.characters(codec=None)),
        max_size=4,
    ),
    st.lists(st.text(max_size=8) | st.sampled_from(LIST.symbols), max_size=4),
)
def test_any_text_gives_relevances_above_0_and_up_to_1(texts: list[str], tags: list[str]) -> None:
    found = LIST.find(" ".join(texts), "\n".join(texts), tags)
    assert all(0 < mention.relevance <= 1 for mention in found)
    symbols = [mention.symbol for mention in found]
    assert symbols == sorted(set(symbols))
    assert set(symbols) <= set(LIST.symbols)


@pytest.mark.parametrize(
    "body",
    ["Target " * 28_000, "Bank of " * 25_000, "a" + "\u0300\u0316" * 50_000, "$A(<:" * 40_000],
)
def test_the_worst_of_bodies_takes_no_more_than_linear_time(body: str) -> None:
    started = time.process_time()
    LIST.find("A headline", body)
    assert time.process_time() - started < 3


# --- the file -----------------------------------------------------------------------------------


def load(tmp_path: Path, text: str) -> Watchlist:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    return Watchlist.load(path)


def test_a_list_of_ones_own_needs_three_columns(tmp_path: Path) -> None:
    own = load(
        tmp_path, "\ufeffsymbol,name,aliases\nHST.L,Harbour Steel,=Harbour|$HST\nB,Beta Oil,\n"
    )
    assert own.symbols == ("B", "HST.L")
    assert own.names["HST.L"] == "Harbour Steel"
    found = own.find("Beta Oil and Harbour merge", "", ("HST",))
    assert [mention.symbol for mention in found] == ["B", "HST.L"]
    assert own.find("Police close the harbour", "") == ()


def test_a_mark_on_the_name_itself_counts(tmp_path: Path) -> None:
    own = load(tmp_path, "symbol,name,aliases,not\nT,Tide,=Tide,high Tide*\n")
    assert own.find("Storm and tide hit the coast", "") == ()
    assert own.find("The High Tides of spring", "") == ()
    assert own.find("Detergent maker Tide grows", "") == (Mention("T", 0.6821),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 lacks the columns aliases, name, symbol"),
        ("symbol,name\nA,Alpha\n", "line 1 lacks the columns aliases"),
        ("symbol,name,aliases\n", "no companies"),
        ("symbol,name,aliases\n,Alpha,\n", "line 2: symbol and name must not be empty"),
        ("symbol,name,aliases\nA,,\n", "line 2: symbol and name must not be empty"),
        ("symbol,name,aliases\nA\n", "line 2: symbol and name must not be empty"),
        ("symbol,name,aliases\nA,Alpha,=\n", "line 2: a mark without a name"),
        ("symbol,name,aliases\nA,Alpha,\nA,Beta,\n", "line 3: symbol A is listed twice"),
        ("symbol,name,aliases\nA,Alpha,\nB,Beta,=ALPHA\n", 'line 3: "alpha" also belongs to A'),
        ("symbol,name,aliases\nA,Alpha,$X\nB,Beta,$X\n", "line 3: ticker X also belongs to A"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(WatchlistError) as caught:
        load(tmp_path, text)
    assert problem in str(caught.value)
    assert "list.csv" in str(caught.value)


def test_every_problem_of_a_list_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(WatchlistError, match=r"line 2: .*; line 4: "):
        load(tmp_path, "symbol,name,aliases\n,x,\nA,Alpha,\nA,Beta,\n")


def test_a_list_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WatchlistError, match=r"none\.csv"):
        Watchlist.load(tmp_path / "none.csv")
    (tmp_path / "list.csv").write_bytes(b"symbol,name,aliases\nA,Caf\xe9,\n")
    with pytest.raises(WatchlistError, match="UTF-8"):
        Watchlist.load(tmp_path / "list.csv")


def test_rows_may_be_made_in_code() -> None:
    own = Watchlist([Company("A", "Alpha"), Company("B", "Beta", ("=Be",), ("Be quick",))])
    assert [mention.symbol for mention in own.find("Alpha and Be", "")] == ["A", "B"]
    assert own.find("Be quick", "") == ()


# --- speed --------------------------------------------------------------------------------------


@pytest.mark.benchmark
def test_ten_thousand_titles_a_second() -> None:
    titles = [case["text"] for case in CASES]
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        for _ in range(20):
            for title in titles:
                LIST.find(title, "")
        best = max(best, 20 * len(titles) / (time.process_time() - started))
    assert best > 10_000
