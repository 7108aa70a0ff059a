"""The labelling page over a real server, as a plain form: what is stored, shown and kept back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, select, update

from pipeline.labels.settings import LabelSettings
from pipeline.pages.rendering import policy
from pipeline.store import labels, questions, tables
from pipeline.store.database import Database, open_database
from pipeline.store.removal import remove
from tests.fakes import MONDAY, ListSource, ManualClock, store_all
from tests.integration import postgres
from tests.pages.made import HOSTILE
from tests.pages.test_view import TAGS, Written
from tests.web import people
from tests.web.labelled import say, store_articles
from tests.web.people import Visitor, visitor
from tests.web.served import serving, settings

TITLES = tuple(f"negative Energy news {number} ACM" for number in range(6))
FORM_TAGS = TAGS | {
    *("form", "input", "label", "button", "fieldset", "legend", "datalist", "option", "kbd"),
    *("details", "summary", "script"),
}


OLD = LabelSettings(recent_days=3660)
"""The articles are of some day."""


class Bench:
    """A server with articles and users, and its database."""

    def __init__(self, db: Database, url: str) -> None:
        self.db = db
        self.url = url

    def events(self) -> list[tuple[object, ...]]:
        """Everything in the log of labels, in order."""
        query = select(tables.label).order_by(tables.label.c.seq)
        with self.db.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def current(self) -> set[tuple[str, str, str]]:
        """Annotator, task and value of what counts."""
        return {(one.annotator, one.task, one.value) for one in labels.current(self.db)}


@contextmanager
def working(url: str, **more: object) -> Iterator[Bench]:
    db = open_database(url)
    found = settings(url, users=people.users()).model_copy(update={"labels": OLD})
    try:
        with serving(found.model_copy(update=more)) as sender:
            yield Bench(db, sender.url)
    finally:
        db.close()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the articles, to be copied."""
    file = tmp_path_factory.mktemp("stored") / "label.db"
    db = open_database(f"sqlite:///{file}")
    store_articles(db, TITLES)
    db.close()
    return file


@pytest.fixture
def url(stored: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(stored, tmp_path)}"


@pytest.fixture
def bench(url: str) -> Iterator[Bench]:
    with working(url) as found:
        yield found


@pytest.fixture
def ann(bench: Bench) -> Iterator[Visitor]:
    with visitor(bench.url, "ann") as found:
        yield found


def shown(who: Visitor, path: str = "/label") -> httpx.Response:
    answer = who.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the form that asks."""
    form = page[page.index('id="ask"') : page.index("</form>", page.index('id="ask"'))]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


def say_next(who: Visitor, sentiment: str = "", topic: str = "") -> httpx.Response:
    given = fields(shown(who).text) | {"sentiment": sentiment, "topic": topic}
    return who.http.post("/label", data=given)


def counted(page: str) -> tuple[int, int]:
    today = re.search(r'id="today">(\d+)<', page)
    total = re.search(r'id="total">(\d+)<', page)
    assert today is not None
    assert total is not None
    return int(today[1]), int(total[1])


def test_answer_is_stored_with_who_said_it_and_what_the_classifier_had_said(
    bench: Bench, ann: Visitor
) -> None:
    asked = fields(shown(ann).text)
    before = datetime.now(UTC)
    answer = say_next(ann, "positive", "energy | oil")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/label?said={asked['text_hash']}",
    )
    events = labels.events_of(bench.db, asked["text_hash"])
    assert [(e.annotator, e.task, e.value, e.suggestion) for e in events] == [
        ("ann", "sentiment", "positive", "negative"),
        ("ann", "topic", "Energy | Oil", "Energy"),
    ]
    assert [e.probability for e in events] == pytest.approx([0.8, 0.9])
    assert {(e.origin, e.version) for e in events} == {("page", "fake+0")}
    assert all(before - timedelta(seconds=1) <= e.at <= datetime.now(UTC) for e in events)


def test_each_article_is_asked_about_once_and_the_end_is_told(bench: Bench, ann: Visitor) -> None:
    asked: list[str] = []
    for _ in TITLES:
        asked.append(fields(shown(ann).text)["id"])
        assert say_next(ann, "negative").status_code == 303
    assert sorted(asked) == sorted(f"a{n}" for n in range(6))
    page = shown(ann).text
    assert "Nothing is left to be labelled" in page
    assert counted(page) == (6, 6)
    with visitor(bench.url, "bob") as bob:  # what others said is his to answer, too
        assert counted(shown(bob).text) == (0, 0)
        assert fields(shown(bob).text)["id"] in asked


def test_page_asked_for_again_asks_the_same(ann: Visitor) -> None:
    assert fields(shown(ann).text)["id"] == fields(shown(ann).text)["id"]


def test_form_sent_twice_is_one_answer(bench: Bench, ann: Visitor) -> None:
    given = fields(shown(ann).text) | {"sentiment": "negative", "topic": "Macro"}
    assert [ann.http.post("/label", data=given).status_code for _ in range(2)] == [303, 303]
    assert len(bench.events()) == 2


def test_suggestion_is_hidden_until_one_has_answered(bench: Bench, ann: Visitor) -> None:
    page = shown(ann)
    asked = fields(page.text)["id"]
    say(bench.db, "bob", asked, MONDAY, topic="Energy | Oil", sentiment="neutral")
    for hidden in ("classifier says", "80%", "bob said"):
        assert hidden not in Written(page.text).text
    answer = say_next(ann, "negative", "Macro")
    text = Written(shown(ann, answer.headers["Location"]).text).text
    assert "you said negative Macro" in text
    assert "bob said neutral Energy | Oil" in text
    assert "the classifier said negative (80%) Energy (90%)" in text


def test_disagreement_is_marked(bench: Bench, ann: Visitor) -> None:
    asked = fields(shown(ann).text)["id"]
    say(bench.db, "bob", asked, MONDAY, topic="Macro", sentiment="neutral")
    page = shown(ann, say_next(ann, "negative", "Macro").headers["Location"]).text
    assert '<span class="other">neutral</span>' in page
    assert '<span class="same">Macro</span>' in page
    assert '<span class="same">negative (80%)</span>' in page


def test_others_answers_stay_hidden_from_who_has_not_answered(bench: Bench, ann: Visitor) -> None:
    text_hash = say(bench.db, "bob", "a5", MONDAY, topic="Macro", sentiment="neutral")
    for path in (f"/label?said={text_hash}", "/label?source=wire&id=a5"):
        assert "bob said" not in Written(shown(ann, path).text).text


def test_suggestion_may_be_shown_before_by_a_setting(url: str) -> None:
    chosen = settings(url).labelling.model_copy(update={"show_suggestion": True})
    with working(url, labelling=chosen) as bench, visitor(bench.url, "ann") as ann:
        text = Written(shown(ann).text).text
        assert "The classifier says negative (80%), Energy (90%)." in text


def test_undo_takes_the_last_answer_back_and_asks_again_with_what_was_said(
    bench: Bench, ann: Visitor
) -> None:
    say_next(ann, "negative", "Macro")
    second = fields(shown(ann).text)
    say_next(ann, "positive", "Earnings")
    answer = ann.send("/label/undo")
    assert answer.headers["Location"] == f"/label?source=wire&id={second['id']}"
    assert bench.current() == {("ann", "sentiment", "negative"), ("ann", "topic", "Macro")}
    assert [event[6] for event in bench.events()[-2:]] == [None, None]
    page = shown(ann, answer.headers["Location"]).text
    assert counted(page) == (1, 1)
    assert fields(page)["id"] == second["id"]
    assert 'value="positive" checked' in page
    assert re.search(r'id="topic"[^>]* value="Earnings"', page)
    given = fields(page) | {"sentiment": "neutral", "topic": "Earnings"}
    assert ann.http.post("/label", data=given).status_code == 303
    assert ("ann", "sentiment", "neutral") in bench.current()
    assert counted(shown(ann).text) == (2, 2)


def test_undo_goes_back_step_by_step_and_then_does_nothing(bench: Bench, ann: Visitor) -> None:
    say_next(ann, "negative", "Macro")
    say_next(ann, "positive")
    for left in (1, 0, 0):
        assert ann.send("/label/undo").status_code == 303
        assert counted(shown(ann).text) == (left, left)
    assert len(bench.events()) == 6


def test_undo_leaves_what_others_said_and_what_came_from_files(bench: Bench, ann: Visitor) -> None:
    say(bench.db, "ann", "a0", MONDAY, topic="Macro")
    with visitor(bench.url, "bob") as bob:
        say_next(bob, "positive")
    say_next(ann, "negative")
    for _ in range(3):
        ann.send("/label/undo")
    assert bench.current() == {("ann", "topic", "Macro"), ("bob", "sentiment", "positive")}


def test_skipped_article_is_not_asked_again_until_the_skip_is_undone(
    bench: Bench, ann: Visitor
) -> None:
    say_next(ann, "negative")
    skipped = fields(shown(ann).text)
    assert ann.http.post("/label/skip", data=skipped).headers["Location"] == "/label"
    assert fields(shown(ann).text)["id"] != skipped["id"]
    assert counted(shown(ann).text) == (1, 1)
    answer = ann.send("/label/undo")
    assert answer.headers["Location"] == f"/label?source=wire&id={skipped['id']}"
    assert counted(shown(ann).text) == (1, 1)  # the label before it stands
    assert ann.send("/label/undo").status_code == 303
    assert counted(shown(ann).text) == (0, 0)


def test_counts_are_per_topic_and_sentiment_and_of_today(bench: Bench, ann: Visitor) -> None:
    say(bench.db, "ann", "a0", MONDAY, topic="Macro", sentiment="negative")
    say(bench.db, "bob", "a0", MONDAY, topic="Macro")
    say_next(ann, "positive", "Macro")
    say_next(ann, "positive")
    page = shown(ann).text
    assert counted(page) == (2, 3)
    written = Written(page).text
    assert "1 negative, 0 neutral, 2 positive" in written
    assert re.search(r"<span>Macro</span><b>2</b>", page)
    assert re.search(r"<span>Earnings</span><b>0</b>", page)


def test_answer_that_is_none_is_told_and_kept_in_the_form(bench: Bench, ann: Visitor) -> None:
    for sentiment, topic, said in (
        ("", "", "Say at least one"),
        ("  ", " ", "Say at least one"),
        ("awful", "Macro", "No such sentiment"),
        ("negative", "Weather", "No topic is called “Weather”"),
        ("negative", "<script>x</script>", "No topic is called “<script>"),
    ):
        answer = say_next(ann, sentiment, topic)
        assert answer.status_code == 422
        written = Written(answer.text)
        assert said in written.text
        assert written.tags <= FORM_TAGS
        assert ('value="negative" checked' in answer.text) is (sentiment == "negative")
        assert f'value="{topic}">' in unescape(answer.text)
    assert bench.events() == []


def test_page_needs_an_annotator_and_a_form_of_its_own(bench: Bench, ann: Visitor) -> None:
    given = fields(shown(ann).text) | {"sentiment": "negative"}
    with visitor(bench.url, "vera") as vera, visitor(bench.url) as nobody:
        assert vera.http.get("/label").status_code == 403
        assert "vera is viewer; that needs annotator" in Written(vera.http.get("/label").text).text
        assert nobody.http.get("/label").headers["Location"] == "/login?next=/label"
        for path in ("/label", "/label/skip", "/label/undo"):
            assert vera.http.post(path, data=given | {"csrf": vera.csrf()}).status_code == 403
            assert nobody.http.post(path, data=given).status_code == 401
            assert ann.http.post(path, data=given | {"csrf": "0" * 64}).status_code == 403
            evil = {"Origin": "https://evil.example"}
            assert ann.http.post(path, data=given, headers=evil).status_code == 403
    assert bench.events() == []
    with bench.db.read() as connection:
        assert connection.execute(select(tables.skip)).all() == []


def test_program_labels_with_a_token_and_no_form(bench: Bench, ann: Visitor) -> None:
    asked = fields(shown(ann).text)
    given = {name: asked[name] for name in ("source", "id", "text_hash")}
    bearer = {"Authorization": f"Bearer {people.token('eve')}", "Origin": "https://evil.example"}
    answer = httpx.post(
        f"{bench.url}/label", data=given | {"topic": "Macro"}, headers=bearer, timeout=30
    )
    assert answer.status_code == 303
    assert bench.current() == {("eve", "topic", "Macro")}


def test_without_users_the_page_tells_what_to_set(tmp_path: Path) -> None:
    with serving(settings(f"sqlite:///{tmp_path}/open.db")) as sender, visitor(sender.url) as who:
        answer = who.http.get("/label")
        assert answer.status_code == 403
        assert "bearwatch user NAME --role annotator" in answer.text
        assert who.http.post("/label", data={}).status_code == 403


@pytest.mark.parametrize("change", ["removed", "replaced", "never there"])
def test_answer_on_what_has_changed_since_it_was_shown_is_not_stored(
    bench: Bench, ann: Visitor, change: str
) -> None:
    given = fields(shown(ann).text) | {"sentiment": "negative"}
    if change == "removed":
        remove(bench.db, ("wire", given["id"]), actor="op", reason="x", now=MONDAY)
    elif change == "replaced":
        clock = ManualClock(MONDAY + timedelta(days=1))
        record = {"source": "wire", "id": given["id"], "title": "All new", "revision": 7}
        value = json.dumps(record | {"action": "replace", "published_at": MONDAY.isoformat()})
        store_all(bench.db, ListSource({1: [value.encode()]}, clock=clock), clock)
    else:
        given["id"] = "\0"
    answer = ann.http.post("/label", data=given)
    assert answer.status_code == 409
    assert "nothing was stored" in answer.text
    assert bench.events() == []
    assert (fields(shown(ann).text)["text_hash"] == given["text_hash"]) is (
        change == "never there"
    )


def test_name_that_no_database_takes_is_no_article(
    postgresql: postgres.Postgres | postgres.Running,
) -> None:
    with working(postgresql.fresh()) as bench, visitor(bench.url, "ann") as ann:
        assert ann.http.get("/label?source=wire&id=%00").status_code == 409
        given = {"source": "w\0", "id": "1", "text_hash": "", "topic": "Macro"}
        for path in ("/label", "/label/skip"):
            assert ann.send(path, **given).status_code == 409
        assert "Nothing is left" in shown(ann).text


def test_article_whose_text_has_gone_is_passed_over(bench: Bench, ann: Visitor) -> None:
    gone = fields(shown(ann).text)
    with bench.db.write() as connection:
        connection.execute(delete(tables.text).where(tables.text.c.hash == gone["text_hash"]))
    assert fields(shown(ann).text)["id"] != gone["id"]
    assert ann.http.get(f"/label?source=wire&id={gone['id']}").status_code == 409


def test_page_allows_its_own_script_by_hash_and_forms_to_this_server(ann: Visitor) -> None:
    answer = shown(ann)
    rules = answer.headers["Content-Security-Policy"]
    wanted = policy(forms=True, script="label.js")
    assert rules == f"{wanted}; frame-ancestors 'none'"
    assert unescape(answer.text).count(wanted) == 1  # and in the page itself
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; base-uri 'none'; "
        r"form-action 'self'",
        wanted,
    )
    page = re.sub(r"<(script|style)>.*?</\1>", "", answer.text, flags=re.S)
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", page)


def test_hostile_article_is_text(bench: Bench, ann: Visitor) -> None:
    asked = fields(shown(ann).text)
    for text in (*HOSTILE, "x" * 10_000):
        with bench.db.write() as connection:
            connection.execute(update(tables.text).values(title=text, body=text))
            connection.execute(update(tables.article).values(url=text))
        answer = shown(ann)
        assert fields(answer.text)["id"] == asked["id"]
        written = Written(answer.text)
        assert written.tags <= FORM_TAGS
        assert len(re.findall("<script>", answer.text)) == 1  # ours
        assert not [name for name in written.attributes if name.startswith("on")]
        places = {"/", "/incidents", "/versions", "/api", "/label"}
        assert {link["href"] for link in written.links} <= places
        assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", answer.text)
        own = re.sub(r"<(svg|style|script).*?</\1>|(value|content)=\"[^\"]*\"", "", answer.text)
        assert "49" not in own
    after = shown(ann, say_next(ann, "negative").headers["Location"])
    assert "x" * 900 in after.text
    assert "x" * 1_001 not in after.text
    assert Written(after.text).tags <= FORM_TAGS


def test_companies_have_their_names_and_links_their_host(bench: Bench, ann: Visitor) -> None:
    with bench.db.write() as connection:
        connection.execute(update(tables.mention).values(symbol="AAPL"))
    written = Written(shown(ann).text)
    assert "Apple (AAPL)" in written.text
    (outside,) = [link for link in written.links if "://" in (link["href"] or "")]
    assert re.fullmatch(r"https://news\.wire\.example/[0-5]", outside["href"] or "")
    assert set((outside["rel"] or "").split()) == {"noreferrer", "nofollow", "noopener"}
    assert "news.wire.example" in written.text


def test_what_the_page_reads_is_the_same_on_both_databases(
    opened: Callable[[], Database],
) -> None:
    db = opened()
    store_articles(db, TITLES[:3])
    later = MONDAY + timedelta(hours=1)
    text_hash = say(db, "ann", "a2", MONDAY, topic="Macro", sentiment="negative")
    with questions.desk(db, "ann") as ann, questions.desk(db, "bob") as bob:
        found = ann.question("wire", "a1")
        assert found is not None
        assert (found.title, found.topic, found.sentiment) == (TITLES[1], "Energy", "negative")
        assert found.sentiment_probability == pytest.approx(0.8)
        assert (found.companies, found.skipped) == (("ACM",), False)
        assert ann.question("wire", "a9") is None
        assert ann.heard_of(text_hash) == (TITLES[2], labels.events_of(db, text_hash))
        assert ann.heard_of("0" * 64) == ("", [])
        assert ann.article_with(text_hash) == ("wire", "a2")
        assert ann.article_with("0" * 64) is None
        events = ann.events(0)
        assert [event.task for event in events] == ["topic", "sentiment"]
        assert ann.events(events[0].seq) == events[1:]
        assert bob.events(0) == []
    with db.write() as connection:
        labels.skip(connection, "ann", found.text_hash, later)
    remove(db, ("wire", "a2"), actor="op", reason="x", now=later)
    with questions.desk(db, "ann") as ann, questions.desk(db, "bob") as bob:
        for who, skipped in ((ann, True), (bob, False)):
            again = who.question("wire", "a1")
            assert again is not None
            assert again.skipped is skipped
            assert who.last_skip() == ((found.text_hash, later) if skipped else None)
        assert ann.article_with(text_hash) is None
        assert ann.heard_of(text_hash) == ("", [])
        assert ann.events(0) == []
    db.close()
