"""Evaluation at every 5-minute boundary of event time that the watermark has passed, in order.

What an evaluation finds depends on the buckets and articles up to its boundary and on the hours
learned 6 h before it, never on when it runs: live, after an outage and in a replay it is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.evidence import robust
from alerts.incidents import Change, Watch, advance, wants_sources
from alerts.rules import RULES, Rule, Severity, Sources, noticeable
from alerts.scores import Reading, Scores
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKET, BUCKETS
from pipeline.accepting import Acceptances, Accepted
from pipeline.announcing import KEPT, Desk
from pipeline.capping import Swaps
from pipeline.count import bucket_start
from pipeline.recording import Found, Recorder
from pipeline.series import series
from pipeline.settings import Settings
from pipeline.store import buckets, incidents, lease
from pipeline.store.buckets import HOUR, Key, Matrix
from pipeline.store.database import Database
from pipeline.store.incidents import Evaluation, Incident

LEARNING_DELAY = timedelta(hours=6)
"""After its end, before an hour teaches the baselines: late articles are in it, and a spike that
goes on is not yet usual."""

LOOK_BACK = BUCKETS * BUCKET
SILENT_AFTER = timedelta(hours=1)
"""Without an article on ``all`` for so long the stream is silent, and nothing grows calm."""

RUN = timedelta(hours=6)
"""Boundaries evaluated in one transaction, at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one transaction of evaluations brought; changes are in order."""

    evaluated: int
    changes: tuple[tuple[Incident, Change], ...]


class Detection:
    """The detector, the machines and the open incidents of one database. For one thread.

    Everything in memory is a cache of what :meth:`resume` reads. ``names`` are the companies', by
    symbol; ``sinks`` are where notifications go.
    """

    def __init__(
        self,
        db: Database,
        keys: Sequence[Key],
        settings: Settings,
        *,
        names: Mapping[str, str],
        sinks: tuple[str, ...],
    ) -> None:
        self._db = db
        self.keys = tuple(keys)
        """The tested (kind, key); the rows of every array are in this order."""
        self._row_of = {key: row for row, key in enumerate(keys)}
        self._settings = settings
        self._recorder = Recorder(db, settings, names)
        self._desk = Desk(settings, sinks)
        self._detector = SpikeDetector(keys, settings.spikes)
        self._cursor: datetime | None = None
        self._watches: dict[tuple[str, str, Rule], Watch] = {}
        self._acceptances = Acceptances(db)
        self._swaps = Swaps(db)
        self.trace: Callable[[datetime, Scores], None] | None = None
        """Is shown the scores of every boundary, for reports."""
        self.latest: Scores | None = None
        """Of the newest boundary evaluated, for gauges; rows are the keys in their order."""
        self.latest_at: datetime | None = None
        """That boundary."""

    @property
    def open(self) -> list[Incident]:
        """Incidents that are not resolved."""
        return self._desk.open

    def judging_by(self, settings: Settings) -> Detection:
        """One for the same keys of the same database with other settings; nobody is told."""
        return Detection(self._db, self.keys, settings, names=self._recorder.names, sinks=())

    def resume(self, alive: Callable[[], None] = lambda: None) -> None:
        """Rebuild everything from the database: cursor, baselines, machines, incidents.

        ``alive`` is called again and again meanwhile.
        """
        self._cursor = lease.progress(self._db).cursor
        self._detector = SpikeDetector(self.keys, self._settings.spikes)
        self._acceptances = Acceptances(self._db)
        self._swaps = Swaps(self._db)
        for hour in buckets.learned_hours(self._db, self.keys):
            self._take_recorded(before=hour.at + HOUR + LEARNING_DELAY)
            self._learn(hour)
            alive()
        if self._cursor is not None:
            self._take_recorded(before=self._cursor + BUCKET)
        stored = incidents.watches(self._db)
        found = [Watch.from_json(value) for value in stored.values()]
        self._watches = {(w.kind, w.key, w.rule): w for w in found}
        self.reread_incidents()

    def reread_incidents(self) -> None:
        """Read the incidents again; to be called between runs when their rows were changed."""
        since = None if self._cursor is None else self._cursor - KEPT
        self._desk.known = {i.id: i for i in incidents.incidents(self._db, since=since)}

    def run(
        self,
        watermark: datetime,
        *,
        epoch: int,
        now: datetime,
        alive: Callable[[], None] = lambda: None,
    ) -> Iterator[Run]:
        """Evaluate every boundary up to ``watermark`` that was not, saving run by run.

        ``alive`` is called after each boundary, outside any transaction: a run may take longer
        than a lease lasts.

        Raises:
            LeaseLost: another monitor has taken over since ``epoch``.
        """
        last = bucket_start(watermark)
        while (first := self._next_boundary(last)) is not None:
            until = min(last, first + RUN)
            yield self._run(first, until, epoch, now, alive)

    def _next_boundary(self, last: datetime) -> datetime | None:
        """The next boundary with an article in the 180 minutes before it, ``last`` at most.

        None if there is none. Those between have nothing to say: no window holds anything, and
        silence resolves nothing.
        """
        after = None if self._cursor is None else self._cursor + BUCKET - LOOK_BACK
        filled = buckets.first_bucket(self._db, after)
        if filled is None:
            return None
        first = filled + BUCKET
        if self._cursor is not None:
            first = max(first, self._cursor + BUCKET)
        return first if first <= last else None

    def _run(
        self,
        first: datetime,
        until: datetime,
        epoch: int,
        now: datetime,
        alive: Callable[[], None],
    ) -> Run:
        self._acceptances.look()
        self._swaps.look()
        hours = deque(self._hours_due(self._cursor or first, until))
        matrix = buckets.read_matrix(self._db, self.keys, first - LOOK_BACK, until)
        done = Evaluation(until)
        at, count = first, 0
        changes: list[tuple[Incident, Change]] = []
        while at <= until:
            while hours and hours[0].at + HOUR + LEARNING_DELAY <= at:
                self._learn(hours[0])
                done.hours += buckets.hour_rows(hours.popleft(), self.keys)
            changes += self._evaluate(at, matrix, done, now)
            alive()
            at += BUCKET
            count += 1
        incidents.save(self._db, epoch, done)
        self._cursor = until
        self._desk.forget(until)
        return Run(count, tuple(changes))

    def _hours_due(self, cursor: datetime, until: datetime) -> Iterator[buckets.Hour]:
        """Hours whose learning delay ends in (cursor, until], oldest first."""
        first = buckets.whole_hour(cursor - LEARNING_DELAY - HOUR) + HOUR
        last = buckets.whole_hour(until - LEARNING_DELAY - HOUR) + HOUR
        return buckets.closed_hours(self._db, self.keys, first, last)

    def _learn(self, hour: buckets.Hour) -> None:
        self._detector.learn(
            hour.at, hour.negative, hour.stories, hour.negative_last15, hour.stories_last15
        )

    def _evaluate(
        self, at: datetime, matrix: Matrix, done: Evaluation, now: datetime
    ) -> list[tuple[Incident, Change]]:
        end = matrix.column(at)
        window = slice(end - LOOK_BACK // BUCKET, end)
        scores = self._detector.score(at, matrix.negative[:, window], matrix.stories[:, window])
        silent = not matrix.articles[end - SILENT_AFTER // BUCKET : end].any()
        changed: list[tuple[Incident, Change]] = []
        for index in self._to_advance(scores):
            reading = scores.reading(index)
            for rule in RULES:
                key = (*self.keys[index], rule)
                before = self._watches.get(key, Watch(*key))
                found = self._advance(before, scores, index, reading, at, silent=silent)
                self._keep(key, found.watch, done)
                if found.change is not None:
                    changed.append((self._record(found, at), found.change))
        if changed:
            self._desk.announce(changed, at, done, now)
        self._accept(at, done, now)
        done.events += [swapped.event(now) for swapped in self._swaps.due(at)]
        self.latest, self.latest_at = scores, at
        if self.trace is not None:
            self.trace(at, scores)
        return [(self._desk.known[incident.id], change) for incident, change in changed]

    def _take_recorded(self, before: datetime) -> list[Accepted]:
        """Apply what the event log says was accepted before that boundary."""
        found = list(self._acceptances.recorded(before))
        for accepted in found:
            if (row := self._row_of.get(accepted.key)) is not None:
                self._detector.accept(row, accepted.since)
        return found

    def _accept(self, at: datetime, done: Evaluation, now: datetime) -> None:
        """Make the levels normal that were accepted, from the next boundary on."""
        for accepted in self._take_recorded(before=at + BUCKET):
            self._note_accepted(accepted, done)
        limits = self._settings.incidents
        for accepted in self._acceptances.due(at, self._watches.values(), limits):
            if (row := self._row_of.get(accepted.key)) is not None:
                self._detector.accept(row, accepted.since)
                done.events.append(accepted.event(now))
                self._note_accepted(accepted, done)

    def _note_accepted(self, accepted: Accepted, done: Evaluation) -> None:
        """Write it to the machine and the incident, if they are there."""
        for key, watch in list(self._watches.items()):
            if watch.incident == accepted.incident:
                watch = replace(watch, accepted=True)
                self._keep(key, watch, done)
                if (incident := self._desk.known.get(watch.incident)) is not None:
                    self._desk.store(self._recorder.accepted(incident, watch, accepted.at), done)

    def _to_advance(self, scores: Scores) -> list[int]:
        """Rows of the keys whose machines are not at rest, or whose tests may cross."""
        restless = {self._row_of.get((kind, key)) for kind, key, _ in self._watches}
        loud = noticeable(scores, self._settings.incidents)
        return sorted({int(row) for row in loud} | {row for row in restless if row is not None})

    def _advance(
        self,
        watch: Watch,
        scores: Scores,
        index: int,
        reading: Reading,
        at: datetime,
        *,
        silent: bool,
    ) -> Found:
        """Move one machine on, asking the database for sources only when they can decide."""
        limits = self._settings.incidents
        sources = None
        if wants_sources(watch, reading, at, limits):
            sources = self._sources(watch, scores, index, reading, at)
        swap = self._swaps.over(at, limits.capped_for)
        most: Severity = "critical" if swap is None else "info"
        moved, change = advance(
            watch, reading, at, sources, limits, stream_silent=silent, most=most
        )
        grows = change is not None and moved.state == "firing" and sources is None
        if grows and watch.rule == "negative_spike":
            # It decides nothing any more, and belongs to the evidence.
            sources = self._sources(watch, scores, index, reading, at)
        offered = moved.offered and not watch.offered
        held = swap.told(limits.capped_for) if swap and moved.severity == "info" else ""
        return Found(moved, change, reading, sources, offered, held)

    def _sources(
        self, watch: Watch, scores: Scores, index: int, reading: Reading, at: datetime
    ) -> Sources:
        """Who reports, and whether it would stand without any one of them."""
        stories = self._recorder.stories(watch, at, LOOK_BACK)
        since = at - timedelta(minutes=reading.window_minutes)
        observed = {story.source for story in stories if story.published_at >= since}
        return Sources(
            len(observed),
            self._recorder.active_sources(watch, at),
            robust(scores, index, stories, at, self._settings.incidents),
        )

    def _keep(self, key: tuple[str, str, Rule], watch: Watch, done: Evaluation) -> None:
        if watch.state == "ok":
            if self._watches.pop(key, None) is not None:
                done.watches[key] = None
        elif self._watches.get(key) != watch:
            self._watches[key] = watch
            done.watches[key] = watch.to_json()

    def _record(self, found: Found, at: datetime) -> Incident:
        """The incident's row after a change."""
        watch = found.watch
        row = self._row_of[watch.kind, watch.key]
        drawn = series(self._db, self._detector, row, watch.rule, watch.opened_at or at, at)
        return self._recorder.record(found, at, self._desk.known.get(watch.incident), drawn)
