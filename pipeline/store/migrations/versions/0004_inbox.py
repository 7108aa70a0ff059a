"""The inbox: records that are handed in without Kafka."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.store.tables import name_type

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("offset", name="pk_inbox"),
    )
    op.create_table(
        "inbox_end",
        sa.Column("name", name_type(16), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_inbox_end"),
    )


def downgrade() -> None:
    op.drop_table("inbox_end")
    op.drop_table("inbox")
