"""Sources as the worker sees them: any number of partitions behind one poll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingest.files import JsonlSource, Record
from pipeline.step import Partition


class Source(Protocol):
    """Where records come from: a file, a list in tests, Kafka. Used by one thread."""

    @property
    def finished(self) -> bool:
        """Everything was delivered and nothing can follow."""

    def partitions(self) -> Mapping[Partition, str | None]:
        """The partitions that are read, each with its identity if it has one."""

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Go on from these offsets, the next ones to read."""

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records; none when the time is up, which does not mean the end."""

    def ends(self) -> Mapping[Partition, int]:
        """Per partition, the offset after the last record known to exist now."""

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

    def partitions(self) -> Mapping[Partition, str | None]:
        """The one partition; its identity is that of the first line, None while there is none."""
        return {self._partition: self.file.identity or None}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """See :meth:`ingest.files.JsonlSource.seek`."""
        self.file.seek(positions[self._partition])

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """See :meth:`ingest.files.JsonlSource.poll`."""
        return self.file.poll(timeout_s)

    def ends(self) -> Mapping[Partition, int]:
        """See :meth:`ingest.files.JsonlSource.end`."""
        return {self._partition: self.file.end()}

    def close(self) -> None:
        """Close the file."""
        self.file.close()
