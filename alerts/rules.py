"""What calls for an incident, how grave it is, and when it is over: decisions on one reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from alerts.scores import HOUR_WINDOW, Reading, Scores
from alerts.season import FloatArray

Rule = Literal["negative_spike", "volume_burst", "tone_shift"]
RULES: Final[tuple[Rule, ...]] = get_args(Rule)
Severity = Literal["info", "warn", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
Crossing = Literal["none", "once", "strong"]


BANDS: Final = (1.0, 10.0, 100.0)
"""Edges of the volume bands, in expected stories per hour: a band begins at its edge."""
MOST_EXTRA: Final = 6.0
"""How far a band's score may lie above ``open_score``: more would be a way to switch it off."""


class IncidentSettings(BaseModel):
    """When an incident opens, how grave it is, and when it ends. Times are event time."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    open_score: float = 2.0
    """Both tests, -log10 of the tail; in two evaluations in a row."""
    open_score_by_band: tuple[float, float, float, float] | None = None
    """``open_score`` per volume band: under 1, 10 and 100 expected stories per hour, and more.

    Written by `bearwatch calibrate`. What a band asks for above ``open_score``, at most 6, is
    asked for above the other scores too."""
    single_score: float = 2.24
    """Both tests in a single evaluation, if the count alone is strong: a dozen stories within a
    quarter of an hour have left the short window before a second one can see them."""
    strong_score: float = 4.0
    """What is strong: of the count, so that one evaluation is enough; of both, for critical."""
    mostly_score: float = 3.05
    """The count alone, on a sparse key where most stories are negative; one evaluation is enough.
    Where news is bad in any case, as on falling markets, the others are too few to tell, and a
    burst of news is a burst of bad news."""
    mostly_share: float = 2.0 / 3.0
    """So many of the window's stories are most."""
    alone_score: float = 3.16
    """The volume alone, or the tone."""
    least_stories: int = 3
    """Negative stories in the window; fewer open nothing."""
    least_sources: int = 2
    """Of those stories; or as many as were active on the key in 14 days, if that is fewer."""
    least_ratio: float = 1.5
    """Of the count to the expected."""
    least_lift: float = 0.10
    """Of the share over its baseline, as a fraction of all stories."""
    critical_ratio: float = 3.0
    """Of the count to the expected; less is at most a warning."""
    critical_stories: int = 10
    """Negative stories in the window; fewer are at most a warning."""
    critical_sources: int = 3
    """Of those stories; or as many as were active, if that is fewer, but never one."""
    warn_until_days: float = 7.0
    """A younger baseline gives at most a warning."""
    young_score: float = 1.0
    """So much more is asked for above every score while the baseline is younger than that: what an
    hour of the day usually brings is then known from a few days, and an evening's round of results
    looks like news. 0: as later."""
    calm_p_count: float = 0.1
    """A tail of the last hour's count above this is calm, if the ratio is calm too."""
    calm_ratio: float = 1.25
    """A ratio of the last hour's count to the expected below this is calm."""
    calm_over: float = 1.0
    """So many stories above the expected are calm too, once an incident is open."""
    calm_for: timedelta = timedelta(minutes=30)
    """After so long a calm the incident is resolved."""
    quiet_for: timedelta = timedelta(hours=3)
    """After so long without a negative story the incident is resolved."""
    cool_dense: timedelta = timedelta(hours=3)
    """After the end nothing new opens for so long, on a key with much news."""
    cool_sparse: timedelta = timedelta(hours=12)
    """The same on a key with little news."""
    offer_after: timedelta = timedelta(hours=48)
    """An incident open for so long, silence not counted, offers that its level be accepted."""
    accept_after: timedelta = timedelta(days=7)
    """After so long its level is accepted as the new normal by itself."""
    capped_for: timedelta = timedelta(hours=3)
    """After another version took over, incidents stay at info for so long: shares and counts may
    have moved with it, not with the news. 0 caps nothing."""

    @model_validator(mode="after")
    def _bands_within_bounds(self) -> IncidentSettings:
        most = self.open_score + MOST_EXTRA
        for score in self.open_score_by_band or ():
            if not self.open_score <= score <= most:
                raise ValueError(
                    f"open_score_by_band must be from open_score, {self.open_score:g}, to {most:g}"
                )
        return self


def extra(per_hour: FloatArray | float, days: float, settings: IncidentSettings) -> FloatArray:
    """How much more than the plain scores is asked for: by a key's volume band, ``per_hour`` as it
    is expected now, and of a baseline of few ``days``. Every rule asks here."""
    young = settings.young_score if days < settings.warn_until_days else 0.0
    if settings.open_score_by_band is None:
        return np.full(np.shape(per_hour), young)
    by_band = np.array(settings.open_score_by_band) - settings.open_score
    more: FloatArray = by_band[np.searchsorted(BANDS, per_hour, side="right")] + young
    return more


@dataclass(frozen=True, slots=True)
class Sources:
    """Who reports: facts that cost a query, so they are fetched only when they can decide."""

    observed: int
    """Distinct sources of the window's negative stories."""
    active: int
    """Distinct sources of any story on the key in the last 14 days."""
    robust: bool = True
    """The tests still fire without any one source, and so without any one story."""


def crosses(rule: Rule, reading: Reading, settings: IncidentSettings) -> Crossing:
    """Say whether the numbers alone call for an incident: not, if seen twice, or at once.

    A window that stands out while its last hour is calm is the end of something, not a start.
    """
    if calm(rule, reading, settings):
        return "none"
    more = float(extra(reading.per_hour, reading.baseline_days, settings))
    if rule == "volume_burst":
        loud = reading.volume_score >= settings.alone_score + more
        loud = loud and reading.volume_ratio >= settings.least_ratio
        worse = reading.s_others >= settings.open_score + more or _mostly(reading, settings)
        return "strong" if loud and not worse else "none"
    if reading.observed < settings.least_stories or reading.lift < settings.least_lift:
        return "none"
    if rule == "tone_shift":
        # A sparse key has too few stories for its share to mean anything by itself.
        alone = not reading.sparse and reading.s_count < settings.open_score + more
        return "strong" if alone and reading.s_share >= settings.alone_score + more else "none"
    if reading.ratio < settings.least_ratio:
        return "none"
    alone = _mostly(reading, settings) and reading.s_count >= settings.mostly_score + more
    strong = reading.s_count >= settings.strong_score + more
    if alone or (strong and reading.score >= settings.single_score + more):
        return "strong"
    return "once" if reading.score >= settings.open_score + more else "none"


def noticeable(scores: Scores, settings: IncidentSettings) -> NDArray[np.intp]:
    """Indices of the keys where some rule might see a crossing; every other reading has none.

    Cheap, unlike a reading: it lets the caller leave the quiet keys alone that it has no watch on.
    """
    usual = scores.expectation
    more = extra(usual.stories[:, HOUR_WINDOW], usual.baseline_days, settings)
    tested = scores.s_count >= min(settings.open_score, settings.mostly_score) + more
    alone = np.maximum(scores.volume_score, scores.s_share) >= settings.alone_score + more
    return np.flatnonzero(tested | alone)


def grade(
    rule: Rule, reading: Reading, sources: Sources | None, settings: IncidentSettings
) -> Severity | None:
    """Severity of a crossing; None if too few sources report it, or they are not known."""
    if rule != "negative_spike":
        return "info"
    if sources is None or sources.observed < min(settings.least_sources, sources.active):
        return None
    enough = max(2, min(settings.critical_sources, sources.active))
    critical = could_be_critical(reading, settings) and sources.observed >= enough
    fragile = not sources.robust and sources.active >= 2
    if critical:
        return "warn" if fragile else "critical"
    return "info" if fragile else "warn"


def could_be_critical(reading: Reading, settings: IncidentSettings) -> bool:
    """Say whether the numbers allow the gravest severity, given enough sources."""
    more = float(extra(reading.per_hour, reading.baseline_days, settings))
    return (
        reading.score >= settings.strong_score + more
        and reading.ratio >= settings.critical_ratio
        and reading.observed >= settings.critical_stories
        and reading.in_bh
        and reading.baseline_days >= settings.warn_until_days
    )


def _mostly(reading: Reading, settings: IncidentSettings) -> bool:
    return reading.sparse and reading.share >= settings.mostly_share


def calm(rule: Rule, reading: Reading, settings: IncidentSettings) -> bool:
    """Say whether the last hour looks as usual, as far as the rule is concerned."""
    if rule == "tone_shift":
        more = float(extra(reading.per_hour, reading.baseline_days, settings))
        return reading.s_share < settings.open_score + more
    if rule == "volume_burst":
        tail, ratio = reading.volume_p_60, reading.volume_ratio_60
    else:
        tail, ratio = reading.p_count_60, reading.ratio_60
    return tail > settings.calm_p_count and ratio < settings.calm_ratio


def settled(rule: Rule, reading: Reading, settings: IncidentSettings) -> bool:
    """Say whether an open incident's last hour looks as usual.

    On a key with few stories one more than expected is a large ratio, and nothing: without this an
    incident there would stay open from one event to the next.
    """
    if calm(rule, reading, settings):
        return True
    if rule == "tone_shift":
        return False
    volume = rule == "volume_burst"
    tail = reading.volume_p_60 if volume else reading.p_count_60
    over = reading.volume_over_60 if volume else reading.over_60
    return tail > settings.calm_p_count and over <= settings.calm_over


def stories_of(rule: Rule, reading: Reading) -> int:
    """Give the count that the rule is about."""
    return reading.volume_observed if rule == "volume_burst" else reading.observed


def rank(severity: Severity | None) -> int:
    """Order severities; none is the least, -1."""
    return -1 if severity is None else SEVERITIES.index(severity)


def milder(one: Severity, other: Severity) -> Severity:
    """Give the less grave of two severities."""
    return min(one, other, key=rank)


def graver(one: Severity | None, other: Severity | None) -> Severity | None:
    """Give the graver of two severities, or the one there is."""
    return max(one, other, key=rank)
