"""What the commands about labels do."""

from __future__ import annotations

import gzip
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.text import Text

from pipeline.display import Shown
from pipeline.labels import exporting, training_rows
from pipeline.labels.files import Form, form_of, read_file, write_file
from pipeline.labels.importing import import_rows
from pipeline.labels.reading import LabelError, known_values
from pipeline.store.database import Database
from pipeline.store.labels import snapshot


def import_file(
    db: Database,
    file: Path,
    *,
    form: str | None,
    annotator: str | None,
    skip_bad: bool,
    now: datetime,
) -> Shown:
    """Store a file's labels; what became of them."""
    rows = read_file(file, form_of(file, form))
    done = import_rows(db, rows, known_values(), now=now, annotator=annotator, skip_bad=skip_bad)
    lines = [f"{done.new:,} labels stored, {done.known:,} were there, {len(done.bad):,} bad rows"]
    lines += [f"  {where}: {why}" for where, why in done.bad]
    result = {
        "new": done.new,
        "known": done.known,
        "bad": [{"where": where, "why": why} for where, why in done.bad],
    }
    return Shown(result, Text("\n".join(lines)))


def export_file(db: Database, file: Path | None, *, form: str | None, consensus: bool) -> int:
    """Write labels to a file, or to standard output; how many rows.

    Raises:
        LabelError: the form does not fit, or the file is there already.
    """
    kind: Form = "jsonl" if file is None and form is None else form_of(file or Path(), form)
    if consensus and kind == "label-studio":
        raise LabelError("Label Studio takes what annotators say, not their consensus")
    found = snapshot(db)
    if consensus:
        rows = exporting.consensus_rows(training_rows.rows_of(found))
    else:
        rows = exporting.label_rows(found)
    if file is None:
        write_file(sys.stdout, kind, rows)
    else:
        packed = file.suffix == ".gz"
        opened = partial(gzip.open, file, "xt") if packed else partial(file.open, "x")
        with opened(encoding="utf-8", newline="") as out:
            write_file(out, kind, rows)
    return len(rows)
