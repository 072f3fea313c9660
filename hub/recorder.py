"""A finished session becomes each rider's activity, once more when readings of it come in late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec.structs import replace

from hub.activity import LEAD_IN_MS, Recorded, Ride, build, ride_of
from hub.activity.build import PAUSED
from hub.activity.measure import figures_of, measured
from hub.activity.record import Activity, activity_id
from hub.core.errors import NotFound, Unavailable
from hub.core.figures import Figures
from hub.core.live_metrics import Second
from hub.journal_port import PlacedReading
from hub.live.inputs import Entry, Stop, decode
from hub.live.session import apply, fold
from hub.live.session_state import Session, at, is_over
from hub.sensor_memory import SensorMemory
from hub.store.chunks import DamagedChunk, pack_hours
from hub.store.journal import DamagedReadings
from hub.store.rows import EntryKind
from hub.store.store import Store

RECENT_MS = 48 * 3_600_000
RECENT_MAX = 32
UNBUILT_MAX = 1_000  # policy: of more, each is logged and none is counted

log = structlog.get_logger(__name__)


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
        self._unbuilt: set[str] = set()  # rides that are not as their readings would make them
        self._busy = asyncio.Lock()  # what is built from readings must be stored before the next

    async def record(self, session: Session) -> dict[str, str]:
        """Athlete -> activity, of each whose ride is over and who has none of this session yet.

        The same session gives the same ids. Raises Unavailable.
        """
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

    @property
    def remark(self) -> str:
        """What the hub's owner is to know of rides that could not be made anew; "" for nothing."""
        count = len(self._unbuilt)
        rides = "1 ride" if count == 1 else f"{count} rides"
        return f"{rides} could not be made anew: see `derny activity check`" if count else ""

    async def measure(self, activity_id: str, figures: Figures) -> bool:
        """Measures a ride by other figures; whether that changed it. Raises Unavailable."""
        async with self._busy:
            try:
                activity = await self._store.activities.get(activity_id)
                whole = await self._store.activities.whole(activity)
            except NotFound:  # discarded meanwhile
                return False
            except DamagedChunk as error:
                self._note(activity_id, error)
                return False
            anew = await asyncio.to_thread(measured, whole, figures)
            if anew == whole.activity:
                return False
            return await self._store.activities.rebuild(replace(whole, activity=anew))

    async def _rebuild(self, activities: Sequence[Activity]) -> int:
        if not activities:
            return 0
        await self._store.journal.settle()
        await self._store.journal.fold()
        rebuilt = 0
        for each in activities:
            async with self._busy:  # one by one: a ride that ends meanwhile waits for one, not all
                rebuilt += await self._tried(each)
        return rebuilt

    async def _tried(self, activity: Activity) -> bool:
        """What one ride's bytes spoil costs no other ride: it stays as it is."""
        try:
            rebuilt = await self._is_rebuilt(activity)
        except Unavailable:
            raise
        except Exception as error:
            self._note(activity.activity_id, error)
            return False
        self._unbuilt.discard(activity.activity_id)
        return rebuilt

    def _note(self, ride: str, error: Exception) -> None:
        if ride in self._unbuilt:
            return
        if len(self._unbuilt) < UNBUILT_MAX:
            self._unbuilt.add(ride)
        told = {} if isinstance(error, DamagedReadings) else {"exc_info": error}
        log.error("ride_not_rebuilt", activity=ride, reason=str(error), **told)

    async def _is_rebuilt(self, activity: Activity) -> bool:
        rows = await self._store.sessions.log(activity.session_id, kind=EntryKind.INPUT)
        entries = [decode(row.body) for row in rows]
        session = fold(entries)
        if session is None:
            return False
        session = at(session, self._now_ms())
        ride = ride_of(session, entries, activity.athlete_id)
        if ride is None:  # taken up again: it is recorded when it ends
            return False
        unix_offset_ms = activity.started_unix_ms - activity.started_at_ms
        placed = await self._placed(ride)
        built = await self._built(ride, placed, unix_offset_ms, figures_of(activity))
        try:
            stored = await self._store.activities.streams(activity)
        except DamagedChunk:  # its readings are whole: this mends it
            return await self._store.activities.rebuild(built)
        if await asyncio.to_thread(lambda: pack_hours(built.streams) == pack_hours(stored)):
            return False
        return await self._store.activities.rebuild(built)

    async def _record(self, session: Session) -> dict[str, str]:
        await self._store.journal.settle()  # the last seconds wait for their commit
        await self._store.journal.fold()  # once, instead of each rider decoding what is unfolded
        rows = await self._store.sessions.log(session.session, kind=EntryKind.INPUT)
        entries = [decode(row.body) for row in rows]
        recorded = [
            await self._record_one(ride, self._unix_offset_ms())
            for rider in session.riders.values()
            if not rider.demo
            and rider.athlete not in session.activities
            and (ride := ride_of(session, entries, rider.athlete)) is not None
        ]
        await self._store.activities.put(recorded)
        return {one.activity.athlete_id: one.activity.activity_id for one in recorded}

    async def ridden(self, session: Session, athlete_id: str) -> list[Second]:
        """Each riding second so far; nothing was measured in a gap."""
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
        streams = recorded.streams
        columns = (
            streams.power_w,
            streams.speed_kmh,
            streams.heart_rate_bpm,
            streams.cadence_rpm,
        )
        seconds = map(Second._make, zip(*columns, strict=True))
        return [second for at_s, second in enumerate(seconds) if at_s not in paused]

    def _unix_offset_ms(self) -> int:
        return self._wall_ms() - self._now_ms()

    async def _record_one(self, ride: Ride, unix_offset_ms: int) -> Recorded:
        """From what can be read: a ride that has just ended is not kept from its rider."""
        try:
            placed = await self._placed(ride)
        except DamagedReadings as error:
            self._note(activity_id(ride.session_id, ride.rider.athlete), error)
            placed = error.readable
        return await self._built(ride, placed, unix_offset_ms, ride.rider.figures)

    async def _placed(self, ride: Ride) -> list[PlacedReading]:
        """Raises DamagedReadings."""
        return await self._store.journal.placed(
            ride.rider.athlete, ride.started_at_ms - LEAD_IN_MS, ride.ended_at_ms
        )

    async def _built(
        self,
        ride: Ride,
        placed: Sequence[PlacedReading],
        unix_offset_ms: int,
        figures: Figures,
    ) -> Recorded:
        recorded = await asyncio.to_thread(
            build,
            ride,
            [(each.at_ms, each.reading) for each in placed],
            self._memory.devices(),
            unix_offset_ms=unix_offset_ms,
            figures=figures,
        )
        activity = recorded.activity
        simulated = any(self._memory.is_simulated(use.sensor) for use in activity.sources)
        estimated_s = _estimated_s(placed, ride.started_at_ms)
        activity = replace(activity, demo=activity.demo or simulated, estimated_s=estimated_s)
        return replace(recorded, activity=activity)


def _estimated_s(placed: Sequence[PlacedReading], started_at_ms: int) -> int:
    seconds = {(each.at_ms - started_at_ms) // 1_000 for each in placed if each.time_estimated}
    return sum(second >= 0 for second in seconds)
