"""What waits for the model: a bounded queue of submissions, taken in rounds.

Errors::

    EngineError
    ├── EngineClosed   work was offered to an engine that has stopped, or was left when it had to
    └── EngineBusy     as many texts wait as may; nothing was taken, try again later
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from models.batching import Submission
from models.settings import EngineSettings

ROUND_ROWS = 4_096
"""Texts sorted together: enough that neighbours are equally long. It bounds how many later texts
can be answered before an earlier one."""

IDLE_SECONDS = 60.0
"""The taker wakes this often without work. Any value does; a wait without end is a trap."""


class EngineError(RuntimeError):
    """The engine gave no prediction."""


class EngineClosed(EngineError):
    """The engine has stopped, or had to stop before this text's turn."""


class EngineBusy(EngineError):
    """The queue stayed full for as long as a caller may be held back. Nothing was taken."""


class Waiting:
    """Submissions that wait, first come first served. Any thread puts, one takes.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, settings: EngineSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[Submission] = deque()
        self._queued_rows = 0
        self._queued_tokens = 0
        self._unanswered_rows = 0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing is taken in any more."""
        return self._closed

    def put(self, submission: Submission) -> None:
        """Queue a submission when there is room; hold the caller back until then.

        One that is larger than the bound is taken once nothing else is unanswered.

        Raises:
            EngineClosed: closed, before or while the caller was held back.
            EngineBusy: held back for ``max_hold_seconds``.
        """
        rows, bound = len(submission.rows), self._settings.max_waiting_rows

        def admitted() -> bool:
            unanswered = self._unanswered_rows
            return self._closed or not unanswered or unanswered + rows <= bound

        with self._changed:
            if not self._changed.wait_for(admitted, self._settings.max_hold_seconds):
                raise EngineBusy(f"{self._unanswered_rows} texts wait for the model; try later")
            if self._closed:
                raise EngineClosed("the engine is closed")
            self._queue.append(submission)
            self._queued_rows += rows
            self._queued_tokens += submission.tokens
            self._unanswered_rows += rows
            self._changed.notify_all()

    def take(self) -> list[Submission]:
        """A round: whole submissions, the oldest first, as soon as a batch is full or due.

        Empty once closed and nothing is left.
        """
        with self._changed:
            while not self._due():
                if self._closed and not self._queue:
                    return []
                self._changed.wait(self._patience())
            taken: list[Submission] = []
            rows = 0
            while self._queue and rows < ROUND_ROWS:
                taken.append(self._next())
                rows += len(taken[-1].rows)
            return taken

    def answered(self, rows: int) -> None:
        """Rows that were taken have their answer, and make room for others."""
        with self._changed:
            self._unanswered_rows -= rows
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing in any more; what waits can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def empty(self) -> list[Submission]:
        """Close, and give what was never taken."""
        with self._changed:
            left = [self._next() for _ in range(len(self._queue))]
            self._unanswered_rows -= sum(len(submission.rows) for submission in left)
        self.close()
        return left

    def _next(self) -> Submission:
        """The oldest submission, out of the queue."""
        submission = self._queue.popleft()
        self._queued_rows -= len(submission.rows)
        self._queued_tokens -= submission.tokens
        return submission

    def _due(self) -> bool:
        """Whether to start: a full batch waits, the first text has waited enough, or closing."""
        if not self._queue:
            return False
        if self._closed or self._patience() <= 0:
            return True
        return (
            self._queued_rows >= self._settings.max_rows
            or self._queued_tokens >= self._settings.max_padded_tokens
        )

    def _patience(self) -> float:
        """Seconds until the first submission has waited long enough; 0 or less: it has."""
        if not self._queue:
            return IDLE_SECONDS
        return self._queue[0].arrived + self._settings.max_wait_seconds - self._clock()
