"""A worker as people start it: without a broker alive but not ready, and quiet in its log."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from docker.kafka.broker import Broker
from tests.integration import kafka
from tests.integration.programs import PATIENCE_S
from tests.integration.streams import messages, publish

pytestmark = pytest.mark.timeout(600)

MOST_LINES = 40
"""In the log of ten seconds and more without a broker; kafka-python alone would write 100."""


def page(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def until(condition: Callable[[], bool], worker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert worker.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_worker_without_a_broker_is_alive_but_not_ready_and_becomes_ready(
    mortal_broker: Broker, tmp_path: Path
) -> None:
    settings = kafka.with_topics(mortal_broker.address)
    publish(settings, messages(settings, range(3)))
    mortal_broker.stop()
    given = {
        "BEARWATCH_KAFKA__SERVERS": mortal_broker.address,
        "BEARWATCH_KAFKA__RAW_TOPIC": settings.raw_topic,
        "BEARWATCH_KAFKA__GROUP": settings.group,
        "BEARWATCH_DATABASE__URL": f"sqlite:///{tmp_path}/test.db",
        "BEARWATCH_METRICS__PORT": "0",
    }
    log = tmp_path / "log"
    with log.open("wb") as written:
        worker = subprocess.Popen(
            [sys.executable, "-c", "from pipeline.cli import main; main()", "worker"],
            env={k: v for k, v in os.environ.items() if not k.startswith("BEARWATCH_")} | given,
            stdout=written,
            stderr=written,
        )
    try:
        until(lambda: "/metrics" in log.read_text(), worker, log)
        (url,) = re.findall(r"metrics: (http://\S+)/metrics", log.read_text())
        time.sleep(10)
        code, told = page(f"{url}/readyz")
        assert code == 503
        assert "the source cannot be read" in told["reason"]
        assert "check the address" in told["reason"]
        assert page(f"{url}/healthz")[0] == 200
        assert "waiting for Kafka" in log.read_text()
        assert len(log.read_text().splitlines()) < MOST_LINES
        mortal_broker.start()
        until(lambda: page(f"{url}/readyz")[0] == 200, worker, log)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
    finally:
        worker.kill()
        worker.wait(timeout=10)
