"""Lines out of a byte stream, bounded in memory whatever the stream holds."""

from __future__ import annotations

import gzip
import io
from typing import BinaryIO

from ingest.decoding import MAX_RECORD_BYTES

_PIECE_BYTES = 65_536


class Lines:
    """Splits a stream into lines, holding at most one and no more of it than a parser accepts."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._line = bytearray()
        self._dropping = False

    def next(self, *, final: bool) -> bytes | None:
        """The next line without its ending; None at the end of what there is now.

        ``final`` makes the end of the stream end a last line too.
        """
        while True:
            piece = self._stream.readline(_PIECE_BYTES)
            if not piece:
                return self._finish() if final and self._line else None
            room = MAX_RECORD_BYTES + 2 - len(self._line)  # with CR LF
            self._line += piece[:room]
            if piece.endswith(b"\n"):
                line = self._finish()
                if not self._dropping:
                    return line
                self._dropping = False

    def drop_unfinished(self) -> bool:
        """Forget a line that has no end yet, and its rest when it comes. False if none."""
        if not self._line:
            return False
        self._line.clear()
        self._dropping = True
        return True

    def _finish(self) -> bytes:
        line = bytes(self._line)
        self._line.clear()
        if line.endswith(b"\n"):
            line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
        return line[: MAX_RECORD_BYTES + 1]


def decompressed(raw: BinaryIO) -> BinaryIO:
    """The content of a gzip stream, decompressed as it is read."""
    return io.BufferedReader(gzip.GzipFile(fileobj=raw), _PIECE_BYTES)
