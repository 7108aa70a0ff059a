"""One notification per incident at the far end, whoever is restarted or away meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import func, select

from pipeline.process import now
from pipeline.store import lease, tables
from pipeline.store.database import Database, open_database
from tests.integration.alertmanager import PATIENCE_S, Alertmanager, Webhook, until
from tests.pipeline.messages import LEASE, Teller, publish

SINK: Final = "alertmanager"
FAILURES: Final = 60
"""Attempts that the webhook refuses: as many as Alertmanager is told again in an hour."""


class Telling:
    """The program that tells; killed and started by the test."""

    def __init__(self, db: Database, url: str, alertmanager: str) -> None:
        self._db = db
        self._command = [sys.executable, "-m", "tests.integration.telling_part", url, alertmanager]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        before = self._epoch()
        self._process = subprocess.Popen(self._command)
        until(lambda: self._epoch() > before, "the program has the lease")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=PATIENCE_S)
            self._process = None

    def _epoch(self) -> int:
        with self._db.read() as connection:
            found = connection.execute(select(tables.monitor.c.epoch)).scalar()
        return found or 0


def attempted(db: Database) -> int:
    """Messages that could not be delivered at least once."""
    query = select(func.count()).where(tables.outbox.c.attempts > 0)
    with db.read() as connection:
        return int(connection.execute(query).scalar_one())


@pytest.fixture
def hook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.close()


@pytest.fixture
def manager(tmp_path: Path, hook: Webhook) -> Iterator[Alertmanager]:
    found = Alertmanager(tmp_path, hook)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def telling(tmp_path: Path, manager: Alertmanager) -> Iterator[tuple[Database, Telling]]:
    url = f"sqlite:///{tmp_path}/test.db"
    db = open_database(url)
    lease.take(db, "test", now=now(), keep_for=LEASE)
    publish(db, now())
    found = Telling(db, url, manager.url)
    found.start()
    yield db, found
    found.kill()
    db.close()


def test_each_incident_notifies_once_and_resolves_once_through_restarts_and_failures(
    hook: Webhook, manager: Alertmanager, telling: tuple[Database, Telling]
) -> None:
    db, program = telling
    teller = Teller(db, SINK)
    names = [f"incident-{number:02}" for number in range(30)]
    for name in names[:10]:
        teller.tell(name, "opened", now())
    until(lambda: hook.count("firing") == 10, "ten have notified")

    for name in names[10:13]:
        teller.tell(name, "opened", now())
    program.kill()  # in the midst of telling, perhaps
    for name in names[13:16]:
        teller.tell(name, "opened", now())
    program.start()
    until(lambda: hook.count("firing") == 16, "those before a restart of Bearwatch have notified")

    # Stopped before it has noted an answer, Alertmanager itself would notify again.
    until(lambda: manager.answered() >= 16, "it has noted them")
    manager.stop()
    for name in names[16:23]:
        teller.tell(name, "opened", now())
    until(lambda: attempted(db) > 0, "Alertmanager is missed")
    manager.start()
    until(lambda: manager.firing() == set(names[:23]), "all fire in it again")
    until(lambda: hook.count("firing") == 23, "those before its restart have notified")

    hook.works = False
    for name in names[23:]:
        teller.tell(name, "opened", now())
    until(lambda: hook.refused >= FAILURES, "the webhook has failed for an hour")
    hook.works = True
    until(lambda: hook.count("firing") == 30, "those that it refused have notified")

    for name in names:
        teller.tell(name, "resolved", now())
    until(lambda: hook.count("resolved") == 30, "all are over")
    until(lambda: manager.firing() == set(), "nothing fires in it")
    expected = {(name, status): 1 for name in names for status in ("firing", "resolved")}
    assert dict(hook.notified) == expected


def test_escalation_notifies_again_and_ends_the_lower_severity(
    hook: Webhook, manager: Alertmanager, telling: tuple[Database, Telling]
) -> None:
    db, program = telling
    teller = Teller(db, SINK)
    teller.tell("i1", "opened", now())
    until(lambda: hook.firing.get("i1") == ["warn"], "it has notified")
    teller.tell("i1", "escalated", now(), "critical")
    until(lambda: hook.firing["i1"] == ["critical"], "the escalation has notified")
    program.kill()
    program.start()
    teller.tell("i1", "resolved", now(), "critical")
    until(lambda: hook.firing["i1"] == [], "it is over")
    assert dict(hook.notified) == {("i1", "firing"): 2, ("i1", "resolved"): 1}
    assert manager.firing() == set()
