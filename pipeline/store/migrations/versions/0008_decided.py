"""How far copies are decided: the monitor need not look for what comes after."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("monitor", sa.Column("decided_to", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("monitor", "decided_to")
