"""*Classifier*: how sure it is, what it says, which version says it, and how it is retrained."""

from __future__ import annotations

from typing import Final

from docker.grafana.dashboard import VARIABLES, Dashboard, Row
from docker.grafana.overview import MOODS, runbook
from docker.grafana.panels import BAD, BLUE, FINE, PURPLE, WARN, Panel, Query
from docker.grafana.promql import grown, quantile, rate
from docker.grafana.retraining import RETRAINING
from ingest.language_codes import LANGUAGE_GROUPS
from pipeline.work_metrics import TASKS

DRIFT_LINES: Final = (*TASKS, *(f"limit of {task}" for task in TASKS))

CONFIDENCE: Final = Row(
    "Confidence",
    [
        Panel(
            "timeseries",
            "Share of unsure labels",
            "Articles whose best label has a probability below one half, of all articles, in "
            "$window. If it jumps, the news has changed or the version is bad.",
            [
                Query(
                    "sum by (task) (increase(bearwatch_low_confidence_total[$window])) / on ()"
                    " group_left () (sum(increase(bearwatch_articles_total[$window])) > 0)",
                    "{{task}}",
                )
            ],
            "percentunit",
            thresholds=[(None, FINE), (0.3, WARN), (0.5, BAD)],
            names=TASKS,
            least=0,
            width=8,
            links=[runbook("BearwatchUnsure")],
        ),
        Panel(
            "timeseries",
            "Median probability of the chosen label",
            "Half of the articles get their label with more than this.",
            [Query(quantile(0.5, "bearwatch_confidence_ratio", "task"), "{{task}}")],
            "percentunit",
            thresholds=[(None, BAD), (0.5, WARN), (0.7, FINE)],
            names=TASKS,
            least=0,
            most=1,
            width=8,
        ),
        Panel(
            "heatmap",
            "Probability of the sentiment",
            "How many articles were given their sentiment with which probability.",
            [Query(grown('bearwatch_confidence_ratio_bucket{task="sentiment"}', "le"), "{{le}}")],
            "percentunit",
            width=8,
        ),
    ],
)

MIX: Final = Row(
    "Mix of classes",
    [
        Panel(
            "timeseries",
            "Sentiment of all articles in $window",
            "Shares of the three sentiments among articles, copies too.",
            [
                Query(
                    "sum by (sentiment) (increase(bearwatch_articles_total[$window])) / on ()"
                    " group_left () (sum(increase(bearwatch_articles_total[$window])) > 0)",
                    "{{sentiment}}",
                )
            ],
            "percentunit",
            draw="stacked",
            colours=MOODS,
            thresholds=[(None, BLUE)],
            least=0,
            most=1,
            width=8,
        ),
        Panel(
            "bargauge",
            "Topics of all articles in $window",
            "Shares of the topics among articles; a topic that swallows the others says that the "
            "version is bad.",
            [
                Query(
                    "sort_desc(sum by (topic) (increase(bearwatch_articles_total[$window])) / "
                    "on () group_left () (sum(increase(bearwatch_articles_total[$window])) > 0))",
                    "{{topic}}",
                    instant=True,
                )
            ],
            "percentunit",
            thresholds=[(None, BLUE), (0.6, WARN)],
            decimals=0,
            least=0,
            width=8,
        ),
        Panel(
            "timeseries",
            "Languages",
            "English, another one, or uncertain, which counts as English.",
            [Query(rate("bearwatch_languages_total", "language"), "{{language}}")],
            "ops",
            draw="stacked",
            names=LANGUAGE_GROUPS,
            least=0,
            width=8,
        ),
    ],
)

DRIFT: Final = Row(
    "Drift since the last swap",
    [
        Panel(
            "timeseries",
            "Shift of the mix of labels",
            "How far labels of the last 24 h are divided otherwise than in the two weeks after "
            "the last swap, and what chance and usual days can bring. Above: the news is another. "
            "Absent until there is a week to compare with.",
            [
                Query("max by (task) (bearwatch_drift_mix_ratio)", "{{task}}"),
                Query("max by (task) (bearwatch_drift_mix_limit_ratio)", "limit of {{task}}"),
            ],
            "none",
            thresholds=[(None, BLUE)],
            names=DRIFT_LINES,
            least=0,
            width=12,
            links=[runbook("BearwatchMixShifted")],
        ),
        Panel(
            "timeseries",
            "Fall of confidence in the same labels",
            "How much less sure the classifier was, label by label, and what chance and usual "
            "days can bring. Above: it knows this news less well than the news it began with.",
            [
                Query("max by (task) (bearwatch_drift_confidence_drop_ratio)", "{{task}}"),
                Query(
                    "max by (task) (bearwatch_drift_confidence_limit_ratio)", "limit of {{task}}"
                ),
            ],
            "percentunit",
            thresholds=[(None, BLUE)],
            names=DRIFT_LINES,
            width=12,
            links=[runbook("BearwatchConfidenceFell")],
        ),
    ],
)

VERSIONS: Final = Row(
    "Versions",
    [
        Panel(
            "timeseries",
            "Which version classifies",
            "Workers per version. Two at once for longer than a swap takes: some worker has "
            "missed it.",
            [Query("count by (version) (bearwatch_model_info)", "{{version}}")],
            "short",
            draw="stacked",
            thresholds=[(None, PURPLE)],
            least=0,
            decimals=0,
            width=8,
            links=[runbook("BearwatchVersionsDiffer")],
        ),
        Panel(
            "table",
            "Programs and versions",
            "The program's version at each instance.",
            [Query("max by (instance, version) (bearwatch_build_info)", instant=True)],
            "none",
            thresholds=[(None, BLUE)],
            columns={"instance": "instance", "version": "program"},
            width=8,
        ),
        Panel(
            "timeseries",
            "Answered from memory, failed, halved",
            "Texts whose answer was known, texts that the model gave an error for, and batches "
            "halved for want of memory, a second.",
            [
                Query(rate("bearwatch_cached_predictions_total"), "from memory"),
                Query(rate("bearwatch_batch_failures_total"), "failed"),
                Query(rate("bearwatch_batch_halvings_total"), "halved"),
            ],
            "ops",
            thresholds=[(None, FINE), (10, WARN)],
            least=0,
            width=8,
            links=[runbook("BearwatchModelFails")],
        ),
    ],
)

CLASSIFIER: Final = Dashboard(
    "bearwatch-classifier",
    "Bearwatch · Classifier",
    "How sure the classifier is, what it says, which version says it, and how it is retrained.",
    [CONFIDENCE, MIX, DRIFT, VERSIONS, RETRAINING],
    VARIABLES,
)
