"""Athletes, and where each wants a metric from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import NotFound
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import Athlete, Preference
from hub.wire.values import Metric

T = schema.athletes
P = schema.preferred_sources
COLUMNS = tuple(T.c[name] for name in Athlete.__struct_fields__)


class Athletes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Athlete]:
        """Everybody: the owner first, then by name."""
        rows = await self._database.fetch(select(*COLUMNS).order_by(T.c.owner.desc(), T.c.name))
        return [_athlete(row) for row in rows]

    async def get(self, athlete_id: str) -> Athlete:
        """Raises NotFound."""
        rows = await self._database.fetch(select(*COLUMNS).where(T.c.athlete_id == athlete_id))
        if not rows:
            raise NotFound(f"no athlete {athlete_id!r}")
        return _athlete(rows[0])

    async def owner(self) -> Athlete | None:
        """The athlete of the hub's owner, None before the first-run form."""
        rows = await self._database.fetch(select(*COLUMNS).where(T.c.owner))
        return _athlete(rows[0]) if rows else None

    async def upsert(self, athlete: Athlete) -> None:
        """Store the athlete as given. A second `owner` takes that over from the first."""
        values = {name: getattr(athlete, name) for name in Athlete.__struct_fields__}

        async def work(connection: AsyncConnection) -> None:
            if athlete.owner:
                others = T.c.athlete_id != athlete.athlete_id
                await connection.execute(update(T).where(T.c.owner, others).values(owner=False))
            await connection.execute(
                insert(T)
                .values(values)
                .on_conflict_do_update(index_elements=[T.c.athlete_id], set_=values)
            )

        await self._database.writer.run(work)

    async def preferences(self, athlete_id: str) -> Sequence[Preference]:
        query = select(P.c.metric, P.c.sensor_id).where(P.c.athlete_id == athlete_id)
        rows = await self._database.fetch(query.order_by(P.c.metric))
        return [Preference(Metric(row.metric), row.sensor_id) for row in rows]

    async def prefer(self, athlete_id: str, metric: Metric, sensor_id: str) -> None:
        """Take `metric` from `sensor_id`; "" goes back to the order of precedence."""
        if not sensor_id:
            mine = (P.c.athlete_id == athlete_id) & (P.c.metric == metric)
            await self._database.writer.execute(P.delete().where(mine))
            return
        values = {"athlete_id": athlete_id, "metric": str(metric), "sensor_id": sensor_id}
        await self._database.writer.execute(
            insert(P)
            .values(values)
            .on_conflict_do_update(index_elements=[P.c.athlete_id, P.c.metric], set_=values)
        )


def _athlete(row: Row[Any]) -> Athlete:
    return Athlete(**row._mapping)
