"""Who sits where: the bikes of the room, a seat on each, and what follows from it.

A seat is written down first; that the bike's sensors are its rider's, and nobody's afterwards, is
then brought about, again after a kill. The trainer is the first of a bike's sensors. Times are hub
time in ms.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec.structs import replace

from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.core.errors import Conflict, DernyError, NotFound, UserError
from hub.live import riding
from hub.live.board import Board
from hub.live.equipment import Equipment
from hub.live.helm import Helm
from hub.live.ports import Bikes
from hub.live.rights import Rights
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.seats_rights import CONFLICT, BikeTaken
from hub.store.ids import new_id
from hub.store.rows import Assignment, Bike, Seat
from hub.wire.uplink import SensorKind

BIKES_MAX = 200
BIKE_SENSORS_MAX = 8
CODE_BYTES = 12  # 96 bits: nobody guesses one through a rate limit
LEFT_MS = 60 * 60_000  # a seat without a class, on which nobody has pedalled for so long

LOG = structlog.get_logger()


class Seats:
    def __init__(
        self,
        store: Bikes,
        roster: Roster,
        board: Board,
        helm: Helm,
        runner: Runner,
        equipment: Equipment,
        rights: Rights,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._roster = roster
        self._board = board
        self._helm = helm
        self._runner = runner
        self._equipment = equipment
        self._rights = rights
        self._now_ms = now_ms
        self._lock = asyncio.Lock()
        self._seats: dict[str, Seat] = {}  # that stand, by bike
        self._ending: list[Seat] = []  # whose sensors are still to be given back
        self._taken_off: list[tuple[str, str]] = []  # (rider, sensor) of a bike, the same
        self._newest_ms = 0
        self.bikes: dict[str, Bike] = {}
        self.bike_of: dict[str, str] = {}  # by sensor
        self.version = 0  # grows when a bike or a seat is another

    async def start(self) -> None:
        for bike in await self._store.list():
            self._know(bike)
        for seat in await self._store.open_seats():
            if seat.to_ms is None:
                self._seats[seat.bike_id] = seat
            else:
                self._ending.append(seat)
            self._newest_ms = max(self._newest_ms, seat.from_ms)

    # What is asked

    def bike(self, bike_id: str) -> Bike:
        """Raises NotFound."""
        if bike_id not in self.bikes:
            raise NotFound("no such bike")
        return self.bikes[bike_id]

    def find(self, bike_or_code: str) -> Bike:
        """By its id, or by the code that was scanned. Raises NotFound."""
        return self.by_code(bike_or_code) or self.bike(bike_or_code)

    def by_code(self, code: str) -> Bike | None:
        """The bike whose QR code this is."""
        said = code.encode()
        fitting = (b for b in self.bikes.values() if secrets.compare_digest(b.code.encode(), said))
        return next(fitting, None)

    def rider_of(self, bike_id: str) -> str:
        """Who sits on it, or uses its trainer without a seat; "" for nobody."""
        seat = self._seats.get(bike_id)
        if seat is not None:
            return seat.athlete_id
        held = self._roster.held.get(next(iter(self.bike(bike_id).sensors), ""))
        return "" if held is None else held.athlete_id

    def seat_of(self, athlete_id: str) -> Seat | None:
        return next((s for s in self._seats.values() if s.athlete_id == athlete_id), None)

    def seated(self) -> tuple[str, ...]:
        return tuple(seat.athlete_id for seat in self._seats.values())

    def open_class(self) -> Room | None:
        """The one that who takes a bike comes into: the newest."""
        rooms = [r for r in self._runner.rooms.values() if r.base.open and not r.is_over]
        return max(rooms, key=lambda room: room.base.created_at_ms, default=None)

    # Bikes

    async def put(
        self, principal: Principal, bike_id: str, name: str, sensors: Sequence[str]
    ) -> Bike:
        """Name a bike and fix sensors to it; `bike_id` "": a new one.

        Raises Denied, NotFound, Conflict (the name, or a sensor, is another bike's), UserError.
        """
        self._rights.require(principal, Act.MANAGE_BIKES)
        name = " ".join(name.split())
        if not name:
            raise UserError("a bike needs a name", remedy='call it "Bike 7"')
        async with self._lock:
            known = self.bike(bike_id) if bike_id else None
            if known is None and len(self.bikes) >= BIKES_MAX:
                raise Conflict(f"a room holds {BIKES_MAX} bikes", remedy="remove one first")
            rider = self.rider_of(known.bike_id) if known else ""
            made = Bike(
                bike_id=known.bike_id if known else new_id(self._now_ms()),
                name=name,
                code=known.code if known else secrets.token_urlsafe(CODE_BYTES),
                sensors=tuple(dict.fromkeys(sensors)),
            )
            await self._store.put(made)
            self._forget(made.bike_id)
            self._know(made)
            if known is not None:
                gone = (one for one in known.sensors if one not in made.sensors)
                self._taken_off += ((rider, sensor_id) for sensor_id in gone)
            await self._settle()
        return made

    async def remove(self, principal: Principal, bike_id: str) -> None:
        """Raises Denied, NotFound, Unavailable."""
        self._rights.require(principal, Act.MANAGE_BIKES)
        self.bike(bike_id)
        async with self._lock:
            if bike_id in self._seats:
                await self._change([self._seats[bike_id]], [])
            await self._settle()  # a seat that ended before: without the bike nobody could
            await self._store.remove(bike_id)
            self._forget(bike_id)

    def _know(self, bike: Bike) -> None:
        self.bikes[bike.bike_id] = bike
        self.bike_of |= dict.fromkeys(bike.sensors, bike.bike_id)
        self.version += 1

    def _forget(self, bike_id: str) -> None:
        self.bikes.pop(bike_id, None)
        self.bike_of = {s: bike for s, bike in self.bike_of.items() if bike != bike_id}
        self.version += 1

    # Sitting down and standing up

    async def sit(
        self,
        principal: Principal,
        bike_id: str,
        athlete_id: str,
        *,
        key: str = "",
        swap: bool = False,
        agreed: bool = False,
    ) -> bool:
        """The athlete sits there, and is in the class that is open.

        False: the one who sits there must agree first (`agreed`: has done so). The same `key` of
        the same login again does nothing.

        Raises Denied, NotFound, Unavailable, BikeTaken unless `swap`.
        """
        self._rights.require(principal, Act.TAKE_SEAT, athlete_id)
        self._roster.athlete(athlete_id)
        self.bike(bike_id)
        async with self._lock:
            if key and await self._store.said(principal.login_id, key):
                await self._go_on(principal, bike_id, key)
                return True
            other = self.rider_of(bike_id)
            if other not in ("", athlete_id) and not agreed:
                moves_other = self._rights.has(principal, Act.TAKE_SEAT, other)
                verdict = CONFLICT[moves_other, swap]
                if not verdict.done and not verdict.asked:
                    raise BikeTaken(verdict.way)
                if verdict.asked:
                    return False
            await self._sit(principal, bike_id, athlete_id, other, key)
            await self._come_in(athlete_id, principal.login_id)
        return True

    async def _go_on(self, principal: Principal, bike_id: str, key: str) -> None:
        """What a kill or a full disk left undone behind the seat's row, if it still stands."""
        seat = self._seats.get(bike_id)
        if seat is not None and (seat.by, seat.key) == (principal.login_id, key):
            await self._settle()
            await self._come_in(seat.athlete_id, seat.by)

    async def _sit(
        self, principal: Principal, bike_id: str, athlete_id: str, other: str, key: str
    ) -> None:
        """Whoever sat there takes the athlete's old bike, if there was one."""
        before = self.seat_of(athlete_id)
        taken = self._seats.get(bike_id)
        if before is not None and before.bike_id == bike_id:
            await self._settle()
            return
        ended = [seat for seat in (before, taken) if seat is not None]
        begun = [self._new_seat(bike_id, athlete_id, principal, key)]
        moves_other = other not in ("", athlete_id) and self.seat_of(other) in (None, taken)
        if before is not None and moves_other:
            begun.append(self._new_seat(before.bike_id, other, principal, ""))
        await self._change(ended, begun)

    def _new_seat(self, bike_id: str, athlete_id: str, principal: Principal, key: str) -> Seat:
        room = self._runner.room_of(athlete_id)
        self._newest_ms = max(self._now_ms(), self._newest_ms + 1)  # part of the key: no two alike
        return Seat(
            athlete_id=athlete_id,
            bike_id=bike_id,
            from_ms=self._newest_ms,
            session_id="" if room is None else room.session_id,
            by=principal.login_id,
            key=key,
        )

    async def _come_in(self, athlete_id: str, by: str) -> None:
        """Into the class that is open, unless they ride already. `by`: the login that sat down."""
        room = self.open_class()
        demo = self._roster.is_demo(athlete_id)
        if room is None or demo or self._runner.room_of(athlete_id) is not None:
            return
        athlete = self._roster.athlete(athlete_id)
        sport = room.base.workout.sport
        for said in riding.coming_in(athlete, sport, self._roster.preferences(athlete_id)):
            await self._runner.say(room.session_id, said, by=by)
        await self._bind(athlete_id, room)

    async def leave(self, principal: Principal, bike_id: str) -> None:
        """Nobody sits there any more. Raises Denied, NotFound, Unavailable."""
        self.bike(bike_id)
        rider = self.rider_of(bike_id)
        if not rider:
            return
        self._rights.require(principal, Act.TAKE_SEAT, rider)
        async with self._lock:
            seat = self._seats.get(bike_id)
            if seat is not None and seat.athlete_id == rider:
                await self._change([seat], [])
            else:
                await self._give_back(rider, self.bike(bike_id).sensors)

    async def _change(self, ended: Sequence[Seat], begun: Sequence[Seat]) -> None:
        now = self._now_ms()
        await self._store.change(ended, begun, now)
        for seat in ended:
            del self._seats[seat.bike_id]
            self._ending.append(replace(seat, to_ms=now))
        for seat in begun:
            self._seats[seat.bike_id] = seat
        self.version += 1
        await self._settle()

    async def _bind(self, athlete_id: str, room: Room) -> None:
        seat = self.seat_of(athlete_id)
        if seat is not None:
            await self._store.bind(seat, room.session_id)
            self._seats[seat.bike_id] = replace(seat, session_id=room.session_id)

    # What follows

    async def beat(self, now: int) -> None:
        """Once a second: seats begin and end with their class, and late sensors are handed over."""
        if self._lock.locked():
            return  # somebody is at it
        async with self._lock:
            try:
                await self._follow_classes(now)
                await self._settle()
            except DernyError as error:
                LOG.warning("seats_not_settled", error=str(error))

    async def _follow_classes(self, now: int) -> None:
        over = []
        for seat in tuple(self._seats.values()):
            riding_in = self._runner.room_of(seat.athlete_id)
            if not seat.session_id and riding_in is not None:
                await self._bind(seat.athlete_id, riding_in)
            elif self._is_over(seat, now):
                over.append(self._seats[seat.bike_id])
            elif not seat.session_id:
                await self._come_in_late(seat)
        if over:
            await self._change(over, [])

    async def _come_in_late(self, seat: Seat) -> None:
        """Who sat down before the class was opened, or before the hub was killed."""
        try:
            await self._come_in(seat.athlete_id, seat.by)
        except DernyError as error:  # asked again in a second; the others' seats do not wait
            LOG.warning("not_in_the_class", athlete=seat.athlete_id, error=str(error))

    def _is_over(self, seat: Seat, now: int) -> bool:
        if seat.session_id:
            room = self._runner.rooms.get(seat.session_id)
            return room is None or room.is_over
        gauges = self._roster.gauges(seat.athlete_id)
        pedalled_ms = 0 if gauges is None else gauges.pedalled_at_ms
        return now - max(seat.from_ms, pedalled_ms) > LEFT_MS

    async def _settle(self) -> None:
        """Bring about what is written down: give back, then hand over."""
        while self._taken_off:
            rider, sensor_id = self._taken_off[0]
            if sensor_id not in self.bike_of:
                await self._give_back(rider, (sensor_id,))
            self._taken_off.pop(0)
        while self._ending:
            seat = self._ending[0]
            bike = self.bikes.get(seat.bike_id)
            stands = self._seats.get(seat.bike_id)
            if bike is not None and (stands is None or stands.athlete_id != seat.athlete_id):
                await self._give_back(seat.athlete_id, bike.sensors)
            await self._store.cleared(seat)
            self._ending.pop(0)
        for seat in tuple(self._seats.values()):
            bike = self.bikes.get(seat.bike_id)
            if bike is not None:
                await self._hand_over(seat.athlete_id, bike)

    async def _hand_over(self, athlete_id: str, bike: Bike) -> None:
        held = self._roster.held
        missing = [s for s in bike.sensors if not _is_held_by(held.get(s), athlete_id)]
        if missing and missing[0] == bike.sensors[0]:
            await self._give_back(athlete_id, self._other_trainers(athlete_id, bike))
        touched = {athlete_id}
        for sensor_id in missing:
            before = held.get(sensor_id)
            if before is None and self._board.state(sensor_id) is None:
                continue  # asleep: as soon as it is heard
            if before is not None:
                self._free(sensor_id)
                touched.add(before.athlete_id)
            await self._roster.assign(sensor_id, athlete_id, swap=True)
            self._equipment.changed(touched)

    def _other_trainers(self, athlete_id: str, bike: Bike) -> list[str]:
        """Nobody sits on two."""
        return [
            sensor_id
            for sensor_id, held in self._roster.held.items()
            if held.athlete_id == athlete_id
            and sensor_id not in bike.sensors
            and SensorKind.TRAINER in self._board.kinds(sensor_id)
        ]

    async def _give_back(self, athlete_id: str, sensors: Iterable[str]) -> None:
        for sensor_id in sensors:
            if _is_held_by(self._roster.held.get(sensor_id), athlete_id):
                self._free(sensor_id)
                await self._roster.release(sensor_id)
                self._equipment.changed([athlete_id])

    def _free(self, sensor_id: str) -> None:
        """A trainer that loses its rider is released."""
        held = self._roster.held[sensor_id]
        if self._roster.trainer_of(held.athlete_id) == held:
            self._helm.release(held)


def _is_held_by(held: Assignment | None, athlete_id: str) -> bool:
    return held is not None and held.athlete_id == athlete_id
