"""Targets of stored workouts as a share of FTP are aims, as all others are."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # A session's log begins with the workout that it was made with.
    logs = sa.table(
        "session_log",
        sa.column("session_id"),
        sa.column("offset"),
        sa.column("body", sa.LargeBinary),
    )
    _rewrite(logs, ("session_id", "offset"), "body", logs.c.offset == 1)
    rides = sa.table(
        "activities",
        sa.column("athlete_id"),
        sa.column("activity_id"),
        sa.column("record", sa.LargeBinary),
    )
    _rewrite(rides, ("athlete_id", "activity_id"), "record", sa.true())
    sessions = sa.table(
        "sessions",
        sa.column("owner_id"),
        sa.column("session_id"),
        sa.column("workout", sa.LargeBinary),
    )
    _rewrite(sessions, ("owner_id", "session_id"), "workout", sa.true())


def _rewrite(table: sa.TableClause, key: tuple[str, ...], column: str, which: Any) -> None:
    """One row in memory at a time: a year's rides are many."""
    connection = op.get_bind()
    keys = connection.execute(sa.select(*(table.c[name] for name in key)).where(which)).all()
    for row in keys:
        place = sa.and_(*(table.c[name] == value for name, value in zip(key, row, strict=True)))
        body = connection.execute(sa.select(table.c[column]).where(place)).scalar_one()
        said = _said(body)
        if said is not None and _aims(said):
            text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
            connection.execute(sa.update(table).where(place).values({column: text}))


def _said(body: bytes) -> Any:
    """None for nothing, and for what is damaged: whoever reads it says so."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _aims(said: Any) -> bool:
    """Whether a target in it was rewritten."""
    if isinstance(said, list):
        return any([_aims(each) for each in said])
    if not isinstance(said, dict):
        return False
    target = said.get("target")
    if isinstance(target, dict) and target.get("t") == "ftp":
        said["target"] = _aim(target["begin"], target["end"])
        return True
    return any([_aims(each) for each in said.values()])


def _aim(begin: float, end: float) -> dict[str, Any]:
    ramp = {} if begin == end else {"end_low": end, "end_high": end}
    return {"t": "aim", "unit": "ftp", "low": begin, "high": begin, **ramp}
