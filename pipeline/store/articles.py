"""The worker's transaction: articles, texts, mentions, dead letters, the queue, the position."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, case, delete, select, update

from models.prediction import Prediction
from pipeline.step import Batch, Move, Partition, Scored
from pipeline.store import bulk, dead_letters, gaps, near, pinning
from pipeline.store.database import Database
from pipeline.store.hashing import text_hash
from pipeline.store.tables import (
    article,
    changed,
    mention,
    signature,
    source_position,
    text,
)
from pipeline.watermark import Report

Row = dict[str, Any]
Name = tuple[str, str]
"""source, id."""


KEPT = frozenset({"source", "id", "copy_source", "copy_id", "story_source", "story_id"})
"""What a new revision leaves: copy_of and story belong to the monitor, which decides them again
for what is queued."""


@dataclass(frozen=True, slots=True)
class Written:
    """The articles that were written, and the texts that they had before."""

    items: list[Scored]
    texts_before: dict[Name, str]


class Fenced(Exception):
    """Another owner moved a position: the transaction is rolled back."""


def commit(db: Database, batch: Batch, reports: Mapping[Partition, Report], worker: str) -> bool:
    """Store one batch, positions and reports with it, in one transaction: all of it or nothing.

    Each position moves by compare-and-set. False, and nothing stored, when another owner has moved
    one: then forget everything in flight and read the positions again.
    """
    try:
        with db.write() as connection:
            move(connection, batch.moves, reports, worker)
            write(connection, batch.scored)
            dead_letters.write(connection, batch.dead)
            if batch.gaps:
                now = max(report.reported_at for report in reports.values())
                gaps.write(connection, batch.gaps, at=now)
    except Fenced:
        return False
    return True


def write(connection: Connection, scored: Sequence[Scored]) -> int:
    """Store articles where their revision is the highest; returns how many that were.

    A text that no article has afterwards is gone, like the mentions and signatures of what was
    replaced or deleted. A delete also takes it from the labels; a replacement does not.
    """
    written = _upsert_articles(connection, _newest_revisions(scored))
    _write_parts(connection, written.items)
    before = written.texts_before
    _forget_texts(connection, set(before.values()))
    gone = [item.name for item in written.items if item.article.action == "delete"]
    pinning.forget(connection, gone, {before[name] for name in gone if name in before})
    return len(written.items)


def move(
    connection: Connection,
    moves: Sequence[Move],
    reports: Mapping[Partition, Report],
    worker: str,
) -> None:
    """Move positions within a transaction of the caller's, and renew the reports.

    Raises:
        Fenced: another owner has moved one; let the transaction be rolled back.
    """
    table = source_position
    for one in moves:
        now = reports[one.topic, one.partition]
        done = connection.execute(
            update(table)
            .where(
                table.c.topic == one.topic,
                table.c.partition == one.partition,
                table.c.next == one.old,
            )
            .values(
                next=one.new,
                newest_event=one.newest,
                # A poll may have moved on since the end was asked for.
                end=max(now.end, one.new),
                reported_at=now.reported_at,
                finished=now.finished,
                worker=worker,
            )
        )
        if done.rowcount != 1:
            raise Fenced


def _newest_revisions(scored: Sequence[Scored]) -> list[Scored]:
    """One per article: the highest revision, and of equal ones the first; in order of names.

    In one order, so that two workers with the same articles wait for each other, not in a circle.
    """
    chosen: dict[Name, Scored] = {}
    for item in scored:
        if item.name not in chosen or item.article.revision > chosen[item.name].article.revision:
            chosen[item.name] = item
    return [chosen[name] for name in sorted(chosen)]


def _upsert_articles(connection: Connection, scored: Sequence[Scored]) -> Written:
    """Insert, or replace where the revision is higher."""
    if not scored:
        return Written([], {})

    def missing(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
        return insert.on_conflict_do_nothing().returning(article.c.source, article.c.id)

    def newer(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
        return insert.on_conflict_do_update(
            index_elements=["source", "id"],
            set_={c.name: insert.excluded[c.name] for c in article.c if c.name not in KEPT},
            where=insert.excluded.revision > article.c.revision,
        ).returning(article.c.source, article.c.id)

    result = bulk.insert(connection, article, [_article_row(item) for item in scored], missing)
    done = {(row.source, row.id) for row in result}
    # Revision 0 replaces nothing: whatever is there is no lower.
    rest = [item for item in scored if item.name not in done and item.article.revision > 0]
    before: dict[Name, str] = {}
    if rest:
        before = _texts_before(connection, [item.name for item in rest])
        result = bulk.insert(connection, article, [_article_row(item) for item in rest], newer)
        done |= {(row.source, row.id) for row in result}
    return Written([item for item in scored if item.name in done], before)


def _texts_before(connection: Connection, names: Sequence[Name]) -> dict[Name, str]:
    """Hashes of the texts that stored articles have now; nobody can replace these meanwhile."""
    rows = connection.execute(
        select(article.c.source, article.c.id, article.c.text_hash)
        .where(bulk.among(connection, article.c.source, article.c.id, names))
        .order_by(article.c.source, article.c.id)
        .with_for_update()
    )
    return {(row.source, row.id): row.text_hash for row in rows if row.text_hash is not None}


def _article_row(item: Scored) -> Row:
    a = item.article
    deleted = a.action == "delete"
    # A take-down may repeat what is to be gone, in a link or in a field that we do not know.
    url, symbols, extra = (None, (), "{}") if deleted else (a.url, a.symbols, a.extra)
    return {
        "source": a.source,
        "id": a.id,
        "revision": a.revision,
        "deleted": deleted,
        "text_hash": None if deleted else text_hash(a.title, a.body),
        "url": url,
        "symbols": json.dumps(symbols, ensure_ascii=False),
        "extra": extra,
        "published_at": a.published_at,
        "undated": a.undated,
        "received_at": a.received_at,
        "late": item.late,
        "language": item.language,
        "topic": item.prediction.topic if item.prediction else None,
        "topic_probability": item.prediction.topic_probability if item.prediction else None,
        "version": item.prediction.version if item.prediction else None,
        **_opinion(item.prediction),
        "record_topic": item.origin.topic,
        "record_partition": item.origin.partition,
        "record_offset": item.origin.offset,
    }


def _opinion(prediction: Prediction | None) -> Row:
    if prediction is None:
        return dict.fromkeys(("sentiment", "p_negative", "p_neutral", "p_positive", "polarity"))
    return {
        "sentiment": prediction.sentiment,
        "p_negative": prediction.negative,
        "p_neutral": prediction.neutral,
        "p_positive": prediction.positive,
        "polarity": prediction.polarity,
    }


def _write_parts(connection: Connection, written: Sequence[Scored]) -> None:
    """Texts, mentions, signatures and the queue of the articles that were written."""
    if not written:
        return
    names = [item.name for item in written]
    if any(item.article.revision > 0 for item in written):
        # Only a later revision can leave something of an earlier one behind.
        for table in (mention, signature):
            stale = bulk.among(connection, table.c.source, table.c.id, names)
            connection.execute(delete(table).where(stale))
        near.leave(connection, names)
    live = [item for item in written if item.article.action != "delete"]
    if live:
        bulk.insert(connection, text, _text_rows(live), _first_seen)
    _insert_new(connection, mention, [row for item in live for row in _mention_rows(item)])
    _insert_new(connection, signature, [row for item in live for row in _signature_rows(item)])
    near.write(connection, live)
    bulk.insert(connection, changed, [{"source": s, "id": i} for s, i in names])


def _first_seen(insert: Any) -> Any:  # noqa: ANN401 - the INSERT of either dialect
    """A text that is there stays, and cannot be forgotten before this transaction has ended."""
    earliest = case(
        (text.c.first_seen > insert.excluded.first_seen, insert.excluded.first_seen),
        else_=text.c.first_seen,
    )
    return insert.on_conflict_do_update(index_elements=["hash"], set_={"first_seen": earliest})


def _forget_texts(connection: Connection, hashes: Collection[str]) -> None:
    """Remove those of ``hashes`` that no article has any more.

    Locked first, looked for afterwards: who is about to store an article with one of the texts
    holds its row, and only a statement that begins after that transaction sees the article. Two
    that wait for each other in a circle are told so by PostgreSQL, and one of them starts again.
    """
    if not hashes:
        return
    locked = select(text.c.hash).where(text.c.hash.in_(hashes)).order_by(text.c.hash)
    connection.execute(locked.with_for_update())
    used = select(article.c.text_hash).where(article.c.text_hash == text.c.hash).exists()
    connection.execute(delete(text).where(text.c.hash.in_(hashes), ~used))


def _insert_new(connection: Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        bulk.insert(connection, table, rows, lambda insert: insert.on_conflict_do_nothing())


def _text_rows(live: Sequence[Scored]) -> list[Row]:
    """One per text, in order of the hashes: a text is shared by articles of many workers."""
    rows = {
        text_hash(a.title, a.body): {"title": a.title, "body": a.body, "first_seen": a.received_at}
        for a in (item.article for item in reversed(live))
    }
    return [{"hash": key, **rows[key]} for key in sorted(rows)]


def _mention_rows(item: Scored) -> list[Row]:
    return [
        {
            "source": item.article.source,
            "id": item.article.id,
            "symbol": m.symbol,
            "relevance": m.relevance,
            "basis": "article",
            **_opinion(item.prediction),
        }
        for m in item.mentions
    ]


def _signature_rows(item: Scored) -> list[Row]:
    return [
        {
            "band": band,
            "hash": value,
            "published_at": item.article.published_at,
            "source": item.article.source,
            "id": item.article.id,
        }
        for band, value in item.bands
    ]
