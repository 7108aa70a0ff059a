"""Judges the database: is it there, are its tables ours, may we write, does its clock agree?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pipeline.doctor.findings import Finding
from pipeline.store.database import DatabaseAway, StoreError
from pipeline.store.diagnosis import Diagnosis

NAME: Final = "database"
SKEW_WARN: Final = timedelta(seconds=2)
URL: Final = "[database] url (BEARWATCH_DATABASE__URL)"


def unusable(error: StoreError) -> Finding:
    """A database that could not even be asked."""
    if isinstance(error, DatabaseAway):
        mend = f"start it, or correct {URL}; if it is busy or full, its own log says why"
    else:
        mend = f"correct {URL}"
    return Finding(NAME, "fail", str(error), mend)


def judge(found: Diagnosis, lease: timedelta) -> list[Finding]:
    """What a diagnosis means. ``lease`` is the monitors': clocks may not differ by as much."""
    findings = [_tables(found)]
    if found.refused is not None:
        findings.append(
            Finding(
                NAME,
                "fail",
                f"it takes nothing written: {found.refused}",
                "make room if it is full, wait if it is busy; otherwise the user of the URL needs "
                "the right to make and write tables, on a server that is no standby",
            )
        )
    if found.ahead is not None:
        findings.append(_clock(found.ahead, lease))
    return findings


def _tables(found: Diagnosis) -> Finding:
    size = f"{found.size_bytes / 1e6:,.1f} MB"
    if found.revision is None:
        return Finding(NAME, "ok", "no tables yet: the first worker or monitor makes them")
    if not found.known:
        return Finding(
            NAME,
            "fail",
            f"its tables are of revision {found.revision}, which this program does not know",
            "install the newer Bearwatch that made them; older programs must not write here",
        )
    if found.revision != found.newest:
        return Finding(
            NAME,
            "warn",
            f"tables of revision {found.revision}, this program's are {found.newest}; {size}",
            "make a backup; the next worker or monitor that starts brings them up to date",
        )
    writable = "" if found.refused else ", writable"
    return Finding(NAME, "ok", f"tables of revision {found.revision}{writable}, {size}")


def _clock(ahead: timedelta, lease: timedelta) -> Finding:
    seconds = ahead.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    said = f"the database's clock is {abs(seconds):,.1f} s {side} this machine's"
    mend = "let a time service (chrony, systemd-timesyncd) set the clocks of all machines"
    if abs(ahead) >= lease:
        return Finding("clock", "fail", f"{said}: monitors would take over from each other", mend)
    if abs(ahead) > SKEW_WARN:
        return Finding("clock", "warn", said, mend)
    return Finding("clock", "ok", "this machine's and the database's clock agree")
