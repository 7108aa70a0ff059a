"""The thread that makes pushed records durable, for all requests together.

Requests that wait while it writes are stored together next: one answer of the broker, or one
write through to the disk, serves them all.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final, Protocol

import structlog

from pipeline.health import Health
from pipeline.web.outcomes import Refusal
from pipeline.web.records import Incoming

AT_ONCE: Final = 1_000
"""Records after which no further request is added to one write."""

WAIT_S: Final = 0.5

Refused = Mapping[int, str]
"""Place of a record and why the store will never take it; all others are stored."""

log = structlog.get_logger()


class Store(Protocol):
    """Where records become durable. ``ready`` is asked by another thread than the rest."""

    def store(self, records: Sequence[Incoming]) -> Refused:
        """Return once each is durable or refused; raise when that is not known of all."""

    def ready(self) -> Health:
        """Whether a record could be stored now, as far as can be told within seconds."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class _Job:
    records: Sequence[Incoming]
    answer: Future[Refused] = field(default_factory=Future)


class Publisher:
    """Owns the store's thread. Every job is answered: with what was refused, or an error.

    ``beat`` is called by the thread whenever it has made progress, and when there is nothing to
    do. ``most`` jobs may wait.
    """

    def __init__(self, store: Store, *, most: int, beat: Callable[[], None]) -> None:
        self._store = store
        self._beat = beat
        self._jobs: queue.Queue[_Job] = queue.Queue(most)
        self._closing = Event()
        self._thread = Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def submit(self, records: Sequence[Incoming]) -> Future[Refused]:
        """Have ``records`` stored. A job that is cancelled before its turn is not begun.

        Raises:
            Refusal: too much is waiting already, or the program is about to end.
        """
        job = _Job(records)
        if self._closing.is_set():
            raise Refusal("busy", "the server is about to end; send it again", retry_after_s=1)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Refusal("busy", "too much is waiting; send it again", retry_after_s=1) from None
        return job.answer

    def close(self, within_s: float) -> None:
        """Finish what waits and end; whatever is not finished in time was not answered."""
        self._closing.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            log.warning("ended while records were being stored; their senders were not told so")

    def _run(self) -> None:
        while True:
            self._beat()
            try:
                first = self._jobs.get(timeout=WAIT_S)
            except queue.Empty:
                if self._closing.is_set():
                    break
                continue
            self._write(self._more(first))
        self._store.close()

    def _more(self, first: _Job) -> list[_Job]:
        """``first`` and those that wait behind it, without those that nobody waits for."""
        found: list[_Job] = []
        size = 0
        job = first
        while True:
            if job.answer.set_running_or_notify_cancel():
                found.append(job)
                size += len(job.records)
            if size >= AT_ONCE:
                return found
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return found

    def _write(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        try:
            refused = self._store.store([record for job in jobs for record in job.records])
        except Exception as error:  # noqa: BLE001 - handed to every sender, never dropped
            for job in jobs:
                job.answer.set_exception(error)
            return
        first = 0
        for job in jobs:
            end = first + len(job.records)
            mine = {place - first: why for place, why in refused.items() if first <= place < end}
            job.answer.set_result(mine)
            first = end
