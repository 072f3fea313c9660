"""The first tables: athletes, sensors, sessions with their logs, readings, activities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "activities",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("saved", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("rpe", sa.Integer(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "activity_id", name=op.f("pk_activities")),
        sa.UniqueConstraint("activity_id", name=op.f("uq_activities_activity_id")),
    )
    op.create_index("ix_activities_session", "activities", ["session_id"], unique=False)
    op.create_index("ix_activities_started", "activities", ["started_unix_ms"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "sensor_id", "from_ms", name=op.f("pk_assignments")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_assignments_held",
        "assignments",
        ["sensor_id"],
        unique=True,
        sqlite_where=sa.text("to_ms IS NULL"),
        postgresql_where=sa.text("to_ms IS NULL"),
    )
    op.create_index("ix_assignments_sensor", "assignments", ["sensor_id", "from_ms"], unique=False)
    op.create_table(
        "athletes",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ftp_w", sa.Integer(), nullable=True),
        sa.Column("ftp_assumed", sa.Boolean(), nullable=False),
        sa.Column("max_hr_bpm", sa.Integer(), nullable=True),
        sa.Column("weight_kg", sa.Float(), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", name=op.f("pk_athletes")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_athletes_owner",
        "athletes",
        ["owner"],
        unique=True,
        sqlite_where=sa.text("owner"),
        postgresql_where=sa.text("owner"),
    )
    op.create_table(
        "hub_state",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_hub_state")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("committed_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_journal")),
    )
    op.create_table(
        "leases",
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "login_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("consumed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_links")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logins",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("login_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("athlete_id", "login_id", name=op.f("pk_logins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_logins_token_hash")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "preferred_sources",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "metric", name=op.f("pk_preferred_sources")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "raw_chunks",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "athlete_id", "sensor_id", "from_ms", "n", name=op.f("pk_raw_chunks")
        ),
    )
    op.create_index("ix_raw_chunks_to", "raw_chunks", ["to_ms"], unique=False)
    op.create_table(
        "sensors",
        sa.Column("sensor_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kinds", sa.LargeBinary(), nullable=False),
        sa.Column("manufacturer", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("serial_tag", sa.String(), nullable=False),
        sa.Column("battery_pct", sa.Integer(), nullable=True),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("alias_of", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", name=op.f("pk_sensors")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_log",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "offset", name=op.f("pk_session_log")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("workout_id", sa.String(), nullable=False),
        sa.Column("workout", sa.LargeBinary(), nullable=False),
        sa.Column("athletes", sa.LargeBinary(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("session_id", name=op.f("uq_sessions_session_id")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sessions_status", "sessions", ["status", "created_ms"], unique=False)
    op.create_table(
        "stream_chunks",
        sa.Column("athlete_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "activity_id", "hour", name=op.f("pk_stream_chunks")),
    )
    op.create_table(
        "stream_gaps",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("committed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "epoch", "from_seq", name=op.f("pk_stream_gaps")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "streams",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("durable_seq", sa.BigInteger(), nullable=False),
        sa.Column("committed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "epoch", name=op.f("pk_streams")),
        sqlite_with_rowid=False,
    )
