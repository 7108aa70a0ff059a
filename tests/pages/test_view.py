"""What a page shows of an incident: the stored numbers in words, and nothing that can act."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.pages.rendering import environment, policy, render
from pipeline.pages.view import WHAT, lasted, link, log_steps, view
from pipeline.store.events import Event
from tests.pages.made import HOSTILE, HOUR, OPENED, drawn, evidence, incident, still_open, story

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section"),
    *("p", "a", "h1", "h2", "h3", "span", "time", "b", "i", "q", "code", "div", "dl", "dt", "dd"),
    *("ul", "ol", "li", "figure", "figcaption", "svg", "line", "text", "rect", "polygon"),
    *("polyline", "circle", "table", "thead", "tbody", "tr", "th", "td", "nav", "article"),
}
"""All that our templates write; a page with another one was written by somebody else."""

ATTRIBUTES = {
    *("lang", "charset", "name", "content", "http-equiv", "class", "href", "rel", "datetime"),
    *("viewbox", "role", "aria-label", "aria-current", "x", "y", "x1", "x2", "y1", "y2"),
    *("width", "height", "points", "rx", "id", "cx", "cy", "r"),
}


class Written(HTMLParser):
    """Tags, attributes, links and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(found: Any, **more: Any) -> str:
    values: dict[str, Any] = {"parent": None, "children": [], "log": [], "messages": []}
    values |= {"called": "", "verdicts": {}, "mine": ""} | more
    return render("incident.html", incident=view(found), **values)


def test_page_says_what_happened_in_numbers_that_are_stored() -> None:
    written = Written(page(incident()))
    for said in (
        "Acme (ACM)",
        "12 negative stories in 60 minutes, from 4 sources; 0.5 are usual",
        "20 articles were 12 stories",
        "86%",
        "Acme recalls cars",
        "2 copies, 2 sources",
        "wire.example",
        "and 10 more stories",
        "opened, at 5 negative of 6 stories in 60 minutes",
        "without any one source",
        "Nobody has said anything yet",
    ):
        assert said in written.text
    assert {"svg", "polygon", "polyline"} <= written.tags


def test_page_of_an_open_incident_says_so_and_what_stands_in_its_note() -> None:
    found = still_open(evidence=evidence(note="Open for 48 h: accept it."))
    text = Written(page(found)).text
    assert "still open" in text
    assert "Open for 48 h: accept it." in text


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text_wherever_it_is_shown(text: str) -> None:
    shown = story(text, source=text[:64], url=text)
    made = incident(
        key=text[:64], evidence=evidence(stories=[shown], name=text, note=text, versions=[text])
    )
    said = Event(1, OPENED, "feedback", text[:64], {"verdict": "useful", "note": text})
    whole = page(
        made,
        parent=view(made, charts=False),
        children=[view(made, charts=False)],
        log=log_steps([said]),
    )
    written = Written(whole)
    assert written.tags <= TAGS
    assert written.attributes <= ATTRIBUTES
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", whole)
    assert all(a["href"] in ("/", "/incidents", f"/incidents/{made.id}") for a in written.links)
    assert "49" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", whole, flags=re.S)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://news.example/a?b=c#d", "news.example"),
        ("http://NEWS.example:8080/", "news.example"),
        ("https://b\u00fccher.example/x", "xn--bcher-kva.example"),
        ("https://paypal.com@evil.example/", None),
        ("https://user:pw@news.example/", None),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT://news.example/%0aalert(1)", None),
        ("data:text/html,x", None),
        ("//news.example/", None),
        ("https:///x", None),
        ("https://", None),
        ("https://news.example/ x", None),
        ("https://news.example/\u202egpj", None),
        ("https://[::1/", None),
        ("ftp://news.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_only_plain_web_addresses_are_links_and_their_host_is_shown(
    url: str | None, host: str | None
) -> None:
    found = link(url)
    assert (found and found.host) == host
    if found is not None:
        assert found.url == url


def test_links_to_articles_tell_nobody_where_the_reader_comes_from() -> None:
    (outside, _) = [a for a in Written(page(incident())).links if "://" in (a["href"] or "")]
    assert set((outside["rel"] or "").split()) == {"noreferrer", "nofollow", "noopener"}


def test_policy_allows_the_style_of_the_page_and_nothing_else() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page(incident()), re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy().startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"\sstyle=|\son\w+=", page(incident()))


def test_incident_stored_before_there_were_pictures_is_shown_without() -> None:
    old = evidence()
    for name in ("series", "history", "standing", "articles", "versions", "robust", "score"):
        del old[name]
    old["stories"] = [
        {name: s[name] for name in s if name not in ("outlets", "version")} for s in old["stories"]
    ]
    text = Written(page(incident(evidence=old))).text
    assert "No picture is stored" in text
    assert "Acme recalls cars" in text


def test_volume_burst_is_drawn_against_all_stories() -> None:
    burst = view(incident(rule="volume_burst", evidence=evidence(series=drawn())))
    assert burst.charts[0].title == "Stories in 60 minutes"
    assert "12 stories in 60 minutes" in burst.sentence


def test_every_change_of_the_state_machine_has_words() -> None:
    from typing import get_args

    from alerts.incidents import What

    assert set(get_args(What)) - {"updated"} <= set(WHAT)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (2 * HOUR + timedelta(minutes=40), "2 h 40 min"),
        (HOUR, "1 h"),
        (timedelta(days=3, hours=4, minutes=50), "3 d 4 h"),
    ],
)
def test_spans_are_told_in_their_two_largest_units(span: timedelta, said: str) -> None:
    assert lasted(span) == said


def test_name_that_a_template_does_not_know_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        environment().get_template("problem.html").render(policy="")
