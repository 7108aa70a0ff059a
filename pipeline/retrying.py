"""How long to wait before another attempt, and what became of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

Outcome = Literal["delivered", "retried", "gave_up"]
"""What became of an attempt to deliver; the same words are metric labels."""

FIRST_RETRY: Final = timedelta(seconds=1)
LONGEST_RETRY: Final = timedelta(minutes=5)


def backoff(attempts: int) -> timedelta:
    """Longest wait before the next attempt after ``attempts`` failed ones: doubling, to 5 min."""
    doublings: int = 2 ** min(attempts, 16)
    return min(LONGEST_RETRY, FIRST_RETRY * doublings)
