"""Athletes, and where each wants a metric from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import NotFound
from hub.core.figures import BIKE, Figures
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import Athlete, Preference
from hub.store.thresholds import newest_figures
from hub.wire.values import Metric

T = schema.athletes
P = schema.preferred_sources
NAMES = tuple(name for name in Athlete.__struct_fields__ if name != "by_sport")
COLUMNS = tuple(T.c[name] for name in NAMES)
FIGURES = ("ftp_w", "ftp_assumed", "max_hr_bpm", "weight_kg")


class Athletes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Athlete]:
        """Everybody: the owner first, then by name."""
        async with self._database.snapshot() as connection:
            query = select(*COLUMNS).order_by(T.c.owner.desc(), T.c.name)
            rows = (await connection.execute(query)).all()
            figures = await newest_figures(connection)
        return [_athlete(row, figures.get(row.athlete_id, {})) for row in rows]

    async def get(self, athlete_id: str) -> Athlete:
        """Raises NotFound."""
        found = [each for each in await self.list() if each.athlete_id == athlete_id]
        if not found:
            raise NotFound(f"no athlete {athlete_id!r}")
        return found[0]

    async def owner(self) -> Athlete | None:
        """The athlete of the hub's owner, None before the first-run form."""
        return next((each for each in await self.list() if each.owner), None)

    async def upsert(self, athlete: Athlete) -> None:
        """Store the athlete as given. A second `owner` takes that over from the first."""
        values = {name: getattr(athlete, name) for name in NAMES}

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


def _athlete(row: Row[Any], by_sport: dict[str, Figures]) -> Athlete:
    """The figures by bike as they are dated; as they stand in the row where they are not."""
    athlete = Athlete(**row._mapping, by_sport=by_sport)
    if (bike := by_sport.get(BIKE)) is None:
        return athlete
    return replace(athlete, **{name: getattr(bike.thresholds, name) for name in FIGURES})
