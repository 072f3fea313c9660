"""The bikes of the room, what is fixed to each, and who sat on it when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Conflict, NotFound
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import Bike, Seat

B = schema.bikes
FIXED = schema.bike_sensors
S = schema.seats
SEAT_COLUMNS = tuple(S.c[name] for name in Seat.__struct_fields__)


class Bikes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Bike]:
        async with self._database.snapshot() as connection:
            bikes = (await connection.execute(select(B))).all()
            fixed = (await connection.execute(select(FIXED).order_by(FIXED.c.place))).all()
        sensors: dict[str, list[str]] = {}
        for row in fixed:
            sensors.setdefault(row.bike_id, []).append(row.sensor_id)
        return [
            Bike(
                bike_id=row.bike_id,
                name=row.name,
                code=row.code,
                sensors=tuple(sensors.get(row.bike_id, ())),
            )
            for row in bikes
        ]

    async def put(self, bike: Bike) -> None:
        """Store it as given. Raises Conflict for a name or a sensor that another bike has."""

        async def work(connection: AsyncConnection) -> None:
            other = B.c.bike_id != bike.bike_id
            named = select(B.c.bike_id).where(B.c.name == bike.name, other)
            if (await connection.execute(named)).first() is not None:
                raise Conflict(f"there is a {bike.name!r} already", remedy="choose another name")
            fixed = select(FIXED.c.sensor_id).where(
                FIXED.c.sensor_id.in_(bike.sensors), FIXED.c.bike_id != bike.bike_id
            )
            if (await connection.execute(fixed)).first() is not None:
                raise Conflict("a sensor belongs to another bike", remedy="take it off that first")
            values = {"bike_id": bike.bike_id, "name": bike.name, "code": bike.code}
            await connection.execute(
                insert(B)
                .values(values)
                .on_conflict_do_update(index_elements=[B.c.bike_id], set_=values)
            )
            await connection.execute(delete(FIXED).where(FIXED.c.bike_id == bike.bike_id))
            rows = [
                {"sensor_id": sensor_id, "bike_id": bike.bike_id, "place": place}
                for place, sensor_id in enumerate(bike.sensors)
            ]
            if rows:
                await connection.execute(insert(FIXED), rows)

        await self._database.writer.run(work)

    async def remove(self, bike_id: str) -> None:
        """Who sat on it stays known. Raises NotFound."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(FIXED).where(FIXED.c.bike_id == bike_id))
            gone = await connection.execute(delete(B).where(B.c.bike_id == bike_id))
            if not gone.rowcount:
                raise NotFound("no such bike")

        await self._database.writer.run(work)

    # Seats

    async def open_seats(self) -> Sequence[Seat]:
        """Those that stand, and ended ones whose sensors were not given back yet."""
        query = select(*SEAT_COLUMNS).where(~S.c.cleared).order_by(S.c.from_ms)
        return [_seat(row) for row in await self._database.fetch(query)]

    async def history(self, athlete_id: str) -> Sequence[Seat]:
        """Every seat the athlete ever had, oldest first: when, where, and by which login."""
        query = select(*SEAT_COLUMNS).where(S.c.athlete_id == athlete_id).order_by(S.c.from_ms)
        return [_seat(row) for row in await self._database.fetch(query)]

    async def said(self, by: str, key: str) -> bool:
        """Whether this command of this login was carried out before."""
        query = select(S.c.bike_id).where(S.c.by == by, S.c.key == key, S.c.key != "")
        return bool(await self._database.fetch(query))

    async def change(self, ended: Sequence[Seat], begun: Sequence[Seat], now: int) -> None:
        """All or nothing: these seats end now, those begin."""

        async def work(connection: AsyncConnection) -> None:
            for seat in ended:
                to_ms = max(now, seat.from_ms)
                await connection.execute(update(S).where(_is(seat)).values(to_ms=to_ms))
            for seat in begun:
                values = {name: getattr(seat, name) for name in Seat.__struct_fields__}
                await connection.execute(insert(S).values(values))

        await self._database.writer.run(work)

    async def cleared(self, seat: Seat) -> None:
        await self._database.writer.execute(update(S).where(_is(seat)).values(cleared=True))

    async def bind(self, seat: Seat, session_id: str) -> None:
        """The seat is for that session, and ends with it."""
        await self._database.writer.execute(
            update(S).where(_is(seat)).values(session_id=session_id)
        )


def _is(seat: Seat) -> Any:
    return (
        (S.c.athlete_id == seat.athlete_id)
        & (S.c.bike_id == seat.bike_id)
        & (S.c.from_ms == seat.from_ms)
    )


def _seat(row: Row[Any]) -> Seat:
    return Seat(**row._mapping)
