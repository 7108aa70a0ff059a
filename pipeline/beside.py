"""The pages beside a pipeline, in its own process."""

from __future__ import annotations

from contextlib import ExitStack

import structlog
from rich.console import Console

from pipeline.health import CannotListen, Health
from pipeline.settings import Settings
from pipeline.store.database import Database

log = structlog.get_logger()


def serve_pages(settings: Settings, db: Database, console: Console, stack: ExitStack) -> None:
    """Show the live page and the others until ``stack`` ends; without them if the port is taken:
    `bearwatch web` may be there already."""
    from pipeline.web.serve import start_beside  # it brings FastAPI

    def ready() -> Health:
        found = db.reachable()
        return Health(found, "ok" if found else "the database does not answer")

    try:
        server = start_beside(settings, ready, stack)
    except CannotListen as error:
        log.warning("no live page", reason=str(error))
        return
    console.print(f"live page: {server.url}/", highlight=False)
