"""Near-duplicates: shapes of articles and where they find each other.

Articles that are stored already have no shape: among them, only exact repeats are copies.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.store.tables import name_type

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shape",
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", "revision", name="pk_shape"),
    )
    op.create_index("ix_shape_published_at", "shape", ["published_at"])
    op.create_table(
        "neighbour",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("source", name_type(64), nullable=False),
        sa.Column("id", name_type(128), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("bits", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "key", "published_at", "source", "id", "revision", "bits", name="pk_neighbour"
        ),
        sqlite_with_rowid=False,
    )
    op.add_column("monitor", sa.Column("pruned_before", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("monitor", "pruned_before")
    op.drop_table("neighbour")
    op.drop_index("ix_shape_published_at", "shape")
    op.drop_table("shape")
