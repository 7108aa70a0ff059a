"""The near-duplicate rule: what a copy may change, and what makes another report of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.near import repeats
from ingest.shape import MOST, Shape, decode
from ingest.shapes import bits, needed, shape_of
from tests.ingest.copies import is_copy

PLAIN = "Norvane Shipping orders six tankers from Ulsan yard for $1.2 billion"


@pytest.mark.parametrize(
    "later",
    [
        PLAIN.upper(),
        f"UPDATE 1-{PLAIN}",
        f"{PLAIN} - sources",
        f"{PLAIN} (Reuters)",
        "Norvane Shipping orders 6 tankers from Ulsan yard for $1.2bn",
        "Norvane Shipping orders six tankers from Ulsan yard",
        "Norvane Shipping orders six tankers from Ulsan yard for $1,200 mln",
        "Norvane Shipping orders half a dozen tankers from Ulsan yard for USD 1.2 bln",
        f"{PLAIN} | Fjord Ledger",
        f"{PLAIN} - Fjord Ledger",
        f"{PLAIN} [Ships]",
        f"{PLAIN} (Fjord Ledger)",
        f"Markets|{PLAIN}",
        f"NRV.OL - {PLAIN}",
        f"$NRV {PLAIN} #ships",
        f"{PLAIN}, minister tells reporters",
        f"{PLAIN} - here's what you need to know",
        "Norvane Shipping orders six green tankers from Ulsan yard for $1.2 billion",
    ],
)
def test_house_style_slugs_and_a_clause_cut_off_make_no_other_report(later: str) -> None:
    assert is_copy(later, PLAIN)


@pytest.mark.parametrize(
    "later",
    [
        "Norvane Shipping orders six tankers from Ulsan yard for $1.3 billion",
        "Norvane Shipping orders seven tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping cancels six tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping may order six tankers from Ulsan yard for $1.2 billion",
        "Belmar Shipping orders six tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping shares fall after it orders six tankers from Ulsan yard",
        "Norvane Shipping orders six cheap green tankers from Ulsan yard for $1.2 billion",
        "Norvane Shipping orders six barges from Ulsan yard for $1.2 billion",
        "Senator objects as Norvane Shipping orders six tankers from Ulsan yard",
        f"{PLAIN} - shares fall",
        f"{PLAIN} (Part II)",
    ],
)
def test_another_figure_company_event_or_stage_is_another_report(later: str) -> None:
    assert not is_copy(later, PLAIN)


def test_what_changes_places_with_from_is_another_report() -> None:
    ways = ("to stable from positive", "to positive from stable")
    up, down = (f"Moody's changes outlook on Senegal {way}" for way in ways)
    assert not is_copy(up, down)


def test_two_names_that_change_places_make_another_report_but_a_passive_does_not() -> None:
    title = "Board sides with Sonavox in dispute with Clarion"
    assert not is_copy("Board sides with Clarion in dispute with Sonavox", title)
    assert is_copy("In dispute with Clarion, board sides with Sonavox", title)
    assert not is_copy("Corliss sues Altavia over patents", "Altavia sues Corliss over patents")
    assert is_copy("Corliss hit by UK claims before IPO", "Corliss hit by claims before UK IPO")
    assert is_copy("Corliss sued by Altavia over patents", "Altavia sues Corliss over patents")


def test_one_tag_in_the_place_of_another_is_another_report_for_it_may_be_a_company() -> None:
    notice = "Shares in issue at end of month"
    assert not is_copy(f"{notice} - Wickham plc", f"{notice} - Hartwick plc")
    assert not is_copy("Net Asset Value of Fund Class A", "Net Asset Value of Fund Class B")
    assert not is_copy("Form 8.5 of Royal Bank - Melrose plc", "Form 8.5 of Royal Bank")


def test_what_happened_or_turns_it_round_may_go_with_a_clause_at_its_end_only() -> None:
    title = "Gold hovers near low as dollar firms"
    assert is_copy(title, f"{title}; palladium extends losses")
    assert not is_copy(
        "Bank sells Gdynia terminal to fund", "Bank may sell Gdynia terminal to fund"
    )


def test_word_that_takes_the_place_of_another_or_reorders_the_rest_is_not_added() -> None:
    ordered = "Court orders Quinto Bank to pay pensioners"
    assert not is_copy("Court orders Quinto Bank to pay suppliers", ordered)
    assert not is_copy("Egyptians queue for fuel after prices raised", "Egypt raises fuel prices")


def test_event_may_not_be_left_out_before_the_end() -> None:
    assert not is_copy(
        "Strike at Varna port over pay", "Union threatens strike at Varna port over pay"
    )
    assert is_copy("Oil down 2% on glut worries", "Oil settles down 2% on glut worries")
    assert not is_copy("Oil down 2% on glut worries", "Oil opens down 2% on glut worries")


def test_word_of_little_weight_is_a_part_of_the_name_in_a_headline_all_in_capitals() -> None:
    assert not is_copy(
        "Net Asset Value of Oslo Growth Unit Today",
        "Net Asset Value of Oslo Growth Today",
    )


def test_name_of_a_template_may_not_be_left_out_but_a_part_of_it_in_a_sentence_may() -> None:
    assert not is_copy(
        "Net Asset Value of Oslo Growth Fund Today",
        "Net Asset Value of Oslo Small Cap Growth Fund Today",
    )
    assert is_copy(
        "Harlan to appeal against verdict over filters",
        "Tobacco firm Harlan Motor to appeal against verdict over filters",
    )


def test_headline_cut_short_is_found_by_how_it_begins() -> None:
    """Whatever its other words hash to."""
    for n in range(50):
        more = " ".join(f"{word}{n}" for word in ("alba", "beta", "gamma", "delta", "kappa"))
        start = f"Harbour{n} widens quay{n} early"
        (_, short), (_, long) = shape_of(start, ""), shape_of(f"{start} with {more}", "")
        assert set(short) & set(long)


BODY = (
    "The terminal can handle {figure} million tonnes a year and employs four hundred people. "
    "Polish authorities must approve the purchase by {name} this year, the fund said."
)


def test_bodies_decide_where_both_have_one() -> None:
    first = BODY.format(figure="2.2", name="Orlik")
    other = BODY.format(figure="2.4", name="Orlik")
    title = "Orlik to buy Gdynia terminal"
    again = repeats(shape_of("Fund takes over port", first)[0], shape_of(title, first)[0])
    assert (again, repeats(shape_of(title, other)[0], shape_of(title, first)[0])) == (True, False)


REPORT = (
    "Sonavox will build a plant for {what} near Varna and hire 300 people, its chief said on "
    "Monday. Work begins in {month} and costs {cost} million {money}, he added{more}."
)


def report(
    what: str = "amplifiers",
    month: str = "March",
    cost: str = "40",
    money: str = "euros",
    more: str = "",
) -> str:
    return REPORT.format(what=what, month=month, cost=cost, money=money, more=more)


@pytest.mark.parametrize(
    ("title", "body", "copy"),
    [
        ("Sonavox to build plant near Varna", report(more=", reading from a paper"), True),
        ("Sonavox to build plant near Varna", report(month="June"), False),
        ("Sonavox to build plant near Varna", report(money="crowns"), False),
        ("Sonavox to build plant near Varna", report(cost="45"), False),
        ("Sonavox not to build plant near Varna", report().replace("will", "will not"), False),
        ("Sonavox to build works near Varna", report(), True),
        ("Hiring: 300 to work for Sonavox near Varna", report(), True),
        ("Sonavox jumps 14% on plan for plant near Varna", report(), False),
    ],
)
def test_bodies_that_are_nearly_equal_are_read_for_the_one_thing_that_is_not(
    title: str, body: str, copy: bool
) -> None:
    earlier, _ = shape_of("Sonavox to build plant near Varna", report())
    later, _ = shape_of(title, body)
    assert repeats(later, earlier) is copy


def test_headline_with_one_thing_exchanged_that_no_body_tells_is_another_report() -> None:
    title = "Sonavox plant welcomed by mayor of {} town"
    earlier, later = (shape_of(title.format(w), report())[0] for w in ("coastal", "inland"))
    assert not repeats(later, earlier)


def test_another_headline_needs_a_body_with_no_word_in_the_place_of_another() -> None:
    earlier, _ = shape_of("Sonavox to build plant near Varna", report())
    title = "Hiring: 300 to work for Sonavox near Varna"
    assert repeats(shape_of(title, report(more=" briefly"))[0], earlier)
    assert not repeats(shape_of(title, report(what="loudspeakers"))[0], earlier)


def test_not_in_one_of_two_nearly_equal_bodies_is_another_report_under_the_same_headline() -> None:
    title = "Sonavox on its plant near Varna"
    turned = report().replace("will", "will not")
    assert not repeats(shape_of(title, turned)[0], shape_of(title, report())[0])


def test_body_in_other_words_is_the_same_body_if_it_says_the_same() -> None:
    title = "Sonavox to build plant near Varna"
    again = (
        "On Monday the chief of Sonavox said that 300 people are to be hired for an amplifiers "
        "plant it will build near Varna. He added that work costs 40 million euros and begins in "
        "March."
    )
    assert repeats(shape_of(title, again)[0], shape_of(title, report())[0])


@pytest.mark.parametrize(
    "foot", [" Read more", " Continue reading at Fjord Ledger", " (Reporting by A. Orlik)"]
)
def test_body_cut_short_says_the_same_whatever_a_feed_puts_under_it(foot: str) -> None:
    title = "Water in tunnel delays Gdynia ferry trains"
    told = "Ferry trains to Gdynia were delayed by water in a tunnel. All is dry by evening."
    whole = f"{told} Norvane said its yards had enough parts."
    assert repeats(shape_of(title, told + foot)[0], shape_of(title, whole)[0])


def test_figure_with_a_hyphen_is_the_same_in_a_body() -> None:
    title = "Pilots in Gdynia see no ferry strike"
    told = "{} of 52 pilots see no strike, a survey of the union in the port showed."
    earlier, later = (shape_of(title, told.format(share))[0] for share in ("Forty-one", "41"))
    assert repeats(later, earlier)


def test_short_body_still_has_its_figure() -> None:
    title = "Turnout in Norvane pilots ballot over pay"
    told = "The union said {} of members had voted by noon."
    early, late = (shape_of(title, told.format(share))[0] for share in ("41%", "63%"))
    assert repeats(early, early)
    assert not repeats(late, early)


@pytest.mark.parametrize(
    ("later", "earlier", "copy"),
    [
        (
            "Fund pays 2 billion crowns for Varna port",
            "Fund pays 2 billion euros for Varna port",
            0,
        ),
        ("Fund pays US$2 bln for Varna port", "Fund pays A$2 bln for Varna port", 0),
        ("Fund pays $2 bln for Varna port", "Fund pays A$2 billion for Varna port", 1),
        ("Fund pays 2 bln euros for Varna port", "Fund pays \u20ac2bn for Varna port", 1),
    ],
)
def test_money_of_a_figure_may_be_left_out_but_not_exchanged(
    later: str, earlier: str, copy: int
) -> None:
    assert is_copy(later, earlier) is bool(copy)


def test_period_may_not_take_the_place_of_a_year() -> None:
    told = "Hartwick Optik {} sales up 3.1% at constant rates"
    assert not is_copy(told.format("Q4"), told.format("2026"))


def test_who_says_so_may_be_left_out_but_neither_his_name_nor_his_day_exchanged() -> None:
    told = "Overnight lending rate of banks in Varna port region at 39.5%"
    monday = f"{told}, Monday's auction shows"
    assert not is_copy(f"{told}, Tuesday's auction shows", monday)
    named = f"{told} - Wickham survey"
    assert not is_copy(f"{told} - Hartwick survey", named)
    assert is_copy(told, named)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("Riksbank cuts key rate to 2%", "Sweden's central bank cuts key rate to 2%"),
        ("VARNA (Ledger) - Norvane orders six tankers", "Norvane orders six tankers"),
        (
            "Toys maker Kestrel names Ana Orlik head of Asia",
            "Kestrel names Ana Orlik head of Asia",
        ),
        ("Norvane expects output to fall in Peru", "Norvane sees output falling in Peru"),
        ("Norvane drops offer for Clarion Audio", "Norvane abandons bid for Clarion Audio"),
        ("Norvane opens yard office in Sigapore", "Norvane opens yard office in Singapore"),
        ("Norvane sells 1/4 of pubs in Wales", "Norvane sells a quarter of pubs in Wales"),
        ("Foxconn hires 200 in Houston", "Hon Hai hires 200 in Houston"),
    ],
)
def test_other_ways_to_say_the_same(later: str, earlier: str) -> None:
    assert is_copy(later, earlier)


@given(st.text(max_size=300), st.text(max_size=800))
def test_any_text_has_a_shape_that_is_stored_whole_and_repeats_itself_or_says_too_little(
    title: str, body: str
) -> None:
    shape, keys = shape_of(title, body)
    assert decode(shape.encode()) == shape
    assert all(0 <= key < 2**63 for key in keys)
    assert needed(shape) & ~bits(shape) == 0
    assert repeats(shape, shape) or shape.sketch or len(shape.order) < 3


def test_shape_of_an_endless_text_is_cut_and_can_be_stored() -> None:
    shape, _ = shape_of("x", " ".join(f"word{n} {n}" for n in range(100_000)))
    assert len(shape.encode()) < 2_000
    long = Shape(tuple(range(999)), *(6 * (frozenset(range(999)),)), capitals=True)
    assert len(decode(long.encode()).names) == MOST


def test_shape_of_the_version_before_is_read_and_repeats_what_it_did() -> None:
    value, _ = shape_of(PLAIN, "")
    empty: frozenset[int] = frozenset()
    order = tuple(mark for mark in value.order if mark not in value.weak)
    kept = replace(
        value, order=order, figures=empty, letters=(), told=empty, links=empty, money=empty
    )
    kept = replace(kept, otherwise=())
    encoded = kept.encode()
    old = decode(bytes([encoded[0] & 0xC0 | 2]) + encoded[1:15] + encoded[20:])
    assert old == replace(kept, figures=value.figures)
    assert repeats(value, old)
    assert repeats(old, value)
    assert not repeats(shape_of(PLAIN.replace("six", "seven"), "")[0], old)


def test_body_under_a_headline_with_a_tag_is_a_copy_and_under_another_company_is_not() -> None:
    first = BODY.format(figure="2.2", name="Orlik")
    title = "Orlik to buy Gdynia terminal"
    earlier = shape_of(title, first)[0]
    assert repeats(shape_of(f"{title} - Fjord Ledger", first)[0], earlier)
    assert repeats(shape_of(f"ORL.WA - {title}", first)[0], earlier)
    notice = BODY.format(figure="2.2", name="shareholders")
    tagged = shape_of("Terminal purchase - Orlik plc", notice)[0]
    assert not repeats(shape_of("Terminal purchase - Wickham plc", notice)[0], tagged)


def test_whole_name_may_not_be_left_out_inside_a_headline() -> None:
    told = "Harbour fund to buy stake in Sonavox Audio from Clarion for $2 billion"
    assert is_copy("Harbour fund to buy stake in Sonavox from Clarion for $2 billion", told)
    assert not is_copy("Harbour fund to buy stake from Clarion for $2 billion", told)


def test_alert_in_capitals_may_leave_out_the_country_before_a_name() -> None:
    told = "Denmark's Vestgas cuts 2026 profit outlook on weak demand"
    assert is_copy("VESTGAS CUTS 2026 PROFIT OUTLOOK ON WEAK DEMAND", told)
    assert not is_copy("Vestgas Cuts 2026 Profit Outlook On Weak Demand", told)


def test_same_headline_over_a_body_of_another_company_is_another_notice() -> None:
    notice = (
        "{name} will publish its annual results on 12 February before the market opens. "
        "A call for analysts begins at ten and the details are on the website."
    )
    one, other = (
        shape_of("Date of annual results is set", notice.format(name=name))[0]
        for name in ("Mondalo", "Corvinus")
    )
    assert repeats(one, one)
    assert not repeats(other, one)


def test_same_headline_over_a_body_that_has_nothing_in_common_is_another_report() -> None:
    title = "Fire stops car plant for days"
    told = (
        "Workers left the works after flames broke out in the paint hall early in the morning, "
        "and managers expect assembly lines to stand still until the weekend at least."
    )
    other = (
        "Production came to a halt because of a blaze, the company said, adding that nobody was "
        "hurt and that deliveries of the new model would begin as planned in spring."
    )
    assert not repeats(shape_of(title, other)[0], shape_of(title, told)[0])
