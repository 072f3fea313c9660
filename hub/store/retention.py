"""What the store forgets, and when. Everything else is kept until its athlete deletes it.

| what                                                     | forgotten after            |
|----------------------------------------------------------|----------------------------|
| raw readings outside every activity and open session     | RAW_KEEP_MS                |
| sessions that are closed, with their logs                 | SESSION_KEEP_MS            |
| ... of simulated riders, with their raw readings          | DEMO_KEEP_MS               |
| activities of simulated riders                            | DEMO_ACTIVITIES_MAX newest |
| numbers of streams that never came back, and their gaps  | STREAM_KEEP_MS             |
| links and logins that let nobody in (`logins.py`)        | at once                    |
"""

from __future__ import annotations

from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store import schema
from hub.store.database import Database
from hub.store.rows import SessionStatus

HOUR_MS = 3_600_000
RAW_KEEP_MS = 24 * HOUR_MS
SESSION_KEEP_MS = 365 * 24 * HOUR_MS
DEMO_KEEP_MS = 2 * HOUR_MS
STREAM_KEEP_MS = 30 * 24 * HOUR_MS
DEMO_ACTIVITIES_MAX = 50


async def forget_old(database: Database, now: int) -> None:
    """One transaction; `now` is hub time."""

    async def work(connection: AsyncConnection) -> None:
        await _forget_demo_activities(connection)
        await _forget_raw(connection, now)
        await _forget_sessions(connection, now)
        await _forget_streams(connection, now)

    await database.writer.run(work)


async def _forget_demo_activities(connection: AsyncConnection) -> None:
    activities, chunks = schema.activities, schema.stream_chunks
    surplus = (
        select(activities.c.activity_id)
        .where(activities.c.demo)
        .order_by(activities.c.started_unix_ms.desc())
        .limit(-1)
        .offset(DEMO_ACTIVITIES_MAX)
    )
    await connection.execute(delete(chunks).where(chunks.c.activity_id.in_(surplus)))
    await connection.execute(delete(activities).where(activities.c.activity_id.in_(surplus)))


async def _forget_raw(connection: AsyncConnection, now: int) -> None:
    raw, activities, athletes = schema.raw_chunks, schema.activities, schema.athletes
    oldest_open = select(func.min(schema.sessions.c.created_ms)).where(
        schema.sessions.c.status == SessionStatus.OPEN, ~schema.sessions.c.demo
    )
    before = (await connection.execute(oldest_open)).scalar_one_or_none() or now
    # A session left open for ever must not keep everything for ever: twice the time, no more.
    limit = max(min(now - RAW_KEEP_MS, before), now - 2 * RAW_KEEP_MS)
    recorded = exists().where(
        activities.c.athlete_id == raw.c.athlete_id,
        activities.c.started_at_ms <= raw.c.to_ms,
        activities.c.ended_at_ms >= raw.c.from_ms,
    )
    await connection.execute(delete(raw).where(raw.c.to_ms < limit, ~recorded))
    simulated = select(athletes.c.athlete_id).where(athletes.c.demo)
    await connection.execute(
        delete(raw).where(raw.c.to_ms < now - DEMO_KEEP_MS, raw.c.athlete_id.in_(simulated))
    )


async def _forget_sessions(connection: AsyncConnection, now: int) -> None:
    sessions, entries = schema.sessions, schema.session_log
    for demo, keep_ms in ((True, DEMO_KEEP_MS), (False, SESSION_KEEP_MS)):
        old = select(sessions.c.session_id).where(
            sessions.c.demo.is_(demo), sessions.c.closed_ms < now - keep_ms
        )
        await connection.execute(delete(entries).where(entries.c.session_id.in_(old)))
        await connection.execute(delete(sessions).where(sessions.c.session_id.in_(old)))


async def _forget_streams(connection: AsyncConnection, now: int) -> None:
    for table in (schema.streams, schema.stream_gaps):
        await connection.execute(delete(table).where(table.c.committed_ms < now - STREAM_KEEP_MS))
