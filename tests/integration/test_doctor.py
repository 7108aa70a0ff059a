"""`bearwatch doctor` on a real PostgreSQL and a real Kafka, each broken on purpose."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from docker.kafka.broker import Broker
from ingest.kafka.diagnosis import examine as examine_kafka
from ingest.kafka.errors import BrokerError
from ingest.kafka.settings import RECORD_BYTES, KafkaSettings
from ingest.kafka.topics import admin
from pipeline.cli import app
from pipeline.doctor import kafka as judging
from pipeline.process import now
from pipeline.store.database import DatabaseAway, open_database
from pipeline.store.diagnosis import examine
from tests.integration import kafka, postgres
from tests.integration.streams import messages, publish

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

Server = postgres.Postgres | postgres.Running


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """kafka-python leaves sockets of failed connections to the garbage collector."""
    yield
    gc.collect()


def said(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(statement)


@pytest.fixture
def filled(postgresql: Server) -> str:
    url = postgresql.fresh()
    open_database(url).close()
    return url


def test_postgres_as_we_make_it_is_writable_and_has_our_time(filled: str) -> None:
    found = examine(filled, now)
    assert (found.revision, found.refused) == (found.newest, None)
    assert found.ahead is not None
    assert abs(found.ahead) < timedelta(seconds=2)


def test_a_clock_that_differs_from_the_databases_is_measured(filled: str) -> None:
    def slow() -> datetime:
        return now() - timedelta(minutes=3)

    found = examine(filled, slow)
    assert found.ahead is not None
    assert timedelta(minutes=2, seconds=55) < found.ahead < timedelta(minutes=3, seconds=5)


def test_an_empty_postgres_gets_no_tables_by_being_looked_at(postgresql: Server) -> None:
    url = postgresql.fresh()
    assert examine(url, now).revision is None
    assert examine(url, now).refused is None
    with psycopg.connect(url, connect_timeout=10) as connection:
        rows = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        assert rows.fetchall() == []


def test_a_read_only_postgres_is_told(filled: str) -> None:
    name = filled.rpartition("/")[2]
    said(filled, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "read-only" in (examine(filled, now).refused or "")


def test_a_user_without_rights_is_told_with_the_tables(postgresql: Server, filled: str) -> None:
    name = f"guest_{filled.rpartition('/')[2]}"
    said(filled, f"CREATE ROLE {name} LOGIN PASSWORD 'guest'")
    said(filled, f"GRANT SELECT, UPDATE ON alembic_version TO {name}")
    said(filled, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    guest = f"postgresql://{name}:guest@{filled.rpartition('@')[2]}"
    assert examine(guest, now).refused is None
    said(filled, f"REVOKE DELETE ON article, bucket FROM {name}")
    assert (examine(guest, now).refused or "").endswith("article, bucket")
    said(filled, f"REVOKE UPDATE ON alembic_version FROM {name}")
    assert "permission denied" in (examine(guest, now).refused or "")
    empty = postgresql.fresh()
    stranger = f"postgresql://{name}:guest@{empty.rpartition('@')[2]}"
    assert "permission denied" in (examine(stranger, now).refused or "")


def test_a_postgres_that_is_not_there_is_away(postgresql: Server) -> None:
    with postgres.own_server() as mine:
        url = mine.fresh()
        mine.stop()
        with pytest.raises(DatabaseAway, match="refused"):
            examine(url, now)
        mine.start()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    for name in [name for name in os.environ if name.startswith("BEARWATCH_")]:
        monkeypatch.delenv(name)

    def asked(settings: KafkaSettings, url: str, code: int) -> dict[str, Any]:
        monkeypatch.setenv("BEARWATCH_KAFKA__SERVERS", ",".join(settings.servers))
        for name in ("raw_topic", "dead_topic", "alerts_topic", "labels_topic"):
            monkeypatch.setenv(f"BEARWATCH_KAFKA__{name.upper()}", getattr(settings, name))
        done = CliRunner().invoke(app, ["doctor", "--json", "--db", url])
        told: dict[str, Any] = json.loads(done.stdout)
        assert (done.exit_code, told["ok"]) == (code, code == 0)
        assert done.stderr == ""
        return told

    return asked


def test_doctor_as_a_whole_with_everything_there_and_with_everything_away(
    mortal_broker: Broker, filled: str, ask: Callable[..., dict[str, Any]]
) -> None:
    settings = kafka.with_topics(mortal_broker.address, partitions=2)
    told = ask(settings, filled, 0)
    states = {finding["check"]: finding["state"] for finding in told["findings"]}
    assert states["database"] == states["version"] == states["clock"] == "ok"
    mortal_broker.stop()
    told = ask(settings, "postgresql://nobody@127.0.0.1:1/nowhere", 1)
    failed = {one["check"]: one for one in told["findings"] if one["state"] == "fail"}
    assert set(failed) == {"database", "kafka"}
    assert "check the address" in failed["kafka"]["said"]
    assert "refused" in failed["database"]["said"]


def test_topics_that_are_missing_or_were_changed_are_told(broker_address: str) -> None:
    settings = kafka.settings(broker_address)
    missing = judging.judge(examine_kafka(settings), settings, now())
    # The topic of labels is only for those who send labels by Kafka.
    assert [finding.state for finding in missing] == ["ok", "fail", "fail", "fail", "warn"]
    settings = kafka.with_topics(broker_address, partitions=2)
    publish(settings, messages(settings, range(3)))
    before = examine_kafka(settings)
    raw = before.topics[settings.raw_topic]
    assert (raw.partitions, raw.copies, raw.leaderless, raw.lagging) == (2, 1, 0, 0)
    assert raw.newest is not None
    assert abs(raw.newest - now()) < timedelta(minutes=1)
    changed = {
        "max.message.bytes": str(RECORD_BYTES // 2),
        "retention.ms": "3600000",
        "cleanup.policy": "compact",
        "message.timestamp.type": "CreateTime",
    }
    client = admin(settings)
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, settings.raw_topic, changed)
        client.alter_configs([resource])
    finally:
        client.close()
    found = judging.judge(examine_kafka(settings), settings, now())
    problems = [finding.said for finding in found if settings.raw_topic in finding.said]
    for word in ("one copy", "too few", "kept for 1.0 hours", "compact", "publisher's time"):
        assert any(word in problem for problem in problems), (word, problems)


def test_a_broker_that_listens_with_another_security_cannot_be_asked(broker_address: str) -> None:
    login = {"user": "desk", "password": "hunter2"}
    settings = kafka.settings(broker_address, security="SASL_PLAINTEXT", **login)
    with pytest.raises(BrokerError, match="login") as told:
        examine_kafka(settings, within_ms=6_000)
    assert "hunter2" not in str(told.value)
