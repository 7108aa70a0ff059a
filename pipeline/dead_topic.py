"""Dead letters in Kafka's dead topic, for whoever wants to look at them there.

A dead letter in the topic is one JSON object, keyed ``topic/partition/offset``: ``version`` (1),
``topic``, ``partition``, ``offset``, ``reason``, ``detail``, ``received_at`` (RFC 3339), ``size``
in bytes, ``raw`` (the record in base64) and ``truncated``: whether ``raw`` is only its beginning,
as a topic may not take a large one whole. Not the bare record with headers: a record that is no
article can be anything, an empty one would be a tombstone, and what reads JSON can read this.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, Protocol

import structlog

from ingest.kafka.errors import BrokerError
from ingest.kafka.producer import Message, Refused
from pipeline.dead_letters import name
from pipeline.retrying import Outcome, backoff
from pipeline.step import Origin
from pipeline.store import dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Letter

log = structlog.get_logger()

AT_ONCE: Final = 200
BYTES_AT_ONCE: Final = 4 * 1_048_576
"""Of one piece: it is sent, acknowledged and marked as a whole."""

TURN_S: Final = 1.0
"""No further piece is begun in a tick after this: counting must go on."""

SHORT_BYTES: Final = 65_536
"""What is kept of a record whose dead letter the topic would not take whole."""


class Publisher(Protocol):
    """What is used of :class:`ingest.kafka.producer.Producer`."""

    def publish(self, messages: Sequence[Message]) -> tuple[Refused, ...]:
        """Store all; returns those that never will be."""


class DeadLetterTopic:
    """Tells Kafka of every dead letter, at least once. For one thread.

    A crash between the acknowledgement and the mark sends a piece again, under the same keys. When
    no broker answers it waits longer and longer, so that the monitor is not held up each tick.

    Args:
        jitter: gives numbers in [0, 1), lest all monitors knock at the same moment.
    """

    def __init__(
        self,
        db: Database,
        producer: Publisher,
        topic: str,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._producer = producer
        self._topic = topic
        self._jitter = jitter
        self._failed = 0
        self._next_try: datetime | None = None

    def waiting(self) -> int:
        """How many have not been told yet."""
        return dead_letters.waiting(self._db)

    def publish(self, now: datetime, *, epoch: int) -> list[Outcome]:
        """Send what is due: a piece, and more while the turn lasts.

        Returns an outcome per letter, and one for a piece that could not be sent.

        Raises:
            LeaseLost: another monitor has taken over since ``epoch``.
        """
        outcomes: list[Outcome] = []
        if self._next_try is not None and now < self._next_try:
            return outcomes
        until = monotonic() + TURN_S
        while letters := dead_letters.unpublished(
            self._db, most=AT_ONCE, most_bytes=BYTES_AT_ONCE
        ):
            try:
                lost = self._send(letters)
            except BrokerError as error:
                rest = self._rest()
                self._next_try = now + rest
                log.warning(
                    "dead letters not published", reason=str(error), seconds=rest.total_seconds()
                )
                return [*outcomes, "retried"]
            self._failed, self._next_try = 0, None
            names = [letter.origin for letter in letters]
            dead_letters.mark_published(self._db, epoch, names, now)
            outcomes += ["gave_up" if name in lost else "delivered" for name in names]
            if monotonic() >= until:
                break
        return outcomes

    def _send(self, letters: Sequence[Letter]) -> set[Origin]:
        """Returns those that the topic takes neither whole nor in part."""
        of_key = {key(letter.origin): letter for letter in letters}
        whole = [Message(self._topic, k, envelope(letter)) for k, letter in of_key.items()]
        refused = self._producer.publish(whole)
        if not refused:
            return set()
        short = [
            Message(self._topic, one.message.key, envelope(of_key[one.message.key], SHORT_BYTES))
            for one in refused
        ]
        lost = {of_key[one.message.key].origin for one in self._producer.publish(short)}
        for origin in lost:
            # It stays in the database, and must not stand in the way of the others.
            log.error("the dead topic refuses a dead letter", letter=name(origin))
        return lost

    def _rest(self) -> timedelta:
        whole = backoff(self._failed)
        self._failed += 1
        return whole / 2 + whole / 2 * self._jitter()


def envelope(letter: Letter, most: int | None = None) -> bytes:
    """The dead letter as JSON, with at most the first ``most`` bytes of its record."""
    raw = letter.raw if most is None else letter.raw[:most]
    fields = {
        "version": 1,
        "topic": letter.origin.topic,
        "partition": letter.origin.partition,
        "offset": letter.origin.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "received_at": letter.at.isoformat(),
        "size": letter.size,
        "truncated": len(raw) < len(letter.raw),
        "raw": b64encode(raw).decode(),
    }
    return json.dumps(fields).encode()


def key(origin: Origin) -> bytes:
    """Key of the dead letter's message."""
    return name(origin).encode()
