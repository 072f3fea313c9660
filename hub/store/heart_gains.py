"""How far each athlete's heart rate answers power, as their rides taught it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from hub.core.heart_model import Gain
from hub.store import schema
from hub.store.database import Database

T = schema.heart_gains


class HeartGains:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Gain]:
        """By athlete."""
        rows = await self._database.fetch(select(T))
        return {row.athlete_id: Gain(row.bpm_per_w, row.variance) for row in rows}

    async def keep(self, athlete_id: str, gain: Gain, now: int) -> None:
        """Instead of the one before."""
        values = {
            "athlete_id": athlete_id,
            "bpm_per_w": gain.bpm_per_w,
            "variance": gain.variance,
            "at_ms": now,
        }
        await self._database.writer.execute(
            insert(T)
            .values(values)
            .on_conflict_do_update(index_elements=[T.c.athlete_id], set_=values)
        )
