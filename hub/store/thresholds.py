"""Athletes' thresholds and zones as versions by date, for each sport."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.figures import Figures, Version
from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice
from hub.store import schema
from hub.store.database import Database

T = schema.thresholds
FIELDS = Thresholds.__struct_fields__

BySport = dict[str, list[Version]]

_decode_zones = msgspec.json.Decoder(ZoneChoice).decode


class Waiting(NamedTuple):
    athlete_id: str
    sport: str
    valid_from: str
    at_ms: int  # when it was asked for


class ThresholdBook:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, BySport]:
        """By athlete and sport, oldest first."""
        query = select(T).order_by(T.c.athlete_id, T.c.sport, T.c.valid_from)
        found: dict[str, BySport] = {}
        for row in await self._database.fetch(query):
            found.setdefault(row.athlete_id, {}).setdefault(row.sport, []).append(_version(row))
        return found

    async def put(
        self,
        athlete_id: str,
        sport: str,
        version: Version,
        *,
        by: str,
        now: int,
        recompute: bool = False,
    ) -> None:
        """Store it, or replace the one of its date. `recompute`: the rides since wait for it."""
        figures = version.figures
        values = {
            "athlete_id": athlete_id,
            "sport": sport,
            "valid_from": version.valid_from,
            **{name: getattr(figures.thresholds, name) for name in FIELDS},
            "zones": msgspec.json.encode(figures.zones),
            "at_ms": now,
            "by": by,
            "recompute": recompute,
        }
        await self._database.writer.execute(
            insert(T)
            .values(values)
            .on_conflict_do_update(
                index_elements=[T.c.athlete_id, T.c.sport, T.c.valid_from], set_=values
            )
        )

    async def waiting(self) -> list[Waiting]:
        """Those by which rides are still to be measured, in the order in which they were asked."""
        query = select(T.c.athlete_id, T.c.sport, T.c.valid_from, T.c.at_ms).where(T.c.recompute)
        rows = await self._database.fetch(query.order_by(T.c.at_ms))
        return [Waiting(row.athlete_id, row.sport, row.valid_from, row.at_ms) for row in rows]

    async def done(self, waiting: Waiting) -> None:
        """Unless it was asked anew meanwhile."""
        which = _is(waiting.athlete_id, waiting.sport, waiting.valid_from)
        await self._database.writer.execute(
            update(T).where(which, T.c.at_ms == waiting.at_ms).values(recompute=False)
        )

    async def remove(self, athlete_id: str, sport: str, valid_from: str) -> None:
        await self._database.writer.execute(delete(T).where(_is(athlete_id, sport, valid_from)))


async def newest_figures(connection: AsyncConnection) -> dict[str, dict[str, Figures]]:
    """What counts now, by athlete and sport: no version begins in the future."""
    rows = await connection.execute(select(T).order_by(T.c.valid_from))
    found: dict[str, dict[str, Figures]] = {}
    for row in rows:
        found.setdefault(row.athlete_id, {})[row.sport] = _version(row).figures
    return found


def _is(athlete_id: str, sport: str, valid_from: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (
        (T.c.athlete_id == athlete_id) & (T.c.sport == sport) & (T.c.valid_from == valid_from)
    )
    return condition


def _version(row: Row[Any]) -> Version:
    thresholds = Thresholds(**{name: getattr(row, name) for name in FIELDS})
    return Version(row.valid_from, Figures(thresholds, _decode_zones(row.zones)))
