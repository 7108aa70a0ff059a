"""Labels: events that are only ever added, and the texts they pin. Who asks counts the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, Select, delete, func, select

from pipeline.labels.consensus import Vote, consensus
from pipeline.store import bulk
from pipeline.store.database import Database, StoreError, upsert
from pipeline.store.pinning import LabelledText, pin_article, pin_texts, read_text
from pipeline.store.tables import label, labelled_text
from pipeline.store.tables import skip as skipped

__all__ = [
    "TASKS",
    "Count",
    "Counts",
    "Current",
    "LabelledText",
    "NewLabel",
    "Origin",
    "Snapshot",
    "StoredLabel",
    "Task",
    "add",
    "counts",
    "current",
    "events_of",
    "newest_seq",
    "pin_article",
    "pin_texts",
    "skip",
    "snapshot",
    "unsaid",
    "unskip",
    "votes",
]

Task = Literal["topic", "sentiment"]
Origin = Literal["page", "import", "kafka"]
TASKS: Final[tuple[Task, ...]] = get_args(Task)


@dataclass(frozen=True, slots=True)
class NewLabel:
    """An event to be added: ``annotator`` says ``value``, or takes back what was said (None).

    ``key`` is sha256 hex over what makes the event this one; an event with a key that is there
    already is no event. ``suggestion``, its ``probability`` and ``version`` are what the
    classifier had said of the text then.
    """

    key: str
    at: datetime
    annotator: str
    text_hash: str
    task: Task
    value: str | None
    origin: Origin
    suggestion: str | None = None
    probability: float | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """An event as it is stored; ``seq`` rises with every one."""

    seq: int
    at: datetime
    annotator: str
    text_hash: str
    task: Task
    value: str | None
    origin: Origin
    suggestion: str | None
    probability: float | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Current:
    """What an annotator says of a text now, for one task."""

    seq: int
    at: datetime
    annotator: str
    text_hash: str
    task: Task
    value: str
    origin: Origin
    suggestion: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many texts an annotator gives a value."""

    annotator: str
    task: Task
    value: str
    number: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Labels that count now. ``texts`` have at least one of them; of these ``held_out`` are
    sealed, and ``disputed`` have a task that no majority answers."""

    labels: tuple[Count, ...]
    texts: int
    disputed: int
    held_out: int
    events: int


def add(connection: Connection, texts: Sequence[LabelledText], labels: Sequence[NewLabel]) -> int:
    """Add texts that are not there yet and ``labels`` in this order; how many events were new.

    Within the caller's transaction.

    Raises:
        StoreError: a label's text is neither among ``texts`` nor stored: it was taken down.
    """
    if texts:
        by_hash = {one.hash: asdict(one) for one in texts}
        ordered = [
            by_hash[key] for key in sorted(by_hash)
        ]  # writers wait for each other, no circle
        bulk.insert(connection, labelled_text, ordered, lambda i: i.on_conflict_do_nothing())
    if not labels:
        return 0
    _refuse_unpinned(connection, {one.text_hash for one in labels})
    names = [column.name for column in label.c if column.name != "seq"]
    rows = [{name: getattr(one, name) for name in names} for one in labels]
    done = bulk.insert(
        connection,
        label,
        rows,
        lambda i: i.on_conflict_do_nothing(index_elements=["key"]).returning(label.c.seq),
    )
    return len(done.all())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Labels that count, and their texts by hash in the order of first labels; one view of both.

    ``newest`` is the newest event of that view.
    """

    labels: list[Current]
    texts: dict[str, LabelledText]
    newest: int


def snapshot(db: Database) -> Snapshot:
    """All labels that count now, with their texts."""
    pinned = labelled_text.c
    with db.read() as connection:
        labels = read_current(connection)
        query = select(labelled_text).order_by(pinned.first_at, pinned.hash)
        texts = {row.hash: read_text(row) for row in connection.execute(query)}
        newest = connection.execute(select(func.max(label.c.seq))).scalar()
    return Snapshot(labels, texts, newest or 0)


def unsaid(connection: Connection, labels: Sequence[NewLabel]) -> list[NewLabel]:
    """Those that no event says yet: the same annotator, text, task, value and time, of any origin.

    So that what was exported can be read again.
    """
    hashes = {one.text_hash for one in labels}
    columns = (label.c.annotator, label.c.text_hash, label.c.task, label.c.value, label.c.at)
    rows = connection.execute(select(*columns).where(label.c.text_hash.in_(hashes)))
    said = {tuple(row) for row in rows}
    return [
        one
        for one in labels
        if (one.annotator, one.text_hash, one.task, one.value, one.at) not in said
    ]


def events_of(db: Database, text_hash: str) -> list[StoredLabel]:
    """All that was ever said of a text, in the order in which it was stored."""
    query = select(label).where(label.c.text_hash == text_hash).order_by(label.c.seq)
    with db.read() as connection:
        return [
            StoredLabel(*(getattr(row, name) for name in StoredLabel.__slots__))
            for row in connection.execute(query)
        ]


def current(db: Database, *, after_seq: int = 0, task: Task | None = None) -> list[Current]:
    """What counts now: each annotator's newest event on each text and task, in order of ``seq``.

    Newest by the time that the event carries, and of equal times the one stored last; so the
    order in which files are imported does not matter. What was taken back is not here, nor labels
    of texts that were taken down. ``after_seq``: only those whose newest event came after that.
    """
    with db.read() as connection:
        return read_current(connection, after_seq=after_seq, task=task)


def read_current(
    connection: Connection, *, after_seq: int = 0, task: Task | None = None
) -> list[Current]:
    """As :func:`current`, within a transaction of the caller's."""
    newest = _newest()
    query = select(newest).where(
        newest.c.place == 1, newest.c.value.is_not(None), newest.c.seq > after_seq
    )
    if task is not None:
        query = query.where(newest.c.task == task)
    return [
        Current(*(getattr(row, name) for name in Current.__slots__))
        for row in connection.execute(query.order_by(newest.c.seq))
    ]


def newest_seq(db: Database) -> int:
    """The newest event's; 0 when there is none."""
    with db.read() as connection:
        return int(connection.execute(select(func.max(label.c.seq))).scalar() or 0)


def votes(labels: Sequence[Current]) -> dict[tuple[str, Task], list[Vote]]:
    """Votes by text hash and task."""
    found: dict[tuple[str, Task], list[Vote]] = {}
    for one in labels:
        found.setdefault((one.text_hash, one.task), []).append(Vote(one.annotator, one.value))
    return found


def skip(connection: Connection, annotator: str, text_hash: str, now: datetime) -> None:
    """Do not ask ``annotator`` about this text again. Doing it twice changes the time only."""
    insert = upsert(connection, skipped).values(annotator=annotator, text_hash=text_hash, at=now)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["annotator", "text_hash"], set_={"at": insert.excluded.at}
        )
    )


def unskip(connection: Connection, annotator: str, text_hash: str) -> None:
    """Take a skip back; without one nothing happens."""
    table = skipped.c
    connection.execute(
        delete(skipped).where(table.annotator == annotator, table.text_hash == text_hash)
    )


def counts(db: Database) -> Counts:
    """What there is, by annotator, task and value."""
    found = snapshot(db)
    labels = found.labels
    sealed = {key for key, one in found.texts.items() if one.held_out}
    with db.read() as connection:
        events = connection.execute(select(func.count()).select_from(label)).scalar_one()
    numbers: dict[tuple[str, Task, str], int] = {}
    for one in labels:
        named = (one.annotator, one.task, one.value)
        numbers[named] = numbers.get(named, 0) + 1
    texts = {one.text_hash for one in labels}
    disputed = {key for (key, _), said in votes(labels).items() if consensus(said).disputed}
    return Counts(
        tuple(Count(*named, number) for named, number in sorted(numbers.items())),
        len(texts),
        len(disputed),
        len(texts & sealed),
        int(events),
    )


def _newest() -> Any:  # noqa: ANN401 - a subquery with the columns of ``label``, and ``place``
    place = func.row_number().over(
        partition_by=[label.c.annotator, label.c.text_hash, label.c.task],
        order_by=[label.c.at.desc(), label.c.seq.desc()],
    )
    query: Select[Any] = select(label, place.label("place")).join(
        labelled_text, labelled_text.c.hash == label.c.text_hash
    )
    return query.subquery()


def _refuse_unpinned(connection: Connection, hashes: set[str]) -> None:
    query = select(labelled_text.c.hash).where(labelled_text.c.hash.in_(hashes))
    if missing := sorted(hashes - set(connection.execute(query).scalars())):
        raise StoreError(f"no text {missing[0][:12]}...: it was taken down, or never pinned")
