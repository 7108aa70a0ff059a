"""Labels come in from files and go out again: rows checked first, stored once, the same again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from typer.testing import CliRunner

from ingest.text import clean_body, clean_title
from pipeline.cli import app
from pipeline.labels.exporting import label_rows
from pipeline.labels.files import FORMS, Form, form_of, read_file, write_file
from pipeline.labels.importing import Imported, import_rows
from pipeline.labels.reading import BadRow, Fields, Known, LabelError, known_values, read_row
from pipeline.store import labels, tables
from pipeline.store.database import Database, open_database
from pipeline.store.pinning import Outside
from tests.fakes import MONDAY
from tests.labels.said import MINUTE
from tests.pipeline.test_counting import line, store

KNOWN = Known(
    {"topic": ("Energy", "Macro"), "sentiment": ("negative", "neutral", "positive")},
)
NOW = MONDAY + 60 * MINUTE


def bring(db: Database, *rows: Fields, **options: Any) -> Imported:
    numbered = [(f"line {number}", row) for number, row in enumerate(rows, 1)]
    return import_rows(db, numbered, KNOWN, now=NOW, **options)


def said(db: Database) -> list[tuple[str, str, str, str]]:
    found = labels.snapshot(db)
    return sorted(
        (found.texts[one.text_hash].title, one.annotator, one.task, one.value)
        for one in found.labels
    )


def test_rows_in_both_shapes_are_stored_once(db: Database) -> None:
    rows: list[Fields] = [
        {"text": "Acme falls", "topic": "Energy", "sentiment": "negative", "annotator": "ann"},
        {"title": "Beta", "body": "It gains.", "task": "sentiment", "value": "positive"},
        {"id": "row 3", "text": "Beta rests", "sentiment": "", "topic": "Macro", "annotator": 7},
    ]
    assert bring(db, *rows, annotator="bob") == Imported(4, 0, ())
    assert said(db) == [
        ("Acme falls", "ann", "sentiment", "negative"),
        ("Acme falls", "ann", "topic", "Energy"),
        ("Beta", "bob", "sentiment", "positive"),
        ("Beta rests", "7", "topic", "Macro"),
    ]
    assert bring(db, *rows, annotator="bob") == Imported(0, 4, ())


def test_a_row_that_names_an_article_pins_what_is_stored(db: Database) -> None:
    store(db, {0: [line("a", "Acme falls", 1)]})
    assert bring(db, {"source": "wire", "id": "a", "topic": "Energy", "annotator": "ann"}).new == 1
    (text,) = labels.snapshot(db).texts.values()
    assert (text.title, text.source, text.id) == ("Acme falls", "wire", "a")


GOOD: Fields = {"text": "Acme falls", "sentiment": "negative", "annotator": "ann"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sentiment": "bad"}, "unknown sentiment 'bad'; known are negative, neutral, positive"),
        ({"topic": "Sport"}, "unknown topic 'Sport'; known are Energy, Macro"),
        ({"task": "tone", "value": "x"}, "unknown task 'tone'; known are topic, sentiment"),
        ({"task": "topic"}, "a task without value"),
        ({"sentiment": None}, "no label: give"),
        ({"sentiment": ["negative"]}, "unknown sentiment"),
        ({"annotator": None}, "no annotator: give one in the row, or for all of them by --anno"),
        ({"annotator": "a" * 65}, "1 to 64 characters"),
        ({"annotator": "a\u202eb"}, "control characters"),
        ({"text": None}, "no text: give text, or title, or source and id"),
        ({"text": "https://t.co/abc \u200b"}, "the text says nothing"),
        ({"text": "\ud800"}, "text must be a text of whole characters"),
        ({"text": "a" * 20_001}, "text over 20,000 characters"),
        ({"text": 7}, "text must be a text of whole characters"),
        ({"text": None, "body": "It falls."}, "a body without title"),
        ({"source": "wire"}, "a source without id"),
        ({"at": "yesterday"}, "at must be a time with an offset"),
        ({"at": "2026-03-02T02:00:00Z"}, "at lies in the future"),
        ({"text": None, "source": "wire", "id": "z"}, "wire z: no such article"),
    ],
)
def test_a_bad_row_is_told_with_its_place_and_nothing_is_stored(
    db: Database, change: dict[str, Any], why: str
) -> None:
    rows: list[Fields] = [{**GOOD, "text": "Beta gains"}, {**GOOD, **change}]
    with pytest.raises(LabelError, match=r"1 bad row, nothing was stored; (.|\n)*line 2: ") as e:
        bring(db, *rows)
    assert why in str(e.value)
    assert said(db) == []
    done = bring(db, *rows, skip_bad=True)
    assert (done.new, done.known, [where for where, _ in done.bad]) == (1, 0, ["line 2"])
    assert said(db) == [("Beta gains", "ann", "sentiment", "negative")]


def test_a_row_with_two_labels_is_left_out_whole(db: Database) -> None:
    done = bring(db, {**GOOD, "topic": "Sport"}, skip_bad=True)
    assert (done.new, len(done.bad), said(db)) == (0, 1, [])


def test_a_value_of_null_takes_back(db: Database) -> None:
    bring(db, {**GOOD, "at": "2026-03-02T00:01:00Z"})
    undo = {**GOOD, "sentiment": None, "task": "sentiment", "value": None}
    assert bring(db, undo).new == 1
    assert said(db) == []


def test_a_text_that_was_taken_down_does_not_come_back_by_a_file(db: Database) -> None:
    from tests.pipeline.test_take_down import gone

    store(db, {0: [line("a", "Acme falls", 1)]})
    bring(db, GOOD)
    store(db, {0: [gone("a", 1)]}, topic="one")
    with pytest.raises(LabelError, match=r"line 1: text [0-9a-f]{12}: it was taken down"):
        bring(db, GOOD)


def test_an_old_file_does_not_outrank_what_was_said_since(db: Database) -> None:
    bring(db, {**GOOD, "sentiment": "neutral", "at": "2026-03-02T00:30:00Z"})
    bring(db, {**GOOD, "at": "2026-03-02T00:10:00Z"})
    assert said(db) == [("Acme falls", "ann", "sentiment", "neutral")]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["=1+1", "'=1+1", "''@x", "-5% fall", "+A1", "'plain", 'a,b\n"c"', "\uff1dSUM(1)", "\t=x"]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": TEXTS,
            "body": TEXTS,
            "annotator": st.sampled_from(["ann", "=bob", "cem@x.org"]),
            "topic": st.sampled_from(["Energy", "Macro", None]),
            "sentiment": st.sampled_from(["negative", "neutral"]),
            "at": st.sampled_from(["2026-03-02T00:10:00Z", "2026-03-02T00:20:00.123Z"]),
        }
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def pair(opened: Callable[[], Database]) -> Iterator[tuple[Database, Database]]:
    both = opened(), opened()
    yield both
    for one in both:
        one.close()


@settings(max_examples=12, deadline=None)
@given(rows=ROWS, form=st.sampled_from(FORMS))
def test_what_is_exported_can_be_imported_and_is_the_same(
    rows: list[dict[str, Any]],
    form: Form,
    pair: tuple[Database, Database],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for one in pair:
        with one.write() as connection:
            for table in (tables.label, tables.labelled_text):
                connection.execute(delete(table))
    here, there = pair
    bring(here, *rows, skip_bad=True)
    file = tmp_path_factory.mktemp("labels") / "labels"
    with file.open("w", encoding="utf-8", newline="") as out:
        write_file(out, form, label_rows(labels.snapshot(here)))
    options: dict[str, Any] = {"now": NOW, "skip_bad": False}
    assert import_rows(here, read_file(file, form), KNOWN, **options).new == 0
    import_rows(there, read_file(file, form), KNOWN, **options)
    ours, theirs = labels.snapshot(here), labels.snapshot(there)
    assert {(c.annotator, c.text_hash, c.task, c.value, c.at) for c in theirs.labels} == {
        (c.annotator, c.text_hash, c.task, c.value, c.at) for c in ours.labels
    }
    assert {(t.hash, t.title, t.body, t.story) for t in theirs.texts.values()} == {
        (t.hash, t.title, t.body, t.story) for t in ours.texts.values()
    }


@settings(deadline=None)
@given(title=st.text(max_size=60), body=st.text(max_size=60))
def test_what_an_article_says_is_read_as_it_stands(title: str, body: str) -> None:
    title, body = clean_title(title), clean_body(body)
    row = {"title": title, "body": body, "sentiment": "neutral", "annotator": "ann"}
    try:
        (found,) = read_row(row, KNOWN, annotator=None, now=NOW)
    except BadRow:
        return
    assert found.text is not None
    assert found.text.hash == Outside(title, body).hash


def test_no_cell_is_a_formula() -> None:
    out = io.StringIO()
    hostile = ["=cmd", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=cmd", "\uff1dx", "plain", "'tis"]
    rows: list[Fields] = [{"title": title, "annotator": "ann"} for title in hostile]
    write_file(out, "csv", rows)
    cells = [row["title"] for row in csv.DictReader(io.StringIO(out.getvalue()))]
    assert cells[-2:] == ["plain", "'tis"]
    assert all(cell.startswith("'") for cell in cells[:-2])
    assert cells[7] == "''=cmd"


STUDIO = [
    {
        "id": 11,
        "data": {"text": "Acme falls"},
        "annotations": [
            {
                "completed_by": 3,
                "created_at": "2026-03-02T00:01:00.000000Z",
                "result": [
                    {"from_name": "tone", "type": "choices", "value": {"choices": ["negative"]}},
                    {"from_name": "topic", "type": "choices", "value": {"choices": ["Energy"]}},
                    {"from_name": "area", "type": "labels", "value": {"labels": ["x"]}},
                ],
            },
            {"completed_by": 4, "was_cancelled": True, "result": []},
            {
                "completed_by": {"email": "bob@example.org"},
                "result": [{"type": "choices", "value": {"choices": ["neutral"]}}],
            },
        ],
        "predictions": [{"result": [{"type": "choices", "value": {"choices": ["positive"]}}]}],
    },
    {"id": 12, "data": {"text": "Beta gains"}, "annotations": []},
]


def studio(db: Database, tmp_path: Path, tasks: object) -> Imported:
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(tasks))
    return import_rows(db, read_file(file, "label-studio"), KNOWN, now=NOW)


def test_label_studios_export_is_read(db: Database, tmp_path: Path) -> None:
    assert studio(db, tmp_path, STUDIO) == Imported(3, 0, ())
    assert said(db) == [
        ("Acme falls", "bob@example.org", "sentiment", "neutral"),
        ("Acme falls", "label-studio-3", "sentiment", "negative"),
        ("Acme falls", "label-studio-3", "topic", "Energy"),
    ]


def test_label_studios_flat_export_is_read(db: Database, tmp_path: Path) -> None:
    flat = [{"id": 1, "text": "Acme falls", "topic": "Energy", "annotator": 3}]
    assert studio(db, tmp_path, flat).new == 1
    assert said(db) == [("Acme falls", "3", "topic", "Energy")]


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ({"data": {}}, "expected a list of tasks"),
        (["x"], "task 1: a task must be an object"),
        ([{"data": [], "annotations": []}], "task 1: expected data, an object"),
        ([{"data": {}, "annotations": [5]}], "task 1, annotation 1: an annotation must be"),
        (
            [{"data": {}, "annotations": [{"result": [{"type": "choices", "value": {}}]}]}],
            "task 1, annotation 1: a result must hold exactly one choice",
        ),
    ],
)
def test_what_label_studio_never_wrote_is_refused(
    db: Database, tmp_path: Path, tasks: object, why: str
) -> None:
    with pytest.raises(LabelError, match=why):
        studio(db, tmp_path, tasks)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jsonl", b'{"text": ', "line 1: .* character"),
        ("a.jsonl", b'\n\n["x"]', "line 3: the record must be a JSON object"),
        ("a.csv", b"text,sentiment\nAcme,negative,more\n", "line 2: more cells than the header"),
        ("a.csv", b'text,sentiment\n"a\nb",negative\n"c",bad\n', "line 4: unknown sentiment"),
        ("a.csv", b'text\n"a" b,c\n', "not CSV"),
        ("a.csv", b"text\n\xff\n", "not UTF-8"),
        ("a.json", b"{", "not JSON"),
        ("a.csv.gz", b"text", "cannot be read"),
        ("a.txt", b"", "cannot tell its form by its name; say --format jsonl, csv, label-studio"),
        ("b.csv", None, "cannot be read"),
    ],
)
def test_an_unreadable_file_is_told(
    tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LabelError, match=why):
        bring_file(file)


def bring_file(file: Path) -> None:
    db = open_database("sqlite://")
    try:
        rows = read_file(file, form_of(file, None))
        import_rows(db, rows, KNOWN, now=NOW, annotator="ann")
    finally:
        db.close()


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["labels", *words, "--db", "sqlite:///a.db"])
    return done.exit_code, done.stdout, done.stderr


def test_commands_bring_labels_in_tell_of_them_and_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    topic = known_values().values["topic"][0]
    rows = [
        {"text": "Acme [bold]falls", "topic": topic, "sentiment": "negative", "annotator": "ann"},
        {"text": "Acme [bold]falls", "topic": topic, "sentiment": "neutral", "annotator": "bob"},
    ]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("import", "a.jsonl") == (0, "4 labels stored, 0 were there, 0 bad rows\n", "")
    assert json.loads(run("import", "a.jsonl", "--json")[1]) == {"new": 0, "known": 4, "bad": []}

    told = json.loads(run("stats", "--json")[1])
    assert (told["texts"], told["disputed"], told["agreement"]["topic"]["texts"]) == (1, 1, 1)
    assert told["disputed_texts"][0]["said"] == {"ann": "negative", "bob": "neutral"}
    assert "Acme [bold]falls" in run("stats")[1]

    assert run("export", "b.csv") == (0, "2 rows written to b.csv\n", "")
    assert run("export", "b.csv")[0] == 2  # what is there stays
    assert run("import", "b.csv")[1].startswith("0 labels stored, 4 were there")
    assert len(run("export")[1].splitlines()) == 2
    assert run("export", "c.json.gz", "--format", "label-studio")[0] == 0
    assert run("import", "c.json.gz")[1].startswith("0 labels stored, 4 were there")
    (agreed,) = [json.loads(row) for row in run("export", "--consensus")[1].splitlines()]
    assert (agreed["topic"], "sentiment" in agreed) == (topic, False)

    Path("d.jsonl").write_text('{"text": "x [/bold] y", "topic": "[/red]"}\n')
    code, _, err = run("import", "d.jsonl", "--annotator", "ann")
    assert (code, "line 1: unknown topic '[/red]'; known are" in err) == (2, True)
    assert run("import", "d.jsonl", "--annotator", "ann", "--skip-bad")[0] == 0
