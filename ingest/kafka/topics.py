"""Making the topics, and asking whether a broker answers at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka import errors as theirs

from ingest.kafka.overheard import seam
from ingest.kafka.settings import DEAD_RECORD_BYTES, RECORD_BYTES, KafkaSettings

ANSWER_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is now, and whether it was made just now."""

    name: str
    partitions: int
    created: bool


def create_topics(
    settings: KafkaSettings, partitions: int, *, replication: int | None = None
) -> tuple[Topic, ...]:
    """Make the topics that are missing; those that exist stay as they are.

    ``partitions`` is for the topic of raw articles, and the most workers that can share it; the
    others get one. ``replication`` is the number of copies, by default the brokers' own default.

    Raises:
        BrokerError: no broker answers, or it refuses.
    """
    # Stamped by the broker: a publisher's clock must not decide what is in the future.
    raw = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(RECORD_BYTES)}
    wanted: dict[str, tuple[int, dict[str, str]]] = {
        settings.raw_topic: (partitions, raw),
        settings.dead_topic: (1, {"max.message.bytes": str(DEAD_RECORD_BYTES)}),
        settings.alerts_topic: (1, {}),
        settings.labels_topic: (1, {}),
    }
    with seam(f"making topics at {', '.join(settings.servers)}"):
        client = admin(settings)
        try:
            before = _partitions(client, settings)
            for name, (number, configs) in wanted.items():
                if name not in before:
                    _create(client, name, number, replication, configs)
            after = _partitions(client, settings)
        finally:
            client.close()
    return tuple(Topic(name, after[name], name not in before) for name in wanted)


def require_topic(settings: KafkaSettings, name: str) -> None:
    """See that one of our topics exists.

    Raises:
        NoTopic: it does not.
        BrokerError: no broker answers.
    """
    with seam(f"looking for {name} at {', '.join(settings.servers)}"):
        client = admin(settings)
        try:
            if name not in _partitions(client, settings):
                raise theirs.UnknownTopicOrPartitionError
        finally:
            client.close()


def admin(settings: KafkaSettings, within_ms: int = ANSWER_MS) -> Any:  # noqa: ANN401 - kafka-python has no types
    """A client that has asked a broker for its version: one that is absent is an error here."""
    connection = settings.connection() | {"api_version": None}
    return KafkaAdminClient(
        **connection, client_id="bearwatch-admin", bootstrap_timeout_ms=within_ms
    )


def _create(
    client: Any,  # noqa: ANN401 - kafka-python has no types
    name: str,
    partitions: int,
    replication: int | None,
    configs: Mapping[str, str],
) -> None:
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication or -1,
        "configs": dict(configs),
    }
    try:
        client.create_topics({name: topic}, timeout_ms=ANSWER_MS)
    except theirs.TopicAlreadyExistsError:
        return  # somebody else was faster
    client.wait_for_topics([name], timeout_ms=ANSWER_MS)


def _partitions(
    client: Any,  # noqa: ANN401 - kafka-python has no types
    settings: KafkaSettings,
) -> dict[str, int]:
    """Number of partitions of those of our topics that exist."""
    return {
        found["name"]: len(found["partitions"])
        for found in client.describe_topics()
        if found["name"] in settings.topics
    }
