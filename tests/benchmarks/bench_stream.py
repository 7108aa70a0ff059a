"""Articles per second from Kafka to PostgreSQL, beside the engine alone, and what each part costs.

``python -m tests.benchmarks.bench_stream --data news.jsonl.gz``, where each line is a JSON object
with a ``title``; without a file the titles are made up. In turns in one run: the engine alone in a
process of its own, then a broker, a PostgreSQL, a worker and a monitor, all on this machine. The
titles are distinct and the engine's memory is off; a stream's rate is taken from the first commit
to the last, so that starting up is in neither.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from docker.kafka.broker import Broker, free_port
from ingest.kafka.settings import KafkaSettings
from ingest.kafka.topics import create_topics
from pipeline.ingesting import message
from pipeline.process import now
from tests.benchmarks.bench_engine import sample
from tests.fakes import MONDAY
from tests.integration.kafka import own_broker
from tests.integration.postgres import Postgres, own_server

BAR = 0.6
"""Of the engine's own rate, aimed at."""

PARTITIONS = 4
LOOK_EVERY_S = 0.1
PATIENCE_S = 1_800.0
STARTS_WITHIN_S = 120.0
TICKS = os.sysconf("SC_CLK_TCK")
STAGE = re.compile(r'^bearwatch_stage_duration_seconds_sum\{stage="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Streamed:
    """One stream. Seconds of processor time by part, seconds by the clock by stage."""

    rate: float
    cpu: dict[str, float]
    stages: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="JSON Lines, also .gz, with the field title")
    parser.add_argument("--titles", type=int, default=6_000, help="distinct titles")
    parser.add_argument("--repetitions", type=int, default=3, help="turns; medians are quoted")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--engine-alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.engine_alone:
        sys.stdout.write(f"{engine_alone(options.engine_alone, options.precision)}\n")
        return
    console = Console()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        titles = sample(options.data, options.titles, 7)
        file = folder / "news.jsonl"
        file.write_bytes(b"".join(articles(titles)))
        server = stack.enter_context(own_server())
        broker = stack.enter_context(own_broker())
        alone: list[float] = []
        streams: list[Streamed] = []
        for turn in range(options.repetitions):
            alone.append(in_own_process(file, options.precision))
            streams.append(stream(broker, server, file, f"turn{turn}", options.precision))
            console.print(f"engine {alone[-1]:.0f}/s, stream {streams[-1].rate:.0f}/s")
    show(console, len(titles), alone, streams)


def articles(titles: Sequence[str]) -> Iterator[bytes]:
    """A line per title, ten seconds apart."""
    for index, title in enumerate(titles):
        at = (MONDAY + timedelta(seconds=10 * index)).isoformat()
        fields = {"source": "wire", "id": str(index), "title": title, "published_at": at}
        yield json.dumps(fields).encode() + b"\n"


def engine_alone(file: Path, precision: str) -> float:
    """Titles per second of the engine, given as the worker gives them."""
    from models import versions
    from tests.benchmarks.bench_engine import WARM_TITLES, run_engine

    titles = [str(json.loads(line)["title"]) for line in file.open()]
    version = versions.load(precision=precision)  # type: ignore[arg-type]
    run_engine(version, titles[:WARM_TITLES])
    return run_engine(version, titles).rate


def in_own_process(file: Path, precision: str) -> float:
    """The same with nothing else in the process."""
    command = ["--engine-alone", str(file), "--precision", precision]
    found = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench_stream", *command],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return float(found.stdout)


def stream(broker: Broker, server: Postgres, file: Path, name: str, precision: str) -> Streamed:
    """Produce everything, then let one worker and one monitor store and count it."""
    settings = KafkaSettings(servers=(broker.address,), raw_topic=f"{name}.raw", group=name)
    create_topics(settings, PARTITIONS)
    produce(settings, file)
    url = server.fresh()
    port = free_port()
    environment = {
        **os.environ,
        "BEARWATCH_KAFKA__RAW_TOPIC": settings.raw_topic,
        "BEARWATCH_KAFKA__GROUP": settings.group,
        "BEARWATCH_MODEL__ENGINE__CACHE_ROWS": "0",
        "BEARWATCH_LOG__LEVEL": "warning",
    }
    number = sum(1 for _ in file.open("rb"))
    assert broker.process is not None
    servers = {"broker": broker.process.pid, "PostgreSQL": server.pid}
    before = {part: cpu_seconds(pid) for part, pid in servers.items()}
    with ExitStack() as stack:
        monitor = start(stack, ["monitor", "--db", url], environment | metrics_at(0))
        worker = start(
            stack,
            ["worker", "--kafka", broker.address, "--db", url, "--precision", precision],
            environment | metrics_at(port),
        )
        first, last, stored = follow(url, number)
        stages = read_stages(port)
        cpu = {
            "worker": cpu_seconds(worker.pid),
            "monitor": cpu_seconds(monitor.pid),
            **{part: cpu_seconds(pid) - before[part] for part, pid in servers.items()},
        }
    return Streamed((number - stored) / (last - first), cpu, stages)


def produce(settings: KafkaSettings, file: Path) -> None:
    """All lines of the file into the topic."""
    from ingest.files import JsonlSource
    from ingest.kafka.producer import Producer

    producer = Producer(settings)
    lines = JsonlSource(file, clock=now, max_records=2_000)
    while records := lines.poll(0.0):
        refused = producer.publish([message(one, settings.raw_topic) for one in records])
        assert not refused
    producer.close()
    lines.close()


def metrics_at(port: int) -> dict[str, str]:
    """The setting of the metrics' port."""
    return {"BEARWATCH_METRICS__PORT": str(port)}


def start(
    stack: ExitStack, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A part of the pipeline, stopped with the stack."""
    running = subprocess.Popen(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(running.wait, timeout=STARTS_WITHIN_S)
    stack.callback(running.terminate)
    return running


def follow(url: str, number: int) -> tuple[float, float, int]:
    """Times of the first commit seen and of the last, and how much the first had stored."""
    begun = time.monotonic()
    first, stored = 0.0, 0
    with psycopg.connect(url, autocommit=True, connect_timeout=30) as connection:
        while time.monotonic() - begun < PATIENCE_S:
            try:
                row = connection.execute('SELECT sum("next") FROM source_position').fetchone()
            except psycopg.errors.UndefinedTable:
                row = None
            found = int(row[0] or 0) if row else 0
            at = time.monotonic()
            if found and not stored:
                first, stored = at, found
            if found >= number:
                if at == first:
                    raise ValueError(f"{number} titles are one commit: give more of them")
                return first, at, stored
            time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"{stored} of {number} articles are stored")


def read_stages(port: int) -> dict[str, float]:
    """Seconds per stage, from the worker's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {stage: float(seconds) for stage, seconds in STAGE.findall(text)}


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, its children and those children that have ended."""
    seconds = 0.0
    for each in [pid, *children(pid)]:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile, and is in its parent's sum
        own, waited_for = fields[11:13], fields[13:15]
        seconds += sum(map(int, own + (waited_for if each == pid else [])))
    return seconds / TICKS


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def show(
    console: Console, number: int, alone: Sequence[float], streams: Sequence[Streamed]
) -> None:
    """The tables, and whether the bar is reached."""
    engine, rate = statistics.median(alone), statistics.median(s.rate for s in streams)
    console.print(f"{number:,} distinct titles, {os.cpu_count()} cores, {len(alone)} turns")
    console.print(f"engine alone {engine:.0f}/s ({min(alone):.0f} to {max(alone):.0f})")
    rates = [s.rate for s in streams]
    console.print(f"stream {rate:.0f}/s ({min(rates):.0f} to {max(rates):.0f})")
    table = Table(title="CPU seconds per 1,000 articles")
    table.add_column("part")
    table.add_column("median", justify="right")
    for part in streams[0].cpu:
        each = [1_000 * s.cpu[part] / number for s in streams]
        table.add_row(part, f"{statistics.median(each):.2f}")
    console.print(table)
    table = Table(title="worker: seconds by the clock per 1,000 articles (stages overlap)")
    table.add_column("stage")
    table.add_column("median", justify="right")
    for stage in streams[0].stages:
        each = [1_000 * s.stages[stage] / number for s in streams]
        if any(each):
            table.add_row(stage, f"{statistics.median(each):.2f}")
    console.print(table)
    verdict = "reached" if rate >= BAR * engine else "NOT reached"
    console.print(f"stream / engine = {rate / engine:.2f}; bar {BAR}: {verdict}")


if __name__ == "__main__":
    main()
