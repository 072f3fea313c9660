"""Which sensor is whose, since when, and under which lease number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Conflict, NotFound
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import Assignment

T = schema.assignments
COLUMNS = tuple(T.c[name] for name in Assignment.__struct_fields__)


class Taken(Conflict):
    """The sensor is another athlete's; `athlete_id` says whose."""

    code = "taken"

    def __init__(self, sensor_id: str, athlete_id: str) -> None:
        super().__init__(
            f"sensor {sensor_id} is used by another athlete", remedy="swap to take it over"
        )
        self.athlete_id = athlete_id


class Assignments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> list[Assignment]:
        """Every sensor that is somebody's now."""
        rows = await self._database.fetch(
            select(*COLUMNS).where(T.c.to_ms.is_(None)).order_by(T.c.sensor_id)
        )
        return [_assignment(row) for row in rows]

    async def history(self, athlete_id: str, from_ms: int, to_ms: int) -> list[Assignment]:
        """The athlete's assignments that touch `from_ms … to_ms`, in order of their beginning."""
        touching = (T.c.from_ms < to_ms) & (T.c.to_ms.is_(None) | (T.c.to_ms > from_ms))
        query = select(*COLUMNS).where(T.c.athlete_id == athlete_id, touching)
        return [_assignment(row) for row in await self._database.fetch(query.order_by(T.c.from_ms))]

    async def assign(
        self, sensor_id: str, athlete_id: str, now: int, *, gateway: str = "", swap: bool = False
    ) -> Assignment:
        """The sensor is the athlete's from `now` on, under a new lease.

        Already theirs: the assignment as it is. Raises Taken when another holds it, unless `swap`.
        """

        async def work(connection: AsyncConnection) -> Assignment:
            held = await _held(connection, sensor_id)
            if held is not None and held.athlete_id == athlete_id:
                return held
            if held is not None and not swap:
                raise Taken(sensor_id, held.athlete_id)
            if held is not None:
                await _close(connection, held, now)
            lease = await _next_lease(connection, sensor_id)
            made = Assignment(
                sensor_id=sensor_id,
                athlete_id=athlete_id,
                lease=lease,
                gateway=gateway,
                from_ms=now,
            )
            await connection.execute(insert(T).values(_values(made)))
            return made

        return await self._database.writer.run(work)

    async def hold(self, sensor_id: str, gateway: str) -> Assignment:
        """`gateway` holds the sensor from now on, under a new lease unless it already does.

        Raises NotFound when the sensor is nobody's.
        """

        async def work(connection: AsyncConnection) -> Assignment:
            held = await _held(connection, sensor_id)
            if held is None:
                raise NotFound(f"sensor {sensor_id} is assigned to nobody")
            if held.gateway == gateway:
                return held
            lease = await _next_lease(connection, sensor_id)
            await connection.execute(
                update(T).where(_is(held)).values(lease=lease, gateway=gateway)
            )
            return Assignment(
                sensor_id=sensor_id,
                athlete_id=held.athlete_id,
                lease=lease,
                gateway=gateway,
                from_ms=held.from_ms,
            )

        return await self._database.writer.run(work)

    async def release(self, sensor_id: str, now: int) -> Assignment | None:
        """The sensor is nobody's any more. Returns what ended; None: it was nobody's."""

        async def work(connection: AsyncConnection) -> Assignment | None:
            held = await _held(connection, sensor_id)
            if held is not None:
                await _close(connection, held, now)
            return held

        return await self._database.writer.run(work)


async def _held(connection: AsyncConnection, sensor_id: str) -> Assignment | None:
    query = select(*COLUMNS).where(T.c.sensor_id == sensor_id, T.c.to_ms.is_(None))
    row = (await connection.execute(query)).first()
    return None if row is None else _assignment(row)


async def _close(connection: AsyncConnection, held: Assignment, now: int) -> None:
    await connection.execute(update(T).where(_is(held)).values(to_ms=max(now, held.from_ms)))


async def _next_lease(connection: AsyncConnection, sensor_id: str) -> int:
    leases = schema.leases
    counted = (
        insert(leases)
        .values(sensor_id=sensor_id, lease=1)
        .on_conflict_do_update(
            index_elements=[leases.c.sensor_id], set_={"lease": leases.c.lease + 1}
        )
        .returning(leases.c.lease)
    )
    return int((await connection.execute(counted)).scalar_one())


def _is(held: Assignment) -> Any:
    return (
        (T.c.athlete_id == held.athlete_id)
        & (T.c.sensor_id == held.sensor_id)
        & (T.c.from_ms == held.from_ms)
    )


def _values(made: Assignment) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Assignment.__struct_fields__}


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(**row._mapping)
