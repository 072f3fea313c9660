"""Who may see which metrics of whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "grants",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("grantee", sa.String(), nullable=False),
        sa.Column("parts", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "grantee", name=op.f("pk_grants")),
        sqlite_with_rowid=False,
    )
