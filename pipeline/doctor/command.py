"""Behind `bearwatch doctor`: every check in turn, and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from pipeline.display import Shown
from pipeline.doctor import database, kafka, machine
from pipeline.doctor.findings import Check, Finding, run
from pipeline.process import now
from pipeline.registry import folders
from pipeline.settings import InvalidSettings, Settings
from pipeline.store.database import StoreError, connect
from pipeline.store.diagnosis import examine
from pipeline.store.versions import champion_files

DATABASE_S = 30.0
KAFKA_S = 45.0
VERSION_S = 180.0
FILES_S = 20.0

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def examined(settings: Settings, clock: Callable[[], datetime] = now) -> tuple[Finding, ...]:
    """Every finding about this installation, each check within its own time."""
    ok = Finding("settings", "ok", "valid; `bearwatch config` shows them")
    return (ok, *(finding for check in checks(settings, clock) for finding in run(check)))


def unreadable(error: InvalidSettings) -> tuple[Finding, ...]:
    """Settings that say nothing certain: a line per problem, and nothing else is checked."""
    return tuple(
        Finding("settings", "fail", problem, "correct it; docs/configuration.md has every setting")
        for problem in error.problems
    )


def checks(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Check]:
    """The checks, in the order of the report."""
    season = settings.spikes.baseline.season.timezone
    folder = _folder(settings)
    away = "see whether it hangs, and whether a firewall swallows the connection"
    yield Check("database", lambda: _database(settings, clock), DATABASE_S, away)
    yield Check("kafka", lambda: _kafka(settings, clock), KAFKA_S, away)
    yield Check(
        "version",
        lambda: _version(settings),
        VERSION_S,
        "the machine is too busy, or its disk too slow, to load the classifier",
    )
    disk = "see whether the file system hangs, such as one on the network"
    yield Check("companies", lambda: machine.companies(settings.companies), FILES_S, disk)
    yield Check("clock", lambda: machine.clock(clock(), season), FILES_S, disk)
    yield Check("disk", lambda: machine.disk(folder), FILES_S, disk)


def report(findings: Sequence[Finding]) -> Shown:
    """The findings for people and for programs."""
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.state]
        table.add_row(f"[{style}]{finding.state}[/]", finding.check, escape(finding.said))
        if finding.mend:
            table.add_row("", "", escape(f"to mend: {finding.mend}"))
    result = {"ok": passed(findings), "findings": [asdict(finding) for finding in findings]}
    return Shown(result, Group(table, _end(findings)))


def passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing fails; warnings do not count."""
    return all(finding.state != "fail" for finding in findings)


def _end(findings: Sequence[Finding]) -> RenderableType:
    states = [finding.state for finding in findings]
    return f"\n{states.count('ok')} ok, {states.count('warn')} warn, {states.count('fail')} fail"


def _folder(settings: Settings) -> Path:
    """Where this machine will have to keep things: SQLite's file, or else the working folder."""
    try:
        file = connect(settings.database.url.get_secret_value()).file
    except StoreError:  # told by the database's own check
        file = None
    return Path.cwd() if file is None else file.parent


def _database(settings: Settings, clock: Callable[[], datetime]) -> list[Finding]:
    try:
        found = examine(settings.database.url.get_secret_value(), clock)
    except StoreError as error:
        return [database.unusable(error)]
    return database.judge(found, settings.monitor.lease)


def _version(settings: Settings) -> list[Finding]:
    """The version that a worker would begin with: the one that is set, else the champion."""
    if settings.model.folder is not None:
        return machine.version(settings.model)
    try:
        db = connect(settings.database.url.get_secret_value())
    except StoreError:  # told by the database's own check
        return machine.version(settings.model)
    found = champion_files(db)
    db.close()
    if found is None:
        return machine.version(settings.model)
    with TemporaryDirectory(prefix="bearwatch-") as folder:
        home = folders.place(Path(folder), *found)
        return machine.version(
            settings.model.model_copy(update={"folder": home}),
            "go back with `bearwatch models rollback --reason WHY`, or make this machine's "
            "encoder and topics those of the others",
        )


def _kafka(settings: Settings, clock: Callable[[], datetime]) -> list[Finding]:
    if not settings.kafka.servers:
        said = "not configured: files, feeds and pushes are read"
        return [Finding(kafka.NAME, "ok", said)]
    from ingest.kafka import diagnosis
    from ingest.kafka.errors import BrokerError

    try:
        found = diagnosis.examine(settings.kafka)
    except BrokerError as error:
        mend = "correct [kafka] servers and security (BEARWATCH_KAFKA__SERVERS), or start it"
        return [Finding(kafka.NAME, "fail", str(error), mend)]
    return kafka.judge(found, settings.kafka, clock())
