"""Records that kill the process, and what became of dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    name = sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql")
    op.create_table(
        "attempt",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("run", name, nullable=True),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("careful_until", sa.BigInteger(), nullable=False),
        sa.Column("in_hand", sa.BigInteger(), nullable=True),
        sa.Column("suspect", sa.BigInteger(), nullable=True),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_attempt"),
    )
    op.add_column("dead_letter", sa.Column("published_at", sa.BigInteger(), nullable=True))
    op.add_column("dead_letter", sa.Column("replayed_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_dead_letter_published_at_at", "dead_letter", ["published_at", "at"])


def downgrade() -> None:
    op.drop_index("ix_dead_letter_published_at_at", "dead_letter")
    op.drop_column("dead_letter", "replayed_at")
    op.drop_column("dead_letter", "published_at")
    op.drop_table("attempt")
