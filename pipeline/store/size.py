"""How large the database is."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import text

from pipeline.store.database import Database


def size_of(db: Database) -> tuple[int, int | None]:
    """Bytes of the database, and bytes free on its disk; None where that is another machine's.

    SQLite's size is that of its pages, without the log beside the file.
    """
    with db.read() as connection:
        if connection.dialect.name != "sqlite":
            query = text("SELECT pg_database_size(current_database())")
            return int(connection.execute(query).scalar_one()), None
        pages = int(connection.execute(text("PRAGMA page_count")).scalar_one())
        page = int(connection.execute(text("PRAGMA page_size")).scalar_one())
    file = db.engine.url.database
    folder = Path(file).parent if file else Path()
    return pages * page, shutil.disk_usage(folder).free
