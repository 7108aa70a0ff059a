"""The row *Retraining* of the classifier's dashboard: what came of trainings, and what waits."""

from __future__ import annotations

from typing import Final

from docker.grafana.dashboard import Row
from docker.grafana.overview import runbook
from docker.grafana.panels import BAD, BLUE, FINE, PURPLE, WARN, Panel, Query
from pipeline.retraining.gate import REFUSALS
from pipeline.store.retraining import OUTCOMES

COLOURS: Final = {"promoted": FINE, "refused": WARN, "failed": BAD, "nothing": BLUE}
SCORED: Final = tuple(
    f"{task}, {who}" for task in ("topic", "sentiment") for who in ("champion", "candidate")
)

RETRAINING: Final = Row(
    "Retraining",
    [
        Panel(
            "stat",
            "Last trainings",
            "How long ago the newest training of each outcome ended: promoted, refused by the "
            "gate, failed, or nothing to learn from. Without a value there was none.",
            [
                Query(
                    "max by (outcome) (bearwatch_retraining_ended_timestamp_seconds > 0) * 1000",
                    "{{outcome}}",
                )
            ],
            "dateTimeFromNow",
            thresholds=[(None, BLUE)],
            width=9,
            height=5,
            links=[runbook("BearwatchRetrainingFailed")],
        ),
        Panel(
            "stat",
            "Champion since",
            "The version that workers are to classify by, and how long ago it was promoted. "
            "Without a value the version that ships has never been replaced.",
            [
                Query(
                    "max by (version) (bearwatch_champion_promoted_timestamp_seconds > 0) * 1000",
                    "{{version}}",
                )
            ],
            "dateTimeFromNow",
            thresholds=[(None, PURPLE)],
            width=5,
            height=5,
        ),
        Panel(
            "stat",
            "Labels waiting",
            "Labels that no training has learned from. At [retraining] new_labels, usually 200, "
            "one begins; far more than that: none ends well.",
            [Query("max(bearwatch_waiting_labels)", "labels")],
            "short",
            thresholds=[(None, FINE), (400, WARN)],
            decimals=0,
            width=5,
            height=5,
            links=[runbook("BearwatchLabelsWaiting")],
        ),
        Panel(
            "stat",
            "Training now",
            "1 while a training runs.",
            [Query("max(bearwatch_retraining_running)", "running")],
            "none",
            thresholds=[(None, BLUE)],
            width=5,
            height=5,
        ),
        Panel(
            "timeseries",
            "What became of trainings in 7 days",
            "Trainings by outcome. Refused now and then is the gate at work; only refused, or "
            "failed, wants a look.",
            [Query("sum by (outcome) (increase(bearwatch_retrainings_total[7d]))", "{{outcome}}")],
            "none",
            draw="stacked",
            colours=COLOURS,
            names=OUTCOMES,
            least=0,
            decimals=0,
            width=8,
        ),
        Panel(
            "timeseries",
            "Refused candidates in 7 days",
            "By the gravest reason: too few sealed rows, no certain gain, worse somewhere, or "
            "new labels that everything else contradicts.",
            [
                Query(
                    "sum by (reason) (increase(bearwatch_refused_candidates_total[7d]))",
                    "{{reason}}",
                )
            ],
            "none",
            draw="stacked",
            names=REFUSALS,
            least=0,
            decimals=0,
            width=8,
            links=[runbook("BearwatchRetrainingRefused")],
        ),
        Panel(
            "timeseries",
            "Macro-F1 on the sealed rows",
            "Champion and candidate of the newest training that was compared, on rows that "
            "nothing was ever trained on.",
            [
                Query(
                    "max by (task, version)"
                    ' (bearwatch_sealed_score_ratio{number="macro_f1"} >= 0)',
                    "{{task}}, {{version}}",
                )
            ],
            "percentunit",
            thresholds=[(None, BLUE)],
            names=SCORED,
            most=1,
            width=8,
        ),
    ],
)
