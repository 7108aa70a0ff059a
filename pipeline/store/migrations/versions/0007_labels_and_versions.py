"""Labels, the texts they pin, registered versions, the champion's history, sessions of pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.store.tables import Serial, name_type, only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "labelled_text",
        sa.Column("hash", name_type(64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("source", name_type(64)),
        sa.Column("id", name_type(128)),
        sa.Column("story", name_type(64), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("held_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_labelled_text"),
    )
    op.create_index("ix_labelled_text_story", "labelled_text", ["story"])
    op.create_index("ix_labelled_text_first_at", "labelled_text", ["first_at"])
    op.create_index("ix_labelled_text_source_id", "labelled_text", ["source", "id"])
    op.create_table(
        "label",
        sa.Column("seq", Serial, autoincrement=True, nullable=False),
        sa.Column("key", name_type(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("annotator", name_type(64), nullable=False),
        sa.Column("text_hash", name_type(64), nullable=False),
        sa.Column("task", name_type(16), nullable=False),
        sa.Column("value", name_type(64)),
        sa.Column("origin", name_type(16), nullable=False),
        sa.Column("suggestion", name_type(64)),
        sa.Column("probability", sa.Float()),
        sa.Column("version", name_type(128)),
        sa.PrimaryKeyConstraint("seq", name="pk_label"),
        sa.UniqueConstraint("key", name="uq_label_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_label_annotator_seq", "label", ["annotator", "seq"])
    op.create_index("ix_label_text_hash", "label", ["text_hash"])
    op.create_table(
        "skip",
        sa.Column("annotator", name_type(64), nullable=False),
        sa.Column("text_hash", name_type(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("annotator", "text_hash", name="pk_skip"),
    )
    op.create_table(
        "model_version",
        sa.Column("id", name_type(64), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", name_type(64), nullable=False),
        sa.Column("parent", name_type(64)),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("report", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
    )
    op.create_table(
        "version_file",
        sa.Column("id", name_type(64), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_version_file"),
    )
    op.create_table(
        "promotion",
        sa.Column("seq", Serial, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", name_type(64), nullable=False),
        sa.Column("previous", name_type(64)),
        sa.Column("kind", name_type(16), nullable=False),
        sa.Column("actor", name_type(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_promotion"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_promotion_at", "promotion", ["at"])
    op.create_table(
        "retraining",
        sa.Column("seq", Serial, autoincrement=True, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("trigger", name_type(16), nullable=False),
        sa.Column("state", name_type(16), nullable=False),
        sa.Column("labels_to", sa.BigInteger(), nullable=False),
        sa.Column("champion", name_type(64)),
        sa.Column("candidate", name_type(64)),
        sa.Column("decision", sa.Text()),
        sa.Column("holder", name_type(64), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_retraining"),
        sqlite_autoincrement=True,
    )
    running = only("state = 'running'")
    op.create_index("uq_retraining_running", "retraining", ["state"], unique=True, **running)
    op.create_table(
        "session",
        sa.Column("digest", name_type(64), nullable=False),
        sa.Column("user", name_type(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_session"),
    )
    op.create_index("ix_session_user", "session", ["user"])
    op.create_index("ix_session_expires_at", "session", ["expires_at"])


def downgrade() -> None:
    for table in (
        "session",
        "retraining",
        "promotion",
        "version_file",
        "model_version",
        "skip",
        "label",
        "labelled_text",
    ):
        op.drop_table(table)
