"""Who may see what of whom."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from hub.auth.grants import Grant, Part
from hub.store import schema
from hub.store.database import Database

T = schema.grants


class GrantBook:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Grant]:
        rows = await self._database.fetch(select(T))
        return [
            Grant(row.athlete_id, row.grantee, tuple(map(Part, row.parts.split())), row.until_ms)
            for row in rows
        ]

    async def put(self, grant: Grant, by: str, now: int) -> None:
        """`by`: the login that said so. Replaces what the athlete has granted them before."""
        said = {"parts": " ".join(grant.parts), "until_ms": grant.until_ms, "by": by, "at_ms": now}
        statement = insert(T).values(athlete_id=grant.athlete_id, grantee=grant.grantee, **said)
        await self._database.writer.execute(
            statement.on_conflict_do_update(index_elements=[T.c.athlete_id, T.c.grantee], set_=said)
        )

    async def remove(self, athlete_id: str, grantee: str) -> None:
        place = (T.c.athlete_id == athlete_id) & (T.c.grantee == grantee)
        await self._database.writer.execute(delete(T).where(place))
