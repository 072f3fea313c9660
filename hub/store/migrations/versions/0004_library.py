"""Workouts with their versions, and athletes' figures by date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "workouts",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("workout_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "workout_id", name=op.f("pk_workouts")),
        sa.UniqueConstraint("workout_id", name=op.f("uq_workouts_workout_id")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workout_versions",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("workout_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner_id", "workout_id", "version", name=op.f("pk_workout_versions")
        ),
    )
    op.create_index("ix_workout_versions_key", "workout_versions", ["by", "key"], unique=True)
    op.create_table(
        "thresholds",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("sport", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(), nullable=False),
        sa.Column("ftp_w", sa.Integer(), nullable=True),
        sa.Column("ftp_assumed", sa.Boolean(), nullable=False),
        sa.Column("max_hr_bpm", sa.Integer(), nullable=True),
        sa.Column("lthr_bpm", sa.Integer(), nullable=True),
        sa.Column("rest_hr_bpm", sa.Integer(), nullable=True),
        sa.Column("weight_kg", sa.Float(), nullable=True),
        sa.Column("threshold_kmh", sa.Float(), nullable=True),
        sa.Column("zones", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("recompute", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "sport", "valid_from", name=op.f("pk_thresholds")),
        sqlite_with_rowid=False,
    )
    # What was known counts as it did: for every ride so far, until the athlete says otherwise.
    op.execute(
        "INSERT INTO thresholds SELECT athlete_id, 'bike', '1970-01-01', ftp_w, ftp_assumed, "
        "max_hr_bpm, NULL, NULL, weight_kg, NULL, CAST('{}' AS BLOB), 0, '', 0 FROM athletes "
        "WHERE NOT demo"
    )
