from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ingest.article import (
    MAX_BODY_BYTES,
    MAX_SKEW,
    REJECT_REASONS,
    URL,
    Article,
    Rejected,
    RejectReason,
    encode,
    parse,
)
from ingest.decoding import MAX_EXTRA_CHARS, MAX_NESTING, MAX_RECORD_BYTES
from ingest.text import HIDDEN, clean_title
from ingest.timestamps import TIMESTAMP

NOW = datetime(2024, 5, 2, 9, 30, tzinfo=UTC)
GOOD: dict[str, Any] = {"source": "wire", "title": "Harbour Steel cuts its outlook"}
SCHEMA = json.loads(resources.files("ingest").joinpath("article.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def read(fields: object) -> Article | Rejected:
    return parse(json.dumps(fields).encode(), received_at=NOW)


def article(**fields: object) -> Article:
    result = read({**GOOD, **fields})
    assert isinstance(result, Article), result
    return result


def refused(**fields: object) -> Rejected:
    result = read({**GOOD, **fields})
    assert isinstance(result, Rejected), result
    return result


# --- what is accepted ---------------------------------------------------------------------------


def test_only_source_and_title_are_needed() -> None:
    assert article() == Article(
        source="wire",
        id=hashlib.sha256(b"Harbour Steel cuts its outlook\n").hexdigest(),
        title="Harbour Steel cuts its outlook",
        body="",
        url=None,
        published_at=None,
        received_at=NOW,
        undated="missing",
        symbols=(),
        action="add",
        revision=0,
        extra="{}",
    )


def test_every_field_arrives() -> None:
    full = article(
        body="First line.\r\nSecond line.",
        url="https://news.example/a?b=c#d",
        published_at="2024-05-02T11:00:00.1239+02:00",
        id="n-1",
        symbols=["HST", "HST.L"],
        action="replace",
        revision=3,
        desk="metals",
    )
    assert full.body == "First line.\nSecond line."
    assert full.url == "https://news.example/a?b=c#d"
    assert full.published_at == datetime(2024, 5, 2, 9, 0, 0, 123_000, tzinfo=UTC)
    assert (full.id, full.symbols, full.action, full.revision) == (
        "n-1",
        ("HST", "HST.L"),
        "replace",
        3,
    )
    assert full.extra == '{"desk":"metals"}'


def test_null_is_the_same_as_absent() -> None:
    optional = ("body", "url", "published_at", "id", "symbols", "action", "revision")
    assert article(**dict.fromkeys(optional)) == article()


def test_unknown_fields_are_kept_in_one_canonical_form() -> None:
    one = b'{"source":"w","title":"t","z":[1.50,null],"a":{"y":"\xc3\xa9","x":true}}'
    other = b'{"a":{"x":true,"y":"\\u00e9"},"z":[1.5,null],"title":"t","source":"w"}'
    results = [parse(raw, received_at=NOW) for raw in (one, other)]
    assert results[0] == results[1]
    assert isinstance(results[0], Article)
    assert results[0].extra == '{"a":{"x":true,"y":"\\u00e9"},"z":[1.5,null]}'


def test_of_a_repeated_key_the_last_counts() -> None:
    result = parse(b'{"source":"w","title":"first","title":"last"}', received_at=NOW)
    assert isinstance(result, Article)
    assert result.title == "last"


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), received_at=NOW) == article()


def test_a_delete_needs_no_title() -> None:
    gone = read({"source": "wire", "id": "n-1", "action": "delete", "revision": 2})
    assert isinstance(gone, Article)
    assert (gone.title, gone.action, gone.revision) == ("", "delete", 2)
    assert parse(encode(gone), received_at=NOW) == gone


def test_an_integer_may_be_written_with_a_fraction_of_zero() -> None:
    assert article(revision=2.0).revision == 2


# --- id -----------------------------------------------------------------------------------------


def test_the_id_is_made_from_the_url_before_the_title() -> None:
    url = "https://news.example/1"
    assert article(url=url).id == hashlib.sha256(url.encode()).hexdigest()
    assert article(url=url, title="Another title").id == article(url=url).id


def test_the_id_made_from_the_title_changes_with_the_time() -> None:
    at = "2024-05-02T09:00:00Z"
    assert article(published_at=at).id != article().id
    assert article(published_at=at).id == article(published_at="2024-05-02T11:00:00.0+02:00").id


@pytest.mark.parametrize("action", ["replace", "delete"])
def test_a_correction_must_name_its_article_and_its_revision(action: str) -> None:
    assert refused(action=action, revision=1).reason == "schema"
    assert refused(action=action, id="n-1").reason == "schema"
    assert article(action=action, revision=0, id="n-1").action == action
    assert article(action=action, revision=1, url="https://news.example/1").revision == 1


# --- time ---------------------------------------------------------------------------------------


def test_an_article_dated_in_the_future_is_undated_and_keeps_its_claim() -> None:
    #   9:30   9:35:00.000  9:35:00.001
    #   received [--5 min--]  future
    claim = (NOW + MAX_SKEW + timedelta(milliseconds=1)).isoformat()
    late = article(published_at=claim, desk="metals")
    assert (late.published_at, late.undated) == (None, "future")
    assert json.loads(late.extra) == {"desk": "metals", "published_at": claim}
    edge = article(published_at=(NOW + MAX_SKEW).isoformat())
    assert (edge.published_at, edge.undated, edge.extra) == (NOW + MAX_SKEW, None, "{}")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("2024-01-01T00:00:00+14:00", "2023-12-31T10:00:00+00:00"),
        ("2024-01-01T00:00:00-00:00", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01 00:00:00z", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01t00:00:00.9999999Z", "2024-01-01T00:00:00.999000+00:00"),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500000+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999000+00:00"),
        ("2017-01-01T08:59:60.25+09:00", "2016-12-31T23:59:59.999000+00:00"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00+00:00"),
    ],
)
def test_rfc_3339_times_become_utc_in_whole_milliseconds(text: str, utc: str) -> None:
    assert article(published_at=text).published_at == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-02T09:00:00",
        "2024-05-02",
        "2024-05-02T09:00Z",
        "2024-05-02T09:00:00+0200",
        "2024-05-02T09:00:00+02",
        "2024-05-02T09:00:00 +02:00",
        "2024-05-02T24:00:00Z",
        "2024-05-02T09:60:00Z",
        "2024-05-02T09:00:60Z",
        "2024-05-02T09:59:60Z",
        "2024-05-02T23:59:61Z",
        "2024-05-02T09:00:00+24:00",
        "2024-05-02T09:00:00+02:60",
        "2024-02-30T09:00:00Z",
        "2023-02-29T09:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2024-W18-4T09:00:00Z",
        "20240502T090000Z",
        "2024-05-02T09:00:00Z\n",
        "2024-05-02T09:00:00.Z",
        "\u0662\u0660\u0662\u0664-05-02T09:00:00Z",
        "Thu, 02 May 2024 09:00:00 GMT",
        "yesterday",
        "",
        1714640400,
        1714640400.5,
        True,
        ["2024-05-02T09:00:00Z"],
        {},
    ],
)
def test_any_other_time_is_a_bad_timestamp(value: object) -> None:
    assert refused(published_at=value).reason == "bad_timestamp"


def test_the_last_moment_of_the_calendar_is_only_in_the_future() -> None:
    assert article(published_at="9999-12-31T23:59:59.999Z").undated == "future"


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Profit &amp; loss", "Profit & loss"),
        ("<b>Harbour</b> Steel&#39;s outlook", "Harbour Steel's outlook"),
        ("One<br/>two<p>three</p>", "One two three"),
        ("Up 5% &lt; 6% &gt; 4%", "Up 5% < 6% > 4%"),
        ("Margin <5% but >3%", "Margin <5% but >3%"),
        ("Harbour Steel <HST.L> falls", "Harbour Steel <HST.L> falls"),
        ("a <!-- hidden -->b", "a b"),
        ('<a href="https://news.example/?a=1&b=2">Link</a> text', "Link text"),
        ("  many \t\n kinds\u00a0of\u2003space \u2028", "many kinds of space"),
        ("\u202egnirts\u202c and \u2066more\u2069", "gnirts and more"),
        ("nul\u0000 bell\u0007 del\u007f", "nul bell del"),
        ("soft\u00adhy\u200bphen\ufeff", "softhyphen"),
        ("&#8238;entity bidi&#x200F;", "entity bidi"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("if a &lt;b&gt; c", "if a <b> c"),
        ("unclosed <b", "unclosed <b"),
        ("unclosed <b and <i>closed</i>", "unclosed <b and closed"),
    ],
)
def test_titles_become_one_line_of_plain_text(markup: str, text: str) -> None:
    result = article(title=markup)
    assert result.title == text
    assert parse(encode(result), received_at=NOW) == result


@pytest.mark.parametrize("title", ["", "  ", "<b></b>", "\u202e\u2066", "&nbsp;", "\u0000"])
def test_a_title_that_cleans_to_nothing_is_refused(title: str) -> None:
    assert refused(title=title).reason == "schema"


def test_a_title_has_at_most_a_thousand_characters_once_clean() -> None:
    assert len(article(title="<i>" + "x" * 1000 + "</i>").title) == 1000
    assert refused(title="x" * 1001).reason == "schema"
    assert refused(title="<i></i>" * 2000 + "x").reason == "schema"


def test_a_title_of_half_open_tags_is_cleaned_in_linear_time() -> None:
    assert clean_title("<a " * 3000).startswith("<a <a")
    assert clean_title("<!--" * 2500).startswith("<!--")
    assert clean_title("&#" + "9" * 5000 + ";").startswith("&#999")


def test_a_body_keeps_its_lines_and_loses_what_cannot_be_seen() -> None:
    assert article(body=" a\tb\r\nc\rd\u2028e\u0000\u202e \n").body == "a b\nc\nd\ne"


@pytest.mark.parametrize("name", ["source", "id"])
def test_keys_are_refused_rather_than_cleaned(name: str) -> None:
    longest = {"source": 64, "id": 128}[name]
    assert getattr(article(**{name: "x" * longest}), name) == "x" * longest
    wrong: list[object] = ["", " ", " x", "x ", "x\n", "a\u0000b", "a\u202eb", 7, []]
    for value in [*wrong, "x" * (longest + 1)]:
        assert refused(**{name: value}).reason == "schema"


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example",
        "HTTP://news.example:8080/a+b/c?d=e,f&g=(h)#i",
        "https://b\u00fccher.example/caf\u00e9",
        "http://[2001:db8::1]/x",
        "http://192.0.2.1?x",
    ],
)
def test_web_addresses_are_taken_as_they_are(url: str) -> None:
    assert article(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "news.example",
        "//news.example/a",
        "ftp://news.example/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://?q",
        "https://user:secret@news.example/",
        "https://news.example\\@evil.example/",
        "https://news.example/a b",
        "https://news.example/a\n",
        "https://news.example/\u202egpj",
        'https://news.example/"><script>',
        "https://news.example:port/",
        "https://.example/",
        "https://news.example/" + "x" * 2000,
        7,
    ],
)
def test_other_addresses_are_refused(url: object) -> None:
    assert refused(url=url).reason == "schema"


# --- what is refused ----------------------------------------------------------------------------

DEEP = MAX_NESTING - 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xff\xfe{\x00}\x00", "not_utf8"),
        (b'{"source":"w","title":"caf\xe9"}', "not_utf8"),
        (b'{"source":"w","title":"\\ud83d"}', "not_utf8"),
        (b'{"source":"\\udc00","title":"t"}', "not_utf8"),
        (b'{"source":"w","title":"t","body":"\\ud800"}', "not_utf8"),
        (b'{"source":"w","title":"t","url":"http://a/\\ud800"}', "not_utf8"),
        (b'{"source":"w","title":"t"', "not_json"),
        (b"{'source':'w'}", "not_json"),
        (b'{"source":"w","title":"t"} {}', "not_json"),
        (b'{"source":"w","title":"a\nb"}', "not_json"),
        (b'{"source":"w","title":"t","x":NaN}', "not_json"),
        (b'{"source":"w","title":"t","x":-Infinity}', "not_json"),
        (b'{"source":"w","title":"t","revision":NaN}', "not_json"),
        (b'{"source":"w","title":"t","x":1e999}', "not_json"),
        (b'{"source":"w","title":"t","x":' + b"9" * 5000 + b"}", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b"\x00", "not_json"),
        (b"null", "schema"),
        (b'"text"', "schema"),
        (b"[]", "schema"),
        (b"{}", "schema"),
        (b'{"source":"w"}', "schema"),
        (b'{"title":"t"}', "schema"),
        (b'{"source":"w","title":null}', "schema"),
        (b" " * (MAX_RECORD_BYTES + 1), "too_large"),
    ],
)
def test_other_records_are_refused_with_their_bytes(raw: bytes | None, reason: str) -> None:
    result = parse(raw, received_at=NOW)
    assert isinstance(result, Rejected)
    assert (result.raw, result.reason) == (raw or b"", reason)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", 7),
        ("body", 7),
        ("symbols", "HST"),
        ("symbols", ["HST", 7]),
        ("symbols", [""]),
        ("symbols", ["x" * 33]),
        ("symbols", ["x"] * 101),
        ("action", "update"),
        ("action", "ADD"),
        ("action", 1),
        ("revision", -1),
        ("revision", 1.5),
        ("revision", True),
        ("revision", "1"),
        ("revision", 2**53),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(name: str, value: object) -> None:
    assert refused(**{name: value}).reason == "schema"


def test_sizes_are_limited_in_bytes() -> None:
    assert article(body="x" * MAX_BODY_BYTES).body == "x" * MAX_BODY_BYTES
    assert refused(body="x" * (MAX_BODY_BYTES + 1)).reason == "too_large"
    assert refused(body="\u00e9" * (MAX_BODY_BYTES // 2 + 1)).reason == "too_large"
    room = MAX_EXTRA_CHARS - len('{"x":""}')
    assert article(x="x" * room).extra == json.dumps({"x": "x" * room}, separators=(",", ":"))
    assert refused(x="x" * (room + 1)).reason == "too_large"
    padding = MAX_RECORD_BYTES - len(json.dumps(GOOD))
    raw = json.dumps(GOOD).encode() + b" " * padding
    assert isinstance(parse(raw, received_at=NOW), Article)


def test_nesting_is_limited_whatever_the_stack() -> None:
    def nested(levels: int) -> object:
        return [] if levels == 1 else [nested(levels - 1)]

    def deeper(calls: int) -> Rejected | Article:
        return deeper(calls - 1) if calls else read({**GOOD, "x": nested(DEEP + 1)})

    assert isinstance(read({**GOOD, "x": nested(DEEP)}), Article)
    assert refused(x=nested(DEEP + 1)) == deeper(500)


def test_half_a_surrogate_pair_in_an_unknown_field_is_kept_escaped() -> None:
    result = parse(b'{"source":"w","title":"t","x\\ud800":"\\udfff"}', received_at=NOW)
    assert isinstance(result, Article)
    assert result.extra == '{"x\\ud800":"\\udfff"}'
    assert parse(encode(result), received_at=NOW) == result


def test_the_largest_article_encoded_again_is_still_accepted() -> None:
    large = article(
        title="&amp;" * 1000,
        body="a" + '"' * (MAX_BODY_BYTES - 2) + "a",
        url="https://news.example/" + "\u20ac" * 1900,
        symbols=["\u20ac" * 32] * 100,
        x="\u00e9" * (MAX_EXTRA_CHARS // 6 - 2),
    )
    assert parse(encode(large), received_at=NOW) == large


def test_a_naive_receiving_time_is_an_error_of_the_program() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        parse(b"", received_at=naive)


# --- properties ---------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
TITLES = st.one_of(
    st.text(min_size=1, max_size=40),
    st.lists(
        st.sampled_from(["&", "amp;", "lt;", "#60;", "<", "b", ">", "/", "\u202e", "\n"])
    ).map("".join),
    st.sampled_from(["t", "", " ", "x" * 1001, "x" * 10_001]),
)
TIMES = st.one_of(
    st.datetimes(timezones=st.timezones(), min_value=datetime(1850, 1, 1)).map(  # noqa: DTZ001
        lambda at: at.replace(microsecond=0).isoformat()
    ),
    # As news arrives: around the time of receipt, on both sides of the limit.
    st.integers(-7_200_000, 600_000).map(
        lambda ms: (NOW + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    ),
    st.sampled_from(
        ["2024-02-30T00:00:00Z", "2016-12-31T23:59:60Z", "2024-01-01T00:00:60Z", "2024-01-01"]
    ),
)
LABELS = st.one_of(
    st.text(min_size=1, max_size=12),
    st.sampled_from(["wire", " x", "x ", "x\n", "", "\u200b", "x" * 64, "x" * 65, "x" * 129]),
)
URLS = st.one_of(
    st.sampled_from(["https://news.example/1", "ftp://x", "http://", "http://[::1]:80/", ""]),
    st.text("htp:/s.@[]#?-_\u00e9\n \\a", max_size=12).map(lambda tail: f"https://{tail}"),
)
REVISIONS = st.one_of(
    st.integers(-1, 3), st.floats(), st.booleans(), st.sampled_from([2**53 - 1, 2**53, 2.0])
)
OBJECTS = st.fixed_dictionaries(
    {"source": st.just("wire") | LABELS | st.integers(), "title": TITLES | st.none()},
    optional={
        "body": st.text(max_size=40) | st.none() | st.integers(),
        "url": URLS | st.none() | st.integers(),
        "published_at": TIMES | st.none() | st.integers() | st.text(max_size=5),
        "id": LABELS | st.none() | st.integers(),
        "symbols": st.lists(LABELS | st.none(), max_size=3) | st.none() | st.text(max_size=3),
        "action": st.sampled_from(["add", "replace", "delete", "drop", None, 1]),
        "revision": REVISIONS | st.none() | st.text(max_size=2),
        "else": JSON_VALUES,
    },
)
USUAL = st.fixed_dictionaries(
    {"source": st.just("wire"), "title": TITLES},
    optional={
        "body": st.text(max_size=40),
        "url": st.just("https://news.example/1"),
        "published_at": TIMES,
        "id": st.text("abc-1", min_size=1, max_size=9),
        "symbols": st.lists(st.text("AB.1", min_size=1), max_size=3),
        "action": st.sampled_from(["add", "replace", "delete"]),
        "revision": st.integers(0, 3),
        "else": JSON_VALUES,
    },
)


def beyond_a_schema(fields: dict[str, Any], reason: RejectReason) -> bool:
    """Whether the refusal is one of the few that a JSON Schema cannot express."""
    title = fields.get("title")
    labels = [fields["source"], fields.get("id"), *(fields.get("symbols") or [])]
    return (
        # A calendar day that never was, or a leap second in the middle of a day.
        reason == "bad_timestamp"
        # A number or a character that no JSON text can carry.
        or reason in ("not_json", "not_utf8")
        # The length of a title once its markup is gone; tag characters, beyond 16 bits.
        or (isinstance(title, str) and not 1 <= len(clean_title(title)) <= 1000)
        or any("\U000e0000" <= char <= "\U000e007f" for label in labels for char in label or "")
    )


@given(OBJECTS | USUAL)
def test_schema_and_parser_agree(fields: dict[str, Any]) -> None:
    result = read(fields)
    valid = VALIDATOR.is_valid(fields)
    if isinstance(result, Article):
        assert valid
    else:
        assert not valid or beyond_a_schema(fields, result.reason), result.detail


@given(USUAL)
def test_an_encoded_article_parses_to_itself(fields: dict[str, Any]) -> None:
    result = read(fields)
    if isinstance(result, Article):
        again = encode(result)
        assert parse(again, received_at=result.received_at) == result
        assert VALIDATOR.is_valid(json.loads(again))


def assert_is_a_value(raw: bytes) -> None:
    result = parse(raw, received_at=NOW)
    if isinstance(result, Rejected):
        assert result.raw == raw
        assert result.reason in REJECT_REASONS
        assert result.detail.isascii()
        assert result.detail.isprintable()
        assert 0 < len(result.detail) <= 300
        return
    assert result.published_at is None or result.published_at.microsecond % 1000 == 0
    assert (result.published_at is None) == (result.undated is not None)
    assert 1 <= len(result.title) <= 1000 or result.action == "delete"
    text = result.source + result.id + result.title + result.body + (result.url or "")
    text.encode()
    assert "\u0000" not in text
    assert parse(encode(result), received_at=NOW) == result


@given(st.binary())
def test_any_bytes_give_a_value(raw: bytes) -> None:
    assert_is_a_value(raw)


@given(JSON_VALUES)
def test_any_json_gives_a_value(value: object) -> None:
    assert_is_a_value(json.dumps(value).encode())


@given(OBJECTS | USUAL, st.data())
def test_any_damage_to_an_article_gives_a_value(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    raw = json.dumps(fields, ensure_ascii=data.draw(st.booleans())).encode(errors="surrogatepass")
    at = data.draw(st.integers(0, len(raw)))
    gone = data.draw(st.integers(0, 4))
    patch = data.draw(
        st.binary(max_size=4) | st.sampled_from([b"\\u0000", b"\\ud800", b"[", b'"'])
    )
    assert_is_a_value(raw[:at] + patch + raw[at + gone :])


def test_the_schema_uses_the_very_patterns_of_the_parser() -> None:
    properties = SCHEMA["properties"]
    assert properties["url"]["pattern"] == rf"^(?:{URL.pattern})(?![\s\S])"
    assert properties["published_at"]["pattern"] == rf"^(?:{TIMESTAMP.pattern})(?![\s\S])"
    assert {"not": {"pattern": f"[{HIDDEN}]"}} in SCHEMA["$defs"]["label"]["allOf"]
    Draft202012Validator.check_schema(SCHEMA)


def test_numbers_of_unknown_fields_survive() -> None:
    assert json.loads(article(x=[0.1, -0.0, 10**30]).extra) == {"x": [0.1, -0.0, 10**30]}
    assert math.copysign(1, json.loads(article(x=-0.0).extra)["x"]) == -1
