"""What a headline is taken apart into: tags before and behind it, figures, words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.figures import figure
from ingest.headline import Parts, parts
from ingest.stems import stem
from ingest.wording import marks

HEAD = "Norvane orders six tankers from Ulsan yard"


@pytest.mark.parametrize(
    ("title", "slug", "tail"),
    [
        (HEAD, "", ""),
        (f"UPDATE 2-{HEAD}", "", ""),
        (f"SHIPS-{HEAD}", "SHIPS-", ""),
        (f"SHIP DIGEST/ {HEAD}", "SHIP DIGEST/ ", ""),
        (f"NRV.OL - {HEAD}", "NRV.OL - ", ""),
        (f"Morning bid: {HEAD}", "Morning bid: ", ""),
        (f"India Ships | {HEAD}", "India Ships |", ""),
        (f"{HEAD} - Fjord Ledger", "", "Fjord Ledger"),
        (f"{HEAD} (Fjord Ledger)", "", "Fjord Ledger"),
        (f"{HEAD} -SHP", "", "SHP"),
        (f"{HEAD} | Fjord Ledger", "", ""),
        (f"{HEAD} - Reuters", "", ""),
        (f"{HEAD} >> Fjord Ledger", "", ""),
        (f"{HEAD} {{Fjord Ledger}}", "", "Fjord Ledger"),
        (f"FJORD LEDGER - {HEAD}", "FJORD LEDGER - ", ""),
        (f"{HEAD}, via Fjord Ledger", "", ""),
        (f"{HEAD} according to Fjord Ledger", "", ""),
        (f"{HEAD} (Adds yard's answer)", "", ""),
        (f"{HEAD} -2-", "", ""),
        (f"{HEAD} (1)", "", ""),
        (f"{HEAD} By Fjord.com", "", ""),
        (f"{HEAD} (OSL: NRV) https://x.example/1 via @desk", "", ""),
        (f"{HEAD}, two people with knowledge of the matter said", "", ""),
        (f"{HEAD} in early Asian trade", "", ""),
        (f"{HEAD} - outlook cautious", "", "outlook cautious"),
        (f"{HEAD} | Fjord Ledger - Ships", "", "Ships"),
    ],
)
def test_tags_are_told_from_the_headline_by_how_they_stand(
    title: str, slug: str, tail: str
) -> None:
    found = parts(title)
    assert (found.slug.strip(), found.head.strip(), found.tail) == (slug.strip(), HEAD, tail)


@pytest.mark.parametrize(
    ("title", "last"),
    [
        ("Bank grows, ferry line denies press reports on talks", "talk"),
        ("Wickham plc - Half Yearly Report", "first_half"),
        ("Fund Share Class 31 - 24 November 2026", "nov242026"),
        ("Fund Share Class 31 - Nov 4, 2026", "nov42026"),
        ("Form 8.5 (EPT/NON-RI)", "nonri"),
        (f"{HEAD}, via Fjord Ledger", "ledger"),
        (f"{HEAD} | its largest order from any yard so far", "far"),
    ],
)
def test_what_tells_something_is_not_taken_for_a_source(title: str, last: str) -> None:
    assert marks(title)[-1].name == last


@given(st.text(max_size=200))
def test_any_title_has_parts_and_what_is_left_has_fewer_characters(title: str) -> None:
    assert isinstance(parts(title), Parts)
    assert len("".join(parts(title))) <= 2 * len(title) + 2


@pytest.mark.parametrize(
    "same",
    [
        ("1,500 jobs", "1500 jobs", "1.5k jobs", "1.50 thousand jobs"),
        ("NOK 2.4 trln", "2.4 trillion crowns", "2,400 billion crowns"),
        ("CNY2 billion", "2 bln yuan", "RMB 2,000 mln"),
        ("$0.48", "48 cents", "48c"),
        ("Rs 150 crore", "1.5 billion rupees", "INR 1.5bn"),
        ("$4.0-4.2 bln", "$4.0 billion to $4.2 billion", "$4-$4.2bn"),
        ("twenty-one", "21"),
        ("a quarter point", "25 bps", "25 basis points"),
        ("a third", "33.3 percent"),
        ("1.5 percentage points", "150 basis points", "1.5 pp"),
        ("half a dozen", "six"),
        ("FY26", "FY 2026", "full year 2026"),
        ("12.5p", "12.5 pence"),
        ("pay falls a fifth after strike", "pay falls 20% after strike"),
        ("November 26th", "Nov. 26", "26th of November"),
    ],
)
def test_figure_is_told_in_one_form_however_it_is_written(same: tuple[str, ...]) -> None:
    told = {tuple(m.name for m in marks(title) if m.kind == "figure") for title in same}
    assert len(told) == 1
    assert all(told)


def test_sign_and_letter_of_a_part_are_not_lost() -> None:
    assert [m.name for m in marks("Fund pays $2 bln real estate debt")][-2:] == [
        "real_estate",
        "debt",
    ]
    assert marks("Copper futures")[-1].kind == "word"
    assert marks("A third bidder")[0].kind == "period"
    pairs = (("-0.4%", "+0.4%"), ("Class A units", "Class B units"), ("Part I", "Part II"))
    for one, other in pairs:
        assert {m.name for m in marks(one)} != {m.name for m in marks(other)}


@given(st.decimals(min_value=0, max_value=10**6, places=2), st.sampled_from([-2, 0, 3, 6, 9]))
def test_figure_times_a_power_of_ten_is_written_as_that_number(number: object, scale: int) -> None:
    written = figure(str(number), scale)
    assert float(written) == pytest.approx(float(str(number)) * 10**scale)
    assert written == figure(written, 0)


def test_forms_of_a_word_have_one_stem() -> None:
    for forms in (("rise", "rises", "rising", "rose"), ("uphold", "upheld"), ("labour", "labor")):
        assert len({stem(form) for form in forms}) == 1


def test_verb_is_read_with_what_it_is_said_of() -> None:
    def names(title: str) -> list[str]:
        return [mark.name for mark in marks(title)]

    assert names("Peru lifts ban on fish") == names("Peru ends ban on fish")
    assert names("Peru lifts rates") != names("Peru ends rates")
    assert names("Bank leaves rate unchanged") == names("Bank keeps rate steady")
