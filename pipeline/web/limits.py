"""How often one client may ask."""

from __future__ import annotations

from collections.abc import Callable


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
