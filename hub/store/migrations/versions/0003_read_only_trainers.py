"""Trainers that another app steers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "read_only_trainers",
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", name=op.f("pk_read_only_trainers")),
        sqlite_with_rowid=False,
    )
