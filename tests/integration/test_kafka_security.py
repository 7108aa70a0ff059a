"""Every documented security setting against a real broker, and what is said when one is wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from docker.kafka.broker import Broker, Listener, free_port, sasl, tls
from ingest.kafka.errors import BrokerError
from ingest.kafka.producer import Producer
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.source import KafkaSource
from ingest.kafka.topics import create_topics
from pipeline.process import now
from pipeline.store.database import open_database
from tests.integration import kafka
from tests.integration.certificates import Authority, Identity
from tests.integration.streams import Member, drive, messages, publish, stored

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning")

PASSWORD = "correct-horse-7"  # noqa: S105 - of a broker that lives for the test
WRONG = "battery-staple-8"
USERS = {"reader": PASSWORD}
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")


@dataclass(frozen=True)
class Guarded:
    """A broker and what a client needs to be let in."""

    broker: Broker
    ours: Authority
    stranger: Authority
    client: Identity

    def settings(self, security: str, **more: object) -> KafkaSettings:
        encrypted, signed, open_ = self.broker.other_addresses
        server = {"SASL_SSL": encrypted, "SSL": signed, "SASL_PLAINTEXT": open_}[security]
        given: dict[str, object] = {"security": security}
        if security.startswith("SASL"):
            given |= {"user": "reader", "password": PASSWORD}
        if security.endswith("SSL"):
            given |= {"ca_file": self.ours.certificate}
        if security == "SSL":
            given |= {"cert_file": self.client.certificate, "key_file": self.client.key}
        return kafka.settings(server, **(given | more))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("certificates")
    ours, stranger = Authority(folder, "ours"), Authority(folder, "stranger")
    server, client = ours.identity("server"), ours.identity("client")
    trusted = ours.certificate
    encrypted = tls(server.together, trusted) | sasl(USERS)
    listeners = (
        Listener("SASL_SSL", encrypted, MECHANISMS, USERS),
        Listener("SSL", tls(server.together, trusted, ask_clients=True)),
        Listener("SASL_PLAINTEXT", sasl(USERS), MECHANISMS, USERS),
    )
    with kafka.own_broker(*listeners) as broker:
        yield Guarded(broker, ours, stranger, client)
    gc.collect()


@pytest.mark.parametrize(
    ("security", "mechanism"),
    [
        ("SASL_SSL", "SCRAM-SHA-256"),
        ("SASL_SSL", "PLAIN"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
        ("SSL", None),
    ],
)
def test_topics_producer_and_worker_get_through(
    guarded: Guarded, tmp_path: Path, security: str, mechanism: str | None
) -> None:
    settings = guarded.settings(security, **({"mechanism": mechanism} if mechanism else {}))
    create_topics(settings, 1)
    publish(settings, messages(settings, range(10)))
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    member = Member(db, settings)
    try:
        drive([member], lambda: len(stored(db)) == 10 and member.source.trouble is None)
    finally:
        member.close()
        db.close()


def create(settings: KafkaSettings) -> subprocess.CompletedProcess[str]:
    """``bearwatch kafka create-topics``, its settings by the environment, and its whole log."""
    given = {
        "BEARWATCH_KAFKA__SERVERS": ",".join(settings.servers),
        "BEARWATCH_KAFKA__SECURITY": settings.security,
        "BEARWATCH_KAFKA__RAW_TOPIC": settings.raw_topic,
        "BEARWATCH_LOG__LEVEL": "debug",
    }
    if settings.user is not None and settings.password is not None:
        given["BEARWATCH_KAFKA__USER"] = settings.user
        given["BEARWATCH_KAFKA__PASSWORD"] = settings.password.get_secret_value()
    if settings.ca_file is not None:
        given["BEARWATCH_KAFKA__CA_FILE"] = str(settings.ca_file)
    program = "from pipeline.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "kafka", "create-topics"],
        env={k: v for k, v in os.environ.items() if not k.startswith("BEARWATCH_")} | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What the command told, in one line: the console breaks lines."""
    everything = done.stdout + done.stderr
    assert PASSWORD not in everything
    assert WRONG not in everything
    assert "Traceback" not in everything
    assert done.returncode == 2
    (_, told) = done.stderr.rsplit("error: ", 1)
    return " ".join(told.split())


def test_wrong_password_certificate_and_address_are_told_apart(guarded: Guarded) -> None:
    for _ in range(3):
        told = said(create(guarded.settings("SASL_SSL", password=WRONG)))
        if "no answer" not in told:  # one that is slow beside other tests says nothing
            break
    assert "the broker refuses the login" in told or "the broker hung up" in told
    assert "check user, password and mechanism" in told
    stranger = guarded.stranger.certificate
    told = said(create(guarded.settings("SASL_SSL", ca_file=stranger)))
    assert "CERTIFICATE_VERIFY_FAILED" in told
    assert "ca_file" in told
    absent = guarded.settings("SASL_SSL", servers=(f"127.0.0.1:{free_port()}",))
    told = said(create(absent))
    assert "no answer" in told
    assert "check the address" in told
    assert "password" not in told


def test_client_without_a_certificate_is_not_let_in(guarded: Guarded) -> None:
    settings = guarded.settings("SSL", cert_file=None, key_file=None)
    told = said(create(settings))
    assert "no TLS connection" in told
    assert "cert_file" in told


def test_worker_with_a_wrong_password_waits_and_says_why_without_telling_it(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    source = KafkaSource(guarded.settings("SASL_SSL", password=WRONG), clock=now)
    try:
        for _ in range(100):
            assert source.poll(0.1) == []
            source.ends()
            if "password" in str(source.trouble):
                break
        assert "check user, password and mechanism" in str(source.trouble)
        assert WRONG not in caplog.text + str(source.trouble)
    finally:
        source.close()


def test_producer_with_a_wrong_password_is_told_so(guarded: Guarded) -> None:
    settings = guarded.settings("SASL_PLAINTEXT", password=WRONG)
    producer = Producer(settings, within_s=3.0)
    with pytest.raises(BrokerError, match="password") as told:
        producer.publish(messages(settings, range(2)))
    assert WRONG not in repr(told.getrepr())
    producer.close()
