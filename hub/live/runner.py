"""The thin shell around the sessions: what was said is appended, then done; and one alarm for all.

Nothing takes effect before it is durable, with one exception: pause, stop and setting a trainer
free act even when the disk is full. They are then volatile: appended as soon as there is room.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
import structlog

from hub.core.errors import Conflict, DernyError, NotFound, Unavailable
from hub.core.lanes import Status
from hub.live import inputs, session_lanes, session_state, views
from hub.live import session as log
from hub.live.clock import HubClock
from hub.live.inputs import Entry, Input
from hub.live.ports import OnFinished, Sessions
from hub.live.room import UNSAVED_MAX, Room
from hub.live.session_state import Session
from hub.live.steering import REFRESH_MS
from hub.live.timer import Alarm
from hub.store.rows import EntryKind, NewEntry, SessionRow
from hub.wire.live_events import EVENT, EventBody, Membership, Timeline
from hub.wire.live_views import AthleteView

LOG = structlog.get_logger()

ROOMS_MAX = 64
FORGOTTEN_READY_MS = 12 * 3_600_000  # made and never started
AWAY_MS_MAX = 4 * 3_600_000  # longer than any class: a gateway that is away so long is switched off
SAVING_S = 5.0  # who goes on as soon as the end is told waits so long for the last write
RETRY_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
SLEPT_MS_MIN = 1_000
VOLATILE = (inputs.Pause, inputs.AutoPause, inputs.Stop, inputs.Steer)


class Done(NamedTuple):
    """`effect_at_ms`: when it takes effect everywhere. `volatile`: not yet on disk."""

    effect_at_ms: int
    volatile: bool


class Stage(Protocol):
    """What the runner tells the rest of the live part."""

    def athletes(self, session: Session) -> tuple[AthleteView, ...]: ...

    def told(self, room: Room, offset: int, body: EventBody) -> None:
        """An event for the session's viewers, durable unless the disk is full."""

    def moved(self, room: Room) -> None:
        """`room.now` changed: targets on screens follow."""

    def steer(self, room: Room) -> None:
        """What is ahead changed, or it is time to say it again: plans go out."""

    def forgotten(self, session_id: str) -> None:
        """The session is only in the store from now on."""

    def pedalled_at_ms(self, session: Session) -> int:
        """When any of its riders last turned a pedal; 0: never seen."""


class Runner:
    def __init__(
        self,
        clock: HubClock,
        store: Sessions,
        stage: Stage,
        on_finished: OnFinished,
        alarm: Callable[[HubClock, Callable[[], None]], Alarm],
        *,
        idle_finish_ms: int,
        slept_ms: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._store = store
        self._stage = stage
        self._on_finished = on_finished
        self._new_alarm = alarm
        self._alarm: Alarm | None = None
        self._idle_finish_ms = idle_finish_ms
        self._slept_ms = slept_ms
        self._slept_so_far_ms = slept_ms()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: dict[str, asyncio.Event] = {}  # set when it is over
        self.rooms: dict[str, Room] = {}

    async def start(self) -> None:
        """Take up the open sessions where absolute time says they are."""
        self._alarm = self._new_alarm(self._clock, self._ring)
        for row in await self._store.open_sessions():
            try:
                await self._load(row.session_id)
            except (msgspec.DecodeError, ValueError, DernyError):
                # One broken log must not keep everybody else's ride from going on.
                LOG.exception("session_not_loaded", session=row.session_id)
        for room in self.rooms.values():
            self._stage.moved(room)
            if room.base.closed:  # killed between the last line of the log and the store's word
                self.spawn(self._end(room))
        self._ring()

    async def stop(self) -> None:
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def room(self, session_id: str) -> Room:
        """Raises NotFound."""
        room = self.rooms.get(session_id)
        if room is None:
            raise NotFound("no such session")
        return room

    async def find(self, session_id: str) -> Room:
        """Also one that was closed long ago, from the store. Raises NotFound, Unavailable."""
        if session_id not in self.rooms:
            await self._store.get(session_id)
            await self._load(session_id)
        return self.room(session_id)

    def beat(self, now: int) -> None:
        """Once a second."""
        self._notice_sleep(now)
        for room in self.rooms.values():
            if room.unsaved and not room.lock.locked():
                self.spawn(self._save(room))

    async def _save(self, room: Room) -> None:
        async with room.lock:
            with contextlib.suppress(Unavailable):
                await self._append(room, [], may_be_volatile=False)

    def room_of(self, athlete_id: str) -> Room | None:
        """The session that the athlete is in and that is not over."""
        for room in self.rooms.values():
            if athlete_id in room.base.riders and not room.is_over and not room.base.closed:
                return room
        return None

    async def create(self, row: SessionRow, first: Iterable[Entry]) -> Room:
        """Raises Conflict when too many are open, and what the store raises."""
        self._forget_closed(self._clock.now_ms())
        if sum(not room.base.closed for room in self.rooms.values()) >= ROOMS_MAX:
            raise Conflict(f"{ROOMS_MAX} sessions are open", remedy="stop one first")
        entries = tuple(first)
        session = log.fold(entries)
        if session is None:
            raise ValueError("a session begins with create")
        offset = await self._store.create(row, [_record(entry) for entry in entries])
        room = self.rooms[row.session_id] = Room(session, offset, self._clock.now_ms())
        self._stage.moved(room)
        self._wind()
        return room

    async def reopen(self, session_id: str, by: str) -> Room:
        """An idle end is taken back. Raises NotFound, Conflict, and what the store raises."""
        room = await self.find(session_id)
        await self._ended(room)
        log.apply(room.base, Entry(self._clock.now_ms(), inputs.Reopen()))
        # Open first: a kill in between leaves a session that is looked at again, and closed again.
        await self._store.reopen(session_id)
        room.loaded_at_ms = self._clock.now_ms()
        await self.say(session_id, inputs.Reopen(), by=by)
        return room

    async def _ended(self, room: Room) -> None:
        """Its end is on the disk, or soon is. Raises Conflict."""
        ending = self._ending.get(room.session_id)
        if ending is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAVING_S if room.base.closed else 0):
                await ending.wait()
                return
        raise Conflict("this ride is being saved", remedy="try again in a moment")

    async def say(self, session_id: str, said: Input, *, by: str = "", key: str = "") -> Done:
        """Append and do. Raises the UserErrors of `session.apply`, NotFound and Unavailable."""
        room = self.room(session_id)
        async with room.lock:
            now = self._clock.now_ms()
            before = room.base
            entry = Entry(session_lanes.effect_at_ms(before, said, now), said, by, key)
            after = log.apply(before, entry)
            bodies = views.events_of(before, after, entry, self._stage.athletes)
            volatile = await self._append(room, _records(entry, bodies), isinstance(said, VOLATILE))
            room.base = after
            self._take_effect(room, before, entry, bodies)
        changed = (lane for name, lane in after.lanes.items() if lane != before.lanes.get(name))
        return Done(max((entry.at_ms, *(lane.at_ms for lane in changed))), volatile)

    async def tell(self, room: Room, body: EventBody) -> None:
        """An event that comes from no input. With a full disk it is told, but not kept."""
        async with room.lock:
            await self._tell(room, body)

    async def _tell_members(self, room: Room) -> None:
        async with room.lock:  # whoever is just coming in is among them
            await self._tell(room, Membership(self._stage.athletes(room.base)))

    async def _tell(self, room: Room, body: EventBody) -> None:
        record = NewEntry(EntryKind.EVENT, self._clock.now_ms(), EVENT.encode(body))
        try:
            await self._append(room, [record], may_be_volatile=False)
        except Unavailable as error:
            LOG.warning("event_not_stored", session=room.session_id, error=str(error))
        else:
            room.story.add(room.told_offset, record.body)
        self._stage.told(room, room.told_offset, body)

    def soon(self, session_id: str, said: Input) -> None:
        """Say it for the hub itself, without waiting. A refusal is logged: nobody asked."""
        self.spawn(self._say_quietly(session_id, said))

    def tell_soon(self, room: Room, body: EventBody) -> None:
        self.spawn(self.tell(room, body))

    def tell_members_soon(self, room: Room) -> None:
        """What is shown of the riders is another, though none came or left."""
        self.spawn(self._tell_members(room))

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say_quietly(self, session_id: str, said: Input) -> None:
        try:
            await self.say(session_id, said)
        except (Conflict, NotFound, Unavailable) as error:
            LOG.warning("input_refused", input=type(said).__name__, error=str(error))

    async def _load(self, session_id: str) -> None:
        room = Room.load(await self._store.log(session_id), self._clock.now_ms())
        if room is not None:
            # Asked for twice at once: who came first may have been spoken to already.
            self.rooms.setdefault(session_id, room)

    async def _append(self, room: Room, records: list[NewEntry], may_be_volatile: bool) -> bool:
        """Returns whether the records are only in memory."""
        try:
            room.offset = await self._store.append(room.session_id, [*room.unsaved, *records])
        except Unavailable as error:
            if not may_be_volatile or len(room.unsaved) + len(records) > UNSAVED_MAX:
                raise
            LOG.warning("input_volatile", session=room.session_id, error=str(error))
            room.unsaved += records
            return True
        room.unsaved = []
        return False

    def _take_effect(
        self, room: Room, before: Session, entry: Entry, bodies: Sequence[EventBody]
    ) -> None:
        now = self._clock.now_ms()
        room.announce(before, entry.at_ms)
        if room.settle(now) or room.base.riders != before.riders:
            self._stage.moved(room)
        for left, body in zip(range(len(bodies) - 1, -1, -1), bodies, strict=True):
            offset = room.told_offset - left
            room.story.add(offset, EVENT.encode(body))
            self._stage.told(room, offset, body)
        self._steer(room, now)
        self._check_end(room)
        self._wind()

    def _steer(self, room: Room, now: int) -> None:
        room.plans_due_ms = now + REFRESH_MS
        self._stage.steer(room)

    # Time

    def _ring(self) -> None:
        now = self._clock.now_ms()
        self._notice_sleep(now)
        self._forget_closed(now)
        for room in tuple(self.rooms.values()):
            self._pass_time(room, now)
        self._wind()

    def _pass_time(self, room: Room, now: int) -> None:
        if room.base.closed:
            return
        moved = room.settle(now)
        if moved:
            self._stage.moved(room)
            for name in moved:
                lane = views.lane_view(room.base, name, now)
                self._stage.told(room, room.told_offset, Timeline(lane, "phase"))
            self._steer(room, now)
        elif room.is_running and now >= room.plans_due_ms:
            self._steer(room, now)
        idle_at_ms = self._idle_at_ms(room)
        if idle_at_ms is not None and now >= idle_at_ms:
            room.loaded_at_ms = now  # asked once; should it fail, again after another while
            self._end_idle(room, idle_at_ms)
        self._check_end(room)

    def _forget_closed(self, now: int) -> None:
        """A closed session is in the store; it stays here while it could still be reopened."""
        for room in tuple(self.rooms.values()):
            ended_ms = max(room.loaded_at_ms, room.base.idled_at_ms or room.base.ended_at_ms or 0)
            if room.base.closed and now - ended_ms > session_lanes.REOPEN_MS_MAX:
                del self.rooms[room.session_id]
                self._stage.forgotten(room.session_id)

    def _end_idle(self, room: Room, idle_at_ms: int) -> None:
        if room.now.status is Status.READY:
            self.soon(room.session_id, inputs.Stop())
        else:
            self.soon(room.session_id, inputs.Idle(idle_at_ms - self._idle_finish_ms))

    def _idle_at_ms(self, room: Room) -> int | None:
        """When the session ends by itself unless somebody rides."""
        if room.is_over:
            return None
        since_ms = max(room.base.moved_at_ms, room.loaded_at_ms)
        if room.now.status is Status.READY:
            return max(since_ms, room.base.created_at_ms) + FORGOTTEN_READY_MS
        # Who cannot be heard is not idle: the ride is in the gateway's spool, and comes later.
        heard_ms = max(
            (one.ends_at_ms or one.begins_at_ms + AWAY_MS_MAX for one in room.base.absences),
            default=0,
        )
        pedalled_ms = self._stage.pedalled_at_ms(room.base)
        return max(since_ms, heard_ms, pedalled_ms) + self._idle_finish_ms

    def _notice_sleep(self, now: int) -> None:
        slept_ms, before = self._slept_ms(), self._slept_so_far_ms
        self._slept_so_far_ms = slept_ms
        if slept_ms - before < SLEPT_MS_MIN:
            return
        for room in self.rooms.values():
            if room.now.status in (Status.RUNNING, Status.PAUSED):
                self.soon(room.session_id, inputs.Slept(now - (slept_ms - before)))

    def gateway_away(
        self, gateway: str, athletes: set[str], away: bool, since_ms: int | None = None
    ) -> None:
        """Into the log of each session under way in which one of `athletes` rides."""
        for room in self.rooms.values():
            under_way = room.base.started_at_ms is not None and not room.is_over
            if under_way and athletes & room.now.riders.keys():
                self.soon(room.session_id, inputs.Away(gateway, away, since_ms))

    def gateway_back(self, gateway: str) -> None:
        """One that this hub has not met: it was away when the hub before this one ended."""
        for room in self.rooms.values():
            open_now = (one.gateway for one in room.base.absences if one.ends_at_ms is None)
            if not room.is_over and gateway in open_now:
                self.soon(room.session_id, inputs.Away(gateway, on=False))

    def _check_end(self, room: Room) -> None:
        due = room.is_over or session_state.to_keep(room.now)
        if due and not room.base.closed and room.session_id not in self._ending:
            self._ending[room.session_id] = asyncio.Event()
            self.spawn(self._end(room))

    async def _end(self, room: Room) -> None:
        """Make the activities, however long it takes the disk to have room for them."""
        failures = 0
        try:
            while not await self._is_kept(room):
                await asyncio.sleep(RETRY_MS[min(failures, len(RETRY_MS) - 1)] / 1000)
                failures += 1
        finally:
            self._ending.pop(room.session_id).set()
        self._check_end(room)  # another lane may have ended meanwhile

    async def _is_kept(self, room: Room) -> bool:
        """Whether all that is over is stored: the session, or the rides of some in it."""
        session = room.now
        try:
            if not room.base.closed:
                rode = session.started_at_ms is not None
                made = await self._on_finished(session) if rode else {}
                for said in _kept(session, made):
                    await self.say(room.session_id, said)
            if room.base.closed:
                await self._store.close(room.session_id, self._clock.now_ms())
        except Exception:
            LOG.exception("ride_not_kept", session=room.session_id)
            return False
        return True

    def _wind(self) -> None:
        if self._alarm is None:
            return
        instants: list[int] = []
        now = self._clock.now_ms()
        for room in self.rooms.values():
            if not room.base.closed:
                instants += self._instants(room, now)
        self._alarm.set(min(instants, default=None))

    def _instants(self, room: Room, now: int) -> Iterable[int]:
        """When something of this session is due."""
        yield from (at_ms for at_ms in room.announced.values() if at_ms > now)
        due = session_state.deadline(room.now)
        if due is not None:
            yield max(due, now + 1) if due <= now else due
        if room.is_running:
            yield room.plans_due_ms
        idle_at_ms = self._idle_at_ms(room)
        if idle_at_ms is not None:
            yield idle_at_ms


def _kept(session: Session, made: Mapping[str, str]) -> Iterable[Input]:
    """How the log says that rides were stored."""
    if session_state.is_over(session):
        return [inputs.Close(dict(made))]
    return [
        inputs.Keep(athlete, made.get(athlete, "")) for athlete in session_state.to_keep(session)
    ]


def _record(entry: Entry) -> NewEntry:
    return NewEntry(EntryKind.INPUT, entry.at_ms, inputs.encode(entry))


def _records(entry: Entry, bodies: Sequence[EventBody]) -> list[NewEntry]:
    told = (NewEntry(EntryKind.EVENT, entry.at_ms, EVENT.encode(body)) for body in bodies)
    return [_record(entry), *told]
