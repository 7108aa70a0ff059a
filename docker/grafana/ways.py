"""*Pipeline*, its upper half: lag, throughput and latency."""

from __future__ import annotations

from typing import Final, get_args

from docker.grafana.dashboard import Row
from docker.grafana.overview import runbook
from docker.grafana.panels import BAD, BLUE, FINE, WARN, Panel, Query
from docker.grafana.promql import grown, quantile, rate
from ingest.article import REJECT_REASONS
from ingest.kafka.gap import GAP_REASONS
from pipeline.watermark import Hold
from pipeline.web.outcomes import PUSH_OUTCOMES
from pipeline.work_metrics import STAGES

LAG: Final = Row(
    "Lag",
    [
        Panel(
            "timeseries",
            "Records behind",
            "Records that are known to exist and are not stored yet, by partition.",
            [Query("max by (partition) (bearwatch_lag_records)", "{{partition}}")],
            "short",
            thresholds=[(None, FINE), (10_000, WARN)],
            width=8,
            least=0,
            links=[runbook("BearwatchLagging")],
        ),
        Panel(
            "timeseries",
            "Seconds behind",
            "Age of the newest stored record of a partition that has more to read; 0 when all "
            "is read.",
            [Query("max by (partition) (bearwatch_lag_seconds)", "{{partition}}")],
            "s",
            thresholds=[(None, FINE), (300, WARN), (900, BAD)],
            width=8,
            least=0,
            links=[runbook("BearwatchLagging")],
        ),
        Panel(
            "timeseries",
            "Stalled partitions",
            "Partitions with records to read that have not moved for a minute.",
            [Query("max by (partition) (bearwatch_partition_stalled)", "{{partition}}")],
            "bool_yes_no",
            thresholds=[(None, FINE), (1, BAD)],
            width=8,
            least=0,
            most=1,
            links=[runbook("BearwatchPartitionStalled")],
        ),
        Panel(
            "timeseries",
            "Why the watermark stands where it does",
            "moving: news comes in. silent: everything is read. stale_report: some worker does "
            "not report, and nothing is judged until it does.",
            [Query("max by (state) (bearwatch_watermark_state)", "{{state}}")],
            "bool_yes_no",
            draw="stacked",
            names=get_args(Hold),
            thresholds=[(None, BLUE)],
            least=0,
            most=1,
            links=[runbook("BearwatchWatermarkHeld")],
        ),
        Panel(
            "timeseries",
            "Age of the newest event and of the watermark",
            "How old the newest article is, and up to when everything is counted and judged.",
            [
                Query("time() - max(bearwatch_newest_event_timestamp_seconds)", "newest event"),
                Query("time() - max(bearwatch_watermark_timestamp_seconds)", "watermark"),
            ],
            "s",
            thresholds=[(None, FINE), (3600, WARN)],
            least=0,
            links=[runbook("BearwatchSilent")],
        ),
    ],
)

THROUGHPUT: Final = Row(
    "Throughput",
    [
        Panel(
            "timeseries",
            "Records, articles and stories a second",
            "Read, stored, and counted without copies.",
            [
                Query(rate("bearwatch_records_total"), "records"),
                Query(rate("bearwatch_articles_total"), "articles"),
                Query(rate("bearwatch_stories_total"), "stories"),
            ],
            "ops",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Dead letters, by reason",
            "Records that are no article, in each step. `bearwatch dlq list` shows them.",
            [Query(grown("bearwatch_dead_letters_total", "reason"), "{{reason}}")],
            "short",
            draw="bars",
            thresholds=[(None, FINE), (100, WARN)],
            width=8,
            least=0,
            names=REJECT_REASONS,
            links=[runbook("BearwatchDeadLetters")],
        ),
        Panel(
            "timeseries",
            "Left out of the counts",
            "Stored but never or not in time counted: without a usable time, late, of another "
            "language.",
            [
                Query(grown("bearwatch_undated_total"), "undated"),
                Query(grown("bearwatch_late_total"), "late"),
                Query(grown('bearwatch_languages_total{language="other"}'), "other language"),
            ],
            "short",
            draw="bars",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Gaps in what the broker had",
            "Records deleted, cut off or damaged before they were read.",
            [Query(grown("bearwatch_gaps_total", "reason"), "{{reason}}")],
            "short",
            draw="bars",
            thresholds=[(None, FINE), (1, BAD)],
            width=8,
            least=0,
            names=GAP_REASONS,
            links=[runbook("BearwatchGaps")],
        ),
        Panel(
            "timeseries",
            "Requests to push",
            "By what became of them; only stored ones were answered 200.",
            [Query(rate("bearwatch_push_requests_total", "outcome"), "{{outcome}}")],
            "reqps",
            draw="stacked",
            names=PUSH_OUTCOMES,
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Articles pushed",
            "Made durable, whether they were new or not.",
            [Query(rate("bearwatch_push_articles_total"), "pushed")],
            "ops",
            width=8,
            least=0,
        ),
    ],
)

LATENCY: Final = Row(
    "Latency",
    [
        Panel(
            "heatmap",
            "From publication to the counts",
            "How many articles took how long from the time they give themselves until they were "
            "counted; the wire's own delay is in it.",
            [Query(grown("bearwatch_publish_to_counted_seconds_bucket", "le"), "{{le}}")],
            "s",
            links=[runbook("BearwatchLagging")],
        ),
        Panel(
            "timeseries",
            "Nine in ten articles are through within",
            "From publication until scored and stored, from publication until counted, and from "
            "the record's own time until counted, which is our own part of it.",
            [
                Query(quantile(0.9, "bearwatch_publish_to_scored_seconds"), "published to scored"),
                Query(
                    quantile(0.9, "bearwatch_publish_to_counted_seconds"), "published to counted"
                ),
                Query(
                    quantile(0.9, "bearwatch_received_to_counted_seconds"), "received to counted"
                ),
            ],
            "s",
            thresholds=[(None, FINE), (300, WARN)],
            least=0,
        ),
        Panel(
            "timeseries",
            "Stages: 95 of 100 take less than",
            "Time in one stage of one batch, or of one tick of the monitor.",
            [Query(quantile(0.95, "bearwatch_stage_duration_seconds", "stage"), "{{stage}}")],
            "s",
            names=STAGES,
            thresholds=[(None, FINE), (10, WARN)],
            least=0,
        ),
        Panel(
            "timeseries",
            "Stages: share of the time",
            "Seconds spent in each stage, a second. poll is waiting for news; what is near 1 is "
            "what holds everything up.",
            [Query(rate("bearwatch_stage_duration_seconds_sum", "stage"), "{{stage}}")],
            "percentunit",
            names=STAGES,
            draw="stacked",
            thresholds=[(None, FINE), (1, WARN)],
            least=0,
        ),
    ],
)
