"""What kafka-python tells nobody but its log: why a connection failed, that a topic is missing.

It repeats this several times a second while a broker is away. Here it is passed on now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as theirs

from ingest.kafka.errors import Unreachable, Verdict, judged

PASSED_ON_EVERY_S: Final = 60.0
"""Of one place in kafka-python, one line in so long reaches the log."""

_MISSING = "not found in cluster metadata"


class Overheard(logging.Handler):
    """Listens to the loggers of kafka-python. May be asked from any thread.

    Only the verdicts are kept, not the exceptions: those would keep sockets open.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._monotonic = monotonic
        self._failure: tuple[float, Verdict] | None = None
        self._missing: dict[str, float] = {}
        self._passed_on: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what a record says, and pass it on if the like of it was not lately."""
        now = self._monotonic()
        arguments = record.args if isinstance(record.args, tuple) else ()
        if record.name.startswith("kafka.net"):
            for error in arguments:
                if isinstance(error, Exception):
                    self._failure = (now, judged(error))
        if _MISSING in str(record.msg):
            self._missing.update((str(topic), now) for topic in arguments)
        place = (record.name, record.lineno)
        if now - self._passed_on.get(place, -PASSED_ON_EVERY_S) >= PASSED_ON_EVERY_S:
            self._passed_on[place] = now
            logging.getLogger().handle(record)

    def failure_since(self, moment: float) -> Verdict | None:
        """Why the last connection failed, if one did since ``moment``, a monotonic time."""
        found = self._failure
        return found[1] if found is not None and found[0] >= moment else None

    def missing_since(self, topic: str, moment: float) -> bool:
        """Whether a broker has said since ``moment`` that it does not know ``topic``."""
        return self._missing.get(topic, moment - 1) >= moment


_overheard = Overheard()


def listen() -> Overheard:
    """The process's one listener; from now on kafka-python logs through it alone."""
    logger = logging.getLogger("kafka")
    if _overheard not in logger.handlers:
        logger.addHandler(_overheard)
        logger.propagate = False
    return _overheard


@contextmanager
def seam(doing: str) -> Iterator[None]:
    """Nothing of kafka-python's gets out of this block.

    Where it says no more than that the time was up, the reason is what its log said meanwhile.
    """
    overheard, begun = listen(), time.monotonic()
    try:
        yield
    except (theirs.KafkaError, OSError) as error:
        verdict = judged(error)
        if verdict.kind is Unreachable:
            verdict = overheard.failure_since(begun) or verdict
        raise verdict.error(doing) from error
