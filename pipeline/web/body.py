"""Reading a request's body within a size and a time, whatever its sender says or does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.requests import ClientDisconnect, Request

from pipeline.web.outcomes import Refusal

DRAIN_BYTES: Final = 1_048_576
DRAIN_S: Final = 1.0
"""Of a body that is not wanted so much is read: a sender who is cut off while sending may not see
the answer."""


class Body:
    """One request's body; read it once, or drain it."""

    def __init__(self, request: Request) -> None:
        self._headers = request.headers
        self._pieces: AsyncIterator[bytes] = aiter(request.stream())
        self._begun = False
        self.ended = False

    async def read(self, most: int, within_s: float) -> bytes:
        """The whole body.

        Raises:
            Refusal: over ``most`` bytes, whether announced or found; not here ``within_s``.
        """
        announced = self._headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > most:
            raise Refusal("too_large", f"over {most} bytes; send several requests")
        self._begun = True
        found = bytearray()
        try:
            async with asyncio.timeout(within_s):
                async for piece in self._pieces:
                    found += piece
                    if len(found) > most:
                        raise Refusal("too_large", f"over {most} bytes; send several requests")
        except TimeoutError:
            self.ended = True  # nothing more is expected of this sender
            raise Refusal("slow", f"the body was not here within {within_s:g} s") from None
        except ClientDisconnect:
            self.ended = True
            raise Refusal("slow", "the sender went away") from None
        self.ended = True
        return bytes(found)

    async def drain(self) -> None:
        """Read over what is left, up to a bound; a sender that waits to be asked is not asked."""
        if self.ended or ("expect" in self._headers and not self._begun):
            return
        left = DRAIN_BYTES
        with suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(DRAIN_S):
                async for piece in self._pieces:
                    left -= len(piece)
                    if left < 0:
                        return
                self.ended = True
