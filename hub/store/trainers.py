"""What is settled for a trainer, whoever sits on it."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from hub.store import schema
from hub.store.database import Database

T = schema.read_only_trainers


class Trainers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_only(self) -> set[str]:
        """Trainers that another app steers: to be measured, never written."""
        return {row.sensor_id for row in await self._database.fetch(select(T.c.sensor_id))}

    async def leave_alone(self, sensor_id: str, on: bool) -> None:
        if on:
            statement = insert(T).values(sensor_id=sensor_id).on_conflict_do_nothing()
            await self._database.writer.execute(statement)
        else:
            await self._database.writer.execute(delete(T).where(T.c.sensor_id == sensor_id))
