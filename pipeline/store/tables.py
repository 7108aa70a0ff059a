"""Every table, laid out for SQLite and PostgreSQL alike.

Times are aware UTC in Python and whole milliseconds since 1970 in the database: they order,
subtract and divide into buckets in the same way on both. An article is named by ``(source, id)``
everywhere, never by a serial number: those depend on the order of arrival, and counts must not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy import text as sql

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def name_type(length: int) -> String:
    """Text of bounded length, in order of code points: PostgreSQL would follow a language."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, stored as whole milliseconds since 1970; finer parts are cut off."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Aware time to milliseconds; a naive one raises ``TypeError``."""
        return None if value is None else (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Milliseconds to aware time."""
        return None if value is None else EPOCH + value * MILLISECOND


def only(condition: str) -> dict[str, Any]:
    """Keywords of an index over some rows alone."""
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}


Serial = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key the database counts up; SQLite does so only for its own INTEGER."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def _name_columns() -> list[Column[Any]]:
    return [
        Column("source", name_type(64), primary_key=True),
        Column("id", name_type(128), primary_key=True),
    ]


def _sentiment_columns() -> list[Column[Any]]:
    return [
        Column("sentiment", name_type(8)),
        Column("p_negative", Float),
        Column("p_neutral", Float),
        Column("p_positive", Float),
        # round(10,000 x (p(positive) - p(negative))): an integer, so that deltas cancel exactly.
        Column("polarity", Integer),
    ]


article = Table(
    "article",
    metadata,
    *_name_columns(),
    Column("revision", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),  # a tombstone: it outranks lower revisions
    Column("text_hash", name_type(64), index=True),
    Column("url", Text),
    Column("symbols", Text, nullable=False),  # JSON list, the publisher's own tags
    Column("extra", Text, nullable=False),  # JSON object, the fields that are not in article v1
    Column("published_at", Instant, index=True),  # null: undated, scored and stored, never counted
    Column("undated", name_type(8)),  # why: missing, future
    Column("received_at", Instant, nullable=False),
    Column("late", Boolean, nullable=False),  # behind its partition's newest by more than lateness
    Column("language", name_type(8)),  # ISO 639-1; null: uncertain, or stored before it was told
    Column("topic", name_type(64)),
    Column("topic_probability", Float),
    *_sentiment_columns(),
    Column("version", name_type(128)),  # the classifier that said so: id+topics-hash
    Column("copy_source", name_type(64)),  # copy_of: null for a story
    Column("copy_id", name_type(128)),
    Column("story_source", name_type(64)),  # the root of the chain of copies; a story's own name
    Column("story_id", name_type(128)),
    Column("record_topic", Text, nullable=False),
    Column("record_partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Index("ix_article_copy_source_copy_id", "copy_source", "copy_id"),
    Index("ix_article_story_source_story_id", "story_source", "story_id"),
)

text = Table(
    "text",
    metadata,
    Column("hash", name_type(64), primary_key=True),  # sha256 of title, NUL, body
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("first_seen", Instant, nullable=False),
)

mention = Table(
    "mention",
    metadata,
    *_name_columns(),
    Column("symbol", name_type(32), primary_key=True),
    Column("relevance", Float, nullable=False),
    Column("basis", name_type(8), nullable=False),  # whose sentiment it is: article, entity
    *_sentiment_columns(),
    Index("ix_mention_symbol", "symbol"),
)

signature = Table(
    "signature",
    metadata,
    Column("band", SmallInteger, primary_key=True),  # 0: exact repeat; higher: near-duplicates
    Column("hash", name_type(64), primary_key=True),
    Column("published_at", Instant, primary_key=True),
    *_name_columns(),
    Index("ix_signature_source_id", "source", "id"),
)
"""Where an article is found when another one's copies are decided; undated ones are not here."""

shape = Table(
    "shape",
    metadata,
    *_name_columns(),
    Column("revision", BigInteger, primary_key=True),
    Column("published_at", Instant, nullable=False, index=True),
    Column("gone", Boolean, nullable=False),  # replaced or deleted, which the monitor has not seen
    Column("value", LargeBinary, nullable=False),  # ingest.shapes.Shape.encode
    Column("keys", LargeBinary, nullable=False),  # 64-bit numbers, as in ``neighbour``
)
"""What the near-duplicate rule reads of an article; undated ones are not here."""

neighbour = Table(
    "neighbour",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("published_at", Instant, primary_key=True),
    *_name_columns(),
    Column("revision", BigInteger, primary_key=True),
    # ingest.shapes.bits; in the key, so that the index alone answers.
    Column("bits", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Where near-duplicates find each other."""

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("reason", name_type(32), nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("published_at", Instant),  # null: Kafka's dead topic has not had it
    Column("replayed_at", Instant),  # null: never sent in again
    Index("ix_dead_letter_published_at_at", "published_at", "at"),
)

changed = Table(
    "changed",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("source", name_type(64), nullable=False),
    Column("id", name_type(128), nullable=False),
    sqlite_autoincrement=True,  # a key once used never comes back, even when the queue was empty
)
"""The monitor's queue: articles whose contribution may have changed."""

source_position = Table(
    "source_position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("identity", name_type(64)),  # of a file: sha256 of its first line
    Column("end", BigInteger, nullable=False),  # after the last record known to exist
    Column("newest_event", Instant),
    Column("reported_at", Instant, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("worker", name_type(64), nullable=False),
)
"""Position and report of a partition, moved in the transaction that stores its records."""

contribution = Table(
    "contribution",
    metadata,
    *_name_columns(),
    Column("value", Text, nullable=False),  # pipeline.count.Contribution as JSON
)
"""What an article added to the buckets, remembered so that it can be taken back."""

bucket = Table(
    "bucket",
    metadata,
    Column("kind", name_type(8), primary_key=True),  # all, topic, company, source
    Column("key", name_type(64), primary_key=True),
    Column("start", Instant, primary_key=True),  # [start, start + 5 min) of event time
    Column("articles", Integer, nullable=False),
    Column("stories", Integer, nullable=False),
    Column("negative", Integer, nullable=False),  # stories, like the next two
    Column("neutral", Integer, nullable=False),
    Column("positive", Integer, nullable=False),
    Column("polarity", BigInteger, nullable=False),  # sum over articles
    Index("ix_bucket_start", "start"),
)

baseline_hour = Table(
    "baseline_hour",
    metadata,
    Column("kind", name_type(8), primary_key=True),
    Column("key", name_type(64), primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("negative", Integer, nullable=False),  # stories; not n and N: SQLite ignores case
    Column("stories", Integer, nullable=False),
    Column("negative_last15", Integer, nullable=False),
    Column("stories_last15", Integer, nullable=False),
    Index("ix_baseline_hour_hour", "hour"),
)
"""What an hour taught the baselines, 6 h after its end. No row, but one for ``all``: a zero."""

monitor = Table(
    "monitor",
    metadata,
    Column("name", name_type(16), primary_key=True),  # one row: 'monitor'
    Column("holder", name_type(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),  # rises with each new holder of the lease
    Column("lease_until", Instant, nullable=False),
    Column("watermark", Instant),
    Column("cursor", Instant),  # the newest 5-minute boundary that has been evaluated
    Column("pruned_before", Instant),  # articles before that are not told copies of any more
    Column("decided_to", Instant),  # no article with a story is newer; null: look it up
)

watch = Table(
    "watch",
    metadata,
    Column("kind", name_type(8), primary_key=True),
    Column("key", name_type(64), primary_key=True),
    Column("rule", name_type(16), primary_key=True),
    Column("value", Text, nullable=False),  # alerts.incidents.Watch as JSON
)
"""State of the incident machines that are not at rest."""

incident = Table(
    "incident",
    metadata,
    Column("id", name_type(64), primary_key=True),
    Column("parent", name_type(64), index=True),
    Column("kind", name_type(8), nullable=False),
    Column("key", name_type(64), nullable=False),
    Column("rule", name_type(16), nullable=False),
    Column("severity", name_type(8), nullable=False),
    Column("state", name_type(8), nullable=False),
    Column("opened_at", Instant, nullable=False, index=True),
    Column("resolved_at", Instant),
    Column("changed_at", Instant, nullable=False),  # event time of the newest revision
    Column("revision", Integer, nullable=False),
    Column("told", name_type(8)),  # the gravest severity that was sent out; null: nobody was told
    Column("evidence", Text, nullable=False),  # JSON, of the strongest evaluation
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("incident", name_type(64), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("sink", name_type(32), nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("error", Text),
    Index("ix_outbox_sent_at_next_try", "sent_at", "next_try"),
    sqlite_autoincrement=True,
)

event = Table(
    "event",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("kind", name_type(32), nullable=False),  # accepted, feedback, version, ...
    Column("actor", name_type(64), nullable=False),
    Column("value", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,
)
"""Operator and model events: with ``baseline_hour`` they determine the detector's state."""

attempt = Table(
    "attempt",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("run", name_type(32)),  # the process that claimed it last; null: it let go
    Column("next", BigInteger, nullable=False),  # the position at that claim
    Column("claims", Integer, nullable=False),  # in a row at this position, without letting go
    Column("careful_until", BigInteger, nullable=False),
    Column("in_hand", BigInteger),  # offset of the one record that is being processed
    Column("suspect", BigInteger),  # offset of the one in hand when a process ended
    Column("deaths", Integer, nullable=False),  # how often it was
)
"""What tells a record that kills the process from others: pipeline.caution.Attempts."""

feed_cursor = Table(
    "feed_cursor",
    metadata,
    Column("feed", name_type(64), primary_key=True),  # sha256 of its URL, which may be a secret
    Column("url", Text, nullable=False),  # for people: without user, password and keys
    Column("etag", Text),
    Column("last_modified", Text),
    Column("seen", Text, nullable=False),  # ingest.feeds.cursor.seen_text
    Column("next_at", Instant),
    Column("failures", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
"""How far each feed has been read: moved with its records, or after Kafka has them."""

inbox = Table(
    "inbox",
    metadata,
    Column("offset", BigInteger, primary_key=True, autoincrement=False),  # see inbox_end
    Column("raw", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
)
"""Records that were handed in and have not been read: a source of one partition."""

inbox_end = Table(
    "inbox_end",
    metadata,
    Column("name", name_type(16), primary_key=True),  # one row: 'inbox'
    Column("next", BigInteger, nullable=False),  # the offset of the next record
)
"""Where offsets come from: its row stays locked until the records that got them are committed."""

labelled_text = Table(
    "labelled_text",
    metadata,
    Column("hash", name_type(64), primary_key=True),  # as in ``text``
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("source", name_type(64)),  # the article it was labelled as; null: from outside
    Column("id", name_type(128)),
    Column("story", name_type(64), nullable=False, index=True),  # equal for texts of one story
    Column("first_at", Instant, nullable=False, index=True),  # when its first label came
    Column("held_out", Boolean, nullable=False),  # sealed: judged on, never trained on
    Index("ix_labelled_text_source_id", "source", "id"),
)
"""Texts that have labels: a label pins its text, which outlives the article. A take-down removes
it, and with it the text's place in training and holdout."""

label = Table(
    "label",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("key", name_type(64), nullable=False, unique=True),  # the same event again is no event
    Column("at", Instant, nullable=False),
    Column("annotator", name_type(64), nullable=False),
    Column("text_hash", name_type(64), nullable=False, index=True),
    Column("task", name_type(16), nullable=False),  # topic, sentiment
    Column("value", name_type(64)),  # null: the annotator takes back what was said before
    Column("origin", name_type(16), nullable=False),  # page, import, kafka
    Column("suggestion", name_type(64)),  # what the classifier said then
    Column("probability", Float),  # how sure it was of that
    Column("version", name_type(128)),  # which classifier
    Index("ix_label_annotator_seq", "annotator", "seq"),
    sqlite_autoincrement=True,
)
"""What annotators said, in order; rows are only ever added. Of an annotator's rows on a text and
task the one with the newest ``at`` counts, of equal ones the one added last."""

skip = Table(
    "skip",
    metadata,
    Column("annotator", name_type(64), primary_key=True),
    Column("text_hash", name_type(64), primary_key=True),
    Column("at", Instant, nullable=False),
)
"""Texts that an annotator does not want to be asked about."""

model_version = Table(
    "model_version",
    metadata,
    Column("id", name_type(64), primary_key=True),  # the card's
    Column("folder", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", name_type(64), nullable=False),
    Column("parent", name_type(64)),  # the version it went on from
    Column("card", Text, nullable=False),  # JSON
    Column("report", Text),  # JSON, of its evaluation
)
"""Versions that were registered: their folders are whole and were verified."""

version_file = Table(
    "version_file",
    metadata,
    Column("id", name_type(64), primary_key=True),  # a model_version's
    Column("card", LargeBinary, nullable=False),  # the file's own bytes
    Column("weights", LargeBinary, nullable=False),  # under 1 MB: a prompt and two heads
)
"""The files of registered versions, so that a worker on any machine can have them."""

promotion = Table(
    "promotion",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False, index=True),
    Column("version", name_type(64), nullable=False),  # the champion from then on
    Column("previous", name_type(64)),
    Column("kind", name_type(16), nullable=False),  # promote, rollback
    Column("actor", name_type(64), nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""The champion's history; the newest row names it. No row: the version that ships."""

retraining = Table(
    "retraining",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("trigger", name_type(16), nullable=False),  # schedule, labels, missed, hand
    Column("state", name_type(16), nullable=False),  # running, promoted, refused, failed, nothing
    Column("labels_to", BigInteger, nullable=False),  # ``label.seq`` up to which it has learned
    Column("champion", name_type(64)),
    Column("candidate", name_type(64)),
    Column("decision", Text),  # JSON: numbers, and the reasons in words
    Column("holder", name_type(64), nullable=False),  # the process
    Column("lease_until", Instant, nullable=False),  # renewed while it runs
    # Two that look at the same moment cannot both begin.
    Index("uq_retraining_running", "state", unique=True, **only("state = 'running'")),
    sqlite_autoincrement=True,
)
"""What was trained, when, why, and what became of it."""

session = Table(
    "session",
    metadata,
    Column("digest", name_type(64), primary_key=True),  # sha256 of the cookie
    Column("user", name_type(64), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Who is logged in to the pages."""
