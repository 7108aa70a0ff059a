"""Getting records into Kafka: its topics, and files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

import structlog
from rich.console import Console

from ingest.article import Rejected, parse
from ingest.files import JsonlSource, Record
from ingest.kafka.errors import BrokerError
from ingest.kafka.producer import Message, Producer, Refused
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.topics import create_topics, require_topic
from pipeline.display import Shown, progress
from pipeline.process import now, stop_on_signals
from pipeline.settings import InvalidSettings, Settings

AT_ONCE: Final = 2_000
"""Records of a file that are sent together; all of them are in memory until acknowledged."""

PATIENCE_S: Final = 300.0
"""How long brokers that do not answer are waited for before a file is given up."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0

log = structlog.get_logger()


def make_topics(settings: Settings, partitions: int, replication: int | None) -> Shown:
    """Make the missing ones of the four topics."""
    topics = create_topics(with_servers(settings), partitions, replication=replication)
    result = {
        topic.name: {"partitions": topic.partitions, "created": topic.created} for topic in topics
    }
    lines = [
        f"{topic.name}: {'made' if topic.created else 'was there'}, {topic.partitions} "
        + ("partition" if topic.partitions == 1 else "partitions")
        for topic in topics
    ]
    return Shown({"topics": result}, "\n".join(lines))


def send_file(settings: Settings, console: Console, path: Path) -> Shown:
    """Send every line of a file, as it is: what is no article is for the worker to tell.

    Ends with SIGTERM or Ctrl-C too. A file that is sent again changes nothing.

    Raises:
        BrokerError: refused, or no answer within :data:`PATIENCE_S`; the message says how many
            lines are stored.
    """
    kafka = with_servers(settings)
    file = JsonlSource(path, clock=now, max_records=AT_ONCE)
    require_topic(kafka, kafka.raw_topic)
    producer = Producer(kafka)
    stored = 0
    refused: list[Refused] = []
    begun = monotonic()
    with stop_on_signals() as stop, progress(console) as display:
        bar = display.add_task("sending", total=1.0, facts="")
        try:
            while not stop.is_set() and (records := file.poll(0.0)):
                messages = [message(record, kafka.raw_topic) for record in records]
                found = publish(producer, messages, stop, already=stored)
                if found is None:
                    break
                refused += found
                stored += len(messages) - len(found)
                display.update(bar, completed=file.read_fraction(), facts=f"{stored:,} records")
        finally:
            producer.close()
            file.close()
    seconds = round(monotonic() - begun, 3)
    result = {"stored": stored, "refused": len(refused), "seconds": seconds}
    view = f"{stored:,} records in {kafka.raw_topic} after {seconds:.1f} s"
    if refused:
        view += f"; {len(refused)} refused by Kafka ({refused[0].reason})"
    return Shown(result, view)


def message(record: Record, topic: str) -> Message:
    """A record for Kafka, keyed by its article's name, so that revisions keep their order."""
    parsed = parse(record.value, received_at=record.timestamp)
    if isinstance(parsed, Rejected):
        key = hashlib.sha256(record.value).hexdigest()
    else:
        key = f"{parsed.source}/{parsed.id}"
    return Message(topic, key.encode(), record.value)


def publish(
    producer: Producer, messages: list[Message], stop: Event, *, already: int
) -> tuple[Refused, ...] | None:
    """Publish, waiting for brokers that are away; None when stopped meanwhile.

    Raises:
        BrokerError: as :func:`send_file`, which had stored ``already`` lines.
    """
    patient_until = monotonic() + PATIENCE_S
    rest = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            return producer.publish(messages)
        except BrokerError as error:
            if not error.retryable or monotonic() >= patient_until:
                raise type(error)(
                    f"{error}. {already:,} records are stored; sending all again is safe"
                ) from error
            log.warning("Kafka away: pausing", seconds=rest, reason=str(error))
            stop.wait(rest)
            rest = min(LONGEST_PAUSE_S, rest * 2)
    return None


def with_servers(settings: Settings) -> KafkaSettings:
    """The settings of Kafka, if it is configured at all.

    Raises:
        InvalidSettings: no broker is named.
    """
    if not settings.kafka.servers:
        raise InvalidSettings(["kafka.servers: not given; write --kafka HOST:PORT"])
    return settings.kafka
