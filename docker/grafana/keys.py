"""*Topic and company*: the chosen keys, each against what is usual for it."""

from __future__ import annotations

from typing import Final

from docker.grafana.dashboard import VARIABLES, Dashboard, Row
from docker.grafana.overview import NAMED, SCORE_STEPS, severity_panel
from docker.grafana.panels import BAD, FINE, WARN, Panel, Query


def of(kind: str, what: str) -> str:
    """A gauge of the chosen keys of one kind, with their names."""
    chosen = f'bearwatch_{what}{{kind="{kind}",key=~"${kind}"}}'
    return f"max by (kind, key) ({chosen}) {NAMED}"


def beyond(kind: str) -> str:
    """How many negative stories lie above the band."""
    chosen = f'{{kind="{kind}",key=~"${kind}"}}'
    least = f"bearwatch_expected_negative_high_stories{chosen}"
    return f"max by (kind, key) (bearwatch_negative_stories{chosen} - {least}) {NAMED}"


def shares(kind: str, plural: str) -> list[Panel]:
    """Negative shares, now and usual."""
    return [
        Panel(
            "timeseries",
            f"{plural}: negative share",
            "Share of negative stories in 60 minutes; no value below 8 stories.",
            [Query(of(kind, "negative_share_ratio"), "{{name}}")],
            "percentunit",
            thresholds=[(None, FINE), (0.4, WARN), (0.7, BAD)],
            least=0,
            most=1,
        ),
        Panel(
            "timeseries",
            f"{plural}: usual negative share",
            "What is usual for the key at this hour of the week, beside the share that "
            "is: the first is learned from the hours before, six hours late.",
            [Query(of(kind, "expected_share_ratio"), "{{name}}")],
            "percentunit",
            thresholds=[(None, FINE), (0.4, WARN), (0.7, BAD)],
            least=0,
            most=1,
        ),
    ]


def counts(kind: str, plural: str) -> list[Panel]:
    """Negative stories, and those above the band."""
    return [
        Panel(
            "timeseries",
            f"{plural}: negative stories",
            "Negative stories in 60 minutes, absent where there was no story for 180.",
            [Query(of(kind, "negative_stories"), "{{name}}")],
            "short",
            thresholds=[(None, FINE), (3, WARN), (10, BAD)],
            least=0,
        ),
        Panel(
            "timeseries",
            f"{plural}: negative stories above the band",
            "Negative stories less the upper end of what is usual: above 0 in one of 40 "
            "usual hours.",
            [Query(beyond(kind), "{{name}}")],
            "short",
            thresholds=[(None, FINE), (0, WARN), (5, BAD)],
        ),
    ]


def score_and_volume(kind: str, plural: str) -> Row:
    """How unusual the key is, and how much is written about it."""
    return Row(
        f"{plural}: score and volume",
        [
            Panel(
                "timeseries",
                f"{plural}: spike score",
                "-log10 of the tail that is less unusual. From 1.95 twice in a row, or 4 "
                "once, an incident opens, if enough stories and sources report.",
                [Query(of(kind, "spike_score"), "{{name}}")],
                "none",
                thresholds=SCORE_STEPS,
                decimals=1,
                least=0,
            ),
            Panel(
                "timeseries",
                f"{plural}: stories in 60 minutes",
                "All stories of the key, copies left out.",
                [Query(of(kind, "window_stories"), "{{name}}")],
                "short",
                least=0,
            ),
        ],
    )


def rows(kind: str, plural: str) -> list[Row]:
    """The same panels for topics and for companies."""
    chosen = f'kind="{kind}",key=~"${kind}"'
    return [
        Row(plural, [severity_panel(chosen, f"{plural}: incidents", height=7)]),
        Row(f"{plural}: negative news", [*shares(kind, plural), *counts(kind, plural)]),
        score_and_volume(kind, plural),
    ]


MIX: Final = Row(
    "Topics: mood",
    [
        Panel(
            "bargauge",
            "Negative share of the topics in $window",
            "Negative stories of all stories that were counted in the window, by topic.",
            [
                Query(
                    'sum by (topic) (increase(bearwatch_stories_total{topic=~"$topic",'
                    'sentiment="negative"}[$window])) / (sum by (topic)'
                    ' (increase(bearwatch_stories_total{topic=~"$topic"}[$window])) > 0)',
                    "{{topic}}",
                    instant=True,
                )
            ],
            "percentunit",
            thresholds=[(None, FINE), (0.4, WARN), (0.7, BAD)],
            least=0,
            most=1,
            decimals=0,
            width=24,
        )
    ],
)

KEYS: Final = Dashboard(
    "bearwatch-keys",
    "Bearwatch · Topic and company",
    "The chosen topics and companies, each against what is usual for it.",
    [*rows("topic", "Topics"), MIX, *rows("company", "Companies")],
    VARIABLES,
)
