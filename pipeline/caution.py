"""Records that kill the process: how they are found out, and no other is blamed for them.

A process that ends in good order lets go of its partitions. One that is killed does not, and
whoever claims them next can tell. Two such ends in a row at the same position make the partition
suspect: from there on, as far as the lost work can have reached, its records are taken one at a
time, each written down before it is touched. The record that is written down when a process ends
so, three times, is not touched again: it becomes a dead letter, ``kills_process``.

So one record ends the process five times at most, and the next one in the same stretch three
times. A process that is killed from outside, however often, costs an innocent record nothing
unless it strikes three times in the very moments when that one record is in hand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from ingest.files import Record
from ingest.kafka.gap import Gap
from ingest.rejection import Rejected
from pipeline.step import Partition

log = structlog.get_logger()

UNCLEAN_ENDS: Final = 2
"""So many at one position, and the partition is suspect. One is anybody's bad luck."""

DEATHS: Final = 3
"""So many with the same single record in hand, and it is the record."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is remembered of one partition from process to process."""

    run: str | None
    """The process that claimed it last; None: that one let go in good order."""
    next: int
    """The position at that claim."""
    claims: int = 1
    """Processes that claimed it at this position in a row, none of which let go."""
    careful_until: int = 0
    """Records before this offset are taken one at a time."""
    in_hand: int | None = None
    """Offset of the one record that is being processed."""
    suspect: int | None = None
    """Offset of the record that was in hand when a process ended."""
    deaths: int = 0
    """How often that has happened with it."""


def claimed(before: Attempts | None, position: int, *, run: str, span: int) -> Attempts:
    """What to remember once the process ``run`` has claimed a partition at ``position``.

    ``span`` is how many offsets after its position a process can have had in hand. Offsets that
    hold no record make it too small; then the next stretch becomes suspect in its turn.
    """
    if before is None:
        return Attempts(run, position)
    if before.run == run:
        # It lives: what it had in hand has not killed it.
        claims = before.claims if before.next == position else 1
        return replace(before, next=position, claims=claims, in_hand=None)
    died = before.run is not None
    claims = before.claims + 1 if died and before.next == position else 1
    after = replace(before, run=run, next=position, claims=claims, in_hand=None)
    if claims > UNCLEAN_ENDS:
        after = replace(after, careful_until=max(before.careful_until, position + span))
    if died and before.in_hand is not None and before.in_hand >= position:
        again = before.suspect == before.in_hand
        deaths = before.deaths + 1 if again else 1
        after = replace(after, suspect=before.in_hand, deaths=deaths)
    return after


def condemned(record: Record) -> Rejected:
    """The dead letter of a record that is not to be processed again."""
    detail = (
        f"ended the process {DEATHS} times; when the cause is mended, send it in again by name "
        "with `bearwatch dlq replay`"
    )
    return Rejected(record.value, "kills_process", detail)


class Caution:
    """What one worker takes one at a time, and what it has read but not taken. For one thread."""

    def __init__(self) -> None:
        self._until: dict[Partition, int] = {}
        self._deaths: dict[tuple[Partition, int], int] = {}
        self._waiting: deque[Record | Gap] = deque()

    @property
    def needed(self) -> bool:
        """Whether records are taken by :meth:`portion`, and nothing else may be in flight."""
        return bool(self._until or self._waiting)

    @property
    def waiting(self) -> bool:
        """Whether something was read that has not been taken."""
        return bool(self._waiting)

    @property
    def suspected(self) -> Mapping[Partition, int]:
        """The partitions that are suspect, and up to which offset."""
        return self._until

    def set(self, attempts: Mapping[Partition, Attempts]) -> None:
        """Take over what is remembered, and forget what was read."""
        self._waiting.clear()
        self._until = {p: a.careful_until for p, a in attempts.items() if a.careful_until > a.next}
        self._deaths = {
            (p, a.suspect): a.deaths for p, a in attempts.items() if a.suspect is not None
        }

    def read(self, found: Iterable[Record | Gap]) -> None:
        """Keep one poll, to be taken in portions."""
        self._waiting.extend(found)

    def portion(self) -> list[Record | Gap]:
        """The next that may be processed together, in order; empty when nothing waits.

        A record of a suspect partition comes alone.
        """
        taken: list[Record | Gap] = []
        while self._waiting:
            alone = self.alone(self._waiting[0])
            if alone and taken:
                break
            taken.append(self._waiting.popleft())
            if alone:
                break
        return taken

    def alone(self, one: Record | Gap) -> bool:
        """Whether it is a record that must be written down before it is touched."""
        until = self._until.get((one.topic, one.partition), 0)
        return isinstance(one, Record) and one.offset < until

    def kills(self, record: Record) -> bool:
        """Whether it has ended the process so often that it is not touched again."""
        return self._deaths.get(((record.topic, record.partition), record.offset), 0) >= DEATHS

    def stored(self, positions: Mapping[Partition, int]) -> None:
        """Suspect no longer what has been passed: the positions are stored."""
        self.clear([p for p, until in self._until.items() if positions.get(p, 0) >= until])

    def clear(self, partitions: Iterable[Partition]) -> None:
        """Suspect these no longer."""
        for partition in partitions:
            if self._until.pop(partition, None) is not None:
                log.info("at normal speed again", topic=partition[0], partition=partition[1])
