"""What an incident rests on, and whether it would stand without a part of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from alerts.evidence import Evidence, Story, gather, robust
from alerts.rules import IncidentSettings, Sources
from tests.alerts.readings import SPIKE, burst, spike
from tests.alerts.test_spikes import KEYS, NOON, TAUGHT, window

SETTINGS = IncidentSettings()
NEVER = KEYS.index(("company", "never"))


def story(number: int, source: str, *, minutes: int = 3) -> Story:
    return Story(
        id=f"{source}/{number}",
        headline=f"Headline {number}",
        source=source,
        url=None,
        copies=number,
        published_at=NOON - timedelta(minutes=minutes),
    )


def test_evidence_survives_json() -> None:
    evidence = gather("negative_spike", SPIKE, Sources(2, 5), [story(1, "wire")], SETTINGS)
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_evidence_of_a_volume_burst_is_about_all_stories() -> None:
    reading = burst(volume_low=2, volume_high=12, volume_p=1e-7, volume_window_minutes=180)
    evidence = gather("volume_burst", reading, Sources(2, 5), [], SETTINGS)
    assert (evidence.observed, evidence.total, evidence.expected) == (40, 40, 5.0)
    assert (evidence.expected_low, evidence.expected_high) == (2, 12)
    assert evidence.p_others == reading.p_others
    assert (evidence.p_count, evidence.window_minutes) == (1e-7, 180)
    spikes = gather("negative_spike", SPIKE, Sources(2, 5), [], SETTINGS)
    assert (spikes.observed, spikes.total, spikes.window_minutes) == (12, 16, 60)


@pytest.mark.parametrize(
    ("days", "sources", "words"),
    [
        (30.0, Sources(3, 3), ""),
        (5.2, Sources(3, 3), "5 days"),
        (30.0, Sources(3, 3, robust=False), "one of its sources"),
    ],
)
def test_note_says_what_the_numbers_do_not(days: float, sources: Sources, words: str) -> None:
    reading = spike(baseline_days=days)
    note = gather("negative_spike", reading, sources, [], SETTINGS).note
    assert words in note
    assert bool(words) is bool(note)


@pytest.mark.parametrize(
    ("stories", "expected"),
    [
        # twelve stories, and six are the least that are a spike on an unknown company
        ([story(n, f"source {n % 4}") for n in range(12)], True),
        ([story(n, "loud" if n < 9 else f"source {n}") for n in range(12)], False),
        ([story(n, f"source {n % 4}") for n in range(7)], False),
        # a source whose stories are old takes little away from the short windows
        ([story(n, "a" if n % 2 else "b", minutes=100 if n % 2 else 3) for n in range(10)], False),
    ],
)
def test_spike_is_robust_if_it_stands_without_any_one_source(
    stories: list[Story], expected: bool
) -> None:
    scores = TAUGHT.score(NOON, *window(NEVER, len(stories), buckets=2))
    assert robust(scores, NEVER, stories, NOON, SETTINGS) is expected


def test_leaving_out_counts_a_story_only_in_the_windows_that_saw_it() -> None:
    bad, stories = window(NEVER, 9, buckets=2)
    bad[NEVER, 0] += 9
    stories[NEVER, 0] += 9
    old = [story(n, "old", minutes=178) for n in range(9)]
    new = [story(n, f"source {n}") for n in range(9)]
    assert robust(TAUGHT.score(NOON, bad, stories), NEVER, [*old, *new], NOON, SETTINGS)
