"""Commands that look at a database: stats, verify."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Group

from ingest.companies import Watchlist
from models import taxonomy
from pipeline.app import keys_of
from pipeline.display import Shown, stats_table
from pipeline.results import stats_result
from pipeline.settings import Settings
from pipeline.store.database import open_database
from pipeline.store.summary import stats
from pipeline.store.verify import verify


def show_stats(settings: Settings) -> Shown:
    """Counts of what is stored."""
    found = stats(open_database(settings.database.url.get_secret_value()))
    dead = ", ".join(f"{reason} {n}" for reason, n in found.dead_letters.items()) or "none"
    line = (
        f"{found.articles:,} articles, {found.stories:,} stories, {found.undated} undated, "
        f"{found.late} late; dead letters: {dead}"
    )
    return Shown(stats_result(found), Group(stats_table(found), line))


def verify_database(settings: Settings) -> Shown:
    """Recompute and compare; ``total`` in the result is the number of differences."""
    db = open_database(settings.database.url.get_secret_value())
    topics = tuple(label.name for label in taxonomy.load(settings.model.topics).topics)
    keys = keys_of(settings, topics, Watchlist.load(settings.companies.watchlist))
    verdict = verify(db, keys)
    lines = [
        f"{verdict.articles:,} articles, {verdict.buckets:,} buckets: "
        + (f"{verdict.total} differences" if verdict.total else "no difference"),
        *verdict.differences,
    ]
    if verdict.queued:
        lines.append(f"{verdict.queued} articles wait to be counted: run the pipeline, then again")
    return Shown(asdict(verdict), "\n".join(lines))
