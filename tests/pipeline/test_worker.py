"""Poll, parse, classify, commit: nothing lost, nothing twice, whoever dies or wakes up."""

from __future__ import annotations

import json
from concurrent.futures import Future
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import func, select

from models.prediction import Prediction
from pipeline.sources import Source
from pipeline.step import Submit
from pipeline.store import positions, tables
from pipeline.store.database import Database, StoreError
from pipeline.store.summary import stats
from pipeline.worker import Worker
from tests.fakes import MONDAY, ListSource, ManualClock, classify, link, predict

REFUSE_MENTIONS = {
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE INSERT ON mention BEGIN SELECT RAISE(FAIL, 'disk'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'disk'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON mention FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
}
ALLOW_MENTIONS = {
    "sqlite": "DROP TRIGGER refuse",
    "postgresql": "DROP TRIGGER refuse ON mention",
}


def line(number: int, minutes: float = 0.0) -> bytes:
    at = (MONDAY + timedelta(minutes=minutes or number)).isoformat()
    return json.dumps(
        {"source": "wire", "id": f"a{number}", "title": f"Macro {number}", "published_at": at}
    ).encode()


def make(db: Database, source: Source, *, classify: Submit = classify, name: str = "w") -> Worker:
    worker = Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=ManualClock(MONDAY + timedelta(days=1)),
        name=name,
    )
    worker.start()
    return worker


def source(*values: bytes, max_records: int = 2) -> ListSource:
    clock = ManualClock(MONDAY + timedelta(days=1))
    return ListSource({0: values}, clock=clock, max_records=max_records)


def finish(worker: Worker) -> None:
    while not worker.finished:
        worker.step(0.0)


def position(db: Database) -> int:
    with db.read() as connection:
        return int(connection.execute(select(tables.source_position.c.next)).scalar_one())


def test_second_start_goes_on_where_the_first_stopped(db: Database) -> None:
    lines = [line(n) for n in range(6)]
    first = make(db, source(*lines))
    first.step(0.0)
    assert position(db) == 2
    finish(make(db, source(*lines)))
    assert (position(db), stats(db).articles) == (6, 6)


def test_zombies_commit_changes_nothing_and_it_goes_on_from_the_database(db: Database) -> None:
    lines = [line(n) for n in range(6)]
    zombie = make(db, source(*lines), name="zombie")
    finish(make(db, source(*lines), name="other"))
    with db.read() as connection:
        before = connection.execute(select(func.count()).select_from(tables.changed)).scalar()
    done = zombie.step(0.0)
    assert (done.refused, done.batch) == (True, None)
    finish(zombie)
    with db.read() as connection:
        after = connection.execute(select(func.count()).select_from(tables.changed)).scalar()
    assert (before, after) == (6, 6)
    assert stats(db).articles == 6


def test_refused_worker_reads_again_at_once_and_stores_with_its_next_step(db: Database) -> None:
    lines = [line(n) for n in range(12)]
    zombie = make(db, source(*lines), name="zombie")
    make(db, source(*lines, max_records=3), name="other").step(0.0)
    assert zombie.step(0.0).refused
    done = zombie.step(0.0)
    assert done.batch is not None
    assert [move.old for move in done.batch.moves] == [3]


def test_failing_commit_leaves_position_and_rows_as_they_were(db: Database) -> None:
    with db.write() as connection:
        for statement in REFUSE_MENTIONS[db.engine.dialect.name]:
            connection.exec_driver_sql(statement)
    first = json.loads(line(0)) | {"title": "negative ACM"}
    worker = make(db, source(json.dumps(first).encode()))
    with pytest.raises(Exception, match="disk"):
        worker.step(0.0)
    assert (position(db), stats(db).articles) == (0, 0)
    with db.write() as connection:
        connection.exec_driver_sql(ALLOW_MENTIONS[db.engine.dialect.name])
    finish(make(db, source(json.dumps(first).encode())))
    assert (position(db), stats(db).articles) == (1, 1)


def test_bad_records_are_dead_letters_with_their_bytes_and_move_the_position(db: Database) -> None:
    finish(make(db, source(line(0), b"\xff\xfe", b"{", line(1))))
    assert stats(db).articles == 2
    with db.read() as connection:
        rows = connection.execute(select(tables.dead_letter).order_by("offset")).all()
    assert [(row.offset, row.raw) for row in rows] == [(1, b"\xff\xfe"), (2, b"{")]
    assert position(db) == 4


def test_higher_revision_wins_and_equal_or_lower_is_nothing(db: Database) -> None:
    def revised(revision: int, title: str) -> bytes:
        fields = json.loads(line(0)) | {"title": title, "action": "replace", "revision": revision}
        return json.dumps(fields).encode()

    finish(make(db, source(revised(2, "two"), revised(1, "one"), revised(2, "zwei"))))
    with db.read() as connection:
        texts = select(tables.text.c.title).join(
            tables.article, tables.article.c.text_hash == tables.text.c.hash
        )
        assert connection.execute(texts).scalars().all() == ["two"]


def test_delete_before_its_article_leaves_a_tombstone_that_keeps_it_out(db: Database) -> None:
    gone = {"source": "wire", "id": "a0", "action": "delete", "revision": 3}
    finish(make(db, source(json.dumps(gone).encode(), line(0))))
    assert stats(db).articles == 0


def test_article_behind_its_partitions_newest_by_more_than_the_lateness_is_late(
    db: Database,
) -> None:
    # newest: 60 min      50 min is just in time, 49.9 is late; ahead of the newest is never late
    lines = [line(0, 60), line(1, 50), line(2, 49.9), line(3, 61)]
    finish(make(db, source(*lines)))
    with db.read() as connection:
        query = select(tables.article.c.id).where(tables.article.c.late)
        assert connection.execute(query).scalars().all() == ["a2"]


def test_lateness_does_not_depend_on_where_a_restart_cut_the_stream(db: Database) -> None:
    lines = [line(0, 60), line(1, 30)]
    make(db, source(*lines, max_records=1)).step(0.0)
    finish(make(db, source(*lines, max_records=1)))
    assert stats(db).late == 1


def test_polls_commit_in_order_although_the_next_is_classified_meanwhile(db: Database) -> None:
    asked: list[Future[list[Prediction]]] = []

    def slow(texts: object) -> Future[list[Prediction]]:
        asked.append(Future())
        return asked[-1]

    worker = make(db, source(line(0), line(1), max_records=1), classify=slow)
    worker._take(0.0)
    worker._take(0.0)
    asked[1].set_result([predict("Macro 1")])
    asked[0].set_result([predict("Macro 0")])
    worker.step(0.0)
    assert position(db) == 1
    worker.step(0.0)
    assert position(db) == 2


def test_stop_ends_a_step_that_waits_for_the_classifier(db: Database) -> None:
    stop = Event()
    stop.set()
    worker = Worker(
        db,
        source(line(0)),
        classify=lambda _: Future(),
        link=link,
        lateness=timedelta(minutes=10),
        clock=ManualClock(),
        name="w",
        stop=stop,
    )
    worker.start()
    assert worker.step(0.0).batch is None
    worker.close()
    assert position(db) == 0


def test_other_file_under_the_same_name_is_refused(db: Database) -> None:
    now = MONDAY
    positions.claim(db, {("file:/x", 0): "aaa"}, now=now, worker="w")
    assert positions.claim(db, {("file:/x", 0): "aaa"}, now=now, worker="w")
    with pytest.raises(StoreError, match="another"):
        positions.claim(db, {("file:/x", 0): "bbb"}, now=now, worker="w")
