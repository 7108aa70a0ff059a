"""One retraining, from the labels in the database to a decision that is stored.

The order is what makes it safe to be killed anywhere: the version is written whole before it is
registered, registered before it is proposed, proposed before it is promoted, promoted before the
run is ended. Whoever takes over finds out how far it came.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

import structlog

from models import taxonomy
from pipeline.process import process_name
from pipeline.recipes import INCREMENTAL, changed
from pipeline.retraining import deciding, folders, job, offsets, process, staging
from pipeline.retraining.deciding import Facts
from pipeline.retraining.gate import Decision
from pipeline.retraining.job import Job, Result
from pipeline.retraining.lease import Lease
from pipeline.retraining.parts import Parts, champion
from pipeline.retraining.process import Heard
from pipeline.store import retraining as store
from pipeline.store.database import DatabaseAway
from pipeline.store.retraining import Outcome, Recent, Run, Trigger

ACTOR: Final = "retrain"
LONGEST_REASON: Final = 1_000

log = structlog.get_logger()


class ChampionChanged(Exception):
    """Another version was promoted while this one was trained: the next run starts from that."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run. ``decision`` is as it is stored."""

    seq: int
    outcome: Outcome
    candidate: str | None
    decision: dict[str, Any]


def retrain(parts: Parts, trigger: Trigger, *, stop: Event, heard: Heard, least: int) -> Ended:
    """Learn what labels there are; promote what comes of it if the gate lets it through.

    With fewer new labels than ``least`` nothing is trained.

    Raises:
        Busy: another process is at it.
        Stopped: ``stop`` was set; the next run goes on where this one was.
        TakenOver: the lease was lost to another process.
        TrainingFailed, and whatever else went wrong: stored as the reason of a failed run.
    """
    settle(parts)
    run = _Run(parts, trigger, stop, heard)
    try:
        return run.go(least)
    except process.Stopped:
        run.lease.let_go()
        raise
    except (store.TakenOver, DatabaseAway):
        raise  # whoever comes next finds an expired lease
    except Exception as error:
        run.fail(error)
        raise


def settle(parts: Parts) -> Run | None:
    """End the run of a process that is gone; what it promoted stays promoted. None: there is none.

    Its training is gone on with by whoever trains next on this machine.
    """
    found = store.interrupted(parts.db, now=parts.clock())
    if found is None:
        return None
    promoted = found.candidate is not None and found.candidate == champion(parts.registry)[1]
    outcome: Outcome = "promoted" if promoted else "failed"
    told = {"reasons": ["its process ended before it was done"]}
    decision = found.decision if promoted and found.decision else told
    ended = store.end_interrupted(parts.db, found, outcome, decision, now=parts.clock())
    log.warning("a retraining was interrupted", run=found.seq, outcome=outcome, ended=ended)
    return found


class _Run:
    """One row of ``retraining`` while it is running."""

    def __init__(self, parts: Parts, trigger: Trigger, stop: Event, heard: Heard) -> None:
        self._parts = parts
        self._settings = parts.settings.retraining
        self._stop = stop
        self._heard = heard
        self._start, self._champion = champion(parts.registry)
        self._labelled = parts.labelled(parts.db)
        self._folder: Path | None = None
        holder, now = f"{process_name()[:50]}:{secrets.token_hex(4)}", parts.clock()
        seq = store.begin(
            parts.db,
            trigger=trigger,
            labels_to=self._labelled.labels_to,
            champion=self._champion,
            holder=holder,
            now=now,
            until=now + self._settings.lease,
        )
        self.lease = Lease(parts.db, seq, holder, self._settings.lease, parts.clock)

    def go(self, least: int) -> Ended:
        """Gather, train, decide, and do what was decided."""
        learned = store.learned_to(self._parts.db)
        number = store.new_labels(self._parts.db, after_seq=learned)
        if number < least:
            told = f"{number} new labels; {least} are needed ([retraining] least_new_labels)"
            return self._end("nothing", {"reasons": [told]})
        rows, facts = self._gather(number, store.new_texts(self._parts.db, after_seq=learned))
        recent = store.recent(self._parts.db, limit=self._settings.recent_articles)
        self._folder = self._prepare(rows, recent)
        log.info("retraining", run=self.lease.seq, champion=self._champion, **asdict(facts))
        result = self._parts.train(
            self._folder,
            stop=self._stop,
            alive=self.lease.keep,
            heard=self._heard,
            longest_s=self._settings.longest_minutes * 60,
        )
        self.lease.renew()
        decision = deciding.decide(result, contradicted=self._settings.contradicted)
        told_all = deciding.as_json(decision, result, facts)
        if result.candidate is None:
            return self._end("refused", told_all)
        return self._place(self._folder, result, decision, told_all, recent)

    def fail(self, error: Exception) -> None:
        """Store what went wrong."""
        with suppress(store.TakenOver, DatabaseAway):
            self._end("failed", {"reasons": [f"{type(error).__name__}: {error}"]})

    def _gather(self, number: int, new: frozenset[str]) -> tuple[staging.Rows, Facts]:
        rows = staging.gather(
            self._labelled.training,
            self._labelled.holdout,
            taxonomy.load(self._parts.settings.model.topics),
            new=new,
            most_rows=self._settings.most_rows,
            headlines=self._parts.headlines,
        )
        facts = Facts(
            new_labels=number,
            labels=len(rows.labels),
            rehearsal=len(rows.rehearsal),
            sealed=len(rows.sealed),
            disputed=self._labelled.disputed,
            unknown=rows.unknown,
        )
        return rows, facts

    def _prepare(self, rows: staging.Rows, recent: list[Recent]) -> Path:
        topics, encoder = self._parts.settings.model.topics, self._parts.encoder
        told = Job(
            start=_absolute(self._start),
            topics=_absolute(topics),
            encoder=_absolute(encoder),
            recipe=asdict(changed(INCREMENTAL, self._settings.recipe)),
            threads=self._settings.threads,
            contradicted=self._settings.contradicted,
            new=tuple(sorted(rows.new)),
        )
        digest = taxonomy.load(topics).digest
        return folders.prepared(self._settings.folder, told, rows, recent, self._champion, digest)

    def _place(
        self,
        folder: Path,
        result: Result,
        decision: Decision,
        told: dict[str, Any],
        recent: list[Recent],
    ) -> Ended:
        """Register the candidate, and promote it if that was decided."""
        registry, clock = self._parts.registry, self._parts.clock
        self.lease.renew()
        made = registry.register(folder / job.VERSION, by=ACTOR, now=clock(), report=told)
        if not decision.promote:
            return self._end("refused", told, made.id)
        shifts = offsets.offsets(
            [one.symbols for one in recent], result.champion_recent, result.candidate_recent
        )
        self.lease.propose(made.id, told)
        if (there := champion(registry)[1]) != self._champion:
            raise ChampionChanged(
                f"{there} became the champion while {made.id} was trained from {self._champion}: "
                "train again"
            )
        registry.promote(
            made.id,
            actor=ACTOR,
            reason="; ".join(decision.reasons)[:LONGEST_REASON],
            now=clock(),
            offsets={key: asdict(shift) for key, shift in shifts.items()},
        )
        return self._end("promoted", told, made.id)

    def _end(
        self, outcome: Outcome, decision: dict[str, Any], candidate: str | None = None
    ) -> Ended:
        self.lease.end(outcome, decision, candidate)
        if self._folder is not None:  # it holds texts, which may be taken down tomorrow
            shutil.rmtree(self._folder, ignore_errors=True)
        log.info("retrained", run=self.lease.seq, outcome=outcome, candidate=candidate)
        return Ended(self.lease.seq, outcome, candidate, decision)


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
