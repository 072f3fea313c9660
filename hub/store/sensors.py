"""What is remembered of sensors: names and batteries of those that are away, and aliases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import NotFound
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import KnownSensor
from hub.wire.uplink import SensorKind

T = schema.sensors
COLUMNS = tuple(T.c[name] for name in KnownSensor.__struct_fields__)
KINDS = msgspec.json.Decoder(tuple[SensorKind, ...])


class Sensors:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[KnownSensor]:
        rows = await self._database.fetch(select(*COLUMNS).order_by(T.c.name, T.c.sensor_id))
        return [_sensor(row) for row in rows]

    async def remember(self, sensors: Iterable[KnownSensor]) -> None:
        """Store each as given, save for `alias_of`, which only `alias` changes."""
        rows = [_values(sensor) for sensor in sensors]
        if not rows:
            return
        statement = insert(T)
        fresh = {
            column.name: statement.excluded[column.name]
            for column in COLUMNS
            if column.name not in ("sensor_id", "alias_of")
        }
        upsert = statement.on_conflict_do_update(index_elements=[T.c.sensor_id], set_=fresh)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(upsert, rows)

        await self._database.writer.run(work)

    async def forget(self, sensor_ids: Sequence[str]) -> None:
        """Delete what is remembered of them; whose they were stays."""
        if sensor_ids:
            await self._database.writer.execute(delete(T).where(T.c.sensor_id.in_(sensor_ids)))

    async def alias(self, sensor_id: str, same_as: str) -> None:
        """The athlete confirmed that `sensor_id` is the sensor `same_as` ("": it is not).

        Raises NotFound.
        """
        statement = update(T).where(T.c.sensor_id == sensor_id).values(alias_of=same_as)
        if not await self._database.writer.execute(statement):
            raise NotFound(f"no sensor {sensor_id!r}")


def _values(sensor: KnownSensor) -> dict[str, Any]:
    values = {name: getattr(sensor, name) for name in KnownSensor.__struct_fields__}
    return {**values, "kinds": msgspec.json.encode(sensor.kinds)}


def _sensor(row: Row[Any]) -> KnownSensor:
    return KnownSensor(**{**row._mapping, "kinds": KINDS.decode(row.kinds)})
