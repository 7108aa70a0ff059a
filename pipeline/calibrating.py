"""Setting the thresholds by a budget: how many incidents a quiet past may have raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from rich.console import Console, Group
from rich.table import Table

from alerts.budget import BAND_NAMES, Extras, Peak, extras_for_fleet, extras_per_key
from alerts.margins import Margins, confirmed, margins
from alerts.rules import BANDS, IncidentSettings
from alerts.scores import HOUR_WINDOW
from alerts.windows import BUCKET
from ingest.companies import Watchlist
from models import taxonomy
from pipeline.app import keys_of
from pipeline.detect import Detection
from pipeline.display import Shown, progress
from pipeline.process import now, opened, process_name
from pipeline.run import read_whole, with_database
from pipeline.settings import Settings
from pipeline.settings_file import set_value
from pipeline.store import again, incidents, lease
from pipeline.store.database import Database
from pipeline.store.incidents import Incident

ROUNDS: Final = 4
"""Trials before the budget counts as out of reach: an incident that is gone may leave one that
was part of it in its place."""
LEASE: Final = timedelta(hours=6)
"""Of a database that nobody else uses."""
DATABASES: Final = (".db", ".sqlite")


@dataclass(frozen=True)
class Budget:
    """One of the two: per day of the whole fleet, or per key and 30 days."""

    per_day: float | None
    per_month: float | None


@dataclass
class Trial:
    """What some settings would have raised over all files."""

    peaks: list[Peak] = field(default_factory=list)
    """Of warnings and graver: the leading ones, or with a budget per key all of them."""
    days: float = 0.0
    """Evaluated days after the warm-up."""
    key_months: list[float] = field(default_factory=lambda: [0.0] * len(BAND_NAMES))

    def told(self, budget: Budget) -> float:
        """Incidents per day, or per key and month in the loudest band."""
        if budget.per_day is not None:
            return len(self.peaks) / max(self.days, 1e-9)
        rates = [
            sum(peak.band == band for peak in self.peaks) / months
            for band, months in enumerate(self.key_months)
            if months > 0.0
        ]
        return max(rates, default=0.0)


class _Listener:
    """Hears every evaluation of a detection, and keeps what was above the bars."""

    def __init__(self, limits: IncidentSettings) -> None:
        self._limits = limits
        self._before: Margins | None = None
        self._at: datetime | None = None
        self.evaluated = 0
        self.exposure = np.zeros(len(BAND_NAMES))
        """Evaluations times keys, per band."""
        self.above: dict[int, list[tuple[datetime, float, int]]] = {}
        """By row: time, margin, band."""

    def hear(self, detection: Detection) -> None:
        """Take in the newest evaluation."""
        scores, at = detection.latest, detection.latest_at
        if scores is None or at is None or not scores.expectation.ready:
            return
        found = margins(scores, self._limits)
        follows = self._at is not None and at - self._at == BUCKET
        sure = confirmed(self._before if follows else None, found)
        bands = np.searchsorted(BANDS, scores.expectation.stories[:, HOUR_WINDOW], side="right")
        self.exposure += np.bincount(bands, minlength=len(BAND_NAMES))
        self.evaluated += 1
        for row in np.flatnonzero(sure >= 0.0):
            self.above.setdefault(int(row), []).append((at, float(sure[row]), int(bands[row])))
        self._before, self._at = found, at

    def peak(self, row: int, incident: Incident) -> Peak | None:
        """The greatest margin of an incident's key while it was open."""
        end = incident.resolved_at or datetime.max.replace(tzinfo=incident.opened_at.tzinfo)
        during = [
            (margin, band)
            for at, margin, band in self.above.get(row, [])
            if incident.opened_at <= at <= end
        ]
        if not during:
            return None
        margin, band = max(during)
        return Peak(band, margin)


def calibrate(
    settings: Settings,
    console: Console,
    files: Sequence[Path],
    budget: Budget,
    *,
    write_to: Path | None,
) -> Shown:
    """Find the least thresholds that keep the budget over the files' past, and write them.

    Files are archives of articles, read and classified first, or SQLite databases, copied first.
    """
    plain = _with_bands(settings, None)
    with _databases(plain, console, files) as found:
        before = _try(plain, console, found, budget, "watching by the plain settings")
        extras, after = _search(plain, console, found, budget, before)
    bands = _scores(plain.incidents, extras)
    result = {
        "open_score_by_band": list(bands),
        "days": round(before.days, 2),
        "plain": len(before.peaks),
        "calibrated": len(after.peaks),
        "per_day": len(after.peaks) / max(after.days, 1e-9),
        "kept": _kept(after, budget),
        "file": None if write_to is None else str(write_to),
    }
    if write_to is not None:
        set_value(write_to, "incidents", "open_score_by_band", list(bands))
    return Shown(result, _view(result, before, after, bands))


def _search(
    plain: Settings,
    console: Console,
    found: Sequence[tuple[Settings, Database]],
    budget: Budget,
    before: Trial,
) -> tuple[Extras, Trial]:
    """Trial by trial: each asks for a little less than the last one overran."""
    share, after = 1.0, before
    extras: Extras = (0.0, 0.0, 0.0, 0.0)
    for number in range(ROUNDS):
        if _kept(after, budget):
            break
        if budget.per_day is not None:
            extras = extras_for_fleet(before.peaks, share * budget.per_day * before.days)
        else:
            allowed = share * (budget.per_month or 0.0)
            extras = extras_per_key(before.peaks, before.key_months, allowed)
        changed = _with_bands(plain, _scores(plain.incidents, extras))
        after = _try(changed, console, found, budget, f"trial {number + 1}")
        share *= 0.85
    return extras, after


def _kept(trial: Trial, budget: Budget) -> bool:
    wanted = budget.per_month if budget.per_day is None else budget.per_day
    return wanted is not None and trial.told(budget) <= wanted + 1e-9


def _try(
    settings: Settings,
    console: Console,
    found: Sequence[tuple[Settings, Database]],
    budget: Budget,
    what: str,
) -> Trial:
    """Watch every database again by these settings."""
    trial = Trial()
    with progress(console) as display:
        bar = display.add_task(what, total=float(len(found)), facts="")
        for number, (own, db) in enumerate(found):
            own = own.model_copy(update={"incidents": settings.incidents})
            for at, done in _watch(own, db, budget, trial):
                facts = at.strftime("%a %d %b")
                display.update(bar, completed=number + done, facts=facts)
    return trial


def _watch(
    settings: Settings, db: Database, budget: Budget, trial: Trial
) -> Iterator[tuple[datetime, float]]:
    """Detect from the beginning; yields how far it is, and adds to the trial at the end."""
    again.forget_detection(db)
    counted = again.counted_until(db)
    if counted is None:
        return
    watchlist = Watchlist.load(settings.companies.watchlist)
    topics = tuple(label.name for label in taxonomy.load(settings.model.topics).topics)
    tested = keys_of(settings, topics, watchlist).tested()
    epoch = lease.take(db, process_name(), now=now(), keep_for=LEASE)
    detection = Detection(db, tested, settings, names=watchlist.names, sinks=())
    detection.resume()
    listener = _Listener(settings.incidents)
    last = counted[1] + BUCKET
    for _ in detection.run(last, epoch=epoch, now=now(), alive=lambda: listener.hear(detection)):
        at = detection.latest_at or last
        yield at, min(1.0, (at - counted[0]) / (last - counted[0]))
    rows = {key: row for row, key in enumerate(tested)}
    for incident in incidents.incidents(db):
        leads = incident.parent is None or budget.per_day is None
        if incident.severity == "info" or not leads or (incident.kind, incident.key) not in rows:
            continue
        peak = listener.peak(rows[incident.kind, incident.key], incident)
        trial.peaks += [peak] if peak is not None else []
    trial.days += listener.evaluated * (BUCKET / timedelta(days=1))
    months = listener.exposure * (BUCKET / timedelta(days=30))
    trial.key_months = [a + float(b) for a, b in zip(trial.key_months, months, strict=True)]


@contextmanager
def _databases(
    settings: Settings, console: Console, files: Sequence[Path]
) -> Iterator[list[tuple[Settings, Database]]]:
    """Each file as a database of its own that is thrown away afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bearwatch-")))
        found = []
        for number, path in enumerate(files):
            own = with_database(settings, folder / f"{number}.db")
            if path.suffix in DATABASES:
                again.copy_file(path, folder / f"{number}.db")
            else:
                read_whole(own, console, path)
            found.append((own, stack.enter_context(opened(own))))
        yield found


def _scores(limits: IncidentSettings, extras: Extras) -> Extras:
    one, two, three, four = (round(limits.open_score + extra, 2) for extra in extras)
    return one, two, three, four


def _with_bands(settings: Settings, bands: Extras | None) -> Settings:
    limits = settings.incidents.model_copy(update={"open_score_by_band": bands})
    return settings.model_copy(update={"incidents": limits})


def _view(result: dict[str, Any], before: Trial, after: Trial, bands: Extras) -> Group:
    table = Table(title="Score to open, by expected stories an hour", title_justify="left")
    for name in ("band", "score", "key-months", "incidents, plain", "incidents, calibrated"):
        table.add_column(name, justify="left" if name == "band" else "right")
    for band, name in enumerate(BAND_NAMES):
        counts = [sum(peak.band == band for peak in trial.peaks) for trial in (before, after)]
        months = f"{before.key_months[band]:.1f}"
        table.add_row(name, f"{bands[band]:.2f}", months, *(str(count) for count in counts))
    lines = [
        f"{result['plain']} incidents of warn or graver in {result['days']} days by the plain "
        f"settings, {result['calibrated']} by these: {result['per_day']:.2f} a day"
    ]
    if not result["kept"]:
        lines.append(
            "The budget is NOT kept: the bands' scores may lie at most 6 above the plain."
        )
    lines.append(f"written to {result['file']}" if result["file"] else "nothing written")
    return Group(table, *lines)
