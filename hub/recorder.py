"""A finished session becomes each rider's activity, once more when readings of it come in late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from hub.activity import LEAD_IN_MS, Recorded, Ride, build, ride_of
from hub.activity.build import PAUSED
from hub.activity.record import Activity
from hub.journal_port import PlacedReading
from hub.live.inputs import Entry, Stop, decode
from hub.live.session import Session, apply, at, fold, is_over
from hub.sensor_memory import SensorMemory
from hub.store.chunks import pack_hours
from hub.store.rows import EntryKind
from hub.store.store import Store

RECENT_MS = 48 * 3_600_000
RECENT_MAX = 32


class Recorder:
    """Simulated riders ride for the show: theirs is not recorded."""

    def __init__(
        self,
        store: Store,
        memory: SensorMemory,
        now_ms: Callable[[], int],
        wall_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._memory = memory
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._busy = asyncio.Lock()  # what is built from readings must be stored before the next

    async def record(self, session: Session) -> dict[str, str]:
        """Athlete -> activity. The same session gives the same ids. Raises Unavailable."""
        async with self._busy:
            return await self._record(session)

    async def rebuild(self, from_ms: int, to_ms: int) -> int:
        """Builds anew the rides that readings of `from_ms … to_ms` may change; how many they did.

        A ride that stays the same keeps its version. Raises Unavailable.
        """
        activities = await self._store.activities.overlapping(from_ms, to_ms + LEAD_IN_MS)
        return await self._rebuild(activities)

    async def rebuild_recent(self) -> int:
        """After a start: the hub may have died between late readings and the rebuild.

        Only a ride with gaps, or with nothing at all, can have become better. Raises Unavailable.
        """
        newest = await self._store.activities.list(limit=RECENT_MAX)
        oldest_ms = self._now_ms() - RECENT_MS
        return await self._rebuild(
            [
                each
                for each in newest
                if each.ended_at_ms >= oldest_ms
                and (not each.sources or any(gap.reason != PAUSED for gap in each.gaps))
            ]
        )

    async def _rebuild(self, activities: Sequence[Activity]) -> int:
        if not activities:
            return 0
        await self._store.journal.settle()
        await self._store.journal.fold()
        rebuilt = 0
        for each in activities:
            async with self._busy:  # one by one: a ride that ends meanwhile waits for one, not all
                rebuilt += await self._is_rebuilt(each)
        return rebuilt

    async def _is_rebuilt(self, activity: Activity) -> bool:
        rows = await self._store.sessions.log(activity.session_id, kind=EntryKind.INPUT)
        log = [decode(row.body) for row in rows]
        session = fold(log)
        if session is None:
            return False
        session = at(session, self._now_ms())
        ride = ride_of(session, log, activity.athlete_id) if is_over(session) else None
        if ride is None:  # taken up again: it is recorded when it ends
            return False
        built = await self._record_one(ride, activity.started_unix_ms - activity.started_at_ms)
        stored = await self._store.activities.streams(activity)
        if await asyncio.to_thread(lambda: pack_hours(built.streams) == pack_hours(stored)):
            return False
        return await self._store.activities.rebuild(built)

    async def _record(self, session: Session) -> dict[str, str]:
        await self._store.journal.settle()  # the last seconds wait for their commit
        await self._store.journal.fold()  # once, instead of each rider decoding what is unfolded
        rows = await self._store.sessions.log(session.session, kind=EntryKind.INPUT)
        log = [decode(row.body) for row in rows]
        recorded = [
            await self._record_one(ride, self._unix_offset_ms())
            for rider in session.riders.values()
            if not rider.demo and (ride := ride_of(session, log, rider.athlete)) is not None
        ]
        await self._store.activities.put(recorded)
        return {one.activity.athlete_id: one.activity.activity_id for one in recorded}

    async def ridden(
        self, session: Session, athlete_id: str
    ) -> list[tuple[float | None, float | None]]:
        """Power in W and speed in km/h of each riding second so far, None for a gap."""
        await self._store.journal.settle()
        rows = await self._store.sessions.log(session.session, kind=EntryKind.INPUT)
        stopped = session if is_over(session) else apply(session, Entry(self._now_ms(), Stop()))
        ride = ride_of(stopped, [decode(row.body) for row in rows], athlete_id)
        if ride is None:
            return []
        recorded = await self._record_one(ride, self._unix_offset_ms())
        paused = {
            second
            for gap in recorded.activity.gaps
            if gap.reason == PAUSED
            for second in range(gap.begins_s, gap.begins_s + gap.duration_s)
        }
        seconds = zip(recorded.streams.power_w, recorded.streams.speed_kmh, strict=True)
        return [pair for second, pair in enumerate(seconds) if second not in paused]

    def _unix_offset_ms(self) -> int:
        return self._wall_ms() - self._now_ms()

    async def _record_one(self, ride: Ride, unix_offset_ms: int) -> Recorded:
        athlete_id = ride.rider.athlete
        placed = await self._store.journal.placed(
            athlete_id, ride.started_at_ms - LEAD_IN_MS, ride.ended_at_ms
        )
        recorded = await asyncio.to_thread(
            build,
            ride,
            [(each.at_ms, each.reading) for each in placed],
            self._memory.devices(),
            unix_offset_ms=unix_offset_ms,
        )
        activity = recorded.activity
        simulated = any(self._memory.is_simulated(use.sensor) for use in activity.sources)
        estimated_s = _estimated_s(placed, ride.started_at_ms)
        activity = replace(activity, demo=activity.demo or simulated, estimated_s=estimated_s)
        return replace(recorded, activity=activity)


def _estimated_s(placed: Sequence[PlacedReading], started_at_ms: int) -> int:
    seconds = {(each.at_ms - started_at_ms) // 1_000 for each in placed if each.time_estimated}
    return sum(second >= 0 for second in seconds)
