"""Dead letters for people: their list, one of them, and another try.

A dead letter may hold anything: what is shown of it is made harmless first.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alerts.channels import plain
from ingest.article import Rejected, parse
from ingest.files import Record
from pipeline.display import Shown
from pipeline.settings import InvalidSettings, Settings
from pipeline.step import Origin
from pipeline.store import dead_letters, inbox
from pipeline.store.database import Database, StoreError
from pipeline.store.dead_letters import Letter

KILLS: Final = "kills_process"
AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 8 * 1_048_576
SHOWN_BYTES: Final = 4_000
"""Of one record on a terminal."""

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Send = Callable[[Sequence[Letter], datetime], int]
"""Sends letters in again as records and marks them; returns how many were refused."""


@dataclass(slots=True)
class Replayed:
    """What another try made of dead letters."""

    articles: int = 0
    """Articles now: sent in again, unless it was a dry run."""
    refused: int = 0
    """Of these, those that Kafka would not take; they stay."""
    before: int = 0
    """Named, but sent in again earlier: left alone."""
    still: Counter[str] = field(default_factory=Counter)
    """Still no article, by today's reason; they stay."""


def name(origin: Origin) -> str:
    """How a dead letter is called: ``topic/partition/offset``; :func:`origin_of` reads it."""
    return f"{origin.topic}/{origin.partition}/{origin.offset}"


def origin_of(text: str) -> Origin | None:
    """The origin that is called so; None when it is no such name. Topics may contain slashes."""
    match text.rsplit("/", 2):
        case [topic, partition, offset] if (
            topic and _is_number(partition, 31) and _is_number(offset, 63)
        ):
            return Origin(topic, int(partition), int(offset))
    return None


def list_letters(db: Database, *, reason: str | None, limit: int) -> Shown:
    """The newest, and how many there are of each reason."""
    counts = dead_letters.counts(db)
    letters = dead_letters.newest(db, reason=reason, limit=limit)
    result = {
        "counts": {c.reason: {"letters": c.letters, "replayed": c.replayed} for c in counts},
        "letters": [_facts(letter) for letter in letters],
    }
    table = Table(title="Dead letters, newest first", title_justify="left")
    for column in ("letter", "reason", "received (UTC)", "bytes", "replayed (UTC)", "detail"):
        table.add_column(column, overflow="fold", justify="right" if column == "bytes" else "left")
    for letter in letters:
        table.add_row(
            Text(plain(name(letter.origin), 200)),
            letter.reason,
            _time(letter.at),
            f"{letter.size:,}",
            _time(letter.replayed_at),
            Text(plain(letter.detail, 200)),
        )
    lines = [
        f"{c.reason}: {c.letters:,}" + (f", {c.replayed:,} replayed" if c.replayed else "")
        for c in counts
    ]
    return Shown(result, Group(table, "\n".join(lines)) if counts else "no dead letters")


def show_letter(db: Database, text: str) -> Shown:
    """One, its record made harmless for a terminal."""
    letter = find(db, text)
    shown, left_out = harmless(letter.raw, SHOWN_BYTES)
    encoded = b64encode(letter.raw).decode()
    lines = [
        f"{plain(name(letter.origin), 500)}: {letter.reason}",
        plain(letter.detail, 500),
        f"received {_time(letter.at)} UTC, {letter.size:,} bytes, "
        + (f"replayed {_time(letter.replayed_at)} UTC" if letter.replayed_at else "not replayed"),
        "",
        shown,
    ]
    if left_out:
        lines.append(f"... and {left_out:,} more bytes; --raw writes all of them as they are")
    return Shown(_facts(letter) | {"raw": encoded}, Text("\n".join(lines)))


def find(db: Database, text: str) -> Letter:
    """The dead letter that is called so.

    Raises:
        StoreError: there is none.
    """
    origin = origin_of(text)
    found = None if origin is None else dead_letters.find(db, origin)
    if found is None:
        shown = plain(text, 200)
        raise StoreError(
            f"no dead letter {shown!r}; write TOPIC/PARTITION/OFFSET as `bearwatch dlq list` does"
        )
    return found


def harmless(raw: bytes, most: int) -> tuple[str, int]:
    """The first ``most`` bytes of ``raw`` as one line, and how many bytes were left out.

    What is no character, or moves the cursor, or turns the direction of writing, is shown by its
    number.
    """
    text = raw[:most].decode("utf-8", "backslashreplace")
    shown = "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSAFE else c
        for c in text
    )
    return shown, max(0, len(raw) - most)


def replay(
    db: Database,
    send: Send | None,
    *,
    names: Sequence[str],
    reason: str | None,
    now: datetime,
    labels_topic: str | None = None,
) -> Replayed:
    """Read dead letters by today's rules; those that are articles now are sent in again.

    ``names``, or else all of ``reason``, or of any reason but ``kills_process``: these only by
    name. ``send`` None: only look. One that was sent in again is left alone afterwards. What came
    from ``labels_topic`` is no article, whatever it looks like.

    Raises:
        StoreError: a name that is no dead letter's.
        InvalidSettings: ``kills_process`` given as the reason.
    """
    if reason == KILLS:
        raise InvalidSettings([f"--reason {KILLS}: name each one, TOPIC/PARTITION/OFFSET"])
    done = Replayed()
    for letters in _named(db, names) if names else _pieces(db, reason):
        articles = []
        for letter in letters:
            parsed = parse(letter.raw, received_at=now)
            if letter.replayed_at is not None:
                done.before += 1
            elif isinstance(parsed, Rejected):
                done.still[parsed.reason] += 1
            elif letter.origin.topic == labels_topic:
                done.still[letter.reason] += 1
            else:
                articles.append(letter)
        done.articles += len(articles)
        if articles and send is not None:
            done.refused += send(articles, now)
    return done


def replay_view(done: Replayed, *, dry_run: bool) -> Shown:
    """What a replay did, in a few lines."""
    result = {
        "articles": done.articles,
        "refused": done.refused,
        "replayed_before": done.before,
        "still": dict(sorted(done.still.items())),
        "dry_run": dry_run,
    }
    what = "would be sent in again" if dry_run else "sent in again"
    lines = [f"{done.articles - done.refused:,} articles now: {what}"]
    if done.refused:
        lines.append(f"{done.refused:,} refused by Kafka: they stay")
    if done.before:
        lines.append(f"{done.before:,} were sent in again before: left alone")
    lines += [f"{number:,} still {reason}: they stay" for reason, number in done.still.items()]
    return Shown(result, "\n".join(lines))


def to_kafka(settings: Settings, db: Database, producer: Any) -> Send:  # noqa: ANN401 - see below
    """Sends to the topic of raw articles; ``producer`` is an ingest.kafka.producer.Producer."""
    from pipeline.ingesting import message  # it takes a moment to load

    topic = settings.kafka.raw_topic

    def send(letters: Sequence[Letter], at: datetime) -> int:
        messages = {
            id(one): (one, letter)
            for letter in letters
            for one in [message(_record(letter, at), topic)]
        }
        refused = producer.publish([one for one, _ in messages.values()])
        for one in refused:
            messages.pop(id(one.message), None)
        dead_letters.replayed(db, [letter.origin for _, letter in messages.values()], at)
        return len(refused)

    return send


def to_inbox(db: Database) -> Send:
    """Appends to the database's own inbox, in the transaction that marks the letters."""

    def send(letters: Sequence[Letter], at: datetime) -> int:
        origins = [letter.origin for letter in letters]
        inbox.put(
            db,
            [letter.raw for letter in letters],
            at=at,
            also=lambda connection: dead_letters.mark_replayed(connection, origins, at),
        )
        return 0

    return send


def _named(db: Database, names: Sequence[str]) -> Iterator[list[Letter]]:
    found = {letter.origin: letter for letter in (find(db, text) for text in names)}
    yield list(found.values())


def _pieces(db: Database, reason: str | None) -> Iterator[list[Letter]]:
    after: Origin | None = None
    while letters := dead_letters.to_replay(
        db,
        reason=reason,
        never=KILLS,
        after=after,
        most=AT_ONCE,
        most_bytes=BYTES_AT_ONCE,
    ):
        yield letters
        after = letters[-1].origin


def _record(letter: Letter, at: datetime) -> Record:
    origin = letter.origin
    return Record(origin.topic, origin.partition, origin.offset, letter.raw, at)


def _facts(letter: Letter) -> dict[str, Any]:
    return {
        "letter": name(letter.origin),
        "reason": letter.reason,
        "detail": letter.detail,
        "received_at": letter.at.isoformat(),
        "size": letter.size,
        "published_at": letter.published_at and letter.published_at.isoformat(),
        "replayed_at": letter.replayed_at and letter.replayed_at.isoformat(),
    }


def _time(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def _is_number(text: str, bits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**bits
