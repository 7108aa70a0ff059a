"""Writes the dashboards that ship: ``python -m docker.grafana.build``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from docker.grafana.classifier import CLASSIFIER
from docker.grafana.keys import KEYS
from docker.grafana.overview import OVERVIEW
from docker.grafana.pipeline import PIPELINE

FOLDER: Final = Path(__file__).parent / "dashboards"
DASHBOARDS: Final = (OVERVIEW, KEYS, PIPELINE, CLASSIFIER)


def written() -> dict[Path, str]:
    """What stands in each file."""
    return {
        FOLDER / f"{dashboard.uid}.json": json.dumps(
            dashboard.to_json(), indent=1, ensure_ascii=False
        )
        + "\n"
        for dashboard in DASHBOARDS
    }


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
