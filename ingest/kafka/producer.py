"""Records to Kafka: every one acknowledged, refused for good, or to be sent again.

Sending again is safe: an article is known by its id, so a copy changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Protocol, cast

import structlog
from kafka import KafkaProducer
from kafka import errors as theirs

from ingest.kafka.errors import translated
from ingest.kafka.overheard import explained, seam
from ingest.kafka.settings import RECORD_BYTES, KafkaSettings

log = structlog.get_logger()

ACKNOWLEDGED_WITHIN_S: Final = 20.0
"""All of one call's records: the broker has so long to store them, and to come back if it died."""

LONGEST_BLOCK_MS: Final = 5_000
"""How long a broker has to say where a topic is."""

LINGER_MS: Final = 20
CLOSE_S: Final = 3.0
SETTLE_EVERY_S: Final = 0.02
_OURS_TO_REFUSE = (
    theirs.MessageSizeTooLargeError,
    theirs.RecordListTooLargeError,
    theirs.InvalidRecordError,
    theirs.InvalidTimestampError,
)

RefusedReason = Literal["too_large", "invalid"]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. Messages with the same key keep their order."""

    topic: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that Kafka will never take."""

    message: Message
    reason: RefusedReason


class Client(Protocol):
    """What is used of kafka-python's producer; it has no types of its own."""

    def send(self, topic: str, *, key: bytes, value: bytes) -> Any:  # noqa: ANN401 - a future
        """Put into the next batch; the answer is a future."""

    def flush(self, timeout: float) -> None:
        """Wait until all that was sent is acknowledged or has failed."""

    def close(self, timeout: float) -> None:
        """Let go of connections."""


class Producer:
    """Sends to any topic. For one thread; make one per process and keep it.

    It is made anew after an error that leaves it dead: some refusals end an idempotent producer
    for good.

    Args:
        within_s: how long the broker has to store one call's records.
        record_bytes: the largest record; a larger one is refused before it is sent.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        within_s: float = ACKNOWLEDGED_WITHIN_S,
        record_bytes: int = RECORD_BYTES,
        connect: Callable[[KafkaSettings, float], Client] | None = None,
    ) -> None:
        self._settings = settings
        self._within_s = within_s
        self._connect = connect or partial(_connect, record_bytes=record_bytes)
        self._client: Client | None = None

    def publish(self, messages: Sequence[Message]) -> tuple[Refused, ...]:
        """Send all, and wait until each is acknowledged by all replicas in sync.

        Give it some thousands at a time: all of them are in memory until the answers are there.
        Returns those that were refused; all others are stored.

        Raises:
            BrokerError: some may not be stored; send all of them again when it is retryable.
        """
        outcomes = list(zip(messages, self._send(messages), strict=True))
        failed = [(message, error) for message, error in outcomes if error is not None]
        if not any(isinstance(error, _OURS_TO_REFUSE) for _, error in failed):
            for message, error in failed:
                raise translated(error, f"writing to {message.topic}") from error
        if len(messages) == 1:
            return tuple(Refused(message, _reason(error)) for message, error in failed)
        # One that is refused takes others of its batch with it, and ends the client: what is not
        # stored goes again, by halves, until the one at fault is alone.
        again = [message for message, _ in failed]
        half = (len(again) + 1) // 2
        return tuple(
            one for part in (again[:half], again[half:]) if part for one in self.publish(part)
        )

    def close(self) -> None:
        """End it, in bounded time, with whatever has not been acknowledged."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            client.close(timeout=CLOSE_S)
        except theirs.KafkaError as error:
            log.warning("producer ended in haste", error=type(error).__name__)

    def _send(self, messages: Sequence[Message]) -> list[Exception | None]:
        """Per message, None if it is stored, else why not. Drops a client that may be dead."""
        with seam("connecting to Kafka"):
            client = self._client = self._client or self._connect(self._settings, self._within_s)
        futures: list[Any] = []
        begun = time.monotonic()
        for message in messages:
            try:
                futures.append(client.send(message.topic, key=message.key, value=message.value))
            except theirs.KafkaTimeoutError as error:
                # No broker tells where the topic is, or that there is none: the next message
                # would wait as long for it.
                self.close()
                doing = f"writing to {message.topic}, if there is one"
                raise explained(error, doing, since=begun) from error
            except theirs.KafkaError as error:
                futures.append(error)
        try:
            client.flush(timeout=self._within_s + CLOSE_S)
        except theirs.KafkaError as error:
            log.debug("not all was acknowledged", error=type(error).__name__)
            _settle(futures, time.monotonic() + CLOSE_S)
        outcomes = [f if isinstance(f, Exception) else _outcome(f) for f in futures]
        if any(outcomes):
            self.close()
        return outcomes


def _settle(futures: Sequence[Any], deadline: float) -> None:
    """Let the outcomes arrive: a refusal ends a flush before every future knows of it."""
    while time.monotonic() < deadline and not all(
        isinstance(future, Exception) or future.is_done for future in futures
    ):
        time.sleep(SETTLE_EVERY_S)


def _outcome(future: Any) -> Exception | None:  # noqa: ANN401 - kafka-python has no types
    unsettled = theirs.KafkaTimeoutError("not acknowledged in time")
    return cast("Exception | None", future.exception if future.is_done else unsettled)


def _reason(error: Exception) -> RefusedReason:
    large = (theirs.MessageSizeTooLargeError, theirs.RecordListTooLargeError)
    return "too_large" if isinstance(error, large) else "invalid"


def _connect(settings: KafkaSettings, within_s: float, *, record_bytes: int) -> Client:
    connection = settings.connection()
    within_ms = int(within_s * 1000)
    # Less than the whole time, so that a request without an answer can be sent again.
    connection["request_timeout_ms"] = min(connection["request_timeout_ms"], within_ms * 3 // 4)
    found: Client = KafkaProducer(
        **connection,
        client_id="bearwatch-producer",
        enable_idempotence=True,
        acks="all",
        linger_ms=LINGER_MS,
        batch_size=131_072,
        compression_type="lz4",
        max_block_ms=min(LONGEST_BLOCK_MS, within_ms),
        max_request_size=record_bytes,
        delivery_timeout_ms=within_ms,
        allow_auto_create_topics=False,
    )
    return found
