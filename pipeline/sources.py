"""Sources as the worker sees them: any number of partitions behind one poll."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ingest.files import JsonlSource, Record
from ingest.kafka.gap import Gap
from ingest.kafka.settings import KafkaSettings
from pipeline.step import Partition
from pipeline.store.database import Database

Opener = Callable[[Database], "Source"]
"""Opens a source once the database is there; some are in it."""


class Source(Protocol):
    """Where records come from: a file, a list in tests, Kafka, the inbox. Used by one thread.

    Partitions may come and go at any poll or hold: then ``reassigned`` is true, nothing is
    delivered, and everything that was read is forgotten, until the partitions have been sought.
    """

    @property
    def finished(self) -> bool:
        """Everything was delivered and nothing can follow."""

    @property
    def reassigned(self) -> bool:
        """The partitions are not those that were sought last."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be read now; None when all is well. May be asked from any thread."""

    def partitions(self) -> Mapping[Partition, str | None]:
        """The partitions that are read, each with its identity if it has one."""

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Go on from these offsets, the next ones to read."""

    def poll(self, timeout_s: float) -> Sequence[Record | Gap]:
        """The next records; none when the time is up, which does not mean the end.

        What the source cannot deliver is a gap in its place.
        """

    def hold(self) -> None:
        """Called every second or so instead of poll while no more records are wanted."""

    def ends(self) -> Mapping[Partition, int]:
        """Per partition, the offset after the last record known to exist now.

        A partition is absent while its end is not known: then it must not count as idle.
        """

    def close(self) -> None:
        """Let go of files and connections, in bounded time."""


class FileSource:
    """A JSONL file as a source of one partition."""

    def __init__(self, file: JsonlSource) -> None:
        self.file = file
        self._partition: Partition = (file.topic, 0)

    @property
    def finished(self) -> bool:
        """Whether the end of a file that is not followed was reached."""
        return self.file.finished

    @property
    def reassigned(self) -> bool:
        """Never: a file stays."""
        return False

    @property
    def trouble(self) -> str | None:
        """None: a file that cannot be read is an exception."""
        return None

    def partitions(self) -> Mapping[Partition, str | None]:
        """The one partition; its identity is that of the first line, None while there is none."""
        return {self._partition: self.file.identity or None}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """See :meth:`ingest.files.JsonlSource.seek`."""
        self.file.seek(positions[self._partition])

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """See :meth:`ingest.files.JsonlSource.poll`."""
        return self.file.poll(timeout_s)

    def hold(self) -> None:
        """A file waits by itself."""

    def ends(self) -> Mapping[Partition, int]:
        """See :meth:`ingest.files.JsonlSource.end`."""
        return {self._partition: self.file.end()}

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def open_file(
    path: Path, *, clock: Callable[[], datetime], until_idle: bool, most: int
) -> FileSource:
    """A file, followed unless it is compressed or ``until_idle``; ``most`` records per poll."""
    follow = not until_idle and path.suffix != ".gz"
    return FileSource(JsonlSource(path, clock=clock, follow=follow, max_records=most))


def open_inbox(db: Database, *, until_idle: bool, most: int) -> Source:
    """What was handed in to this database; ``until_idle`` ends when all of it was read."""
    from pipeline.inbox_source import InboxSource  # it needs the database's own modules

    return InboxSource(db, until_idle=until_idle, max_records=most)


def open_kafka(
    settings: KafkaSettings, *, clock: Callable[[], datetime], until_idle: bool, most: int
) -> Source:
    """A member of the consumer group; with ``until_idle`` it ends when it has caught up."""
    from ingest.kafka.source import KafkaSource  # it takes a moment to load

    return KafkaSource(settings, clock=clock, until_idle=until_idle, max_records=most)
