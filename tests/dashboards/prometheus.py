"""A real Prometheus: what is asked of it, and what it says it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.dashboards.expressions import DOCKER
from tests.dashboards.tools import free_port, running

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Series of an instant query, and the seconds that Prometheus says it took."""

    series: list[dict[str, Any]]
    seconds: float


class Prometheus:
    """One that runs at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def ask(self, expression: str, at: float | None = None) -> Answer:
        """The expression's value now, or at a time.

        Raises:
            AssertionError: Prometheus does not understand it.
        """
        given = {"query": expression, "stats": "all"} | ({} if at is None else {"time": str(at)})
        answer = self._client.post("/api/v1/query", data=given).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found = answer["data"]
        result = found["result"] if found["resultType"] == "vector" else [found["result"]]
        return Answer(result, float(found["stats"]["timings"]["evalTotalTime"]))

    def over(self, expression: str, begin: float, end: float, step: float) -> list[dict[str, Any]]:
        """The expression's series between two times."""
        given = {"query": expression, "start": str(begin), "end": str(end), "step": str(step)}
        answer = self._client.post("/api/v1/query_range", data=given).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def wait(self, expression: str) -> None:
        """Until the expression has a value."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.ask(expression).series:
            assert time.monotonic() < deadline, f"{expression} stays empty"
            time.sleep(0.1)

    def close(self) -> None:
        self._client.close()


@contextmanager
def prometheus(
    folder: Path, *, port: int | None = None, data: Path | None = None, every: str = "500ms"
) -> Iterator[Prometheus]:
    """One with the rules that ship, which scrapes ``port``, if given, as often as ``every``."""
    config = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": every, "evaluation_interval": every}
    config["rule_files"] = [str(DOCKER / "prometheus" / name) for name in config["rule_files"]]
    del config["alerting"]
    targets = [] if port is None else [f"127.0.0.1:{port}"]
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    arguments = (
        f"--config.file={written}",
        f"--storage.tsdb.path={data or folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    )
    with running("prometheus", folder / "prometheus.log", *arguments):
        made = Prometheus(f"http://{address}")
        deadline = time.monotonic() + PATIENCE_S
        while not _ready(made.url):
            assert time.monotonic() < deadline, (folder / "prometheus.log").read_text()
            time.sleep(0.05)
        yield made
        made.close()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
