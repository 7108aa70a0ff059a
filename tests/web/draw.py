"""Draws docs/images/live.png: the live page in the middle of a burst of the demo's news.

``python -m tests.web.draw docs/images/live.png``, with Debian's chromium.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from ingest.samples import outlets, sample_stream
from pipeline.run import read_whole, with_database
from pipeline.settings import Settings, SourceSettings
from pipeline.store import lease
from pipeline.store.database import open_database
from pipeline.web.serve import start
from tests.web.served import settings

UNTIL: Final = datetime(2026, 3, 12, 15, 10, tzinfo=UTC)
"""Cars are being recalled."""

SIZE: Final = (1180, 1560)


def before(line: bytes) -> bool:
    """Whether an article is from before :data:`UNTIL`; what is no article is."""
    try:
        return datetime.fromisoformat(json.loads(line)["published_at"]) < UNTIL
    except (ValueError, KeyError, TypeError):  # a time without an offset cannot be compared
        return True


def draw(path: Path) -> None:
    """Read the news up to then, serve the page, let a browser without a window take it."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium: install Debian's package of that name")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        news = folder / "news.jsonl"
        news.write_bytes(b"".join(line + b"\n" for line in sample_stream() if before(line)))
        found = settings(f"sqlite:///{folder}/live.db")
        named = Settings(sources=SourceSettings(names=outlets()), database=found.database)
        read_whole(with_database(named, folder / "live.db"), Console(stderr=True), news)
        db = open_database(f"sqlite:///{folder}/live.db")
        lease.take(db, "draw", now=datetime.now(UTC), keep_for=timedelta(hours=1))
        db.close()
        address = f"{start(found, stack).url}/"
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                f"--screenshot={path}",
                address,
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
