"""The tables. The key of everything that is somebody's begins with whose it is.

Times are hub time in ms unless a name says `unix`. JSON is kept as bytes that msgspec wrote.
`migrations/` brings a database here; tests/hub/store/test_migrations.py keeps the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# `sqlite_with_rowid=False` where small rows are found by their key: one b-tree instead of two.


# Who


athletes = Table(
    "athletes",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("ftp_w", Integer),
    Column("ftp_assumed", Boolean, nullable=False),
    Column("max_hr_bpm", Integer),
    Column("weight_kg", Float),
    Column("demo", Boolean, nullable=False),
    Column("owner", Boolean, nullable=False),
    Column("guest", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)
Index(
    "ix_athletes_owner",
    athletes.c.owner,
    unique=True,
    sqlite_where=text("owner"),
    postgresql_where=text("owner"),
)

# `valid_from`: a date, "2026-11-20". Who has none here has the figures in `athletes`, by bike.
thresholds = Table(
    "thresholds",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("sport", String, primary_key=True),
    Column("valid_from", String, primary_key=True),
    Column("ftp_w", Integer),
    Column("ftp_assumed", Boolean, nullable=False),
    Column("max_hr_bpm", Integer),
    Column("lthr_bpm", Integer),
    Column("rest_hr_bpm", Integer),
    Column("weight_kg", Float),
    Column("threshold_kmh", Float),
    Column("zones", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String, nullable=False),
    Column("recompute", Boolean, nullable=False),  # rides since then wait for it
    sqlite_with_rowid=False,
)

logins = Table(
    "logins",
    metadata,
    Column("athlete_id", String, primary_key=True),  # "" until the account has an athlete
    Column("login_id", String, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    sqlite_with_rowid=False,
)

login_links = Table(
    "login_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("role", String, nullable=False),
    Column("athlete_id", String, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("consumed_ms", BigInteger),
    sqlite_with_rowid=False,
)


# Sensors


sensors = Table(
    "sensors",
    metadata,
    Column("sensor_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("kinds", LargeBinary, nullable=False),
    Column("manufacturer", String, nullable=False),
    Column("model", String, nullable=False),
    Column("serial_tag", String, nullable=False),
    Column("battery_pct", Integer),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("alias_of", String, nullable=False),
    sqlite_with_rowid=False,
)

# What a heart answers to power, learned in steps held by heart rate.
heart_gains = Table(
    "heart_gains",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("bpm_per_w", Float, nullable=False),
    Column("variance", Float, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `parts`: words of hub.auth.grants.Part, with spaces between.
grants = Table(
    "grants",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("grantee", String, primary_key=True),
    Column("parts", String, nullable=False),
    Column("until_ms", BigInteger),
    Column("by", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

read_only_trainers = Table(
    "read_only_trainers",
    metadata,
    Column("sensor_id", String, primary_key=True),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("sensor_id", String, primary_key=True),
    Column("lease", BigInteger, nullable=False),  # the last number issued; never goes back
    sqlite_with_rowid=False,
)

assignments = Table(
    "assignments",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("sensor_id", String, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True),
    Column("to_ms", BigInteger),
    Column("lease", BigInteger, nullable=False),
    Column("gateway", String, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_assignments_sensor", assignments.c.sensor_id, assignments.c.from_ms)
Index(
    "ix_assignments_held",
    assignments.c.sensor_id,
    unique=True,
    sqlite_where=text("to_ms IS NULL"),
    postgresql_where=text("to_ms IS NULL"),
)

preferred_sources = Table(
    "preferred_sources",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("sensor_id", String, nullable=False),
    sqlite_with_rowid=False,
)


# Bikes


bikes = Table(
    "bikes",
    metadata,
    Column("bike_id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("code", String, nullable=False, unique=True),
    sqlite_with_rowid=False,
)

bike_sensors = Table(
    "bike_sensors",
    metadata,
    Column("sensor_id", String, primary_key=True),  # fixed to one bike
    Column("bike_id", String, nullable=False),
    Column("place", Integer, nullable=False),
    sqlite_with_rowid=False,
)

seats = Table(
    "seats",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("bike_id", String, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("to_ms", BigInteger),
    Column("session_id", String, nullable=False),
    Column("by", String, nullable=False),
    Column("key", String, nullable=False),
    Column("cleared", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
for _name, _column in (("bike", seats.c.bike_id), ("athlete", seats.c.athlete_id)):
    Index(
        f"ix_seats_{_name}",
        _column,
        unique=True,
        sqlite_where=text("to_ms IS NULL"),
        postgresql_where=text("to_ms IS NULL"),
    )
Index(
    "ix_seats_key",
    seats.c.by,
    seats.c.key,
    unique=True,
    sqlite_where=text("key <> ''"),
    postgresql_where=text("key <> ''"),
)
Index("ix_seats_cleared", seats.c.cleared)


# Sessions


sessions = Table(
    "sessions",
    metadata,
    Column("owner_id", String, primary_key=True),
    Column("session_id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("workout_id", String, nullable=False),
    Column("workout", LargeBinary, nullable=False),
    Column("athletes", LargeBinary, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("closed_ms", BigInteger),
    UniqueConstraint("session_id"),
    sqlite_with_rowid=False,
)
Index("ix_sessions_status", sessions.c.status, sessions.c.created_ms)

session_log = Table(
    "session_log",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


# Readings


streams = Table(
    "streams",
    metadata,
    Column("gateway", String, primary_key=True),
    Column("epoch", String, primary_key=True),
    Column("durable_seq", BigInteger, nullable=False),
    Column("committed_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

stream_gaps = Table(
    "stream_gaps",
    metadata,
    Column("gateway", String, primary_key=True),
    Column("epoch", String, primary_key=True),
    Column("from_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("reason", String, nullable=False),
    Column("committed_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Transient: what was committed since the last fold into raw chunks.
journal = Table(
    "journal",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("committed_ms", BigInteger, nullable=False),  # negative: damaged, and set aside
    Column("body", LargeBinary, nullable=False),
)

raw_chunks = Table(
    "raw_chunks",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("sensor_id", String, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # journal row it ends with
    Column("to_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("ix_raw_chunks_to", raw_chunks.c.to_ms)


# Activities


activities = Table(
    "activities",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("activity_id", String, primary_key=True),
    Column("session_id", String, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger, nullable=False),
    Column("started_unix_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("saved", Boolean, nullable=False),
    Column("title", String, nullable=False),
    Column("note", String, nullable=False),
    Column("rpe", Integer),
    Column("declined_ftp_w", Integer),
    Column("record", LargeBinary, nullable=False),  # laps, gaps, sources, summary
    UniqueConstraint("activity_id"),
)
Index("ix_activities_started", activities.c.started_unix_ms)
Index("ix_activities_session", activities.c.session_id)

stream_chunks = Table(
    "stream_chunks",
    metadata,
    Column("athlete_id", String, primary_key=True),
    Column("activity_id", String, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)


# Workouts


workouts = Table(
    "workouts",
    metadata,
    Column("owner_id", String, primary_key=True),
    Column("workout_id", String, primary_key=True),
    Column("version", Integer, nullable=False),  # the newest
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    UniqueConstraint("workout_id"),
    sqlite_with_rowid=False,
)

workout_versions = Table(
    "workout_versions",
    metadata,
    Column("owner_id", String, primary_key=True),
    Column("workout_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String, nullable=False),
    Column("key", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("ix_workout_versions_key", workout_versions.c.by, workout_versions.c.key, unique=True)


# The hub itself


hub_state = Table(
    "hub_state",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
