"""Batched inference: many callers, one model, batches bounded by padded tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import structlog

from models.batching import Answers, Outcome, Row, Submission, attempt, batches, merged
from models.prediction import Prediction
from models.settings import EngineSettings
from models.waiting import EngineBusy, EngineClosed, EngineError, Waiting

__all__ = [
    "BatchFacts",
    "Engine",
    "EngineBusy",
    "EngineClosed",
    "EngineError",
    "EngineSettings",
    "Scorer",
]

BATCH_SECONDS = 5.0
"""Longest wait for the batch in hand when the engine has to stop without answering all."""

log = structlog.get_logger()


class Scorer(Protocol):
    """What the engine needs of a version: a tokenizer for any thread, a model for one thread."""

    @property
    def id(self) -> str:
        """The version that its predictions carry."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that predictions name."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prepared texts, no longer than the model can read. From any thread."""

    def predict_ids(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        """One prediction per row of token ids, same order. From the model's thread alone."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What one batch was and took, for metrics. Durations are in seconds.

    ``tokens`` are the texts' own; ``padded_tokens`` is rows times the longest row, which is what
    bounds a batch. ``waited_seconds`` is that of the text that waited longest, from its submission
    to the start of this batch. ``tokenize_seconds`` is what callers spent on tokenisation, and
    ``cached`` the texts answered from memory, since the last batch; the latter are no ``rows``.
    """

    rows: int
    tokens: int
    padded_tokens: int
    waited_seconds: float
    tokenize_seconds: float
    predict_seconds: float
    halvings: int
    failed: int
    cached: int

    @property
    def padding(self) -> float:
        """Share of the padded tokens that is padding, from 0 to below 1."""
        return 1 - self.tokens / self.padded_tokens


class Engine:
    """Owns the model's thread. ``submit`` may be called from any thread.

    Texts are tokenised in the caller's thread, which overlaps the model's work on earlier
    submissions. What waits is taken in rounds of whole submissions, first come first served;
    within a round the rows are sorted by length and cut into batches, whoever they are from. The
    model starts as soon as a full batch waits, or the first text has waited ``max_wait_seconds``.

    ``on_batch`` is called in the model's thread after each batch; what it raises is logged.
    ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self,
        version: Scorer,
        settings: EngineSettings,
        on_batch: Callable[[BatchFacts], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scorer = version
        self._settings = settings
        self._on_batch = on_batch
        self._clock = clock
        self._waiting = Waiting(settings, clock)
        self._abandoned = False
        self._lock = threading.Lock()
        # The three below are read and written with the lock held.
        self._answers = Answers(settings.cache_rows)
        self._cached = 0
        self._tokenize_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def version(self) -> str:
        """The version that the next round's predictions carry."""
        return self._scorer.id

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that predictions name."""
        return self._scorer.topics

    def swap(self, version: Scorer) -> None:
        """Let another version answer, from the next round on. From any thread; waits for nothing.

        A round is whole submissions, so every caller has all its predictions from one version:
        those whose turn has come from the old one, those that wait from the new one, which reads
        their texts again. ``version`` must be ready: the engine does not try it first.
        """
        self._scorer = version

    def submit(self, texts: Sequence[str]) -> Future[list[Prediction]]:
        """Queue prepared texts; the future gives their predictions in order, or the error.

        While ``max_waiting_rows`` are unanswered this blocks, for ``max_hold_seconds`` at most:
        back-pressure on whoever reads the source. A submission larger than the bound is taken
        once nothing else is unanswered. A future cancelled before its turn is never run.

        Raises:
            EngineClosed: after :meth:`close`.
            EngineBusy: held back for too long; nothing was taken.
        """
        if isinstance(texts, str):
            raise TypeError("submit takes a sequence of texts, not one text")
        if self._waiting.closed:
            raise EngineClosed("the engine is closed")
        arrived = self._clock()
        scorer = self._scorer
        answers = self._recall(texts, scorer)
        submission = Submission(texts, scorer.id, answers, answers.count(None), arrived)
        try:
            self._tokenize(submission, scorer)
        except Exception as error:  # noqa: BLE001 - the caller is answered with it
            submission.refuse(error)
            return submission.reply
        if submission.rows:
            self._waiting.put(submission)
        else:
            submission.complete()
        return submission.reply

    def close(self, *, timeout_seconds: float = 60.0) -> None:
        """Answer what is queued and stop; what takes longer is answered with ``EngineClosed``.

        May be called again, and from any thread but the model's. A batch that never ends is
        given up after ``BATCH_SECONDS`` more, with its callers: they too must wait with a timeout.
        """
        self._waiting.close()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            self._abandoned = True
            self._thread.join(BATCH_SECONDS)

    def _recall(self, texts: Sequence[str], scorer: Scorer) -> list[Prediction | None]:
        """What is known already, with the places of the rest empty."""
        if not self._settings.cache_rows:
            return [None] * len(texts)
        with self._lock:
            answers = [self._answers.get(text, scorer.id) for text in texts]
            self._cached += len(texts) - answers.count(None)
        return answers

    def _tokenize(self, submission: Submission, scorer: Scorer) -> None:
        """Give the submission a row for each text whose answer is missing."""
        missing = [place for place, answer in enumerate(submission.answers) if answer is None]
        if not missing:
            return
        texts = submission.texts
        started = self._clock()
        rows = scorer.encode([texts[place] for place in missing])
        for place, token_ids in zip(missing, rows, strict=True):
            submission.rows.append(Row(texts[place], token_ids, [(submission, place)]))
        with self._lock:
            self._tokenize_seconds += self._clock() - started

    def _run(self) -> None:
        """The model's thread: rounds until closed. Whatever ends it, nobody is left waiting."""
        taken: list[Submission] = []
        try:
            while taken := self._waiting.take():
                self._round(taken)
        finally:
            for submission in [*taken, *self._waiting.empty()]:
                submission.refuse(EngineClosed("the engine has stopped"))

    def _round(self, taken: Sequence[Submission]) -> None:
        """Answer every row of the submissions, batch by batch, by one version."""
        scorer = self._scorer
        rows: list[Row] = []
        for submission in taken:
            if submission.start() and self._is_for(submission, scorer):
                rows.extend(submission.rows)
            else:
                self._waiting.answered(len(submission.rows))
        if self._settings.cache_rows:
            rows = [row for row in merged(rows) if not self._repeat(row, scorer)]
        for batch in batches(rows, self._settings):
            self._batch([row for row in batch if row.wanted], scorer)
            self._waiting.answered(sum(len(row.places) for row in batch))

    def _is_for(self, submission: Submission, scorer: Scorer) -> bool:
        """Make rows anew where the version was replaced while they waited: another one may cut
        them elsewhere, and what was remembered is the old one's. False: the caller has an error.
        """
        if submission.version == scorer.id:
            return True
        before = len(submission.rows)
        submission.forget(scorer.id)
        try:
            self._tokenize(submission, scorer)
        except Exception as error:  # noqa: BLE001 - the caller is answered with it
            submission.refuse(error)
        self._waiting.answered(before - len(submission.rows))  # there may be more rows now
        return not submission.failed

    def _repeat(self, row: Row, scorer: Scorer) -> bool:
        """Answer a row whose text was answered since it was submitted."""
        with self._lock:
            known = self._answers.get(row.text, scorer.id)
            self._cached += 0 if known is None else len(row.places)
        if known is None:
            return False
        row.answer(known)
        self._waiting.answered(len(row.places))
        return True

    def _batch(self, rows: Sequence[Row], scorer: Scorer) -> None:
        """Run one batch and answer its rows."""
        if not rows:
            return
        outcomes: Sequence[Outcome]
        if self._abandoned:
            outcomes = [EngineClosed("the engine had to stop before this text's turn")] * len(rows)
        else:
            started = self._clock()
            outcomes, halvings = attempt([row.token_ids for row in rows], scorer.predict_ids)
            self._report(rows, outcomes, halvings, started)
        if self._settings.cache_rows:
            with self._lock:
                for row, outcome in zip(rows, outcomes, strict=True):
                    if isinstance(outcome, Prediction):
                        self._answers.put(row.text, outcome)
        for row, outcome in zip(rows, outcomes, strict=True):
            row.answer(outcome)

    def _report(
        self, rows: Sequence[Row], outcomes: Sequence[Outcome], halvings: int, started: float
    ) -> None:
        """Tell ``on_batch`` what this batch was and took."""
        if self._on_batch is None:
            return
        ended = self._clock()
        with self._lock:
            cached, self._cached = self._cached, 0
            tokenize_seconds, self._tokenize_seconds = self._tokenize_seconds, 0.0
        lengths = [len(row.token_ids) for row in rows]
        facts = BatchFacts(
            rows=len(rows),
            tokens=sum(lengths),
            padded_tokens=len(rows) * max(lengths),
            waited_seconds=started - min(s.arrived for row in rows for s, _ in row.places),
            tokenize_seconds=tokenize_seconds,
            predict_seconds=ended - started,
            halvings=halvings,
            failed=sum(isinstance(outcome, Exception) for outcome in outcomes),
            cached=cached,
        )
        try:
            self._on_batch(facts)
        except Exception as error:  # noqa: BLE001 - a metric must not cost a prediction
            log.error("on_batch_failed", error=repr(error))
