"""Dead letters are found, shown without harm, and tried again by today's rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ingest.kafka.producer import Message, Refused
from ingest.rejection import Rejected, RejectReason
from pipeline import dead_letters as letters
from pipeline.cli import app
from pipeline.dead_letters import harmless, name, origin_of, replay, to_inbox, to_kafka
from pipeline.settings import InvalidSettings, Settings
from pipeline.step import DeadLetter, Origin
from pipeline.store import dead_letters, inbox
from pipeline.store.database import Database, StoreError, open_database
from pipeline.store.dead_letters import Letter
from tests.fakes import MONDAY

GOOD = b'{"source": "wire", "id": "1", "title": "now a title"}'
OTHER = b'{"source": "wire", "id": "2", "title": "another"}'
NASTY = "{\x1b[2J\u202egnp.exe\x07\r\n caf\u00e9 [bold]".encode() + b"\xff"


def bury(db: Database, *given: tuple[int, RejectReason, bytes]) -> None:
    with db.write() as connection:
        dead_letters.write(
            connection,
            [
                DeadLetter(
                    Origin("news.raw", 0, offset),
                    Rejected(raw, reason, f"because {offset}"),
                    MONDAY + timedelta(seconds=offset),
                )
                for offset, reason, raw in given
            ],
        )


class Sent:
    """Takes letters, marks them as the real ones do, and remembers their offsets."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.offsets: list[int] = []

    def __call__(self, given: Sequence[Letter], at: datetime) -> int:
        origins = [letter.origin for letter in given]
        dead_letters.replayed(self._db, origins, at)
        self.offsets += [origin.offset for origin in origins]
        return 0


class Post:
    """A producer that refuses what holds the word."""

    def __init__(self, refuses: bytes = b"nothing") -> None:
        self._refuses = refuses
        self.sent: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> tuple[Refused, ...]:
        self.sent += messages
        return tuple(Refused(m, "too_large") for m in messages if self._refuses in m.value)


@pytest.mark.parametrize(
    "origin", [Origin("news.raw", 0, 7), Origin("file:/var/news/0/1.jsonl", 3, 2**62)]
)
def test_name_of_a_letter_is_read_back(origin: Origin) -> None:
    assert origin_of(name(origin)) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "news", "news/1", "/0/1", "news/0/", "news/x/1", "news/-1/1", "news/0/\u0661"),
        *("news/2147483648/1", "news/0/9223372036854775808", "news/0/" + "9" * 5_000),
    ],
)
def test_what_is_no_name_is_none(text: str) -> None:
    assert origin_of(text) is None


def test_foreign_bytes_are_shown_without_harm() -> None:
    assert harmless(NASTY, 100) == ("{\\x1b[2J\\u202egnp.exe\\x07\\r\\n café [bold]\\xff", 0)
    assert harmless(b"abcdef", 4) == ("abcd", 2)
    assert harmless("é".encode() * 2, 3) == ("é\\xc3", 1)


def test_what_is_an_article_now_is_sent_once_and_the_rest_stays(db: Database) -> None:
    bury(db, (0, "schema", GOOD), (1, "schema", b"{}"), (2, "not_json", OTHER), (3, "empty", b""))
    sent = Sent(db)
    done = replay(db, sent, names=(), reason=None, now=MONDAY)
    assert (done.articles, dict(done.still)) == (2, {"schema": 1, "empty": 1})
    again = replay(db, sent, names=(), reason=None, now=MONDAY)
    assert (again.articles, dict(again.still)) == (0, {"schema": 1, "empty": 1})
    assert again.before == 0  # not even read
    assert sent.offsets == [0, 2]
    named = replay(db, sent, names=["news.raw/0/0"], reason=None, now=MONDAY)
    assert (named.articles, named.before, sent.offsets) == (0, 1, [0, 2])


def test_replay_of_a_reason_leaves_the_others(db: Database) -> None:
    bury(db, (0, "schema", GOOD), (2, "not_json", OTHER))
    sent = Sent(db)
    assert replay(db, sent, names=(), reason="not_json", now=MONDAY).articles == 1
    assert sent.offsets == [2]


def test_dry_run_sends_and_marks_nothing(db: Database) -> None:
    bury(db, (0, "schema", GOOD))
    assert replay(db, None, names=(), reason=None, now=MONDAY).articles == 1
    (letter,) = dead_letters.newest(db, reason=None, limit=9)
    assert letter.replayed_at is None


def test_letter_that_kills_the_process_is_replayed_by_name_alone(db: Database) -> None:
    bury(db, (0, "kills_process", GOOD), (1, "schema", OTHER))
    sent = Sent(db)
    assert replay(db, sent, names=(), reason=None, now=MONDAY).articles == 1
    with pytest.raises(InvalidSettings, match="name each one"):
        replay(db, sent, names=(), reason="kills_process", now=MONDAY)
    assert sent.offsets == [1]
    replay(db, sent, names=["news.raw/0/0"], reason=None, now=MONDAY)
    assert sent.offsets == [1, 0]


def test_replay_goes_through_all_pieces(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "AT_ONCE", 2)
    # Those that stay are passed once, not found again and again.
    bury(db, *((n, "schema", GOOD if n % 3 else b"{}") for n in range(8)))
    sent = Sent(db)
    done = replay(db, sent, names=(), reason=None, now=MONDAY)
    assert (sent.offsets, dict(done.still)) == ([1, 2, 4, 5, 7], {"schema": 3})
    assert replay(db, None, names=(), reason=None, now=MONDAY).still == {"schema": 3}


def test_unknown_letter_is_a_clear_error(db: Database) -> None:
    with pytest.raises(StoreError, match="dlq list"):
        replay(db, None, names=["news.raw/0/99"], reason=None, now=MONDAY)


def test_what_kafka_refuses_stays(db: Database) -> None:
    bury(db, (0, "schema", GOOD), (1, "schema", OTHER))
    post = Post(refuses=b"another")
    send = to_kafka(Settings(), db, post)
    done = replay(db, send, names=(), reason=None, now=MONDAY)
    assert (done.articles, done.refused) == (2, 1)
    assert [(m.topic, m.key, m.value) for m in post.sent] == [
        ("news.raw", b"wire/1", GOOD),
        ("news.raw", b"wire/2", OTHER),
    ]
    found = dead_letters.newest(db, reason=None, limit=9)
    assert [(x.origin.offset, x.replayed_at) for x in found] == [(1, None), (0, MONDAY)]


def test_inbox_is_given_the_bytes_and_the_letter_is_marked(db: Database) -> None:
    bury(db, (0, "schema", GOOD), (1, "schema", b"{}"))
    assert replay(db, to_inbox(db), names=(), reason=None, now=MONDAY).articles == 1
    assert [record.value for record in inbox.read(db, 0, 9)] == [GOOD]
    assert dead_letters.newest(db, reason=None, limit=9)[1].replayed_at == MONDAY


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEARWATCH_DATABASE__URL", "sqlite:///test.db")
    db = open_database("sqlite:///test.db")
    bury(db, (0, "schema", GOOD), (1, "not_json", NASTY), (2, "not_json", b"x" * 5_000))
    db.close()
    return CliRunner()


def test_list_is_newest_first_with_counts_per_reason(command: CliRunner) -> None:
    done = command.invoke(app, ["dlq", "list", "--limit", "2", "--json"])
    result = json.loads(done.stdout)
    assert [letter["letter"] for letter in result["letters"]] == ["news.raw/0/2", "news.raw/0/1"]
    assert result["counts"] == {
        "not_json": {"letters": 2, "replayed": 0},
        "schema": {"letters": 1, "replayed": 0},
    }
    done = command.invoke(app, ["dlq", "list", "--reason", "schema"])
    assert "news.raw/0/0" in done.stdout
    assert "news.raw/0/1" not in done.stdout
    assert "not_json: 2" in done.stdout


def test_show_is_safe_and_raw_is_exact(command: CliRunner) -> None:
    done = command.invoke(app, ["dlq", "show", "news.raw/0/1"])
    assert done.exit_code == 0
    assert "\\u202egnp.exe" in done.stdout
    assert "[bold]" in done.stdout
    assert not set("\x1b\u202e\x07\r") & set(done.stdout)
    assert command.invoke(app, ["dlq", "show", "news.raw/0/1", "--raw"]).stdout_bytes == NASTY
    done = command.invoke(app, ["dlq", "show", "news.raw/0/2"])
    assert "1,000 more bytes" in " ".join(done.stdout.split())
    assert command.invoke(app, ["dlq", "show", "news.raw/0/9"]).exit_code == 2


def test_dry_run_says_what_would_be(command: CliRunner) -> None:
    done = command.invoke(app, ["dlq", "replay", "--dry-run", "--json"])
    assert json.loads(done.stdout) == {
        "articles": 1,
        "refused": 0,
        "replayed_before": 0,
        "still": {"not_json": 1, "not_utf8": 1},
        "dry_run": True,
    }
    done = command.invoke(app, ["dlq", "replay", "news.raw/0/0", "--reason", "schema"])
    assert done.exit_code == 2
