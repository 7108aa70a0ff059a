"""*Pipeline*: whether we keep up, and where the time goes."""

from __future__ import annotations

from typing import Final

from docker.grafana.dashboard import VARIABLES, Dashboard, Row
from docker.grafana.overview import runbook
from docker.grafana.panels import BAD, FINE, WARN, Panel, Query
from docker.grafana.promql import grown, mean, quantile
from docker.grafana.ways import LAG, LATENCY, THROUGHPUT

BATCHES: Final = Row(
    "Batches of the model",
    [
        Panel(
            "timeseries",
            "Texts in a batch",
            "The mean, and what nine in ten batches do not exceed.",
            [
                Query(mean("bearwatch_batch_rows"), "mean"),
                Query(quantile(0.9, "bearwatch_batch_rows"), "nine in ten"),
            ],
            "short",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Tokens in a batch",
            "Padding included: what bounds a batch.",
            [
                Query(mean("bearwatch_batch_padded_tokens"), "mean"),
                Query(quantile(0.9, "bearwatch_batch_padded_tokens"), "nine in ten"),
            ],
            "short",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Padding in a batch",
            "Mean share of the tokens that are padding: work for nothing.",
            [
                Query(mean("bearwatch_batch_padding_ratio"), "padding"),
            ],
            "percentunit",
            thresholds=[(None, FINE), (0.3, WARN)],
            width=8,
            least=0,
            most=1,
        ),
    ],
)

TELLING: Final = Row(
    "Telling",
    [
        Panel(
            "timeseries",
            "Messages waiting",
            "In the outbox, not delivered yet.",
            [Query("max(bearwatch_outbox_pending)", "waiting")],
            "short",
            thresholds=[(None, FINE), (20, WARN)],
            width=6,
            least=0,
            links=[runbook("BearwatchOutboxOld")],
        ),
        Panel(
            "timeseries",
            "Age of the oldest message",
            "How long the oldest message has waited; 0 if none waits.",
            [Query("max(bearwatch_outbox_oldest_age_seconds)", "oldest")],
            "s",
            thresholds=[(None, FINE), (300, BAD)],
            width=6,
            least=0,
            links=[runbook("BearwatchOutboxOld")],
        ),
        Panel(
            "timeseries",
            "Deliveries, by sink and outcome",
            "Attempts to deliver: delivered, to be tried again, given up.",
            [Query(grown("bearwatch_deliveries_total", "sink, outcome"), "{{sink}}: {{outcome}}")],
            "short",
            draw="bars",
            width=6,
            least=0,
            links=[runbook("BearwatchDeliveryGivenUp")],
        ),
        Panel(
            "timeseries",
            "Dead letters not published",
            "Waiting for Kafka's dead-letter topic; no line where none is configured.",
            [Query("max(bearwatch_dead_letters_unpublished)", "waiting")],
            "short",
            thresholds=[(None, FINE), (100, WARN)],
            width=6,
            least=0,
            links=[runbook("BearwatchDeadLettersUnpublished")],
        ),
    ],
)

RESOURCES: Final = Row(
    "Resources",
    [
        Panel(
            "timeseries",
            "Memory",
            "Resident memory of each process.",
            [Query('process_resident_memory_bytes{job="bearwatch"}', "{{instance}}")],
            "bytes",
            thresholds=[(None, FINE), (6e9, WARN)],
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Processor",
            "Cores in use by each process.",
            [
                Query(
                    'rate(process_cpu_seconds_total{job="bearwatch"}[$__rate_interval])',
                    "{{instance}}",
                )
            ],
            "short",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Memory of the GPU",
            "In use and in all, by instance; no line where the model runs on a processor.",
            [
                Query(
                    "max by (instance, state) (bearwatch_gpu_memory_bytes)",
                    "{{instance}} {{state}}",
                )
            ],
            "bytes",
            width=8,
            least=0,
        ),
        Panel(
            "timeseries",
            "Size of the database",
            "Tables and indices; the log beside an SQLite file is not in it.",
            [Query("max(bearwatch_database_bytes)", "database")],
            "bytes",
            width=8,
            least=0,
            links=[runbook("BearwatchDiskFull")],
        ),
        Panel(
            "timeseries",
            "Free on the database's disk",
            "Known where the database is an SQLite file; a server's disk is that server's to "
            "watch.",
            [Query("min(bearwatch_disk_free_bytes)", "free")],
            "bytes",
            thresholds=[(None, BAD), (2e9, WARN), (1e10, FINE)],
            width=8,
            least=0,
            links=[runbook("BearwatchDiskFull")],
        ),
        Panel(
            "timeseries",
            "Who is up",
            "1: Prometheus reaches the process. Of several monitors exactly one is active.",
            [
                Query('up{job="bearwatch"}', "{{instance}} up"),
                Query("sum(bearwatch_monitor_active)", "active monitors"),
            ],
            "short",
            width=8,
            least=0,
            links=[runbook("BearwatchDown"), runbook("BearwatchNoMonitor")],
        ),
    ],
)

PIPELINE: Final = Dashboard(
    "bearwatch-pipeline",
    "Bearwatch · Pipeline",
    "Whether we keep up, and where the time goes.",
    [LAG, THROUGHPUT, LATENCY, BATCHES, TELLING, RESOURCES],
    VARIABLES,
    since="now-6h",
)
