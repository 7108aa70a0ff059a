"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.store.tables import name_type

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("text_hash", name_type(64), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("undated", name_type(8), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("language", name_type(8), nullable=True),
        sa.Column("topic", name_type(64), nullable=True),
        sa.Column("topic_probability", sa.Float(), nullable=True),
        sa.Column("sentiment", name_type(8), nullable=True),
        sa.Column("p_negative", sa.Float(), nullable=True),
        sa.Column("p_neutral", sa.Float(), nullable=True),
        sa.Column("p_positive", sa.Float(), nullable=True),
        sa.Column("polarity", sa.Integer(), nullable=True),
        sa.Column("version", name_type(128), nullable=True),
        sa.Column("copy_source", name_type(64), nullable=True),
        sa.Column("copy_id", name_type(128), nullable=True),
        sa.Column("story_source", name_type(64), nullable=True),
        sa.Column("story_id", name_type(128), nullable=True),
        sa.Column("record_topic", sa.Text(), nullable=False),
        sa.Column("record_partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", name="pk_article"),
    )
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.create_index(
            "ix_article_copy_source_copy_id", ["copy_source", "copy_id"], unique=False
        )
        batch_op.create_index("ix_article_published_at", ["published_at"], unique=False)
        batch_op.create_index(
            "ix_article_story_source_story_id", ["story_source", "story_id"], unique=False
        )
        batch_op.create_index("ix_article_text_hash", ["text_hash"], unique=False)

    op.create_table(
        "baseline_hour",
        sa.Column("kind", name_type(8), nullable=False),
        sa.Column("key", name_type(64), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("stories", sa.Integer(), nullable=False),
        sa.Column("negative_last15", sa.Integer(), nullable=False),
        sa.Column("stories_last15", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "hour", name="pk_baseline_hour"),
    )
    with op.batch_alter_table("baseline_hour", schema=None) as batch_op:
        batch_op.create_index("ix_baseline_hour_hour", ["hour"], unique=False)

    op.create_table(
        "bucket",
        sa.Column("kind", name_type(8), nullable=False),
        sa.Column("key", name_type(64), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.Column("stories", sa.Integer(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("neutral", sa.Integer(), nullable=False),
        sa.Column("positive", sa.Integer(), nullable=False),
        sa.Column("polarity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "start", name="pk_bucket"),
    )
    with op.batch_alter_table("bucket", schema=None) as batch_op:
        batch_op.create_index("ix_bucket_start", ["start"], unique=False)

    op.create_table(
        "changed",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_changed"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contribution",
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", name="pk_contribution"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("reason", name_type(32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name="pk_dead_letter"),
    )
    with op.batch_alter_table("dead_letter", schema=None) as batch_op:
        batch_op.create_index("ix_dead_letter_reason", ["reason"], unique=False)

    op.create_table(
        "event",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", name_type(32), nullable=False),
        sa.Column("actor", name_type(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident",
        sa.Column("id", name_type(64), nullable=False),
        sa.Column("parent", name_type(64), nullable=True),
        sa.Column("kind", name_type(8), nullable=False),
        sa.Column("key", name_type(64), nullable=False),
        sa.Column("rule", name_type(16), nullable=False),
        sa.Column("severity", name_type(8), nullable=False),
        sa.Column("state", name_type(8), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("told", name_type(8), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index("ix_incident_opened_at", ["opened_at"], unique=False)
        batch_op.create_index("ix_incident_parent", ["parent"], unique=False)

    op.create_table(
        "mention",
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.Column("symbol", name_type(32), nullable=False),
        sa.Column("relevance", sa.Float(), nullable=False),
        sa.Column("basis", name_type(8), nullable=False),
        sa.Column("sentiment", name_type(8), nullable=True),
        sa.Column("p_negative", sa.Float(), nullable=True),
        sa.Column("p_neutral", sa.Float(), nullable=True),
        sa.Column("p_positive", sa.Float(), nullable=True),
        sa.Column("polarity", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("source", "id", "symbol", name="pk_mention"),
    )
    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.create_index("ix_mention_symbol", ["symbol"], unique=False)

    op.create_table(
        "monitor",
        sa.Column("name", name_type(16), nullable=False),
        sa.Column("holder", name_type(64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=True),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_monitor"),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("incident", name_type(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sink", name_type(32), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_incident", ["incident"], unique=False)
        batch_op.create_index("ix_outbox_sent_at_next_try", ["sent_at", "next_try"], unique=False)

    op.create_table(
        "signature",
        sa.Column("band", sa.SmallInteger(), nullable=False),
        sa.Column("hash", name_type(64), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.PrimaryKeyConstraint(
            "band", "hash", "published_at", "source", "id", name="pk_signature"
        ),
    )
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.create_index("ix_signature_source_id", ["source", "id"], unique=False)

    op.create_table(
        "source_position",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("identity", name_type(64), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("newest_event", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("worker", name_type(64), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_source_position"),
    )
    op.create_table(
        "text",
        sa.Column("hash", name_type(64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_text"),
    )
    op.create_table(
        "watch",
        sa.Column("kind", name_type(8), nullable=False),
        sa.Column("key", name_type(64), nullable=False),
        sa.Column("rule", name_type(16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "rule", name="pk_watch"),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first tables; remove the database")
