"""Judges the brokers and the topics by what the pipeline relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from ingest.kafka.diagnosis import KafkaState, TopicState
from ingest.kafka.errors import MAKE_IT
from ingest.kafka.settings import DEAD_RECORD_BYTES, RECORD_BYTES, KafkaSettings
from pipeline.doctor.findings import Finding, State

NAME: Final = "kafka"
KEPT_WARN: Final = timedelta(days=3)
"""A weekend: a worker that stands still longer than records are kept loses them."""

KEPT_FAIL: Final = timedelta(hours=6)
AHEAD_WARN: Final = timedelta(seconds=2)

_FOR_EVER_MS = -1


def judge(found: KafkaState, settings: KafkaSettings, now: datetime) -> list[Finding]:
    """Every way in which brokers and topics differ from what is needed; one line says what is."""
    oldest = ".".join(map(str, found.version))
    said = f"{_several(found.brokers, 'broker')} of version {oldest} or later"
    findings = [Finding(NAME, "ok", said), *_version(found, settings)]
    for name in settings.topics:
        topic = found.topics.get(name)
        if topic is None:
            # Who takes no labels from Kafka can do without theirs.
            state: State = "warn" if name == settings.labels_topic else "fail"
            findings.append(
                Finding(NAME, state, f"there is no topic {name}", f"make it with {MAKE_IT}")
            )
        else:
            problems = [
                *_reachable(topic, raw=name == settings.raw_topic),
                *_configured(topic, settings),
                *_clock(topic, now),
            ]
            findings += problems or [Finding(NAME, "ok", _summary(topic))]
    return findings


def _version(found: KafkaState, settings: KafkaSettings) -> Iterator[Finding]:
    major, _, minor = settings.broker_version.partition(".")
    if found.version < (int(major), int(minor)):
        oldest = ".".join(map(str, found.version))
        yield Finding(
            NAME,
            "fail",
            f"a broker is older than [kafka] broker_version = {settings.broker_version!r}",
            f"write broker_version = {oldest!r}",
        )


def _reachable(topic: TopicState, *, raw: bool) -> Iterator[Finding]:
    if topic.leaderless:
        yield Finding(
            NAME,
            "fail",
            f"{topic.name}: {_several(topic.leaderless, 'partition')} without a leader",
            "start the brokers that hold them; nothing is read from these partitions meanwhile",
        )
    if topic.lagging:
        yield Finding(
            NAME,
            "warn",
            f"{topic.name}: {_several(topic.lagging, 'partition')} with a copy that lags behind",
            "look after the brokers: one more failure may lose or stop these partitions",
        )
    if topic.copies == 1 and raw:
        yield Finding(
            NAME,
            "warn",
            f"{topic.name}: one copy only; a lost disk loses what was not yet read",
            "run three brokers and give the topic three copies (kafka-reassign-partitions.sh)",
        )


def _configured(topic: TopicState, settings: KafkaSettings) -> Iterator[Finding]:
    configs = topic.configs
    if configs is None:
        yield Finding(
            NAME,
            "warn",
            f"{topic.name}: its configuration may not be read",
            "allow our user DescribeConfigs on it, then ask again",
        )
        return
    raw, dead = topic.name == settings.raw_topic, topic.name == settings.dead_topic
    least = RECORD_BYTES if raw else DEAD_RECORD_BYTES if dead else 0
    if int(configs["max.message.bytes"]) < least:
        said = f"max.message.bytes is {int(configs['max.message.bytes']):,}, too few"
        yield _set(topic, "fail" if dead else "warn", said, f"max.message.bytes={least}")
    if not raw:
        return
    if "compact" in configs["cleanup.policy"]:
        said = "cleanup.policy has compact: older revisions vanish before they are read"
        yield _set(topic, "fail", said, "cleanup.policy=delete")
    if configs["message.timestamp.type"] != "LogAppendTime":
        said = "records have their publisher's time: a wrong clock there makes articles undated"
        yield _set(topic, "warn", said, "message.timestamp.type=LogAppendTime")
    if (kept := _kept(configs)) is not None and kept < KEPT_WARN:
        state: State = "fail" if kept < KEPT_FAIL else "warn"
        said = f"records are kept for {_period(kept)}: a worker that stands longer loses some"
        yield _set(topic, state, said, "retention.ms=604800000")
    if topic.partitions == 1:
        yield Finding(
            NAME,
            "warn",
            f"{topic.name}: one partition, so that only one worker has work",
            "kafka-topics.sh --alter --partitions 8; nothing is lost or counted twice by it",
        )


def _set(topic: TopicState, state: State, said: str, line: str) -> Finding:
    mend = f"kafka-configs.sh --alter --topic {topic.name} --add-config {line}"
    return Finding(NAME, state, f"{topic.name}: {said}", mend)


def _clock(topic: TopicState, now: datetime) -> Iterator[Finding]:
    if topic.newest is not None and topic.newest - now > AHEAD_WARN:
        seconds = (topic.newest - now).total_seconds()
        yield Finding(
            "clock",
            "warn",
            f"{topic.name}: its newest record is from {seconds:,.0f} s in the future",
            "set the clocks of the brokers (with CreateTime: of the publishers), or this one's",
        )


def _summary(topic: TopicState) -> str:
    parts = [_several(topic.partitions, "partition"), _several(topic.copies, "copy", "copies")]
    if topic.configs is not None:
        kept = _kept(topic.configs)
        parts.append("kept for ever" if kept is None else f"kept for {_period(kept)}")
        parts.append(f"records up to {int(topic.configs['max.message.bytes']) / 1e6:.1f} MB")
    return f"{topic.name}: {', '.join(parts)}"


def _kept(configs: Mapping[str, str]) -> timedelta | None:
    """How long records are kept at least, as far as time decides; None: for ever."""
    milliseconds = int(configs["retention.ms"])
    return None if milliseconds == _FOR_EVER_MS else timedelta(milliseconds=milliseconds)


def _period(kept: timedelta) -> str:
    hours = kept.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"


def _several(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
