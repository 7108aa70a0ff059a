"""What a replay is looked at with: a page with pictures, and the same counts judged otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Group
from rich.table import Table

from alerts.rules import SEVERITIES
from pipeline.changes import with_change
from pipeline.detect import Detection
from pipeline.display import Shown, run_view
from pipeline.pages.report import Played, report, same
from pipeline.process import process_name
from pipeline.results import incident_result, run_result
from pipeline.settings import InvalidSettings, Settings
from pipeline.store import events, lease
from pipeline.store.again import forget_detection
from pipeline.store.database import Database
from pipeline.store.incidents import Incident, incidents
from pipeline.store.summary import stats
from pipeline.store.tables import EPOCH
from pipeline.tracing import Trace

FILE: Final = "report.html"
AS_THEY_ARE: Final = "settings as they are"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the replay itself did."""

    file: Path
    version: str
    articles: int
    seconds: float


@dataclass(slots=True)
class Review:
    """How one replay is looked at.

    With two ``changes`` the counts are judged twice, by the settings with the first and with the
    second; counting and classifying happen once. ``folder`` is where the page goes, if anywhere.

    Raises:
        InvalidSettings: more than two changes, or one that cannot be.
    """

    settings: Settings
    changes: tuple[str, ...]
    folder: Path | None
    _detection: Detection | None = field(default=None, init=False)
    _trace: Trace | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if len(self.changes) > 2:
            raise InvalidSettings(["--set: give it once to change a setting, twice to compare"])
        for change in self.changes:
            with_change(self.settings, change)

    @property
    def compares(self) -> bool:
        """Whether counts are judged twice."""
        return len(self.changes) == 2

    @property
    def first(self) -> Settings:
        """What the replay runs with."""
        return with_change(self.settings, self.changes[0]) if self.changes else self.settings

    def watch(self, detection: Detection) -> None:
        """See what the detector sees, from now on."""
        self._detection = detection
        self._trace = detection.trace = Trace(detection.keys)

    def finish(self, db: Database, facts: Facts, clock: Callable[[], datetime]) -> Shown:
        """Judge again if two settings are compared, write the page, and tell what came of it."""
        if self._detection is None or self._trace is None:
            raise RuntimeError("finish() before watch()")
        trace = self._trace
        played = [self._played(0, db, trace)]
        result = run_result(
            stats(db),
            list(played[0].incidents),
            articles=facts.articles,
            seconds=facts.seconds,
            version=facts.version,
        )
        view: list[Any] = [run_view(result, played[0].incidents)]
        if self.compares:
            again = self._again(db, self._detection, clock)
            played.append(again)
            result["compared"] = _compared(played)
            view = [run_view(result, played[0].incidents), _comparison(played)]
        if self.folder is not None:
            path = self._write(self.folder, played, trace, result, facts)
            result["report"] = str(path)
            view.append(f"report: {path}")
        return Shown(result, Group(*view))

    def _played(self, number: int, db: Database, trace: Trace) -> Played:
        name = self.changes[number] if self.changes else AS_THEY_ARE
        return Played(name, incidents(db), trace.series, trace.evaluations)

    def _again(self, db: Database, first: Detection, clock: Callable[[], datetime]) -> Played:
        """The same counts, judged with the second setting; what the first found is deleted."""
        settings = with_change(self.settings, self.changes[1])
        watermark = lease.progress(db).watermark
        epoch = lease.take(db, process_name(), now=clock(), keep_for=settings.monitor.lease)
        forget_detection(db)
        events.withdraw_accepted(db)
        detection = first.judging_by(settings)
        trace = detection.trace = Trace(first.keys)
        detection.resume()
        if watermark is not None:
            for _ in detection.run(watermark, epoch=epoch, now=clock()):
                pass
        return self._played(1, db, trace)

    def _write(
        self,
        folder: Path,
        played: list[Played],
        trace: Trace,
        result: dict[str, Any],
        facts: Facts,
    ) -> Path:
        # Nothing was evaluated: nothing was dated, and any time will do.
        times = trace.times or [EPOCH]
        opened = [i.opened_at for one in played for i in one.incidents]
        first = min([times[0], *opened]) - timedelta(hours=1)
        shown = (
            ("Articles", f"{result['articles']:,}"),
            ("Stories", f"{result['stories']:,}"),
            ("Dead letters", f"{sum(result['dead_letters'].values()):,}"),
            ("Undated", f"{result['undated']:,}"),
            ("Evaluations", f"{played[0].evaluations:,}"),
            ("Settings", ", ".join(one.name for one in played)),
            ("Classifier", facts.version),
        )
        page = report(f"Replay of {facts.file.name}", shown, played, first, times[-1])
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        path.write_text(page, "utf-8")
        return path


def _compared(played: list[Played]) -> list[dict[str, Any]]:
    found = []
    for one in played:
        others = [i for other in played if other is not one for i in other.incidents]
        only = [i for i in _leading(one) if not any(same(i, o) for o in others)]
        found.append(
            {
                "set": one.name,
                "leading": {s: _count(one, s) for s in SEVERITIES},
                "only_here": [incident_result(i) for i in only],
            }
        )
    return found


def _comparison(played: list[Played]) -> Table:
    table = Table(title="Leading incidents", title_justify="left")
    for name in ("settings", *reversed(SEVERITIES), "only here"):
        table.add_column(name, justify="left" if name == "settings" else "right")
    for one in _compared(played):
        counts = [str(one["leading"][s]) for s in reversed(SEVERITIES)]
        table.add_row(one["set"], *counts, str(len(one["only_here"])))
    return table


def _leading(one: Played) -> list[Incident]:
    return [i for i in one.incidents if i.parent is None]


def _count(one: Played, severity: str) -> int:
    return sum(i.severity == severity for i in _leading(one))
