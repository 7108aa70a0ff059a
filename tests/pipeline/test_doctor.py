"""What `bearwatch doctor` calls ok, a warning or a failure, and that no check can hold it up."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.kafka.diagnosis import KafkaState, TopicState
from ingest.kafka.settings import DEAD_RECORD_BYTES, RECORD_BYTES, KafkaSettings
from models.versions import SHIPPED
from pipeline.cli import app
from pipeline.doctor import database, kafka, machine
from pipeline.doctor.findings import Check, Finding, run
from pipeline.process import now
from pipeline.settings import CompanySettings, ModelSettings
from pipeline.store.database import DatabaseAway, StoreError, open_database
from pipeline.store.diagnosis import Diagnosis, examine

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SETTINGS = KafkaSettings(servers=("broker:9092",))
CONFIGS = {
    "max.message.bytes": str(DEAD_RECORD_BYTES),
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": str(7 * 86_400_000),
}
GOOD = TopicState("news.raw", 8, 3, leaderless=0, lagging=0, configs=CONFIGS, newest=NOW)
NEWEST = "9"
TABLES = Diagnosis(NEWEST, NEWEST, known=True, size_bytes=1_000_000)


def state(raw: TopicState = GOOD, *missing: str, version: tuple[int, int] = (4, 2)) -> KafkaState:
    others = {name: replace(GOOD, name=name) for name in SETTINGS.topics[1:]}
    topics = {"news.raw": raw} | others
    return KafkaState(3, version, {n: t for n, t in topics.items() if n not in missing})


def problems(findings: list[Finding]) -> list[tuple[str, str]]:
    found = [finding for finding in findings if finding.state != "ok"]
    assert all(finding.mend for finding in found)
    return [(finding.state, finding.said) for finding in found]


def test_brokers_and_topics_as_we_make_them_are_ok_and_say_what_they_are() -> None:
    findings = kafka.judge(state(), SETTINGS, NOW)
    assert problems(findings) == []
    assert "8 partitions, 3 copies, kept for 7 days" in findings[1].said


@pytest.mark.parametrize(
    ("change", "expected", "said"),
    [
        ({"partitions": 1}, "warn", "only one worker"),
        ({"leaderless": 2}, "fail", "2 partitions without a leader"),
        ({"lagging": 1}, "warn", "1 partition with a copy that lags"),
        ({"copies": 1}, "warn", "one copy only"),
        ({"configs": None}, "warn", "may not be read"),
        ({"newest": NOW + timedelta(seconds=90)}, "warn", "90 s in the future"),
    ],
)
def test_a_topic_that_differs_is_told(change: dict[str, Any], expected: str, said: str) -> None:
    ((found, text),) = problems(kafka.judge(state(replace(GOOD, **change)), SETTINGS, NOW))
    assert found == expected
    assert said in text


@pytest.mark.parametrize(
    ("change", "expected", "said"),
    [
        ({"max.message.bytes": str(RECORD_BYTES - 1)}, "warn", "too few"),
        ({"cleanup.policy": "compact,delete"}, "fail", "compact"),
        ({"message.timestamp.type": "CreateTime"}, "warn", "publisher's time"),
        ({"retention.ms": str(2 * 86_400_000)}, "warn", "kept for 2 days"),
        ({"retention.ms": str(3_600_000)}, "fail", "kept for 1.0 hours"),
    ],
)
def test_a_topic_whose_configuration_loses_records_is_told(
    change: dict[str, str], expected: str, said: str
) -> None:
    raw = replace(GOOD, configs=CONFIGS | change)
    ((found, text),) = problems(kafka.judge(state(raw), SETTINGS, NOW))
    assert found == expected
    assert said in text


@pytest.mark.parametrize(
    "change",
    [
        {"retention.ms": "-1"},
        {"retention.ms": str(3 * 86_400_000)},
        {"max.message.bytes": str(RECORD_BYTES)},
    ],
)
def test_what_is_just_enough_is_ok(change: dict[str, str]) -> None:
    raw = replace(GOOD, configs=CONFIGS | change)
    assert problems(kafka.judge(state(raw), SETTINGS, NOW)) == []


def test_the_dead_topic_must_take_the_largest_dead_letter() -> None:
    small = replace(GOOD, name="news.dead", configs=CONFIGS | {"max.message.bytes": "1048588"})
    found = state()
    found = replace(found, topics=dict(found.topics) | {"news.dead": small})
    ((severity, said),) = problems(kafka.judge(found, SETTINGS, NOW))
    assert (severity, "1,048,588" in said) == ("fail", True)


def test_a_missing_topic_and_an_older_broker_fail() -> None:
    findings = kafka.judge(state(GOOD, "news.alerts", version=(3, 9)), SETTINGS, NOW)
    old, missing = problems(findings)
    assert old[0] == missing[0] == "fail"
    assert "news.alerts" in missing[1]
    assert "'3.9'" in findings[1].mend


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (TABLES, []),
        (replace(TABLES, revision=None), []),
        (replace(TABLES, revision="8"), ["warn"]),
        (replace(TABLES, revision="10", known=False), ["fail"]),
        (replace(TABLES, refused="read-only"), ["fail"]),
        (replace(TABLES, ahead=timedelta(seconds=1)), []),
        (replace(TABLES, ahead=timedelta(seconds=-3)), ["warn"]),
        (replace(TABLES, ahead=timedelta(seconds=-30)), ["fail"]),
        (replace(TABLES, ahead=timedelta(seconds=30)), ["fail"]),
    ],
)
def test_database_is_judged_by_tables_rights_and_clock(
    found: Diagnosis, expected: list[str]
) -> None:
    assert [one for one, _ in problems(database.judge(found, LEASE))] == expected


def test_disk_is_judged_by_what_is_left(tmp_path: Path) -> None:
    not_made_yet = tmp_path / "var" / "deep"

    def state_with(left: int) -> str:
        return machine.disk(not_made_yet, lambda _: left)[0].state

    assert state_with(machine.FREE_FAIL - 1) == "fail"
    assert state_with(machine.FREE_FAIL) == "warn"
    assert state_with(machine.FREE_WARN - 1) == "warn"
    assert state_with(machine.FREE_WARN) == "ok"
    assert str(tmp_path) in machine.disk(not_made_yet)[0].said


def test_clock_before_the_program_was_installed_is_wrong(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch()
    installed = datetime.fromtimestamp(program.stat().st_mtime, UTC)
    early, late = (
        machine.clock(installed + timedelta(seconds=by), "UTC", program)[0].state for by in (-1, 1)
    )
    assert (early, late) == ("fail", "ok")


def test_a_damaged_version_fails_and_the_shipped_one_does_not(tmp_path: Path) -> None:
    assert [one.state for one in machine.version(ModelSettings())] == ["ok"]
    copied = tmp_path / "version"
    shutil.copytree(SHIPPED, copied)
    weights = copied / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (damaged,) = machine.version(ModelSettings(folder=copied))
    (absent,) = machine.version(ModelSettings(folder=tmp_path / "none"))
    assert damaged.state == absent.state == "fail"
    assert damaged.mend


def test_a_watch_list_that_is_not_there_fails(tmp_path: Path) -> None:
    assert machine.companies(CompanySettings())[0].state == "ok"
    missing = CompanySettings(watchlist=tmp_path / "none.csv")
    assert machine.companies(missing)[0].state == "fail"


def test_a_check_that_hangs_is_a_finding_in_its_time() -> None:
    never = Event()

    def hang() -> list[Finding]:
        never.wait(60)
        return []

    begun = time.monotonic()
    (found,) = run(Check("disk", hang, 0.05, "look"))
    assert time.monotonic() - begun < 30
    assert (found.state, found.mend) == ("fail", "look")
    never.set()


def test_a_check_that_breaks_is_a_finding_without_a_password() -> None:
    def breaks() -> list[Finding]:
        raise ValueError("postgresql://me:hunter2@db/news")

    (found,) = run(Check("database", breaks, 10, "look"))
    assert found.state == "fail"
    assert "ValueError" in found.said
    assert "hunter2" not in found.said


def test_looking_at_a_database_makes_neither_file_nor_folder(tmp_path: Path) -> None:
    found = examine(f"sqlite:///{tmp_path}/var/new.db", now)
    assert found.revision is None
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_writable_and_stays_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    open_database(url).close()
    found = examine(url, now)
    assert found.revision == found.newest
    assert found.refused is None
    assert found.size_bytes > 0
    assert examine(f"sqlite:///file:{tmp_path}/test.db?mode=ro&uri=true", now).refused


def test_sqlite_of_another_revision_is_told(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/test.db").close()
    for revision, known in (("0001", True), ("9999", False)):
        with sqlite3.connect(tmp_path / "test.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        found = examine(f"sqlite:///{tmp_path}/test.db", now)
        assert (found.revision, found.known) == (revision, known)


def test_a_file_that_is_no_database_and_a_wrong_url_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("a letter, and no database at all\n" * 100)
    with pytest.raises(StoreError) as told:
        examine(f"sqlite:///{tmp_path}/text.db", now)
    assert database.unusable(told.value).state == "fail"
    assert "start it" in database.unusable(DatabaseAway("away")).mend


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    for name in [name for name in os.environ if name.startswith("BEARWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_doctor_on_a_fresh_installation_is_content_and_changes_nothing(
    command: CliRunner, tmp_path: Path
) -> None:
    done = command.invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"]) == (0, True)
    assert [finding["check"] for finding in told["findings"]] == [
        "settings",
        "database",
        "kafka",
        "version",
        "companies",
        "clock",
        "disk",
    ]
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_every_wrong_setting_and_ends_with_1(command: CliRunner) -> None:
    Path("bearwatch.toml").write_text("[metrics]\nport = 99999\nhots = 'x'\n")
    done = command.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "metrics.port" in done.stdout
    assert "hots" in done.stdout
    assert "2 fail" in done.stdout
