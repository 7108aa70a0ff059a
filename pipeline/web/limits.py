"""How often one client may ask."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from threading import Lock
from typing import Final

SLOTS: Final = 1024


class TokenBucket:
    """Allows ``burst`` at once, and ``rate`` per second in the long run. For one thread.

    ``clock`` gives monotonic seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> float:
        """Take one: 0 if there was one, else the seconds until there will be."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0

    def give_back(self) -> None:
        """Take back what was taken last."""
        self._left = min(self._burst, self._left + 1)


class Brake:
    """Slows down whoever tries again and again under the same name. For any thread.

    Names share a fixed number of buckets by a hash whose key nobody knows: however many names
    are tried, memory does not grow and nothing is forgotten; now and then two share one.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._key = secrets.token_bytes(16)
        self._buckets = [TokenBucket(rate, burst, clock) for _ in range(SLOTS)]
        self._lock = Lock()

    def take(self, name: str) -> float:
        """Begin a try: 0 if there was one left, else the seconds until there will be."""
        with self._lock:
            return self._bucket(name).take()

    def give_back(self, name: str) -> None:
        """The try was a good one: it does not count."""
        with self._lock:
            self._bucket(name).give_back()

    def _bucket(self, name: str) -> TokenBucket:
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=self._key).digest()
        return self._buckets[int.from_bytes(digest[:4], "big") % SLOTS]
