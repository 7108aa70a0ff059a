"""What is stored with an incident: enough for its page, and nothing that a replay would change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from alerts.windows import BUCKET
from pipeline.store import buckets
from pipeline.store.database import Database
from pipeline.store.incidents import Incident, incidents
from tests.pipeline.test_monitor import BURST, play, stream


@pytest.fixture(scope="module")
def db(opened: Callable[[], Database]) -> Iterator[Database]:
    found = opened()
    play(found, stream(), poll=100)
    yield found
    found.close()


def company(db: Database) -> Incident:
    (found,) = [
        i for i in incidents(db) if (i.kind, i.rule) == ("company", "negative_spike") and i.told
    ]
    return found


def test_series_is_what_was_counted_up_to_the_end(db: Database) -> None:
    incident = company(db)
    drawn = incident.evidence["series"]
    end, step = datetime.fromisoformat(drawn["end"]), timedelta(minutes=drawn["step_minutes"])
    assert end == incident.resolved_at
    lists = ("negative", "stories", "expected", "low", "high", "usual_share")
    count = len(drawn["negative"])
    assert [len(drawn[name]) for name in lists] == [count] * len(lists)
    assert (count - 1) * step == timedelta(hours=24)
    key = (incident.kind, incident.key)
    for number in range(count):
        at = end - (count - 1 - number) * step
        negative, stories = buckets.of_key(db, key, at - 12 * BUCKET, at)
        counted = (drawn["negative"][number], drawn["stories"][number])
        assert counted == (negative.sum(), stories.sum())
    assert max(drawn["negative"]) > max(drawn["high"])
    assert all(
        low <= usual <= high
        for low, usual, high in zip(drawn["low"], drawn["expected"], drawn["high"], strict=True)
    )


def test_history_tells_every_change_of_severity_with_its_numbers(db: Database) -> None:
    incident = company(db)
    history = incident.evidence["history"]
    assert history[0]["what"] == "opened"
    assert history[0]["at"] == incident.opened_at.isoformat()
    assert (history[-1]["what"], incident.resolved_at is not None) == ("resolved", True)
    assert {change["what"] for change in history[1:-1]} <= {"escalated", "reopened", "resolved"}
    assert history[-2]["severity"] == incident.severity
    assert all(change["observed"] <= change["total"] for change in history)


def test_evidence_of_every_spike_names_what_a_reader_may_ask(db: Database) -> None:
    spikes = [i for i in incidents(db) if i.rule == "negative_spike"]
    assert spikes
    for incident in spikes:
        facts = incident.evidence
        assert facts["robust"] in (True, False)
        assert facts["versions"] == ["fake+0"]
        assert facts["articles"] >= len(facts["story_ids"]) >= len(facts["stories"]) > 0
        assert incident.opened_at <= datetime.fromisoformat(facts["at"])
        assert facts["crossed_at"] <= facts["at"]
        assert all(story["version"] == "fake+0" for story in facts["stories"])
    assert company(db).evidence["robust"] is True


def test_copies_and_their_sources_are_counted_to_their_story(
    opened: Callable[[], Database],
) -> None:
    from tests.pipeline.test_incident_properties import line

    found = opened()
    at = BURST + timedelta(minutes=3)
    burst = [f"negative Energy ACM trouble {n}" for n in range(12)]
    news = [line(5000 + n, at + timedelta(minutes=n), title) for n, title in enumerate(burst)]
    # Trouble 0 again, by the same source and by two others.
    again = at + timedelta(minutes=5)
    news += [line(5100 + n, again, burst[0]) for n in (0, 1, 2, 5)]
    before = [raw for raw in stream() if b"trouble" not in raw]
    times = {raw: raw.split(b'"published_at": ')[1] for raw in [*before, *news]}
    play(found, sorted([*before, *news], key=times.__getitem__), poll=100)
    (best, *rest) = company(found).evidence["stories"]
    assert (best["headline"], best["copies"], best["outlets"]) == (burst[0], 4, 3)
    assert {(story["copies"], story["outlets"]) for story in rest} == {(0, 1)}
    found.close()


def test_incident_that_opens_again_less_gravely_keeps_its_strongest_evidence(
    db: Database,
) -> None:
    again = [i for i in incidents(db) if "reopened" in [c["what"] for c in i.evidence["history"]]]
    assert again  # the stream has one: the whole market, in the evening after the burst
    for incident in again:
        reopened = next(c for c in incident.evidence["history"] if c["what"] == "reopened")
        assert incident.evidence["observed"] > reopened["observed"]
        assert incident.evidence["at"] < reopened["at"]
