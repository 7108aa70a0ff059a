"""What the commands about labels do."""

from __future__ import annotations

import gzip
import io
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from alerts.channels import plain
from pipeline.display import LONGEST, Shown
from pipeline.labels import exporting, training_rows
from pipeline.labels.choosing import Choice, next_articles
from pipeline.labels.exporting import moment
from pipeline.labels.files import Form, form_of, read_file, write_file
from pipeline.labels.importing import import_rows
from pipeline.labels.reading import LabelError, known_values
from pipeline.settings import Settings
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
    topics: Path | None = None,
) -> Shown:
    """Store a file's labels; what became of them. ``topics`` is the settings' list of them."""
    rows, known = read_file(file, form_of(file, form)), known_values(topics)
    done = import_rows(db, rows, known, now=now, annotator=annotator, skip_bad=skip_bad)
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
        with (
            file.open("xb") as raw,
            gzip.open(raw, "wb") if packed else raw as stream,
            io.TextIOWrapper(stream, "utf-8", newline="") as out,
        ):
            write_file(out, kind, rows)
    return len(rows)


def show_next(
    db: Database, settings: Settings, *, annotator: str, now: datetime, limit: int
) -> Shown:
    """What an annotator would be asked, best first."""
    found = next_articles(db, annotator=annotator, settings=settings, now=now, limit=limit)
    result = {"articles": [_as_json(one) for one in found]}
    if not found:
        days = f"{settings.labels.recent_days:g}"
        return Shown(result, f"nothing to label: no story of the last {days} days without a label")
    table = Table(title="To label next", title_justify="left", expand=True, show_lines=True)
    table.add_column("headline", overflow="fold", ratio=4)
    table.add_column("answers", overflow="fold", ratio=2)
    table.add_column("why", overflow="fold", ratio=2)
    for one in found:
        sentiment = max(one.p_negative, one.p_neutral, one.p_positive)
        table.add_row(
            escape(f"{plain(one.title, LONGEST)} ({plain(one.source, 64)} {plain(one.id, 64)})"),
            escape(f"{one.topic} {one.topic_probability:.0%}\n{one.sentiment} {sentiment:.0%}"),
            one.reason,
        )
    return Shown(result, table)


def _as_json(one: Choice) -> dict[str, Any]:
    at = None if one.published_at is None else moment(one.published_at)
    return {**asdict(one), "published_at": at, "reason": one.reason}
