"""The pages in a real browser, worked by the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select, update

from pipeline.labels.settings import LabelSettings
from pipeline.store import labels, tables
from pipeline.store.database import Database, open_database
from tests.pages.made import HOSTILE, incident, store
from tests.web import people
from tests.web.browser import Watched, browser
from tests.web.labelled import store_articles
from tests.web.served import serving, settings

MOODS = ("negative", "neutral", "positive")
TYPED = {
    "macr": "Macro",
    "central": "Fed | Central Banks",  # a word further on
    "oil": "Energy | Oil",
    "lawsuit": "Legal | Regulation",  # of its meaning alone
    "EARN": "Earnings",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/browser.db")
    store_articles(found, [f"Acme makes {number} cars fewer ACM" for number in range(24)])
    yield found
    found.close()


@pytest.fixture
def address(db: Database) -> Iterator[str]:
    found = settings(str(db.engine.url), users=people.users())
    old = LabelSettings(recent_days=3660)  # the articles are of some day
    with serving(found.model_copy(update={"labels": old})) as sender:
        yield sender.url


@pytest.fixture
def watched(chromium: Browser, address: str) -> Iterator[Watched]:
    """Logged in as ann, by the keyboard, on the labelling page."""
    context = chromium.new_context(viewport={"width": 1100, "height": 900})
    found = Watched(context.new_page())
    found.page.goto(f"{address}/label")
    found.ready("#name")
    found.picture("login")
    found.page.keyboard.type("ann")
    found.keys("Tab")
    found.page.keyboard.type(people.password("ann"))
    found.go("Enter")
    assert found.page.url == f"{address}/label"
    yield found
    context.close()
    assert found.complaints == []
    assert found.hosts == {address.removeprefix("http://")}


def counts(watched: Watched) -> tuple[int, int]:
    return int(watched.text("#today")), int(watched.text("#total"))


def answer(watched: Watched, number: int) -> tuple[str, str, str]:
    """Label the article that is shown; returns its headline and what was meant."""
    headline = watched.text("#headline")
    typed, topic = list(TYPED.items())[number % len(TYPED)]
    watched.keys(str(number % 3 + 1))
    watched.page.keyboard.type(typed)
    watched.go("Enter")
    return headline, MOODS[number % 3], topic


def stored(db: Database) -> dict[str, dict[str, str]]:
    """What ann says now, by headline."""
    with db.read() as connection:
        titles = dict(
            connection.execute(
                select(tables.labelled_text.c.hash, tables.labelled_text.c.title)
            ).all()
        )
    found: dict[str, dict[str, str]] = {}
    for one in labels.current(db):
        assert one.annotator == "ann"
        found.setdefault(titles[one.text_hash], {})[one.task] = one.value
    return found


def test_twenty_articles_are_labelled_by_keyboard_alone_and_one_is_undone(
    watched: Watched, db: Database
) -> None:
    meant = []
    for number in range(20):
        meant.append(answer(watched, number))
        assert counts(watched) == (number + 1, number + 1)
    watched.picture("labelled")
    wanted = {title: {"sentiment": mood, "topic": topic} for title, mood, topic in meant}
    assert len(wanted) == 20
    assert stored(db) == wanted
    watched.go("u")
    assert counts(watched) == (19, 19)
    headline, mood, topic = meant[-1]
    assert watched.text("#headline") == headline
    assert watched.page.locator(f"input[value={mood}]").is_checked()
    assert watched.page.locator("#topic").input_value() == topic
    del wanted[headline]
    assert stored(db) == wanted
    watched.picture("undone")
    watched.keys("3")
    watched.page.keyboard.type("polit")
    watched.go("Enter")
    assert counts(watched) == (20, 20)
    assert stored(db)[headline] == {"sentiment": "positive", "topic": "Politics"}
    assert "you said" in watched.text(".said")
    watched.go("s")  # what is skipped is not counted, and not asked again
    assert counts(watched) == (20, 20)
    assert watched.text("#headline") not in (headline, *wanted)
    tallies = watched.text(".tallies")
    assert "Macro\n4" in tallies


def test_topic_is_completed_chosen_and_left_by_keys(watched: Watched, db: Database) -> None:
    page = watched.page
    watched.keys("?")
    assert page.locator("#help").get_attribute("open") is not None
    watched.picture("help")
    watched.keys("?", "t")
    assert page.locator(".choices li").count() == 20
    page.keyboard.type("m")
    watched.picture("typing")
    assert page.locator(".choices [aria-selected=true] b").inner_text() == "M&A | Investments"
    watched.keys("ArrowDown", "ArrowDown", "ArrowUp", "Tab")
    assert page.locator("#topic").input_value() == "Macro"
    assert page.locator(".choices").is_hidden()
    watched.keys("Control+a")
    page.keyboard.type("qqq")
    watched.keys("Enter")
    assert "No topic is called “qqq”" in watched.text("#wrong")
    watched.keys("Control+a", "Delete", "Escape", "Enter")
    assert "Say at least one" in watched.text("#wrong")
    assert stored(db) == {}
    watched.keys("2")
    watched.go("Enter")  # the topic is left empty
    assert list(stored(db).values()) == [{"sentiment": "neutral"}]


def test_keys_pressed_too_fast_send_one_form(watched: Watched, db: Database) -> None:
    sent: list[str] = []
    watched.page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    answer(watched, 0)
    for key, total in (("Enter", 2), ("u", 1), ("s", 1), ("u", 1), ("u", 0)):
        sent.clear()
        if key == "Enter":
            watched.keys("1")
        with watched.page.expect_navigation():
            watched.page.evaluate(
                """(key) => {
                    const press = () => document.dispatchEvent(
                        new KeyboardEvent("keydown", { key, bubbles: true }));
                    press();
                    setTimeout(press, 0);  // while the first is on its way
                }""",
                key,
            )
        assert len(sent) == 1
        assert counts(watched) == (total, total)


def test_hostile_headlines_are_text_and_do_nothing(watched: Watched, db: Database) -> None:
    texts = [*HOSTILE, "<script>document.title='hit'</script>" + "x" * 10_000]
    for text in texts:
        with db.write() as connection:
            connection.execute(update(tables.text).values(title=text, body=text))
            connection.execute(update(tables.article).values(url=text))
        watched.page.reload()
        assert watched.page.title() == "Label · Bearwatch"
        assert watched.page.locator("main script, main img, main a[href^=javascript]").count() == 0
        shown = watched.text("#headline")
        visible = " ".join("".join(c for c in text if c.isprintable()).split())
        assert shown.rstrip("…") in visible
        assert shown
        width = watched.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1100
    watched.picture("hostile")
    answer(watched, 0)
    assert watched.page.locator("main script, main img").count() == 0


def test_page_works_without_its_script(chromium: Browser, address: str, db: Database) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/label")
    page.fill("#secret", people.token("ann"))
    page.click("text=Log in >> nth=-1")
    headline = page.locator("#headline").inner_text()
    page.click("text=positive")
    page.fill("#topic", "Macro")
    page.click("#save")
    assert page.locator("#total").inner_text() == "1"
    assert stored(db) == {headline: {"sentiment": "positive", "topic": "Macro"}}
    page.click("#skip")
    page.click("#undo")  # of the skip
    page.click("#undo")
    assert page.locator("#total").inner_text() == "0"
    context.close()


def test_page_fits_a_phone_and_the_dark(chromium: Browser, address: str) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True
    )
    found = Watched(context.new_page())
    found.page.goto(f"{address}/login?next=/label")
    found.page.fill("#secret", people.token("ann"))
    found.page.click("button")
    found.page.tap(".mood.negative")
    found.page.tap("#topic")
    found.picture("phone")
    found.page.tap(".choices li >> nth=2")
    assert found.page.locator("#topic").input_value() == "Company | Product News"
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
    found.page.tap("#save")
    found.page.wait_for_selector(".said")
    found.picture("phone_said")
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert found.complaints == []


def test_incident_is_judged_from_its_page(watched: Watched, db: Database, address: str) -> None:
    found = incident(1)
    store(db, found)
    watched.page.goto(f"{address}/incidents/{found.id}")
    watched.page.click("text=Say what it was worth")
    watched.page.check("input[value=not-useful]")
    watched.page.fill("#note", "known since Monday")
    watched.go("Enter")
    assert "ann: not useful" in watched.text("#said")
    assert "known since Monday" in watched.text("#said")
    assert watched.page.locator("input[value=not-useful]").is_checked()
    watched.picture("incident")
