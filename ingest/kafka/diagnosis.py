"""What the brokers and our topics are like, found without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kafka import TopicPartition
from kafka import errors as theirs
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from ingest.kafka.overheard import seam
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.topics import ANSWER_MS, admin

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TopicState:
    """One of our topics.

    ``copies`` is the smallest number of replicas of a partition, ``leaderless`` counts partitions
    that nobody can read or write, ``lagging`` those with a replica out of sync. ``configs`` is
    None where the user may not read it. ``newest`` is the newest record's time, None if empty.
    """

    name: str
    partitions: int
    copies: int
    leaderless: int
    lagging: int
    configs: Mapping[str, str] | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class KafkaState:
    """The brokers that answer, their oldest version, and those of our topics that exist."""

    brokers: int
    version: tuple[int, int]
    topics: Mapping[str, TopicState]


def examine(settings: KafkaSettings, *, within_ms: int = ANSWER_MS) -> KafkaState:
    """Ask the brokers about themselves and our topics. ``within_ms`` is for the first answer.

    Raises:
        BrokerError: no broker answers, or none lets us in; the message says which.
    """
    with seam(f"asking {', '.join(settings.servers)}"):
        client = admin(settings, within_ms)
        try:
            brokers = client.describe_cluster()["brokers"]
            versions = [_version(client, broker["broker_id"]) for broker in brokers]
            found = [t for t in client.describe_topics() if t["name"] in settings.topics]
            topics = {topic["name"]: _topic(client, topic) for topic in found}
        finally:
            client.close()
    return KafkaState(len(brokers), min(versions), topics)


def _version(client: Any, broker: int) -> tuple[int, int]:  # noqa: ANN401 - kafka-python has no types
    major, minor, *_ = client.get_broker_version_data(broker).broker_version
    return int(major), int(minor)


def _topic(client: Any, described: Mapping[str, Any]) -> TopicState:  # noqa: ANN401 - as above
    name, partitions = described["name"], described["partitions"]
    led = [one for one in partitions if one["leader_id"] >= 0]
    return TopicState(
        name,
        partitions=len(partitions),
        copies=min((len(one["replica_nodes"]) for one in partitions), default=0),
        leaderless=len(partitions) - len(led),
        lagging=sum(len(one["isr_nodes"]) < len(one["replica_nodes"]) for one in partitions),
        configs=_configs(client, name),
        newest=_newest(client, name, [one["partition_index"] for one in led]),
    )


def _configs(client: Any, name: str) -> Mapping[str, str] | None:  # noqa: ANN401 - as above
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    try:
        found = client.describe_configs([resource], config_filter="all")
    except theirs.AuthorizationError:
        return None
    return {key: str(one["value"]) for key, one in found["topic"][name].items()}


def _newest(client: Any, name: str, numbers: Sequence[int]) -> datetime | None:  # noqa: ANN401 - as above
    wanted = {TopicPartition(name, number): OffsetSpec.MAX_TIMESTAMP for number in numbers}
    if not wanted:
        return None
    try:
        found = client.list_partition_offsets(wanted, timeout_ms=ANSWER_MS)
    except (theirs.AuthorizationError, theirs.UnsupportedVersionError):
        return None
    newest = max(one.timestamp for one in found.values())
    return _EPOCH + timedelta(milliseconds=newest) if newest > 0 else None
