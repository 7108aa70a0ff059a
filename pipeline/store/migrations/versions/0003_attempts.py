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


def downgrade() -> None:
    op.drop_table("attempt")
