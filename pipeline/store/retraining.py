"""What was trained, when and why: one row a run, of which one at most is running.

The running row is a lease: its holder renews it while it works. Whoever finds an expired one takes
the work over, so a process that was killed leaves nothing that has to be cleared away by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.store.database import Database, StoreError
from pipeline.store.tables import article, label, mention, retraining, text

Trigger = Literal["schedule", "labels", "missed", "hand"]
State = Literal["running", "promoted", "refused", "failed", "nothing"]
Outcome = Literal["promoted", "refused", "failed", "nothing"]
OUTCOMES: Final = get_args(Outcome)

LEARNED: Final = ("promoted", "refused")
"""How runs end whose labels have had their say; those of a failed one are still to be learned."""


class Busy(StoreError):
    """Another process is training for this database."""


class TakenOver(Exception):
    """This run's lease expired and another process has taken its work over: stop."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row. ``decision`` is JSON: the reasons in words, and the numbers."""

    seq: int
    started_at: datetime
    ended_at: datetime | None
    trigger: Trigger
    state: State
    labels_to: int
    champion: str | None
    candidate: str | None
    decision: dict[str, Any] | None
    holder: str
    lease_until: datetime


def begin(
    db: Database,
    *,
    trigger: Trigger,
    labels_to: int,
    champion: str | None,
    holder: str,
    now: datetime,
    until: datetime,
) -> int:
    """Become the one that trains; returns the number of the new run.

    Raises:
        Busy: another run holds the lease, or began at the same moment.
    """
    try:
        with db.write() as connection:
            added = connection.execute(
                insert(retraining)
                .values(
                    started_at=now,
                    trigger=trigger,
                    state="running",
                    labels_to=labels_to,
                    champion=champion,
                    holder=holder,
                    lease_until=until,
                )
                .returning(retraining.c.seq)
            )
            return int(added.scalar_one())
    except IntegrityError as error:
        raise Busy(
            "another retraining is running for this database; it ends by itself, and one whose "
            "process is gone is taken over when its lease ends"
        ) from error


def interrupted(db: Database, *, now: datetime) -> Run | None:
    """The run whose process has not renewed its lease, if there is one."""
    running = retraining.c.state == "running"
    with db.read() as connection:
        row = connection.execute(
            select(retraining).where(running, retraining.c.lease_until <= now)
        ).one_or_none()
    return None if row is None else _run(row)


def end_interrupted(
    db: Database, run: Run, outcome: Outcome, decision: Mapping[str, Any], *, now: datetime
) -> bool:
    """End another process's run; False where it came back to life, or was ended by a third."""
    with db.write() as connection:
        changed = connection.execute(
            update(retraining)
            .where(
                retraining.c.seq == run.seq,
                retraining.c.state == "running",
                retraining.c.holder == run.holder,
                retraining.c.lease_until <= now,
            )
            .values(state=outcome, ended_at=now, decision=json.dumps(decision))
        )
        return changed.rowcount == 1


def renew(db: Database, seq: int, holder: str, *, until: datetime) -> None:
    """Keep the lease until then; a time in the past lets go of it, and the work can be taken over.

    Raises:
        TakenOver: it is not this process's any more.
    """
    _change(db, seq, holder, lease_until=until)


def propose(
    db: Database, seq: int, holder: str, candidate: str, decision: Mapping[str, Any]
) -> None:
    """Note what is about to be promoted, before it is: if the process dies in between, whoever
    takes over can tell whether it was.

    Raises:
        TakenOver: it is not this process's any more.
    """
    _change(db, seq, holder, candidate=candidate, decision=json.dumps(decision))


def end(
    db: Database,
    seq: int,
    holder: str,
    outcome: Outcome,
    *,
    now: datetime,
    decision: Mapping[str, Any],
    candidate: str | None = None,
) -> None:
    """Store what became of a run.

    Raises:
        TakenOver: it is not this process's any more.
    """
    more = {} if candidate is None else {"candidate": candidate}
    told = json.dumps(decision)
    _change(db, seq, holder, state=outcome, ended_at=now, decision=told, **more)


def history(db: Database, *, limit: int) -> list[Run]:
    """The newest runs, newest first."""
    with db.read() as connection:
        rows = connection.execute(
            select(retraining).order_by(retraining.c.seq.desc()).limit(limit)
        ).all()
    return [_run(row) for row in rows]


def learned_to(db: Database) -> int:
    """``label.seq`` up to which labels have been learned; 0 before the first run."""
    return _newest(db, LEARNED)


def seen_to(db: Database) -> int:
    """``label.seq`` up to which labels have been tried; a failure is not tried again at once."""
    return _newest(db, (*LEARNED, "failed"))


def new_labels(db: Database, *, after_seq: int) -> int:
    """Events behind ``after_seq``."""
    with db.read() as connection:
        query = select(func.count()).select_from(label).where(label.c.seq > after_seq)
        return int(connection.execute(query).scalar_one())


def new_texts(db: Database, *, after_seq: int) -> frozenset[str]:
    """Hashes of the texts that events behind ``after_seq`` speak of."""
    with db.read() as connection:
        query = select(label.c.text_hash).where(label.c.seq > after_seq).distinct()
        return frozenset(connection.execute(query).scalars())


def oldest_new_label(db: Database, *, after_seq: int) -> datetime | None:
    """When the first event behind ``after_seq`` was made."""
    with db.read() as connection:
        query = select(label.c.at).where(label.c.seq > after_seq).order_by(label.c.seq).limit(1)
        return connection.execute(query).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Recent:
    """An article of late: its text, and the companies that it mentions."""

    title: str
    body: str
    symbols: tuple[str, ...]


def recent(db: Database, *, limit: int) -> list[Recent]:
    """The newest stories, newest first."""
    newest = (
        select(article.c.source, article.c.id, article.c.text_hash)
        .where(
            article.c.published_at.is_not(None),
            article.c.copy_source.is_(None),
            ~article.c.deleted,
        )
        .order_by(article.c.published_at.desc(), article.c.source, article.c.id)
        .limit(limit)
        .subquery()
    )
    named = (mention.c.source == newest.c.source) & (mention.c.id == newest.c.id)
    with db.read() as connection:
        texts = connection.execute(
            select(newest.c.source, newest.c.id, text.c.title, text.c.body).join(
                text, text.c.hash == newest.c.text_hash
            )
        ).all()
        mentions = connection.execute(
            select(mention.c.source, mention.c.id, mention.c.symbol).join(newest, named)
        ).all()
    symbols: dict[tuple[str, str], list[str]] = {}
    for row in mentions:
        symbols.setdefault((row.source, row.id), []).append(row.symbol)
    return [
        Recent(row.title, row.body, tuple(sorted(symbols.get((row.source, row.id), ()))))
        for row in texts
    ]


def _newest(db: Database, states: tuple[str, ...]) -> int:
    with db.read() as connection:
        query = select(func.max(retraining.c.labels_to)).where(retraining.c.state.in_(states))
        return int(connection.execute(query).scalar() or 0)


def _change(db: Database, seq: int, holder: str, **values: object) -> None:
    with db.write() as connection:
        changed = connection.execute(
            update(retraining)
            .where(
                retraining.c.seq == seq,
                retraining.c.state == "running",
                retraining.c.holder == holder,
            )
            .values(**values)
        )
        if changed.rowcount != 1:
            raise TakenOver(f"retraining {seq} is not this process's any more")


def _run(row: Row[Any]) -> Run:
    values = row._asdict()
    told = values.pop("decision")
    return Run(**values, decision=None if told is None else json.loads(told))
