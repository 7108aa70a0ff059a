"""Incidents made by hand, as the detector stores them, and a database with some."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alerts.incidents import Watch
from pipeline.store import lease
from pipeline.store.database import Database
from pipeline.store.incidents import Evaluation, Incident, Message, save

OPENED: Final = datetime(2026, 3, 12, 13, 50, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
NOW: Final = datetime(2026, 3, 14, tzinfo=UTC)

HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><body onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<a href=//evil.example>click</a>",
    "&lt;b&gt; is not <b>",
    "\u202egnp.exe\u202c \x07 bell\x1b[31m",
    "]]><!--",
)
"""What somebody may publish as a headline, or write as a note."""


def story(headline: str = "Acme recalls cars", **changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "headline": headline,
        "source": "wire",
        "url": "https://wire.example/1",
        "copies": 2,
        "published_at": OPENED.isoformat(),
        "outlets": 2,
        "version": "v+t",
    } | changes


def drawn(count: int = 97) -> dict[str, Any]:
    """A series that ends with a burst."""
    negative = [0] * (count - 10) + [2, 5, 9, 12, 12, 9, 6, 3, 1, 0]
    return {
        "end": (OPENED + 3 * HOUR).isoformat(),
        "step_minutes": 15,
        "negative": negative,
        "stories": [n + 2 if n else n % 2 for n in negative],
        "expected": [0.5] * count,
        "low": [0] * count,
        "high": [2] * count,
        "usual_share": [0.2] * count,
    }


def evidence(**changes: Any) -> dict[str, Any]:
    return {
        "observed": 12,
        "expected": 0.5,
        "expected_low": 0,
        "expected_high": 2,
        "total": 14,
        "share": 0.857,
        "baseline_share": 0.2,
        "p_count": 1e-9,
        "p_share": 2e-6,
        "window_minutes": 60,
        "ratio": 24.0,
        "sources": 4,
        "active_sources": 6,
        "baseline_days": 9.5,
        "stories": [story(), story("Acme shares fall", id="2", copies=0, outlets=1)],
        "note": "",
        "score": 5.1,
        "in_bh": True,
        "robust": True,
        "name": "Acme",
        "story_ids": [f"wire/{n}" for n in range(12)],
        "articles": 20,
        "versions": ["v+t"],
        "at": OPENED.isoformat(),
        "crossed_at": OPENED.isoformat(),
        "series": drawn(),
        "standing": "",
        "history": [
            {
                "what": "opened",
                "at": OPENED.isoformat(),
                "severity": "warn",
                "observed": 5,
                "total": 6,
                "window_minutes": 60,
            },
            {"what": "resolved", "at": (OPENED + 3 * HOUR).isoformat(), "severity": "critical"},
        ],
    } | changes


def incident(number: int = 1, **changes: Any) -> Incident:
    """A company's critical spike, over after three hours; an hour later for each number."""
    opened = OPENED + number * HOUR
    made = Incident(
        id=f"{number:08x}" + "ab" * 12,
        kind="company",
        key="ACM",
        rule="negative_spike",
        severity="critical",
        state="cooling",
        opened_at=opened,
        changed_at=opened + 3 * HOUR,
        revision=3,
        evidence=evidence(),
        resolved_at=opened + 3 * HOUR,
        told="critical",
    )
    return replace(made, **changes)


def still_open(number: int = 1, **changes: Any) -> Incident:
    made = incident(number, state="firing", resolved_at=None)
    return replace(made, **changes)


def store(db: Database, *found: Incident) -> None:
    """As a monitor does, with a message for each."""
    epoch = lease.take(db, "test", now=NOW, keep_for=timedelta(seconds=30))
    done = Evaluation(NOW)
    for one in found:
        done.incidents[one.id] = one
        watch = Watch(one.kind, one.key, one.rule, state="firing", incident=one.id)
        if one.resolved_at is None:
            done.watches[one.kind, one.key, one.rule] = watch.to_json()
        done.messages.append(Message(one.id, one.revision, "log", {"lines": []}, NOW))
    save(db, epoch, done)
