from __future__ import annotations

import gzip
import hashlib
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.article import Rejected, parse
from ingest.decoding import MAX_RECORD_BYTES
from ingest.files import (
    MAX_POLL_BYTES,
    ChangedError,
    DamagedError,
    IngestError,
    JsonlSource,
    Record,
    UnreadableError,
)

NOW = datetime(2024, 5, 2, 9, 30, tzinfo=UTC)
Write = Callable[[bytes], Path]


@pytest.fixture(params=["plain", "gzip"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    def plain(content: bytes) -> Path:
        path = tmp_path / "news.jsonl"
        path.write_bytes(content)
        return path

    def compressed(content: bytes) -> Path:
        path = tmp_path / "news.jsonl.gz"
        path.write_bytes(gzip.compress(content))
        return path

    return plain if request.param == "plain" else compressed


OPENED: list[JsonlSource] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def opened(path: Path, *, follow: bool = False, max_records: int = 1024) -> JsonlSource:
    OPENED.append(JsonlSource(path, clock=lambda: NOW, follow=follow, max_records=max_records))
    return OPENED[-1]


def values(records: list[Record]) -> list[bytes]:
    return [record.value for record in records]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "live.jsonl"
    path.write_bytes(b"one\ntwo\n")
    return path


@pytest.fixture
def tail(log: Path) -> JsonlSource:
    return opened(log, follow=True)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)


# --- lines and offsets --------------------------------------------------------------------------


def test_a_line_is_a_record_and_its_number_the_offset(write: Write) -> None:
    path = write(b"one\r\n\ntwo\n   \nlast")
    source = opened(path)
    topic = f"file:{path}"
    assert source.topic == topic
    assert source.poll(0) == [
        Record(topic, 0, number, value, NOW)
        for number, value in enumerate([b"one", b"", b"two", b"   ", b"last"])
    ]
    assert source.poll(0) == []


def test_a_blank_line_is_a_record_that_parses_as_empty(write: Write) -> None:
    (record,) = opened(write(b"\n")).poll(0)
    result = parse(record.value, received_at=record.timestamp)
    assert isinstance(result, Rejected)
    assert result.reason == "empty"


def test_a_topic_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "news.jsonl").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert opened(Path("news.jsonl")).topic == f"file:{tmp_path}/news.jsonl"


def test_a_poll_is_bounded_in_records(write: Write) -> None:
    source = opened(write(b"1\n2\n3\n4\n5\n"), max_records=2)
    assert [values(source.poll(0)) for _ in range(4)] == [[b"1", b"2"], [b"3", b"4"], [b"5"], []]


def test_a_poll_is_bounded_in_bytes(write: Write) -> None:
    line = b"x" * 1_000_000
    source = opened(write((line + b"\n") * 20))
    first = source.poll(0)
    assert sum(map(len, values(first))) < MAX_POLL_BYTES + len(line)
    assert len(first) + len(source.poll(0)) == 20


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.translate(None, b"\n\x1f")), max_size=9)
)
def test_reading_gives_back_the_lines_from_any_offset(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "news.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    expected = [line.removesuffix(b"\r") for line in lines]
    source = opened(path)
    for offset in [0, len(lines), len(lines) // 2, 0]:
        source.seek(offset)
        assert [(r.offset, r.value) for r in source.poll(0)] == list(enumerate(expected))[offset:]


# --- position, end, finished --------------------------------------------------------------------


def test_end_is_the_position_exactly_when_all_is_delivered(write: Write) -> None:
    source = opened(write(b"1\n2\n3"), max_records=1)
    for position in range(3):
        assert source.position == position
        assert source.end() == position + 1
        assert not source.finished
        source.poll(0)
    assert (source.position, source.end(), source.finished) == (3, 3, True)


def test_an_empty_file_is_finished(write: Write) -> None:
    source = opened(write(b""))
    assert (source.end(), source.finished, source.poll(0), source.identity) == (0, True, [], "")


def test_looking_at_the_end_loses_no_record(write: Write) -> None:
    source = opened(write(b"1\n2\n"))
    assert [source.end(), source.end()] == [1, 1]
    assert values(source.poll(0)) == [b"1", b"2"]


def test_seek_goes_forward_and_back(write: Write) -> None:
    source = opened(write(b"0\n1\n2\n3\n"))
    source.seek(2)
    assert (source.position, source.end()) == (2, 3)
    assert values(source.poll(0)) == [b"2", b"3"]
    source.seek(1)
    assert [(r.offset, r.value) for r in source.poll(0)] == [(1, b"1"), (2, b"2"), (3, b"3")]
    source.seek(4)
    assert source.finished


def test_a_record_looked_at_is_not_delivered_after_seek(write: Write) -> None:
    source = opened(write(b"0\n1\n2\n"))
    source.seek(2)
    assert source.end() == 3
    source.seek(0)
    assert values(source.poll(0)) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("follow", [False, True])
def test_a_position_past_the_end_asks_whether_the_file_was_replaced(
    log: Path, *, follow: bool
) -> None:
    source = opened(log, follow=follow)
    with pytest.raises(ChangedError, match=r"live\.jsonl has 2 lines.*from 3.*replaced\?"):
        source.seek(3)


def test_the_fraction_read_goes_from_0_to_1(write: Write) -> None:
    lines = [hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(20_000)]
    source = opened(write(b"\n".join(lines)))
    fractions = [source.read_fraction()]
    while source.poll(0):
        fractions.append(source.read_fraction())
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 2


# --- identity -----------------------------------------------------------------------------------


def test_the_identity_is_the_hash_of_the_first_line(write: Write) -> None:
    source = opened(write(b"one\r\ntwo\n"))
    source.seek(2)
    assert source.identity == hashlib.sha256(b"one").hexdigest()
    assert source.position == 2


def test_an_unfinished_first_line_gives_no_identity_yet(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    path.write_bytes(b"on")
    source = opened(path, follow=True)
    assert source.identity == ""
    append(path, b"e\n")
    assert source.identity == hashlib.sha256(b"one").hexdigest()


# --- long lines ---------------------------------------------------------------------------------


def test_a_line_of_the_largest_size_is_whole(write: Write) -> None:
    line = b"x" * MAX_RECORD_BYTES
    for ending in (b"\n", b"\r\n", b""):
        assert values(opened(write(line + ending)).poll(0)) == [line]


@pytest.mark.parametrize("extra", [1, 2, 3, 4, 65_536, 5_000_000])
def test_a_longer_line_is_cut_and_refused_as_too_large(write: Write, extra: int) -> None:
    content = b"a\n" + b"x" * (MAX_RECORD_BYTES + extra) + b"\r\nb\n"
    records = opened(write(content)).poll(0)
    assert values(records) == [b"a", b"x" * (MAX_RECORD_BYTES + 1), b"b"]
    result = parse(records[1].value, received_at=NOW)
    assert isinstance(result, Rejected)
    assert result.reason == "too_large"


def test_memory_stays_small_whatever_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(50):
            stream.write(b"0" * 1_000_000)
    source = opened(path)
    tracemalloc.start()
    (record,) = source.poll(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(record.value) == MAX_RECORD_BYTES + 1
    assert peak < 8 * MAX_RECORD_BYTES


# --- following ----------------------------------------------------------------------------------


def test_following_delivers_appended_lines_once_they_are_whole(
    tail: JsonlSource, log: Path
) -> None:
    assert values(tail.poll(0)) == [b"one", b"two"]
    append(log, b"thr")
    assert tail.poll(0) == []
    assert tail.end() == tail.position == 2
    append(log, b"ee\nfour\nfi")
    assert tail.end() == 3
    assert [(r.offset, r.value) for r in tail.poll(0)] == [(2, b"three"), (3, b"four")]
    append(log, b"ve\r\n")
    assert values(tail.poll(0)) == [b"five"]


def test_a_followed_file_is_never_finished(tail: JsonlSource) -> None:
    tail.poll(0)
    assert not tail.finished


def test_following_waits_for_a_line_but_no_longer_than_asked(tail: JsonlSource, log: Path) -> None:
    tail.poll(0)
    started = time.monotonic()
    assert tail.poll(0.2) == []
    assert 0.2 <= time.monotonic() - started < 2

    writer = threading.Timer(0.2, append, (log, b"three\n"))
    writer.start()
    started = time.monotonic()
    assert values(tail.poll(30)) == [b"three"]
    assert time.monotonic() - started < 10
    writer.join(timeout=10)


def test_a_file_that_is_not_followed_is_not_waited_for(write: Write) -> None:
    source = opened(write(b"one\n"))
    source.poll(0)
    started = time.monotonic()
    assert source.poll(30) == []
    assert time.monotonic() - started < 5


def test_going_on_after_a_last_line_without_newline_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    path.write_bytes(b"one\ntwo")
    once = opened(path)
    assert values(once.poll(0)) == [b"one", b"two"]
    later = opened(path, follow=True)
    later.seek(once.position)
    append(path, b"\nthree\n")
    assert [(r.offset, r.value) for r in later.poll(0)] == [(2, b"three")]


def test_a_followed_file_that_gets_shorter_is_an_error(tail: JsonlSource, log: Path) -> None:
    tail.poll(0)
    log.write_bytes(b"one\n")
    with pytest.raises(ChangedError, match="shorter"):
        tail.poll(0)


def test_a_followed_file_that_is_replaced_is_read_to_its_end_first(
    tail: JsonlSource, log: Path
) -> None:
    log.rename(log.with_suffix(".old"))
    log.write_bytes(b"new\n")
    assert values(tail.poll(0)) == [b"one", b"two"]
    with pytest.raises(ChangedError, match="another file"):
        tail.poll(0)


def test_a_followed_file_that_is_deleted_is_an_error(tail: JsonlSource, log: Path) -> None:
    log.unlink()
    assert len(tail.poll(0)) == 2
    with pytest.raises(UnreadableError, match=r"live\.jsonl"):
        tail.poll(0)


# --- damage -------------------------------------------------------------------------------------


def lines_then_damage(path: Path) -> tuple[list[bytes], DamagedError]:
    source = opened(path, max_records=7)
    lines: list[bytes] = []
    with pytest.raises(DamagedError) as caught:  # noqa: PT012 - what came before counts too
        while True:
            lines += values(source.poll(0))
    assert not source.finished
    with pytest.raises(DamagedError):
        source.poll(0)
    return lines, caught.value


def test_a_gzip_file_cut_short_gives_its_whole_lines_and_then_the_error(tmp_path: Path) -> None:
    content = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() + b"\n" for n in range(5000))
    path = tmp_path / "news.jsonl.gz"
    whole = gzip.compress(content)
    path.write_bytes(whole[: len(whole) // 2])
    lines, error = lines_then_damage(path)
    assert 2000 < len(lines) < 3000
    assert lines == content.split(b"\n")[: len(lines)]
    assert str(path) in str(error)
    assert f"after line {len(lines)}" in str(error)
    assert "restore" in str(error)


@pytest.mark.parametrize("at", [-5, -1, 12, 200])
def test_a_corrupt_gzip_file_is_an_error(tmp_path: Path, at: int) -> None:
    content = b"".join(hashlib.sha256(b"%d" % n).digest().hex().encode() for n in range(99))
    damaged = bytearray(gzip.compress(content + b"\n"))
    damaged[at] ^= 0xFF
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(damaged)
    lines_then_damage(path)


@pytest.mark.parametrize("content", [b"", b"{}\n"])
def test_a_name_that_promises_gzip_is_held_to_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match="not gzip"):
        opened(path)


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert values(opened(path).poll(0)) == [b"one", b"two"]


def test_a_compressed_file_cannot_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(gzip.compress(b"one\n"))
    with pytest.raises(ValueError, match="cannot be followed"):
        opened(path, follow=True)


def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UnreadableError, match="is not a file"):
            opened(path)


def test_close_may_be_called_again(write: Write) -> None:
    source = opened(write(b"one\n"))
    source.close()
    source.close()


@pytest.mark.parametrize("error", IngestError.__subclasses__())
def test_every_error_has_its_own_reason(error: type[IngestError]) -> None:
    kinds: list[type[IngestError]] = [IngestError, *IngestError.__subclasses__()]
    assert [kind.reason for kind in kinds].count(error.reason) == 1
