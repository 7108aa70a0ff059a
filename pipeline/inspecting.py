"""Commands that look at a database: stats, incidents, verify."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Group

from ingest.companies import Watchlist
from models import taxonomy
from pipeline.app import keys_of
from pipeline.display import Shown, incident_table, stats_table
from pipeline.results import incident_result, stats_result
from pipeline.settings import Settings
from pipeline.store.database import open_database
from pipeline.store.incidents import incidents
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


def show_incidents(settings: Settings) -> Shown:
    """Every incident, oldest first."""
    found = incidents(open_database(settings.database.url.get_secret_value()))
    view = incident_table(found) if found else "no incidents"
    return Shown({"incidents": [incident_result(incident) for incident in found]}, view)


def verify_database(settings: Settings) -> Shown:
    """Recompute and compare; ``total`` in the result is the number of differences."""
    db = open_database(settings.database.url.get_secret_value())
    topics = tuple(label.name for label in taxonomy.load().topics)
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
