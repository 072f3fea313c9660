"""Bikes of a room, who sits on them, and guests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "athletes", sa.Column("guest", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "bikes",
        sa.Column("bike_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bike_id", name=op.f("pk_bikes")),
        sa.UniqueConstraint("code", name=op.f("uq_bikes_code")),
        sa.UniqueConstraint("name", name=op.f("uq_bikes_name")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bike_sensors",
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.Column("bike_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", name=op.f("pk_bike_sensors")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seats",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("bike_id", sa.String(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "bike_id", "from_ms", name=op.f("pk_seats")),
        sqlite_with_rowid=False,
    )
    for name, column in (("ix_seats_bike", "bike_id"), ("ix_seats_athlete", "athlete_id")):
        op.create_index(
            name,
            "seats",
            [column],
            unique=True,
            sqlite_where=sa.text("to_ms IS NULL"),
            postgresql_where=sa.text("to_ms IS NULL"),
        )
    op.create_index(
        "ix_seats_key",
        "seats",
        ["by", "key"],
        unique=True,
        sqlite_where=sa.text("key <> ''"),
        postgresql_where=sa.text("key <> ''"),
    )
    op.create_index("ix_seats_cleared", "seats", ["cleared"], unique=False)
