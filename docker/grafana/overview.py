"""*Overview*: what is going wrong, where, since when."""

from __future__ import annotations

from typing import Final

from docker.grafana.dashboard import VARIABLES, Dashboard, Row
from docker.grafana.panels import (
    BAD,
    BLUE,
    FINE,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    SEVERITIES,
    SKY,
    USUAL,
    WARN,
    Link,
    Panel,
    Query,
)

MOODS: Final = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}
BAND: Final = {"now": NEGATIVE, "usual": USUAL, "usual, low": USUAL, "usual, high": USUAL}
SCORE_STEPS: Final = ((None, FINE), (1.95, WARN), (4.0, BAD))
"""Where both tests must be for an incident to open, and where one evaluation is enough."""

NAMED: Final = "* on (kind, key) group_left (name) max by (kind, key, name) (bearwatch_key_info)"
EVIDENCE: Final = Link(
    "Evidence",
    "${web}/incidents?kind=${__field.labels.kind}&key=${__field.labels.key}",
    of_series=True,
)


def severity_panel(
    chosen: str, title: str = "Incidents", *, width: int = 24, height: int = 8
) -> Panel:
    """The time line of the incidents whose labels are as ``chosen`` says."""
    expr = f"max by (kind, key, rule) (bearwatch_incident_severity{{{chosen}}}) {NAMED}"
    return Panel(
        "state-timeline",
        title,
        "Every open incident from its opening to its end, as grave as it was. Empty is good: an "
        "incident that has ended has no value. Click for the headlines behind it.",
        [Query(expr, "{{name}} · {{rule}}")],
        "none",
        thresholds=[(None, SKY), (2, WARN), (3, BAD)],
        states=SEVERITIES,
        width=width,
        height=height,
        links=[EVIDENCE],
    )


def runbook(alert: str) -> Link:
    """Where it says what to do about an alert."""
    return Link(f"Runbook: {alert}", f"${{runbooks}}/{alert}.md")


NOW: Final = Row(
    "Now",
    [
        Panel(
            "stat",
            "Open incidents",
            "Incidents that are not resolved, by severity. One event may be several incidents: "
            "the company, its topic, the market.",
            [Query("max by (severity) (bearwatch_open_incidents)", "{{severity}}")],
            "none",
            thresholds=[(None, FINE), (1, WARN), (5, BAD)],
            width=7,
            height=4,
        ),
        Panel(
            "stat",
            "Negative share of the last hour",
            "Of all stories of the last 60 minutes of news, how many are negative. No value below "
            "8 stories: no data is not neutral.",
            [Query('max(bearwatch_negative_share_ratio{kind="all"})', "all")],
            "percentunit",
            thresholds=[(None, FINE), (0.25, WARN), (0.4, BAD)],
            decimals=0,
            width=5,
            height=4,
        ),
        Panel(
            "stat",
            "Counted up to",
            "Event time up to which everything is counted and judged. Older than a quarter of an "
            "hour: the news is silent, or we are behind.",
            [Query("max(bearwatch_watermark_timestamp_seconds) * 1000", "watermark")],
            "dateTimeFromNow",
            width=5,
            height=4,
            links=[runbook("BearwatchWatermarkHeld")],
        ),
        Panel(
            "stat",
            "Stories in $window",
            "Stories counted, copies left out.",
            [Query("sum(increase(bearwatch_stories_total[$window]))", "stories")],
            "short",
            thresholds=[(None, BLUE)],
            decimals=0,
            width=4,
            height=4,
        ),
        Panel(
            "stat",
            "Own troubles",
            "Alerts on our own health that fire. Mend these first: the rest may be their doing.",
            [
                Query(
                    'count(ALERTS{alertname=~"Bearwatch.+",alertstate="firing"}) or vector(0)',
                    "firing",
                )
            ],
            "none",
            thresholds=[(None, FINE), (1, BAD)],
            width=3,
            height=4,
        ),
    ],
)

GOING_ON: Final = Row(
    "What, where, since when",
    [
        severity_panel("", width=15),
        Panel(
            "table",
            "Open now",
            "The open incidents with the event time at which each began.",
            [
                Query(
                    f"max by (kind, key, rule) (bearwatch_incident_severity) {NAMED}",
                    instant=True,
                ),
                Query(
                    "max by (kind, key, rule) (bearwatch_incident_opened_timestamp_seconds)"
                    f" * 1000 {NAMED}",
                    instant=True,
                ),
            ],
            "none",
            thresholds=[(None, SKY), (2, WARN), (3, BAD)],
            states=SEVERITIES,
            columns={
                "name": "about",
                "Value #A": "severity",
                "Value #B": "since",
                "rule": "rule",
                "kind": "kind",
                "key": "key",
            },
            units={"since": "dateTimeAsIso"},
            width=9,
            links=[
                Link(
                    "Evidence",
                    "${web}/incidents?kind=${__data.fields.kind}&key=${__data.fields.key}",
                    of_series=True,
                )
            ],
        ),
    ],
)

AGAINST_BAND: Final = Row(
    "All news against what is usual",
    [
        Panel(
            "timeseries",
            "Negative share against its band",
            "Share of negative stories in 60 minutes, and where it lies in 95 of 100 usual hours "
            "of this time of the week.",
            [
                Query('max(bearwatch_expected_share_low_ratio{kind="all"})', "usual, low"),
                Query('max(bearwatch_expected_share_high_ratio{kind="all"})', "usual, high"),
                Query('max(bearwatch_expected_share_ratio{kind="all"})', "usual"),
                Query('max(bearwatch_negative_share_ratio{kind="all"})', "now"),
            ],
            "percentunit",
            colours=BAND,
            band=("usual, low", "usual, high"),
            thresholds=[(None, FINE), (0.4, BAD)],
            least=0,
        ),
        Panel(
            "timeseries",
            "Negative stories against their band",
            "Negative stories in 60 minutes, and where their number lies in 95 of 100 usual "
            "hours.",
            [
                Query('max(bearwatch_expected_negative_low_stories{kind="all"})', "usual, low"),
                Query('max(bearwatch_expected_negative_high_stories{kind="all"})', "usual, high"),
                Query('max(bearwatch_expected_negative_stories{kind="all"})', "usual"),
                Query('max(bearwatch_negative_stories{kind="all"})', "now"),
            ],
            "short",
            colours=BAND,
            band=("usual, low", "usual, high"),
            least=0,
        ),
    ],
)

MOVERS: Final = Row(
    "Top movers",
    [
        Panel(
            "bargauge",
            "Highest spike scores",
            "-log10 of how likely so many negative stories, or such a share, would be without "
            "news; the lesser of the two. From 1.95 twice in a row, or 4 once, an incident opens. "
            "Empty: all is calm.",
            [
                Query(
                    "topk(10, max by (kind, key)"
                    f' (bearwatch_spike_score{{kind!="all"}} > 0.1) {NAMED})',
                    "{{name}}",
                    instant=True,
                )
            ],
            "none",
            thresholds=SCORE_STEPS,
            decimals=1,
            least=0,
            most=6,
            links=[EVIDENCE],
        ),
        Panel(
            "bargauge",
            "Most negative stories beyond what is usual",
            "Negative stories of the last 60 minutes less those that are usual.",
            [
                Query(
                    'topk(10, max by (kind, key) (bearwatch_negative_stories{kind!="all"}'
                    f" - bearwatch_expected_negative_stories > 0) {NAMED})",
                    "{{name}}",
                    instant=True,
                )
            ],
            "short",
            thresholds=[(None, FINE), (3, WARN), (10, BAD)],
            decimals=1,
            least=0,
            links=[EVIDENCE],
        ),
    ],
)

VOLUME: Final = Row(
    "Volume",
    [
        Panel(
            "timeseries",
            "Stories an hour, by sentiment",
            "How fast stories are counted. A gap is silence, or our own trouble: look at "
            "Pipeline.",
            [
                Query(
                    "sum by (sentiment) (rate(bearwatch_stories_total[$__rate_interval])) * 3600",
                    "{{sentiment}}",
                )
            ],
            "short",
            draw="stacked",
            colours=MOODS,
            thresholds=[(None, BLUE)],
            least=0,
        ),
        Panel(
            "bargauge",
            "Topics with most stories in $window",
            "Stories by topic, copies left out.",
            [
                Query(
                    "topk(10, sum by (topic) (increase(bearwatch_stories_total[$window])))",
                    "{{topic}}",
                    instant=True,
                )
            ],
            "short",
            thresholds=[(None, BLUE)],
            decimals=0,
            least=0,
        ),
    ],
)

OVERVIEW: Final = Dashboard(
    "bearwatch-overview",
    "Bearwatch · Overview",
    "What is going wrong, where, since when.",
    [NOW, GOING_ON, AGAINST_BAND, MOVERS, VOLUME],
    VARIABLES,
)
