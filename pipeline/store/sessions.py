"""Who is logged in: digests of cookies, never the cookies themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, select

from pipeline.store.database import Database
from pipeline.store.tables import session

MOST_OF_ONE: Final = 20
"""Sessions of one user; one more ends the oldest."""


def begin(db: Database, digest: str, user: str, *, now: datetime, until: datetime) -> None:
    """Add a session; those that have expired go."""
    mine = (
        select(session.c.digest)
        .where(session.c.user == user)
        .order_by(session.c.created_at.desc(), session.c.digest)
    )
    with db.write() as connection:
        connection.execute(delete(session).where(session.c.expires_at <= now))
        connection.execute(
            session.insert().values(digest=digest, user=user, created_at=now, expires_at=until)
        )
        oldest = connection.execute(mine).scalars().all()[MOST_OF_ONE:]
        connection.execute(delete(session).where(session.c.digest.in_(oldest)))


def user_of(db: Database, digest: str, now: datetime) -> str | None:
    """Whose session it is; None if there is none, or it is over at ``now``."""
    query = select(session.c.user).where(session.c.digest == digest, session.c.expires_at > now)
    with db.read() as connection:
        found: str | None = connection.execute(query).scalar()
    return found


def end(db: Database, digest: str) -> None:
    """Forget a session; none is no error."""
    with db.write() as connection:
        connection.execute(delete(session).where(session.c.digest == digest))
