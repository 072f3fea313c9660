"""Recorded rides: read by anybody who may open the file, written by the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.activity import LEAD_IN_MS
from hub.activity.record import Activity, Recorded, Streams
from hub.core.errors import NotFound, UserError
from hub.store import schema
from hub.store.chunks import DamagedChunk, pack_hours, unpack_hours, unpack_readings
from hub.store.database import Database, Reader, driver_rows

T = schema.activities
RAW = schema.raw_chunks
CHUNKS = schema.stream_chunks
PREFIX_MIN = 4  # characters of an id that name it in a shell
EDITABLE = ("title", "note", "rpe", "saved", "declined_ftp_w")
COLUMNS = (
    "athlete_id",
    "activity_id",
    "session_id",
    "started_at_ms",
    "ended_at_ms",
    "started_unix_ms",
    "version",
    "demo",
    *EDITABLE,
)

_decode = msgspec.json.Decoder(Activity).decode


class Damage(NamedTuple):
    """`readings` of the `chunks` under a ride cannot be read; `streams`: nor the ride itself."""

    readings: int
    chunks: int
    streams: bool


class ActivityReader:
    """Works on a hub's file from outside as well."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(
        self, *, athlete_id: str | None = None, demo: bool = False, limit: int = 200
    ) -> list[Activity]:
        """Newest first, at most `limit`; simulated riders' only with `demo`."""
        query = select(T)
        if athlete_id is not None:
            query = query.where(T.c.athlete_id == athlete_id)
        if not demo:
            query = query.where(~T.c.demo)
        newest = query.order_by(T.c.started_unix_ms.desc(), T.c.activity_id.desc()).limit(limit)
        rows = await self._reader.fetch(newest)
        return await asyncio.to_thread(lambda: [_activity(row) for row in rows])

    async def get(self, activity_id: str) -> Activity:
        """Raises NotFound."""
        rows = await self._reader.fetch(select(T).where(T.c.activity_id == activity_id))
        if not rows:
            raise NotFound(f"no activity {activity_id!r}")
        return _activity(rows[0])

    async def find(self, prefix: str) -> Activity:
        """The one whose id begins so. Raises NotFound, and UserError when two do."""
        begins_so = T.c.activity_id.startswith(prefix, autoescape=True)
        rows = await self._reader.fetch(select(T).where(begins_so).limit(2))
        if not rows or len(prefix) < PREFIX_MIN:
            raise NotFound(f"no activity {prefix!r}", remedy="`derny activity list` shows them")
        if len(rows) > 1:
            raise UserError(f"several activities begin with {prefix!r}", remedy="give more of it")
        return _activity(rows[0])

    async def overlapping(self, from_ms: int, to_ms: int) -> Sequence[Activity]:
        """Those under way at some time of `from_ms … to_ms` (hub time), whoever's."""
        within = (T.c.started_at_ms <= to_ms) & (T.c.ended_at_ms >= from_ms)
        rows = await self._reader.fetch(select(T).where(within).order_by(T.c.started_at_ms))
        return await asyncio.to_thread(lambda: [_activity(row) for row in rows])

    async def begun_between(self, athlete_id: str, from_ms: int, to_ms: int) -> Sequence[str]:
        """Ids of the athlete's that began at Unix time `from_ms` up to, not at, `to_ms`.

        Oldest first.
        """
        within = (T.c.started_unix_ms >= from_ms) & (T.c.started_unix_ms < to_ms)
        mine = select(T.c.activity_id).where(T.c.athlete_id == athlete_id, within)
        rows = await self._reader.fetch(mine.order_by(T.c.started_unix_ms))
        return [row.activity_id for row in rows]

    async def of_session(self, session_id: str) -> Sequence[Activity]:
        rows = await self._reader.fetch(select(T).where(T.c.session_id == session_id))
        return [_activity(row) for row in rows]

    async def streams(self, activity: Activity) -> Streams:
        async with self._reader.snapshot() as connection:
            hours = await _hours(connection, activity)
        return await asyncio.to_thread(unpack_hours, hours)

    async def damage(self, activity: Activity) -> Damage:
        """What of its stored bytes cannot be read any more."""
        under = (
            (RAW.c.athlete_id == activity.athlete_id)
            & (RAW.c.from_ms <= activity.ended_at_ms)
            & (RAW.c.to_ms >= activity.started_at_ms - LEAD_IN_MS)
        )
        async with self._reader.snapshot() as connection:
            hours = await _hours(connection, activity)
            raw = (await connection.execute(select(RAW.c.sensor_id, RAW.c.body).where(under))).all()
        return await asyncio.to_thread(
            lambda: Damage(
                sum(_is_damaged(unpack_readings, row.sensor_id, row.body) for row in raw),
                len(raw),
                _is_damaged(unpack_hours, hours),
            )
        )

    async def whole(self, activity: Activity) -> Recorded:
        """As it is now, its record and its streams of one version. Raises NotFound.

        (A rebuild may come between two reads, or it is discarded.)
        """
        async with self._reader.snapshot() as connection:
            row = (await connection.execute(select(T).where(_is(activity)))).first()
            hours = await _hours(connection, activity)
        if row is None:
            raise NotFound(f"no activity {activity.activity_id!r}")
        return Recorded(_activity(row), await asyncio.to_thread(unpack_hours, hours))


class Activities(ActivityReader):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    async def put(self, recorded: Sequence[Recorded]) -> None:
        """Store or, under the same id, replace (a rebuild with a higher version)."""

        async def work(connection: AsyncConnection) -> None:
            await put_activities(connection, recorded)

        await self._database.writer.run(work)

    async def rebuild(self, recorded: Recorded) -> bool:
        """Replace the one stored under its id; False if it was discarded meanwhile."""

        async def work(connection: AsyncConnection) -> bool:
            query = select(T.c.version).where(_is(recorded.activity))
            if (await connection.execute(query)).first() is None:
                return False
            await put_activities(connection, [recorded])
            return True

        return await self._database.writer.run(work)

    async def edit(
        self,
        activity_id: str,
        *,
        title: str | None = None,
        note: str | None = None,
        rpe: int | None = None,
        saved: bool | None = None,
    ) -> Activity:
        """Change what the athlete may change; None leaves a field as it is. Raises NotFound."""
        given = {"title": title, "note": note, "rpe": rpe, "saved": saved}
        values = {name: value for name, value in given.items() if value is not None}
        if values:
            statement = update(T).where(T.c.activity_id == activity_id).values(values)
            await self._database.writer.execute(statement)
        return await self.get(activity_id)

    async def decline_ftp(self, activity_id: str, ftp_w: int | None) -> None:
        """The athlete turns down this proposal; None: takes that back."""
        await self._database.writer.execute(
            update(T).where(T.c.activity_id == activity_id).values(declined_ftp_w=ftp_w)
        )

    async def discard(self, activity_id: str) -> None:
        """Delete the activity, its streams and the raw readings under it. Raises NotFound."""

        async def work(connection: AsyncConnection) -> None:
            row = (
                await connection.execute(
                    delete(T)
                    .where(T.c.activity_id == activity_id)
                    .returning(T.c.athlete_id, T.c.started_at_ms, T.c.ended_at_ms)
                )
            ).first()
            if row is None:
                raise NotFound(f"no activity {activity_id!r}")
            await connection.execute(_chunks_of(row.athlete_id, activity_id))
            await connection.execute(
                delete(RAW).where(
                    RAW.c.athlete_id == row.athlete_id,
                    RAW.c.from_ms >= row.started_at_ms,
                    RAW.c.to_ms <= row.ended_at_ms,
                )
            )

        await self._database.writer.run(work)


async def put_activities(connection: AsyncConnection, recorded: Sequence[Recorded]) -> None:
    """Inside a transaction of the writer.

    One that replaces an older build keeps what the athlete wrote on it, and raises its version.
    """
    for each in recorded:
        activity = await _following(connection, each.activity)
        await connection.execute(delete(T).where(_is(activity)))
        await connection.execute(_chunks_of(activity.athlete_id, activity.activity_id))
        await connection.execute(insert(T).values(_values(activity)))
        hours = pack_hours(each.streams)
        if hours:
            await connection.execute(
                insert(CHUNKS),
                [
                    {
                        "athlete_id": activity.athlete_id,
                        "activity_id": activity.activity_id,
                        "hour": hour,
                        "body": body,
                    }
                    for hour, body in enumerate(hours)
                ],
            )


async def _following(connection: AsyncConnection, activity: Activity) -> Activity:
    """`activity` as the successor of the one stored under its id, if there is one."""
    query = select(T.c.version, *(T.c[name] for name in EDITABLE)).where(_is(activity))
    stored = (await connection.execute(query)).first()
    if stored is None:
        return activity
    kept = {name: getattr(stored, name) for name in EDITABLE}
    return msgspec.structs.replace(activity, version=stored.version + 1, **kept)


async def _hours(connection: AsyncConnection, activity: Activity) -> list[bytes]:
    """Driver-level: an hour is read in well under a millisecond, and none of it in the loop."""
    rows = await driver_rows(
        connection,
        "SELECT body FROM stream_chunks WHERE athlete_id = ? AND activity_id = ? ORDER BY hour",
        (activity.athlete_id, activity.activity_id),
    )
    return [row[0] for row in rows]


def _is(activity: Activity) -> Any:
    return (T.c.athlete_id == activity.athlete_id) & (T.c.activity_id == activity.activity_id)


def _is_damaged(unpack: Callable[..., object], *stored: object) -> bool:
    try:
        unpack(*stored)
    except DamagedChunk:
        return True
    return False


def _chunks_of(athlete_id: str, activity_id: str) -> Any:
    return delete(CHUNKS).where(
        CHUNKS.c.athlete_id == athlete_id, CHUNKS.c.activity_id == activity_id
    )


def _values(activity: Activity) -> dict[str, Any]:
    values = {name: getattr(activity, name) for name in COLUMNS}
    return {**values, "record": msgspec.json.encode(activity)}


def _activity(row: Row[Any]) -> Activity:
    """The record as built, with what the athlete has changed since."""
    return msgspec.structs.replace(
        _decode(row.record), **{name: getattr(row, name) for name in EDITABLE}
    )
