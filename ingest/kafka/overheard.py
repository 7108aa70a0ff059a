"""What kafka-python tells nobody but its log: why a connection failed, that a topic is missing.

It repeats this several times a second while a broker is away. Here it is passed on now and then.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as theirs

from ingest.kafka.errors import BrokerError, Unreachable, Verdict, judged

PASSED_ON_EVERY_S: Final = 60.0
"""Of one place in kafka-python, one line in so long reaches the log."""

_NO_REASON = (theirs.KafkaTimeoutError, theirs.NodeNotReadyError)
_MISSING = "not found in cluster metadata"
_UNDIVIDED = "No partition metadata for topic"


class Overheard(logging.Handler):
    """Listens to the loggers of kafka-python. May be asked from any thread.

    Only the verdicts are kept, not the exceptions: those would keep sockets open.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._monotonic = monotonic
        self._failures: dict[bool, tuple[float, Verdict]] = {}  # by whether they say why
        self._missing: dict[str, float] = {}
        self._undivided: float | None = None
        self._passed_on: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what a record says, and pass it on if the like of it was not lately."""
        now = self._monotonic()
        arguments = record.args if isinstance(record.args, tuple) else ()
        raised = record.exc_info[1] if record.exc_info else None
        if record.name.startswith("kafka.net"):
            for error in (*arguments, raised):
                # That the time is up is no reason, and must not hide one.
                if isinstance(error, Exception) and not isinstance(error, _NO_REASON):
                    verdict = judged(error)
                    self._failures[verdict.kind is not Unreachable] = (now, verdict)
        if _MISSING in str(record.msg):
            self._missing.update((str(topic), now) for topic in arguments)
        if _UNDIVIDED in str(record.msg):
            self._undivided = now
        place = (record.name, record.lineno)
        if now - self._passed_on.get(place, -PASSED_ON_EVERY_S) >= PASSED_ON_EVERY_S:
            self._passed_on[place] = now
            if isinstance(raised, (theirs.KafkaError, OSError)):
                # The network's doing: what it was is in the text, where it was raised is no help.
                record = copy.copy(record)
                record.exc_info = record.exc_text = None
            logging.getLogger().handle(record)

    def failure_since(self, moment: float) -> Verdict | None:
        """Why the last connection failed, if one did since ``moment``, a monotonic time.

        A broker that refuses a login often just hangs up the next time: what says why comes first.
        """
        found = [self._failures.get(says_why) for says_why in (True, False)]
        return next((one[1] for one in found if one is not None and one[0] >= moment), None)

    def missing_since(self, topic: str, moment: float) -> bool:
        """Whether a broker has said since ``moment`` that it does not know ``topic``."""
        return self._missing.get(topic, moment - 1) >= moment

    def undivided_since(self, moment: float) -> bool:
        """Whether the group's partitions were divided here since ``moment``, knowing none.

        The member that divides then gives nobody any, and kafka-python is content with that.
        """
        return self._undivided is not None and self._undivided >= moment


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
    listen()
    begun = time.monotonic()
    try:
        yield
    except (theirs.KafkaError, OSError) as error:
        raise explained(error, doing, since=begun) from error


def explained(error: Exception, doing: str, *, since: float) -> BrokerError:
    """As :func:`ingest.kafka.errors.translated`, with what was overheard ``since``."""
    verdict = judged(error)
    if verdict.kind is Unreachable:
        verdict = listen().failure_since(since) or verdict
    return verdict.error(doing)
