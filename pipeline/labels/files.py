"""Files of labels: JSON Lines, CSV and Label Studio's JSON, read and written.

A row is what :func:`pipeline.labels.reading.read_row` reads.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from ingest.decoding import decode
from ingest.rejection import Refusal
from pipeline.labels import label_studio
from pipeline.labels.reading import BadRow, Fields, LabelError

Form = Literal["jsonl", "csv", "label-studio"]
FORMS: Final[tuple[Form, ...]] = ("jsonl", "csv", "label-studio")
ENDINGS: Final[dict[str, Form]] = {".jsonl": "jsonl", ".csv": "csv", ".json": "label-studio"}

COLUMNS: Final = (
    "source",
    "id",
    "title",
    "body",
    "text",
    "split",
    "annotator",
    "topic",
    "topic_at",
    "sentiment",
    "sentiment_at",
)
CELL_CHARS: Final = 1_048_576

# A cell that begins so is run as a formula by spreadsheets; the last are full-width forms.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")

Row = tuple[str, Fields | BadRow]
"""Where it stands, and its fields or why they cannot be read."""


def form_of(path: Path, given: str | None) -> Form:
    """The form of a file, by ``given`` or its name's ending.

    Raises:
        LabelError: neither says.
    """
    if given is not None:
        for form in FORMS:
            if given == form:
                return form
        raise LabelError(f"unknown form {given}; known are {', '.join(FORMS)}")
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if (found := ENDINGS.get(ending.lower())) is None:
        raise LabelError(
            f"{path}: cannot tell its form by its name; say --format {', '.join(FORMS)}"
        )
    return found


def read_file(path: Path, form: Form) -> Iterator[Row]:
    """The rows of a file, plain or gzip'd, in order.

    Raises:
        LabelError: it cannot be read at all.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            match form:
                case "jsonl":
                    yield from _json_lines(stream)
                case "csv":
                    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
                        yield from _csv(text)
                case "label-studio":
                    yield from label_studio.read(stream.read())
    except (OSError, EOFError) as error:
        raise LabelError(f"{path}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise LabelError(f"{path}: not CSV: {error}") from error


def write_file(out: TextIO, form: Form, rows: Sequence[Fields]) -> None:
    """Write rows in their order; reading them again gives the same."""
    match form:
        case "jsonl":
            for row in rows:
                told = {name: value for name, value in row.items() if value is not None}
                out.write(json.dumps(told, ensure_ascii=False) + "\n")
        case "csv":
            names = [name for name in COLUMNS if any(name in row for row in rows)] or [*COLUMNS]
            writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])
        case "label-studio":
            tasks = label_studio.tasks(rows)
            out.write(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")


def _json_lines(lines: Iterable[bytes]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", decode(line)
        except Refusal as refusal:
            yield f"line {number}", BadRow(refusal.detail)


def _csv(stream: TextIO) -> Iterator[Row]:
    csv.field_size_limit(CELL_CHARS)
    reader = csv.DictReader(stream, strict=True)
    line = 2
    for row in reader:
        if None in row:
            yield f"line {line}", BadRow("more cells than the header has")
        else:
            yield f"line {line}", {k: _uncell(v) for k, v in row.items() if v is not None}
        line = reader.line_num + 1


def _cell(value: Any) -> str:  # noqa: ANN401 - what a row holds
    """A cell that no spreadsheet runs: an apostrophe before what it would take for a formula."""
    told = "" if value is None else str(value)
    return f"'{told}" if _FORMULA.match(told) else told


def _uncell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
