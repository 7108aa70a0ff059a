"""What the commands print with ``--json``: the keys are kept stable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.prediction import Prediction
from pipeline.store.incidents import Incident
from pipeline.store.summary import Stats


def run_result(
    stats: Stats, incidents: list[Incident], *, articles: int, seconds: float, version: str
) -> dict[str, Any]:
    """Result of ``demo`` and ``replay``; ``articles`` and ``seconds`` are of this run."""
    return {
        "articles": stats.articles,
        "stories": stats.stories,
        "undated": stats.undated,
        "late": stats.late,
        "dead_letters": stats.dead_letters,
        "seconds": round(seconds, 3),
        "articles_per_second": round(articles / seconds, 1) if seconds else 0.0,
        "version": version,
        "incidents": [incident_result(incident) for incident in incidents],
    }


def incident_result(incident: Incident) -> dict[str, Any]:
    """One incident, its evidence flat beside it."""
    facts = incident.evidence
    taken = ("observed", "expected", "share", "baseline_share", "p_count", "p_share", "sources")
    beside = ("window_minutes", "expected_low", "expected_high", "total", "ratio", "note")
    shown = ("headline", "source", "url", "copies", "published_at", "id")
    return {
        "id": incident.id,
        "parent": incident.parent,
        "kind": incident.kind,
        "key": incident.key,
        "name": facts["name"],
        "rule": incident.rule,
        "severity": incident.severity,
        "state": incident.state,
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        "revision": incident.revision,
        **{name: facts[name] for name in taken + beside},
        "stories": [{name: story[name] for name in shown} for story in facts["stories"]],
    }


def stats_result(stats: Stats) -> dict[str, Any]:
    """Result of ``stats``."""
    return asdict(stats)


def classify_result(
    texts: list[str], predictions: list[Prediction], version: str
) -> dict[str, Any]:
    """Result of ``classify``; ``texts`` as they were given."""
    return {
        "version": version,
        "results": [
            {
                "text": text,
                "topic": p.topic,
                "topic_probability": round(p.topic_probability, 4),
                "sentiment": p.sentiment,
                "probabilities": {
                    "negative": round(p.negative, 4),
                    "neutral": round(p.neutral, 4),
                    "positive": round(p.positive, 4),
                },
                "polarity": p.polarity / 10_000,
            }
            for text, p in zip(texts, predictions, strict=True)
        ],
    }
