"""Feeds as publishers write them, and as nobody should: entries, or the reason for none."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.article import Article, parse
from ingest.feeds.cursor import Cursor, changes
from ingest.feeds.document import MOST_ELEMENTS, MOST_NESTING
from ingest.feeds.entries import MOST_ENTRIES, MOST_MALFORMED_BYTES, Entry, Feed, read_feed
from ingest.feeds.errors import FEED_REASONS, FeedError
from ingest.feeds.fetching import Fetched
from ingest.feeds.markup import text_of
from ingest.feeds.times import stated
from tests.fakes import MONDAY
from tests.ingest.feeds import atom, item, rss

URL = "https://me:hunter2@news.example/rss/all.xml"


def read(body: bytes, content_type: str = "", url: str = URL) -> Feed | FeedError:
    at = "https://news.example/rss/all.xml"
    return read_feed(Fetched(body, at, content_type, None, None), feed_url=url)


def entries(body: bytes, content_type: str = "", url: str = URL) -> tuple[Entry, ...]:
    found = read(body, content_type, url)
    assert isinstance(found, Feed), found
    return found.entries


def only(body: bytes, content_type: str = "") -> Entry:
    (entry,) = entries(body, content_type)
    return entry


def reason(body: bytes) -> str:
    found = read(body)
    assert isinstance(found, FeedError), found
    return found.reason


def test_item_of_rss_is_an_article() -> None:
    entry = only(
        rss(
            "<title>Kiln &amp;amp; Co raises &lt;b&gt;outlook&lt;/b&gt;</title>"
            '<guid isPermaLink="false">urn:kiln:7</guid><link>/2026/kiln?a=1&amp;b=2</link>'
            "<description>&lt;p&gt;Orders rose.&lt;/p&gt;&lt;p&gt;So did &amp;pound;.&lt;/p&gt;"
            "&lt;script&gt;track()&lt;/script&gt;</description>"
            "<pubDate>Mon, 02 Mar 2026 09:30:00 EST</pubDate>"
        )
    )
    assert entry == Entry(
        id="urn:kiln:7",
        title="Kiln & Co raises outlook",
        body="Orders rose.\nSo did £.",
        url="https://news.example/2026/kiln?a=1&b=2",
        published_at=datetime(2026, 3, 2, 14, 30, tzinfo=UTC),
        updated_at=None,
    )


def test_entry_of_atom_is_an_article() -> None:
    entry = only(
        atom(
            '<id>tag:orrery,2026:9</id><title type="text">Margins &lt;b&gt; 5% &amp;amp;</title>'
            '<link rel="alternate" href="https://news.example/9"/><summary>Short.</summary>'
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Long</p>'
            "<p>text &amp; more</p></div></content>"
            "<published>2026-03-02T09:00:00.5+01:00</published>"
            "<updated>2026-03-02T10:00:00Z</updated>"
        )
    )
    assert entry == Entry(
        id="tag:orrery,2026:9",
        title="Margins <b> 5% &amp;",  # it says that it is text: nothing of it is markup
        body="Long\ntext & more",
        url="https://news.example/9",
        published_at=datetime(2026, 3, 2, 8, 0, 0, 500_000, tzinfo=UTC),
        updated_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    )


def test_old_rss_with_its_harmless_document_type_is_read() -> None:
    body = rss(item(1)).replace(
        b"<rss ",
        b'<!-- a "[" --><!DOCTYPE rss PUBLIC "-//Old//DTD" "http://old.example/x.dtd"><rss ',
    )
    assert only(body).title == "Mill 1 reports"


def test_entry_without_title_is_skipped_and_counted() -> None:
    found = read(
        rss("<description>no title</description>", "<title> &lt;i&gt;&lt;/i&gt; </title>", item(3))
    )
    assert isinstance(found, Feed)
    assert [entry.id for entry in found.entries] == ["urn:mill:3"]
    assert found.skipped == {"no_title": 2}


def test_first_of_entries_with_one_id_is_the_one() -> None:
    found = read(rss(item(3, "Newer"), item(3, "Older")))
    assert isinstance(found, Feed)
    assert [entry.title for entry in found.entries] == ["Newer"]
    assert found.skipped == {"repeated": 1}


def test_entries_beyond_the_most_are_counted() -> None:
    found = read(rss(*(f"<title>t</title><guid>urn:{n}</guid>" for n in range(MOST_ENTRIES + 3))))
    assert isinstance(found, Feed)
    assert (len(found.entries), found.skipped) == (MOST_ENTRIES, {"too_many": 3})


def test_guid_that_only_one_feed_knows_is_taken_with_its_feed() -> None:
    body = rss('<title>t</title><guid isPermaLink="false">17</guid>')
    (here,) = entries(body)
    (there,) = entries(body, url="https://news.example/rss/other.xml")
    assert here.id != there.id
    assert entries(body, url=URL.replace("hunter2", "other"))[0].id == here.id
    assert only(rss(item(1))).id == entries(rss(item(1)), url="https://other.example/")[0].id


def test_without_guid_the_link_names_the_entry_and_without_link_its_words_do() -> None:
    linked = "<title>{}</title><link>https://news.example/1</link>"
    assert only(rss(linked.format("a"))).id == only(rss(linked.format("b"))).id
    assert only(rss("<title>a</title>")).id != only(rss("<title>b</title>")).id


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc/passwd", "https://", "x" * 3000]
)
def test_link_that_is_no_web_address_is_left_out(link: str) -> None:
    url = only(rss(f"<title>t</title><link>{link}</link>")).url
    assert url is None or url.startswith("https://news.example/")


def test_relative_link_carries_no_password() -> None:
    assert "hunter2" not in str(only(rss("<title>t</title><link>/a</link>")))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-02T09:30:00Z", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2026-03-02T09:30+0200", datetime(2026, 3, 2, 7, 30, tzinfo=UTC)),
        ("2026-03-02 09:30:00-05", datetime(2026, 3, 2, 14, 30, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 09:30:00 +0100", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2 Mar 2026 09:30 GMT", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 09:30:00 PDT", datetime(2026, 3, 2, 16, 30, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 09:30:00 CEST", datetime(2026, 3, 2, 7, 30, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 09:30:00", None),
        ("Mon, 02 Mar 2026 09:30:00 -0000", None),
        ("Mon, 02 Mar 2026 09:30:00 BST", None),
        ("2026-03-02T09:30:00", None),
        ("2026-03-02", None),
        ("Mon, 02 Mar 2026 GMT", None),
        ("0001-01-01T00:00:00Z", None),
        ("Mon, 01 Jan 0001 00:00:00 +0100", None),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        ("2026-13-02T09:30:00Z", None),
        ("yesterday", None),
        ("", None),
        ("9" * 101, None),
    ],
)
def test_time_is_what_the_feed_states_with_its_zone(text: str, at: datetime | None) -> None:
    assert stated(text) == at


@given(st.text(max_size=60) | st.from_regex(r"[0-9T:+\- ZGMTa-z,]{0,40}"))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    found = stated(text)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>one</p>\n\n <p>two  words</p>", "one\ntwo words"),
        ("a<SCRIPT src=x>bad()</Script >b", "ab"),
        ("a<style>x{}", "a"),
        ("a<!-- > <b> -->b<!-- rest", "ab"),
        ("1 < 2 &amp;lt; 3", "1 < 2 &lt; 3"),
        ("<ACME.N> rose", "<ACME.N> rose"),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";"),
    ],
)
def test_markup_becomes_what_a_reader_sees(markup: str, text: str) -> None:
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE rss [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!-- <rss> --><?x ?>\n\n<!doctype rss [\n<!ENTITY b "boom">\n]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_declared_entities_are_refused_in_every_encoding(prolog: str, encoding: str) -> None:
    text = (
        f"<?xml version='1.0'?>{prolog}<rss version='2.0'><channel><item><title>&b;</title></item>"
    )
    assert reason(f"{text}</channel></rss>".encode(encoding)) == "entities"


def test_entity_declared_where_none_may_be_stands_for_nothing() -> None:
    # In a comment, and after the root: the mending parser would believe either.
    for at in ('<!--\n<!ENTITY b "boom">\n<!DOCTYPE rss>\n-->', ""):
        late = "" if at else '\n<!DOCTYPE x [\n<!ENTITY b "boom">\n]>\n'
        body = f"<?xml version='1.0'?>{at}<rss version='2.0'>{late}<channel><item><title>a &b;"
        found = read(f"{body}</title></item></channel></rss>".encode())
        assert "boom" not in str(found)


def test_file_or_address_as_content_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(rss(item(1)))
    for text in (str(path), path.as_uri(), "http://127.0.0.1:9/"):
        assert reason(text.encode()) == "not_a_feed"


@pytest.mark.parametrize(
    "body", [b"", b" ", b"hello", b"<html><body><p>hi</p></body></html>", b"{}", b"<a/>", b"\x00"]
)
def test_what_is_no_feed_says_so(body: bytes) -> None:
    assert reason(body) == "not_a_feed"


def test_feed_without_entries_is_a_feed() -> None:
    assert read(rss()) == Feed(())


def test_feed_that_breaks_off_gives_what_there_is_and_is_not_whole() -> None:
    body = rss(item(1), item(2))
    found = read(body[: body.rindex(b"<pubDate>")])
    assert isinstance(found, Feed)
    assert ([entry.id for entry in found.entries], found.whole) == (
        ["urn:mill:1", "urn:mill:2"],
        False,
    )
    assert isinstance(whole := read(body), Feed)
    assert whole.whole


def test_forbidden_characters_do_not_make_a_feed_malformed() -> None:
    found = read(rss("<title>a\x0bb&#x1f;&#0;&#xD800;&#99999999999;c</title>"))
    assert isinstance(found, Feed)
    assert ([entry.title for entry in found.entries], found.whole) == (["abc"], True)


@pytest.mark.parametrize(
    ("declared", "written", "content_type"),
    [
        ("utf-8", "utf-8", "text/xml; charset=iso-8859-1"),
        ("iso-8859-1", "iso-8859-1", ""),
        ("windows-1252", "cp1252", "text/xml"),
        ("UTF-16", "utf-16", ""),
        ("us-ascii", "utf-8", ""),  # a wrong claim
        (None, "iso-8859-1", "text/xml; charset=ISO-8859-1"),
        (None, "cp1252", ""),
        ("utf-8", "utf-8-sig", ""),
    ],
)
def test_text_is_read_in_the_encoding_that_it_has(
    declared: str | None, written: str, content_type: str
) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    inner = "<item><title>Café Müller</title></item>"
    text = f"{head}<rss version='2.0'><channel>{inner}</channel></rss>"
    assert only(text.encode(written), content_type).title == "Café Müller"


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "unicode_escape", "zlib", "x-none"])
def test_encoding_off_the_list_is_refused(name: str) -> None:
    body = rss(item(1)).replace(b'"utf-8"', f'"{name}"'.encode())
    assert reason(body) == "encoding"


def test_limits_of_a_document_are_refused_and_kept() -> None:
    deep = "<a>" * (MOST_NESTING - 3) + "</a>" * (MOST_NESTING - 3)
    assert only(rss(item(1) + deep)).id == "urn:mill:1"
    assert reason(rss(item(1) + "<a>" * MOST_NESTING + "</a>" * MOST_NESTING)) == "not_a_feed"
    assert reason(rss("<a/>" * MOST_ELEMENTS)) == "too_large"
    assert reason(rss("<title>&</title>" + "x" * MOST_MALFORMED_BYTES)) == "not_a_feed"


def test_overlong_parts_are_cut_and_never_refused() -> None:
    entry = only(rss(item(1, "é" * 1_500, "ü" * 150_000)))
    assert (len(entry.title), entry.title[-1]) == (1_000, "…")
    assert len(entry.body.encode()) == 200_000


PIECES = st.sampled_from(
    [
        *(
            "<",
            ">",
            "&",
            ";",
            "&#",
            "x41",
            "[",
            '"',
            "'",
            "\x00",
            "\ud7ff",
            "a",
            " ",
            "]]>",
            "-->",
        ),
        *("<item>", "</item>", "<title>", "</title>", "<guid>", "</guid>", "<entry>", "<![CDATA["),
        *("<!DOCTYPE", "<!ENTITY", "<!--", "<channel>", "urn:a", "<link href='x'/>"),
        *("<rss version='2.0'>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<links a='b'/>"),
        *("<content type='text/plain'>", "<pubDate>", "<summary_detail type='x'/>", "<source>"),
        *("<title_detail a='b'/>", "<image>", "<a xml:base='http://['>", "<description>"),
        *("<updated>9", "<updated a='1'/>", "<id/>", "<content mode='base64'>", "<svg><title>"),
    ]
)


def check(found: Feed | FeedError) -> None:
    """A reason of the closed set, or articles that every reader takes as they are."""
    if isinstance(found, FeedError):
        assert found.reason in FEED_REASONS
        return
    for record in changes(Cursor(), found, source="s", at=MONDAY).records:
        article = parse(record, received_at=MONDAY)
        assert isinstance(article, Article), article


@settings(max_examples=200)
@given(st.binary(max_size=400), st.text(max_size=30))
def test_no_bytes_break_the_reading_of_a_feed(body: bytes, content_type: str) -> None:
    check(read(body, content_type))
    check(read(b"<rss version='2.0'><channel><item><title>" + body, content_type))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(["utf-8", "utf-16"]))
def test_no_markup_breaks_the_reading_of_a_feed(text: str, encoding: str) -> None:
    check(read(text.encode(encoding)))
    check(read(f"<rss version='2.0'><channel><item><title>t{text}".encode(encoding)))
    check(read(rss(f"<title>t</title>{text}")))


@given(
    st.dictionaries(
        st.sampled_from(["title", "guid", "link", "description", "pubDate"]), st.text()
    )
)
def test_entry_of_any_text_is_an_article(values: dict[str, Any]) -> None:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    found = read(rss(inner))
    assert isinstance(found, Feed)
    check(found)
