"""How athletes' heart rates answer power."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "heart_gains",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("bpm_per_w", sa.Float(), nullable=False),
        sa.Column("variance", sa.Float(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", name=op.f("pk_heart_gains")),
        sqlite_with_rowid=False,
    )
