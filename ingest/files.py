"""Articles from a JSON Lines file, plain or gzip'd: one record per line, numbered from 0.

Errors::

    IngestError          reading failed; ``reason`` is a closed set, safe as a metric label
    ├── UnreadableError  no such file, not a file, no permission, a failing disk
    ├── DamagedError     a gzip file that is cut short or corrupt
    └── ChangedError     the file is not the one that was being read
"""

from __future__ import annotations

import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

from ingest.lines import Lines, decompressed

MAX_POLL_BYTES: Final = 16 * 1_048_576
"""One poll holds at most this much and one record more, however long the lines are."""

_WAIT_S = 0.05  # how often a followed file is looked at while nothing arrives
_GZIP_MAGIC = b"\x1f\x8b\x08"


class IngestError(Exception):
    """Reading from a source failed. The message names the source and says what to do."""

    reason: ClassVar[str] = "unknown"
    retryable: ClassVar[bool] = False


class UnreadableError(IngestError):
    """The file cannot be opened or read. To try again, open the source again."""

    reason = "unreadable"
    retryable = True


class DamagedError(IngestError):
    """A gzip file is cut short or corrupt. Every whole line before the damage was delivered."""

    reason = "damaged"


class ChangedError(IngestError):
    """The file is shorter than what was read of it, or another file took its name."""

    reason = "changed"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of any source, still in bytes.

    ``offset`` is its place in its topic and partition; ``timestamp``, aware, is when the source
    first held it, for a file when it was read.
    """

    topic: str
    partition: int
    offset: int
    value: bytes
    timestamp: datetime


class JsonlSource:
    """Reads a file line by line, holding one poll in memory, never the file. For one thread.

    The topic is ``file:`` and the absolute path, the partition 0, and a record's offset its
    0-based line number; blank lines count. A line over 1 MiB is delivered cut to one byte more,
    which no parser accepts. With ``follow`` the file is watched for appended lines, and a last
    line waits for its newline; without it such a line is a record like any other.

    Raises:
        UnreadableError: the file cannot be opened.
        DamagedError: the name ends in ``.gz`` but the content is not gzip.
        ValueError: ``follow`` of a compressed file.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime],
        follow: bool = False,
        max_records: int = 1024,
    ) -> None:
        self._path = path.absolute()
        self.topic = f"file:{self._path}"
        self._clock = clock
        self._follow = follow
        self._max_records = max_records
        self._identity = ""
        self._position = 0
        self._ahead: bytes | None = None
        self._failure: IngestError | None = None
        self._compressed = _is_gzip(self._path)
        if self._compressed and follow:
            raise ValueError(f"{self._path}: a compressed file cannot be followed; decompress it")
        self._open()

    @property
    def identity(self) -> str:
        """sha256 of the first line, by which a replaced file is told; "" before there is one."""
        if not self._identity:
            with _translated(self._path, 0), _opened(self._path, self._compressed) as stream:
                first = Lines(stream).next(final=not self._follow)
            if first is not None:
                self._identity = hashlib.sha256(first).hexdigest()
        return self._identity

    @property
    def position(self) -> int:
        """Offset of the record that the next poll begins with."""
        return self._position

    @property
    def finished(self) -> bool:
        """Whether everything was delivered and nothing can follow. Never for a followed file."""
        return not self._follow and self._failure is None and self.end() == self._position

    def read_fraction(self) -> float:
        """How much of the file was read, by its bytes on disk: 0 to 1, for a progress display."""
        size = os.fstat(self._raw.fileno()).st_size
        return min(1.0, self._raw.tell() / size) if size else 1.0

    def seek(self, offset: int) -> None:
        """Make ``offset`` the next record; all lines before it are read over.

        Raises:
            ChangedError: the file has fewer than ``offset`` lines.
        """
        if offset < self._position:
            self._raw.close()
            self._position, self._ahead, self._failure = 0, None, None
            self._open()
        while self._position < offset:
            if self._take() is None and not self._skip_unfinished_line():
                self._raise_failure()
                lines = (
                    f"{self._path} has {self._position} lines, but reading went on from {offset}"
                )
                raise ChangedError(
                    f"{lines}: was the file replaced? Restore it, or start a new database"
                )

    def poll(self, timeout_s: float) -> list[Record]:
        """The next records in order, at most ``max_records``; [] if there are none now.

        Only a followed file is waited for, at most ``timeout_s``.

        Raises:
            IngestError: after everything that was readable has been delivered.
        """
        deadline = time.monotonic() + timeout_s
        while not (records := self._read()):
            self._raise_failure()
            remaining = deadline - time.monotonic()
            if not self._follow or remaining <= 0:
                break
            time.sleep(min(_WAIT_S, remaining))
        return records

    def end(self) -> int:
        """Offset after the last record known to exist now.

        Equal to the position exactly when all is delivered. Otherwise it is one more than the
        position, as far as the reader looks ahead: how many lines follow is not known.
        """
        if self._ahead is None:
            self._ahead = self._next_line()
        return self._position + (self._ahead is not None)

    def close(self) -> None:
        """Close the file. May be called again."""
        self._raw.close()

    def _open(self) -> None:
        with _translated(self._path, 0):
            self._raw = self._path.open("rb")
        self._lines = Lines(decompressed(self._raw) if self._compressed else self._raw)

    def _read(self) -> list[Record]:
        now = self._clock()
        records: list[Record] = []
        size = 0
        while len(records) < self._max_records and size < MAX_POLL_BYTES:
            offset = self._position
            value = self._take()
            if value is None:
                break
            size += len(value)
            records.append(Record(self.topic, 0, offset, value, now))
        return records

    def _take(self) -> bytes | None:
        line, self._ahead = self._ahead, None
        if line is None:
            line = self._next_line()
        if line is not None:
            self._position += 1
        return line

    def _next_line(self) -> bytes | None:
        """The next whole line. A failure is kept until what came before it was delivered."""
        if self._failure is not None:
            return None
        try:
            with _translated(self._path, self._position):
                line = self._lines.next(final=not self._follow)
                if line is None and self._follow:
                    self._check_unchanged()
        except IngestError as error:
            self._failure = error
            return None
        return line

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _check_unchanged(self) -> None:
        opened = os.fstat(self._raw.fileno())
        if opened.st_size < self._raw.tell():
            raise ChangedError(
                f"{self._path} got shorter while it was read; start again on a new file"
            )
        named = self._path.stat()
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino):
            raise ChangedError(
                f"{self._path} is another file now; start again to read the new one"
            )

    def _skip_unfinished_line(self) -> bool:
        # It was a record when the file was not followed: its newline makes no second one.
        if self._lines.drop_unfinished():
            self._position += 1
            return True
        return False


def _is_gzip(path: Path) -> bool:
    with _translated(path, 0):
        if not path.is_file():
            raise UnreadableError(
                f"{path} is not a file; give the path of a .jsonl or .jsonl.gz file"
            )
        with path.open("rb") as stream:
            magic = stream.read(3) == _GZIP_MAGIC
    if path.suffix == ".gz" and not magic:
        raise DamagedError(f"{path} is not gzip; restore it, or rename it if it is plain text")
    return magic


@contextmanager
def _opened(path: Path, compressed: bool) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        yield decompressed(raw) if compressed else raw


@contextmanager
def _translated(path: Path, position: int) -> Iterator[None]:
    """Errors of the file system and of gzip as ours."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        damage = f"{path} is damaged after line {position} ({error})"
        raise DamagedError(f"{damage}; restore it from its origin and start again") from error
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror or error}"
        raise UnreadableError(f"{what}; check the path and its permissions") from error
