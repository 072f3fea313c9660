"""The workouts that people keep, each with its versions. What came as a file is not here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    String,
    and_,
    column,
    delete,
    func,
    insert,
    select,
    update,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Conflict, NotFound
from hub.core.workout import Workout
from hub.store import schema
from hub.store.database import Database
from hub.store.errors import Stale

WORKOUTS_MAX = 500  # of one owner; policy: one more is refused
VERSIONS_MAX = 100  # of one workout; policy: the oldest go. A session has its own copy.

W = schema.workouts
V = schema.workout_versions
PLACE = (column("owner_id", String), column("workout_id", String), column("version", Integer))
PLACES_AT_ONCE = 500  # three values each; a statement of SQLite takes some ten thousand

_decode = msgspec.json.Decoder(Workout).decode


class Place(NamedTuple):
    """Which version of which workout, and whose it is."""

    owner_id: str
    workout_id: str
    version: int


class StoredWorkout(msgspec.Struct, frozen=True):
    """`at_ms`: hub time of this version; `by`: the login that made it."""

    place: Place
    at_ms: int
    by: str
    workout: Workout


class SavedVersion(msgspec.Struct, frozen=True):
    version: int
    at_ms: int


class Workouts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> list[Place]:
        """Of everybody, in the order in which they were made."""
        query = select(W.c.owner_id, W.c.workout_id, W.c.version).where(_stands())
        rows = await self._database.fetch(query.order_by(W.c.created_ms, W.c.workout_id))
        return [Place(row.owner_id, row.workout_id, row.version) for row in rows]

    async def bodies(self, places: Sequence[Place]) -> list[StoredWorkout]:
        """Those of `places` that are still there, in their order."""
        found: dict[Place, StoredWorkout] = {}
        for at in range(0, len(places), PLACES_AT_ONCE):
            some = places[at : at + PLACES_AT_ONCE]
            wanted = values(*PLACE, name="wanted").data(some).cte()  # joined: found by its key
            which = and_(*(V.c[each.name] == wanted.c[each.name] for each in PLACE))
            rows = await self._database.fetch(select(V).join(wanted, which))
            stored = await asyncio.to_thread(_all_stored, rows)
            found |= {each.place: each for each in stored}
        return [found[place] for place in places if place in found]

    async def get(self, workout_id: str, version: int | None = None) -> StoredWorkout:
        """The newest version, or that one. Raises NotFound, also for a deleted workout."""
        which = V.c.version == (W.c.version if version is None else version)
        rows = await self._database.fetch(
            select(V)
            .join(W, (W.c.owner_id == V.c.owner_id) & (W.c.workout_id == V.c.workout_id))
            .where(V.c.workout_id == workout_id, which, _stands())
        )
        if not rows:
            raise _absent(workout_id)
        return _stored(rows[0])

    async def versions(self, place: Place) -> list[SavedVersion]:
        """Newest first."""
        query = select(V.c.version, V.c.at_ms).where(_of(V, place.owner_id, place.workout_id))
        rows = await self._database.fetch(query.order_by(V.c.version.desc()))
        return [SavedVersion(row.version, row.at_ms) for row in rows]

    async def create(
        self, owner_id: str, workout_id: str, workout: Workout, *, by: str, key: str, now: int
    ) -> StoredWorkout:
        """The first version. Raises Conflict when the owner has WORKOUTS_MAX of them, and when the
        key was that of another command.

        A command that was carried out before gives what it made then.
        """

        async def work(connection: AsyncConnection) -> StoredWorkout:
            if (before := await _said(connection, by, key)) is not None:
                return _the_same(before, before.place.workout_id, 1)
            mine = select(func.count()).where(W.c.owner_id == owner_id, _stands())
            if (await connection.execute(mine)).scalar_one() >= WORKOUTS_MAX:
                raise Conflict(
                    f"there are {WORKOUTS_MAX} workouts already", remedy="delete some first"
                )
            await connection.execute(
                insert(W).values(
                    owner_id=owner_id, workout_id=workout_id, version=1, created_ms=now
                )
            )
            made = StoredWorkout(Place(owner_id, workout_id, 1), now, by, workout)
            await _put(connection, made, key)
            return made

        return await self._database.writer.run(work)

    async def edit(
        self, workout_id: str, base: int, workout: Workout, *, by: str, key: str, now: int
    ) -> StoredWorkout:
        """The version after `base`. Raises NotFound, Stale when there is a newer one, and Conflict
        when the key was that of another command.

        A command that was carried out before gives what it made then.
        """

        async def work(connection: AsyncConnection) -> StoredWorkout:
            if (before := await _said(connection, by, key)) is not None:
                return _the_same(before, workout_id, base + 1)
            which = W.c.workout_id == workout_id
            row = (
                await connection.execute(select(W.c.owner_id, W.c.version).where(which, _stands()))
            ).first()
            if row is None:
                raise _absent(workout_id)
            if row.version != base:
                raise Stale(base, row.version)
            place = Place(row.owner_id, workout_id, base + 1)
            await connection.execute(update(W).where(which).values(version=place.version))
            made = StoredWorkout(place, now, by, workout)
            await _put(connection, made, key)
            await connection.execute(
                delete(V).where(
                    _of(V, row.owner_id, workout_id), V.c.version <= place.version - VERSIONS_MAX
                )
            )
            return made

        return await self._database.writer.run(work)

    async def delete(self, workout_id: str, now: int) -> None:
        """It is listed no more; its versions stay. Raises NotFound."""

        async def work(connection: AsyncConnection) -> None:
            gone = await connection.execute(
                update(W).where(W.c.workout_id == workout_id, _stands()).values(deleted_ms=now)
            )
            if not gone.rowcount:
                raise _absent(workout_id)

        await self._database.writer.run(work)


async def _said(connection: AsyncConnection, by: str, key: str) -> StoredWorkout | None:
    row = (await connection.execute(select(V).where(V.c.by == by, V.c.key == key))).first()
    return None if row is None else _stored(row)


def _the_same(before: StoredWorkout, workout_id: str, version: int) -> StoredWorkout:
    """What the command made then, if it was this one. Raises Conflict."""
    if (before.place.workout_id, before.place.version) != (workout_id, version):
        raise Conflict("this key was another command's", remedy="a new command has a new key")
    return before


async def _put(connection: AsyncConnection, made: StoredWorkout, key: str) -> None:
    await connection.execute(
        insert(V).values(
            **made.place._asdict(),
            at_ms=made.at_ms,
            by=made.by,
            key=key,
            body=msgspec.json.encode(made.workout),
        )
    )


def _stands() -> ColumnElement[bool]:
    return W.c.deleted_ms.is_(None)


def _of(table: Any, owner_id: str, workout_id: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (table.c.owner_id == owner_id) & (
        table.c.workout_id == workout_id
    )
    return condition


def _stored(row: Row[Any]) -> StoredWorkout:
    place = Place(row.owner_id, row.workout_id, row.version)
    return StoredWorkout(place, row.at_ms, row.by, _decode(row.body))


def _all_stored(rows: Sequence[Row[Any]]) -> list[StoredWorkout]:
    return [_stored(row) for row in rows]


def _absent(workout_id: str) -> NotFound:
    return NotFound(f"no workout {workout_id!r} in the library")
