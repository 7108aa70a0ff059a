"""The state machine: tables of decisions, and whole episodes in event time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents import Change, Watch, advance, incident_id, outlasts, wants_sources
from alerts.rules import (
    Crossing,
    IncidentSettings,
    Rule,
    Severity,
    Sources,
    crosses,
    grade,
    noticeable,
)
from alerts.scores import Reading
from alerts.simulation import MONDAY
from tests.alerts.readings import BURST, QUIET, SPIKE, burst, spike

RULES: Final = IncidentSettings(open_score=1.95, mostly_score=3.16)
MANY: Final = Sources(observed=5, active=9)
STEP: Final = timedelta(minutes=5)
FRESH: Final = Watch("company", "ACME", "negative_spike")
WEAK: Final = spike(score=2.0, in_bh=False)
SPARSE: Final = spike(sparse=True, score=1.0, s_count=3.2, share=0.6)
FALLING: Final = replace(SPARSE, share=0.67)


def run(
    readings: Sequence[Reading],
    *,
    watch: Watch = FRESH,
    sources: Sources | None = MANY,
    silent: Sequence[bool] = (),
    start: int = 0,
    most: Severity = "critical",
) -> tuple[Watch, list[tuple[int, Change]]]:
    """Advance over readings five minutes apart; gives the changes by their number."""
    changes = []
    for number, reading in enumerate(readings, start):
        at = MONDAY + number * STEP
        quiet = bool(silent) and silent[number - start]
        watch, change = advance(watch, reading, at, sources, RULES, stream_silent=quiet, most=most)
        if change is not None:
            changes.append((number, change))
    return watch, changes


# --- what is a crossing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (SPIKE, "strong"),
        (spike(score=2.24, s_count=4.0), "strong"),
        (spike(score=2.23, s_count=9.0), "once"),
        (spike(score=3.9, s_count=3.99), "once"),
        (spike(score=1.95), "once"),
        (spike(score=1.94), "none"),
        (QUIET, "none"),
        # gates: significance alone is meaningless on a busy key
        (spike(observed=3), "strong"),
        (spike(observed=2), "none"),
        (spike(ratio=1.5), "strong"),
        (spike(ratio=1.49), "none"),
        (spike(lift=0.10), "strong"),
        (spike(lift=0.09), "none"),
        # both tests speak on a sparse key too, but the count alone where most news is negative
        (SPARSE, "none"),
        (replace(SPARSE, score=1.95), "once"),
        (FALLING, "strong"),
        (replace(FALLING, s_count=3.15), "none"),
        (replace(FALLING, share=0.66), "none"),
        (replace(FALLING, sparse=False), "none"),
        (replace(FALLING, observed=2), "none"),
        # the last hour is as usual: the end of something
        (spike(p_count_60=0.5, ratio_60=1.1), "none"),
        (spike(p_count_60=0.5, ratio_60=1.3), "strong"),
        (spike(p_count_60=0.09, ratio_60=1.1), "strong"),
    ],
)
def test_negative_spike_crosses(reading: Reading, expected: Crossing) -> None:
    assert crosses("negative_spike", reading, RULES) == expected


@pytest.mark.parametrize(
    ("rule", "reading", "expected"),
    [
        ("negative_spike", spike(score=2.94, s_count=9.0), "none"),
        ("negative_spike", spike(score=2.95, s_count=4.9), "once"),
        ("negative_spike", spike(score=3.24, s_count=5.0), "strong"),
        ("negative_spike", replace(FALLING, s_count=4.15), "none"),
        ("negative_spike", replace(FALLING, s_count=4.16), "strong"),
        ("volume_burst", burst(volume_score=4.15), "none"),
        ("volume_burst", burst(volume_score=4.16), "strong"),
        ("tone_shift", spike(s_count=1.0, score=1.0, s_share=4.15), "none"),
        ("tone_shift", spike(s_count=1.0, score=1.0, s_share=4.16), "strong"),
    ],
)
def test_young_baseline_asks_for_more_of_every_rule(
    rule: Rule, reading: Reading, expected: Crossing
) -> None:
    assert crosses(rule, replace(reading, baseline_days=6.9), RULES) == expected
    assert crosses(rule, replace(reading, baseline_days=7.0), RULES) != "none"
    as_later = RULES.model_copy(update={"young_score": 0.0})
    assert crosses(rule, replace(reading, baseline_days=6.9), as_later) != "none"


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (BURST, "strong"),
        (burst(volume_score=3.15), "none"),
        (burst(volume_ratio=1.4), "none"),
        (burst(s_others=1.95), "none"),  # beside so many others it is bad news: not mere volume
        (burst(s_others=1.94), "strong"),
        (burst(sparse=True, share=0.67), "none"),
        (burst(sparse=True, share=0.66), "strong"),
        (burst(volume_p_60=0.5, volume_ratio_60=1.0), "none"),
        (SPIKE, "none"),
    ],
)
def test_volume_burst_crosses(reading: Reading, expected: Crossing) -> None:
    assert crosses("volume_burst", reading, RULES) == expected


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (spike(s_count=1.0, score=1.0, s_share=3.2), "strong"),
        (spike(s_count=1.0, score=1.0, s_share=3.1), "none"),
        (spike(s_count=1.95, score=1.95, s_share=3.2), "none"),
        (spike(s_count=1.0, s_share=3.2, lift=0.09), "none"),
        (spike(s_count=1.0, s_share=3.2, sparse=True), "none"),
        (spike(s_count=1.0, s_share=3.2, observed=2), "none"),
    ],
)
def test_tone_shift_crosses(reading: Reading, expected: Crossing) -> None:
    assert crosses("tone_shift", reading, RULES) == expected


# --- how grave -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "sources", "expected"),
    [
        (SPIKE, MANY, "critical"),
        (spike(score=3.9), MANY, "warn"),
        (spike(ratio=2.9), MANY, "warn"),
        (spike(observed=9), MANY, "warn"),
        (spike(in_bh=False), MANY, "warn"),
        (spike(baseline_days=6.9), MANY, "warn"),
        (spike(baseline_days=7.0), MANY, "critical"),
        (spike(sparse=True), MANY, "critical"),
        # sources: as many as could be expected
        (SPIKE, Sources(3, 9), "critical"),
        (SPIKE, Sources(2, 9), "warn"),
        (SPIKE, Sources(2, 2), "critical"),
        (SPIKE, Sources(1, 1), "warn"),  # never critical by one voice
        (SPIKE, Sources(1, 2), None),
        (SPIKE, Sources(1, 0), "warn"),
        (SPIKE, None, None),
        # a single source or story carries it
        (SPIKE, Sources(5, 9, robust=False), "warn"),
        (WEAK, Sources(5, 9, robust=False), "info"),
        (WEAK, Sources(1, 1, robust=False), "warn"),
    ],
)
def test_severity_of_a_negative_spike(
    reading: Reading, sources: Sources | None, expected: Severity | None
) -> None:
    assert grade("negative_spike", reading, sources, RULES) == expected


@pytest.mark.parametrize("rule", ["volume_burst", "tone_shift"])
def test_other_rules_only_inform(rule: Rule) -> None:
    assert grade(rule, SPIKE, MANY, RULES) == "info"


# --- opening ---------------------------------------------------------------------------------


def test_strong_spike_opens_at_once() -> None:
    watch, changes = run([QUIET, SPIKE])
    assert changes == [(1, Change("opened", notify=True))]
    assert (watch.state, watch.severity, watch.revision) == ("firing", "critical", 1)


def test_weak_spike_opens_when_seen_twice_in_a_row() -> None:
    # 0     1     2     3     4
    # weak  -     weak  weak
    _, changes = run([WEAK, QUIET, WEAK, WEAK])
    assert changes == [(3, Change("opened", notify=True))]


def test_two_crossings_with_an_evaluation_missed_between_are_not_in_a_row() -> None:
    watch, _ = run([WEAK])
    assert watch.state == "pending"
    _, changes = run([WEAK], watch=watch, start=2)
    assert changes == []


def test_episode_starts_with_the_first_crossing_in_a_row() -> None:
    watch, _ = run([WEAK, QUIET, WEAK, WEAK])
    started, opened = MONDAY + 2 * STEP, MONDAY + 3 * STEP
    assert watch.incident == incident_id("company", "ACME", "negative_spike", started)
    assert (watch.crossed_at, watch.opened_at) == (started, opened)


def test_id_differs_by_key_rule_and_start_and_is_32_hex_digits() -> None:
    ids = {
        incident_id(kind, key, rule, at)
        for kind, key in (("topic", "a"), ("topic", "b"), ("company", "a"))
        for rule in ("negative_spike", "volume_burst")
        for at in (MONDAY, MONDAY + STEP)
    }
    assert len(ids) == 12
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


def test_spike_waits_for_its_second_source() -> None:
    watch, changes = run([SPIKE, SPIKE], sources=Sources(1, 4))
    assert (watch.state, changes) == ("pending", [])
    watch, changes = run([SPIKE], watch=watch, sources=Sources(2, 4), start=2)
    assert changes == [(2, Change("opened", notify=True))]
    assert watch.crossed_at == MONDAY


@pytest.mark.parametrize(
    ("watch", "reading", "expected"),
    [
        (FRESH, QUIET, False),
        (FRESH, WEAK, False),  # may be gone at the next evaluation
        (run([WEAK])[0], WEAK, True),
        (FRESH, SPIKE, True),
        (run([SPIKE])[0], SPIKE, False),  # cannot get worse
        (run([SPIKE], sources=Sources(2, 9))[0], SPIKE, True),
        (run([WEAK, WEAK])[0], WEAK, False),
        (run([WEAK, WEAK], sources=Sources(2, 9, robust=False))[0], WEAK, True),
        (replace(FRESH, rule="volume_burst"), BURST, False),
    ],
)
def test_sources_are_asked_for_only_when_they_can_decide(
    watch: Watch, reading: Reading, expected: bool
) -> None:
    assert wants_sources(watch, reading, MONDAY + STEP, RULES) is expected


@given(
    reading=st.sampled_from([QUIET, WEAK, SPIKE, SPARSE, BURST]),
    before=st.lists(st.sampled_from([QUIET, WEAK, SPIKE, SPARSE]), max_size=4),
)
def test_without_sources_nothing_that_did_not_want_them_is_lost(
    reading: Reading, before: list[Reading]
) -> None:
    watch, _ = run(before)
    at = MONDAY + len(before) * STEP
    if not wants_sources(watch, reading, at, RULES):
        assert advance(watch, reading, at, None, RULES) == advance(watch, reading, at, MANY, RULES)


# --- while it is open ------------------------------------------------------------------------


def test_only_a_graver_severity_is_told_again() -> None:
    more = spike(score=2.0, in_bh=False, observed=14)
    watch, changes = run([WEAK, WEAK, WEAK, more, SPIKE, WEAK])
    assert changes == [
        (1, Change("opened", notify=True)),
        (3, Change("updated", notify=False)),
        (4, Change("escalated", notify=True)),
    ]
    assert (watch.severity, watch.peak, watch.revision) == ("critical", 14, 3)


def test_calm_hour_resolves_after_half_an_hour() -> None:
    calm = replace(QUIET, newest=1)
    _, changes = run([SPIKE, *[calm] * 5, SPIKE, *[calm] * 6])
    assert changes[1:] == [(12, Change("resolved", notify=True))]


@pytest.mark.parametrize("restless", [{"p_count_60": 0.1}, {"ratio_60": 1.25, "over_60": 1.01}])
def test_hour_is_calm_only_by_both_tail_and_ratio(restless: dict[str, float]) -> None:
    reading = replace(QUIET, newest=1, **restless)  # type: ignore[arg-type]  # floats alone
    assert run([SPIKE, *[reading] * 40])[0].state == "firing"


def test_one_story_more_than_usual_keeps_no_incident_open_on_a_quiet_key() -> None:
    # 0.4 stories an hour are usual, and one came: 2.5 times as many.
    one = replace(QUIET, newest=1, ratio_60=2.5, over_60=0.6, p_count_60=0.3)
    _, changes = run([SPIKE, *[one] * 6])
    assert changes[1:] == [(6, Change("resolved", notify=True))]
    assert run([SPIKE, *[replace(one, p_count_60=0.1)] * 40])[0].state == "firing"
    # What opens one is judged by the ratio as before.
    lone = spike(p_count_60=0.3, ratio_60=2.5, over_60=0.6)
    assert crosses("negative_spike", lone, RULES) == "strong"


def test_volume_and_tone_settle_by_their_own_numbers() -> None:
    volume = replace(FRESH, rule="volume_burst")
    over = replace(QUIET, volume_ratio_60=2.0, volume_over_60=1.0, ratio_60=9.0, over_60=9.0)
    assert run([BURST, *[over] * 6], watch=volume, sources=None)[0].state == "cooling"
    more = replace(over, volume_over_60=1.1)
    assert run([BURST, *[more] * 6], watch=volume, sources=None)[0].state == "firing"
    shift = spike(s_count=1.0, score=1.0, s_share=3.2)
    tone = replace(FRESH, rule="tone_shift")
    loud = replace(QUIET, newest=1, s_share=1.95)
    assert run([shift, *[loud] * 6], watch=tone, sources=None)[0].state == "firing"


def test_three_hours_without_a_negative_story_resolve() -> None:
    restless = replace(QUIET, p_count_60=0.01)
    _, changes = run([SPIKE, *[restless] * 36])
    assert changes[1:] == [(36, Change("resolved", notify=True))]
    again = [*[restless] * 30, replace(restless, newest=1), *[restless] * 30]
    assert run([SPIKE, *again])[0].state == "firing"


def test_silence_of_the_stream_resolves_nothing() -> None:
    watch, changes = run([SPIKE, *[QUIET] * 500], silent=[False, *[True] * 500])
    assert (watch.state, len(changes)) == ("firing", 1)
    # ... and afterwards the time before it still counts.
    readings = [SPIKE, *[QUIET] * 3, *[QUIET] * 100, *[QUIET] * 3]
    _, changes = run(readings, silent=[False] * 4 + [True] * 100 + [False] * 3)
    assert changes[-1] == (106, Change("resolved", notify=True))


def test_long_open_incident_offers_acceptance_once_and_silence_does_not_count() -> None:
    day = [spike(observed=12)] * 288
    watch, changes = run([SPIKE, *day, *day])
    assert changes[1:] == [(576, Change("updated", notify=True))]
    assert watch.offered
    assert run(day, watch=watch, start=577)[1] == []
    silent = [False, *[True] * 288, *[False] * 575]
    assert not run([SPIKE, *day, *day, *day], silent=[*silent, True])[0].offered


def test_offer_is_told_only_to_who_heard_that_it_began() -> None:
    reopened, _ = run([SPIKE], watch=RESOLVED, start=8)
    assert not reopened.told
    watch, changes = run([SPIKE] * 577, watch=reopened, start=9)
    assert (changes, watch.offered) == ([(9 + 575, Change("updated", notify=False))], True)


def test_week_old_incident_outlasts_unless_it_was_accepted_and_opening_again_starts_anew() -> None:
    week = 7 * 288
    watch, _ = run([SPIKE] * week)
    assert not outlasts(watch, RULES)
    watch, _ = run([SPIKE], watch=watch, start=week)
    assert outlasts(watch, RULES)
    assert not outlasts(replace(watch, accepted=True), RULES)
    over, _ = run([QUIET] * 6, watch=replace(watch, accepted=True), start=week + 1)
    assert not outlasts(over, RULES)
    again, _ = run([SPIKE], watch=over, start=week + 7)
    assert (again.accepted, again.offered, again.burning) == (False, False, timedelta(0))
    assert again.fired_at == MONDAY + (week + 7) * STEP


def test_watch_stored_by_an_earlier_version_is_read() -> None:
    stored = run([SPIKE])[0].to_json()
    for name in ("fired_at", "burning", "offered", "accepted"):
        del stored[name]
    watch = Watch.from_json(stored)
    assert (watch.state, watch.fired_at, watch.burning) == ("firing", None, timedelta(0))


# --- afterwards ------------------------------------------------------------------------------

RESOLVED: Final = run([SPIKE, *[QUIET] * 6])[0]


@pytest.mark.parametrize(("sparse", "hours"), [(False, 3), (True, 12)])
def test_cool_down_is_longer_for_sparse_keys(sparse: bool, hours: int) -> None:
    watch, _ = run([SPIKE, *[replace(QUIET, sparse=sparse)] * 6])
    assert watch.cool_until == MONDAY + 6 * STEP + timedelta(hours=hours)


def test_new_crossing_while_cooling_opens_the_same_incident_again_in_silence() -> None:
    watch, changes = run([*[QUIET] * 3, SPIKE, *[QUIET] * 6], watch=RESOLVED, start=7)
    assert changes == [
        (10, Change("reopened", notify=False)),
        (16, Change("resolved", notify=False)),  # nobody was told that it had come back
    ]
    assert (watch.incident, watch.opened_at) == (RESOLVED.incident, RESOLVED.opened_at)
    assert watch.revision == RESOLVED.revision + 2


def test_graver_crossing_while_cooling_is_told() -> None:
    warned, _ = run([WEAK, WEAK, *[QUIET] * 6])
    assert (warned.state, warned.severity) == ("cooling", "warn")
    _, changes = run([SPIKE, *[QUIET] * 6], watch=warned, start=8)
    assert changes == [
        (8, Change("reopened", notify=True)),
        (14, Change("resolved", notify=True)),
    ]


def test_weak_crossing_while_cooling_must_be_seen_twice_too() -> None:
    watch, changes = run([WEAK, QUIET, WEAK], watch=RESOLVED, start=7)
    assert (watch.state, changes) == ("cooling", [])
    _, changes = run([WEAK], watch=watch, start=10)
    assert changes == [(10, Change("reopened", notify=False))]


def test_crossing_after_the_cool_down_is_another_incident() -> None:
    end = 6 + 36
    same, _ = run([SPIKE], watch=RESOLVED, start=end - 1)
    other, changes = run([SPIKE], watch=RESOLVED, start=end)
    assert same.incident == RESOLVED.incident
    assert other.incident != RESOLVED.incident
    assert changes == [(end, Change("opened", notify=True))]
    assert run([QUIET], watch=RESOLVED, start=end)[0] == FRESH


# --- the other rules -------------------------------------------------------------------------


def test_volume_burst_informs_and_ends_by_its_own_volume() -> None:
    fresh = replace(FRESH, rule="volume_burst")
    watch, changes = run([BURST, BURST, *[QUIET] * 6], watch=fresh, sources=None)
    assert [change.what for _, change in changes] == ["opened", "resolved"]
    assert (watch.severity, watch.peak) == ("info", 40)


def test_tone_shift_informs_and_ends_with_the_share() -> None:
    shift = spike(s_count=1.0, score=1.0, s_share=3.2)
    fresh = replace(FRESH, rule="tone_shift")
    watch, changes = run([shift, *[replace(shift, s_share=1.0)] * 6], watch=fresh, sources=None)
    assert [change.what for _, change in changes] == ["opened", "resolved"]
    assert watch.severity == "info"


# --- promises --------------------------------------------------------------------------------

anything = st.lists(
    st.tuples(
        st.sampled_from([QUIET, WEAK, SPIKE, SPARSE, BURST]),
        st.sampled_from([MANY, Sources(1, 3), Sources(2, 9, robust=False)]),
        st.booleans(),
    ),
    max_size=60,
)


@given(steps=anything)
def test_watch_survives_json_at_any_moment(
    steps: list[tuple[Reading, Sources, bool]],
) -> None:
    watch = stored = FRESH
    for number, (reading, sources, silent) in enumerate(steps):
        at = MONDAY + number * STEP
        watch, _ = advance(watch, reading, at, sources, RULES, stream_silent=silent)
        stored, _ = advance(stored, reading, at, sources, RULES, stream_silent=silent)
        stored = Watch.from_json(json.loads(json.dumps(stored.to_json())))
        assert stored == watch


@given(steps=anything)
def test_told_severities_of_an_incident_only_rise_and_revisions_have_no_gap(
    steps: list[tuple[Reading, Sources, bool]],
) -> None:
    watch, told, revisions = FRESH, list[tuple[str, Severity | None]](), dict[str, list[int]]()
    for number, (reading, sources, silent) in enumerate(steps):
        at = MONDAY + number * STEP
        watch, change = advance(watch, reading, at, sources, RULES, stream_silent=silent)
        if change is not None:
            revisions.setdefault(watch.incident, []).append(watch.revision)
            if change.notify and change.what != "resolved":
                told.append((watch.incident, watch.severity))
    assert len(told) == len(set(told))
    assert all(seen == list(range(1, len(seen) + 1)) for seen in revisions.values())


def test_quiet_keys_are_not_noticeable() -> None:
    # The cheap screen may never hide what the rules would see; tested on real scores.
    from tests.alerts.test_spikes import NOON, TAUGHT, window

    for key in range(4):
        for negative in (0, 2, 5, 9, 30, 90):
            for others in (0, 10, 60, 200):
                scores = TAUGHT.score(NOON, *window(key, negative, others=others))
                seen = set(noticeable(scores, RULES).tolist())
                for rule in ("negative_spike", "volume_burst", "tone_shift"):
                    if crosses(rule, scores.reading(key), RULES) != "none":
                        assert key in seen
    quiet = TAUGHT.score(NOON, *window(0, 1, others=4))
    assert noticeable(quiet, RULES).tolist() == []


# --- no graver than may be -------------------------------------------------------------------


@pytest.mark.parametrize("most", ["info", "warn", "critical"])
def test_opens_no_graver_than_it_may(most: Severity) -> None:
    watch, [(_, change)] = run([SPIKE], most=most)
    assert (watch.severity, change) == (most, Change("opened", notify=True))


def test_held_down_it_stays_and_escalates_once_it_may() -> None:
    watch, changes = run([SPIKE, spike(observed=10, score=9.0)], most="info")
    assert (watch.severity, [c.what for _, c in changes]) == ("info", ["opened"])
    watch, changes = run([SPIKE], watch=watch, start=2)
    assert (watch.severity, changes) == ("critical", [(2, Change("escalated", notify=True))])


def test_what_was_critical_before_stays_so() -> None:
    watch, _ = run([SPIKE])
    after, _ = run([SPIKE], watch=watch, start=1, most="info")
    assert after.severity == "critical"
