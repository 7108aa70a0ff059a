"""Where incidents are told: sinks by their names, made from the settings; and a test of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime

import structlog
from rich.table import Table

from alerts.channels import Channel, LogChannel, Notification, NotifyError, Refused, Unreachable
from alerts.kafka_channel import KafkaChannel
from alerts.settings import ALERTMANAGER, APPRISE, KAFKA, LOG
from ingest.kafka.errors import BrokerError
from ingest.kafka.settings import KafkaSettings
from pipeline.delivery import Policy
from pipeline.display import Shown
from pipeline.post import Post
from pipeline.settings import Settings
from pipeline.store.database import Database

PUBLISHED_WITHIN_S = 10.0
"""One message: a broker that comes back meanwhile still gets it."""


class NoSuchSink(Exception):
    """The settings have no sink of that name."""


def log_sink() -> dict[str, Channel]:
    """The log, which is told within the monitor's tick."""
    return {LOG: LogChannel(structlog.get_logger("incident"))}


def remote_sinks(
    settings: Settings, clock: Callable[[], datetime], stack: ExitStack
) -> dict[str, Channel]:
    """Every other sink of the settings; ``stack`` lets go of their connections."""
    found: dict[str, Channel] = {}
    alerts = settings.alerts
    if settings.kafka.servers and alerts.kafka.enabled:
        found[KAFKA] = KafkaChannel(_sender(settings.kafka, stack))
    if alerts.alertmanager.urls:
        from alerts.alertmanager import AlertmanagerChannel  # it brings httpx

        logger = structlog.get_logger("alertmanager")
        channel = AlertmanagerChannel(alerts.alertmanager, clock=clock, logger=logger)
        stack.callback(channel.close)
        found[ALERTMANAGER] = channel
    for name, receiver in alerts.apprise.items():
        from alerts.apprise_channel import AppriseChannel  # it brings apprise

        sink = APPRISE + name
        found[sink] = AppriseChannel(sink, receiver.url.get_secret_value())
    return found


def open_post(
    settings: Settings, db: Database, clock: Callable[[], datetime], stack: ExitStack
) -> Post:
    """The threads that tell the remote sinks, started; they end with ``stack``."""
    held = ExitStack()
    channels = remote_sinks(settings, clock, held)
    post = Post(db, channels, policy(settings), clock=clock, close=held.close)
    stack.callback(post.close)
    post.start()
    return post


def policy(settings: Settings) -> Policy:
    """How messages are delivered, by the settings."""
    return Policy(
        old_after=settings.alerts.old_after,
        give_up_after=settings.alerts.give_up_after,
        link=settings.web.base_url,
        languages=settings.counting.languages,
        sure=settings.counting.sure,
    )


def try_sinks(settings: Settings, only: str | None, clock: Callable[[], datetime]) -> Shown:
    """Send a message that says it is a test to every sink, or to one; tell what became of it.

    Raises:
        NoSuchSink: ``only`` is not among the sinks of the settings.
    """
    with ExitStack() as stack:
        channels = log_sink() | remote_sinks(settings, clock, stack)
        if only is not None:
            if only not in channels:
                raise NoSuchSink(f"no sink {only}; the settings have {', '.join(channels)}")
            channels = {only: channels[only]}
        note = _test_message(clock(), settings.web.base_url)
        rows = [_tested(sink, channel, note) for sink, channel in channels.items()]
    return Shown(
        {"sinks": rows, "failed": sum(r["outcome"] != "delivered" for r in rows)}, _table(rows)
    )


def _tested(sink: str, channel: Channel, note: Notification) -> Mapping[str, str]:
    try:
        channel.send(note)
    except NotifyError as error:
        return {"sink": sink, "outcome": error.reason, "detail": str(error)}
    return {"sink": sink, "outcome": "delivered", "detail": ""}


def _test_message(now: datetime, link: str | None) -> Notification:
    return Notification(
        incident=f"test-{now:%Y%m%dT%H%M%S}",
        revision=1,
        change="opened",
        severity="warn",
        kind="test",
        key="test",
        rule="negative_spike",
        at=now,
        title="Test of Bearwatch: nothing has happened",
        lines=("Somebody has asked with `bearwatch alerts test` whether this arrives.",),
        opened_at=now,
        link=link,
    )


def _table(rows: list[Mapping[str, str]]) -> Table:
    table = Table("sink", "outcome", "detail")
    for row in rows:
        table.add_row(row["sink"], row["outcome"], row["detail"])
    return table


def _sender(settings: KafkaSettings, stack: ExitStack) -> Callable[[bytes, bytes], None]:
    from ingest.kafka.producer import Message, Producer

    producer = Producer(settings, within_s=PUBLISHED_WITHIN_S)
    stack.callback(producer.close)

    def send(key: bytes, value: bytes) -> None:
        try:
            refused = producer.publish([Message(settings.alerts_topic, key, value)])
        except BrokerError as error:
            # Rights and topics are given later than programs are started.
            raise Unreachable(str(error)) from error
        if refused:
            raise Refused(f"Kafka refuses the message: {refused[0].reason}")

    return send
