"""The inbox as a source: one partition of the database itself, read like any other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.files import Record
from pipeline.step import Partition
from pipeline.store import inbox
from pipeline.store.database import Database

LOOK_AGAIN_S: Final = 0.2
"""How often an empty inbox is looked into."""


class InboxSource:
    """What was handed in, in the order of the commits. For one thread.

    Several may be opened on one database; the compare-and-set of the position lets one of them
    go on at a time. Rows are removed once the stored position is past them, whoever moved it.

    Args:
        until_idle: finished once everything there is has been read.
    """

    def __init__(self, db: Database, *, until_idle: bool = False, max_records: int = 1024) -> None:
        self._db = db
        self._until_idle = until_idle
        self._max_records = max_records
        self._next = 0
        self._forgotten = 0
        self._drained = False

    @property
    def finished(self) -> bool:
        """Whether the end was reached, when more is not waited for."""
        return self._until_idle and self._drained

    @property
    def reassigned(self) -> bool:
        """Never: the partition stays."""
        return False

    @property
    def trouble(self) -> str | None:
        """None: whoever asks is told already when the database is away."""
        return None

    def partitions(self) -> Mapping[Partition, str | None]:
        """The one partition; it needs no identity, as it is in the database of its position."""
        return {inbox.PARTITION: None}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Go on from this offset."""
        self._next = positions[inbox.PARTITION]
        self._drained = False

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records; waits for some, at most ``timeout_s``, unless ``until_idle``.

        Raises:
            DatabaseAway: nothing was read; poll again.
        """
        self._forget()
        deadline = time.monotonic() + timeout_s
        while not (found := inbox.read(self._db, self._next, self._max_records)):
            self._drained = True
            remaining = deadline - time.monotonic()
            if self._until_idle or remaining <= 0:
                return []
            time.sleep(min(LOOK_AGAIN_S, remaining))
        self._drained = False
        self._next = found[-1].offset + 1
        return found

    def hold(self) -> None:
        """Nobody takes it away."""

    def ends(self) -> Mapping[Partition, int]:
        """See :func:`pipeline.store.inbox.end`."""
        return {inbox.PARTITION: inbox.end(self._db)}

    def close(self) -> None:
        """The database is closed by whoever opened it."""

    def _forget(self) -> None:
        """Remove what the stored position is past; what a killed reader left behind, too."""
        if self._next == self._forgotten:
            return
        read = inbox.position(self._db)
        if read > self._forgotten:
            while inbox.forget(self._db, read) == inbox.FORGET_ROWS:
                pass
            self._forgotten = read
