"""The live part's neighbours in memory, on the virtual clock of `clock.run`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from hub.auth.grants import Grant
from hub.auth.policy import may
from hub.auth.principal import Admission, Principal, Role
from hub.auth.tokens import BadToken, ExpiredToken
from hub.core.errors import Conflict, NotFound, Unavailable
from hub.core.heart_model import Gain
from hub.core.lanes import Status
from hub.core.target import FreeRide, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, UntilLap, Workout
from hub.live.clock import HubClock
from hub.live.service import Live
from hub.live.session import Session
from hub.live.session_state import is_over, lane_of
from hub.live.timer import LoopAlarm
from hub.store.rows import (
    Assignment,
    Athlete,
    Bike,
    ClockAnchor,
    Entry,
    KnownSensor,
    NewEntry,
    Preference,
    Seat,
    SessionRow,
    SessionStatus,
)
from hub.wire.live_to_client import TO_CLIENT, ToClient
from hub.wire.uplink import (
    Assignments,
    Command,
    CommandReply,
    LinkStatus,
    Plan,
    SensorKind,
    Sensors,
    SensorState,
)
from hub.wire.values import Measurement, Metric, Reading

NOON_MS = 1_700_000_000_000
OWNER = Principal("login-1", Role.OWNER, "ann")
STRANGER = Principal("login-2", Role.VIEWER)
FOREVER_MS = 10**13  # beyond the real clock, too
ANN = Athlete(athlete_id="ann", name="Ann", ftp_w=200, max_hr_bpm=190, weight_kg=60.0, owner=True)
BOB = Athlete(athlete_id="bob", name="Bob", ftp_w=300)

INTERVALS = Workout(
    "Two hard minutes",
    (
        Step("Warm up", StepKind.WARMUP, ForDuration(60_000), aim(Unit.FTP, 0.5, 0.75)),
        Step("Hard", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.2)),
        Step("Easy", StepKind.RECOVERY, UntilLap(), aim(Unit.FTP, 0.5)),
        Step("Hard", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.2)),
        Step("Free", StepKind.COOLDOWN, ForDuration(60_000), FreeRide()),
    ),
)
STEADY = Workout(
    "Steady", (Step("Steady", StepKind.WORK, ForDuration(3_600_000), aim(Unit.FTP, 0.8)),)
)


class DiskFull(Unavailable):
    code = "disk_full"


class Taken(Conflict):
    code = "taken"

    def __init__(self, athlete_id: str) -> None:
        super().__init__("in use")
        self.athlete_id = athlete_id


class MemorySessions:
    """Survives a `Live`, as the disk does. `full`: every write fails."""

    def __init__(self) -> None:
        self.rows: dict[str, SessionRow] = {}
        self.logs: dict[str, list[Entry]] = {}
        self.full = False
        self.append_s = 0.0

    async def create(self, session: SessionRow, entries: Sequence[NewEntry] = ()) -> int:
        self._write()
        self.rows[session.session_id] = session
        self.logs[session.session_id] = []
        return await self.append(session.session_id, entries)

    async def append(self, session_id: str, entries: Sequence[NewEntry]) -> int:
        if self.append_s:
            await asyncio.sleep(self.append_s)
        self._write()
        log = self.logs[session_id]
        for entry in entries:
            log.append(Entry(len(log) + 1, entry.kind, entry.at_ms, entry.body))
        return len(log)

    async def log(self, session_id: str) -> list[Entry]:
        return list(self.logs[session_id])

    async def open_sessions(self) -> list[SessionRow]:
        return [row for row in self.rows.values() if row.status is SessionStatus.OPEN]

    async def get(self, session_id: str) -> SessionRow:
        if session_id not in self.rows:
            raise NotFound("no session")
        return self.rows[session_id]

    async def close(self, session_id: str, now: int) -> None:
        self._write()
        self.rows[session_id] = replace(self.rows[session_id], status=SessionStatus.CLOSED)

    async def reopen(self, session_id: str) -> None:
        self._write()
        self.rows[session_id] = replace(self.rows[session_id], status=SessionStatus.OPEN)

    def _write(self) -> None:
        if self.full:
            raise DiskFull("the disk is full")


class MemoryAthletes:
    def __init__(self, *athletes: Athlete) -> None:
        self.known = list(athletes)
        self.preferred: dict[tuple[str, Metric], str] = {}

    async def list(self) -> list[Athlete]:
        return self.known

    async def preferences(self, athlete_id: str) -> Sequence[Preference]:
        mine = self.preferred.items()
        return [Preference(metric, sensor) for (who, metric), sensor in mine if who == athlete_id]

    async def prefer(self, athlete_id: str, metric: Metric, sensor_id: str) -> None:
        self.preferred[athlete_id, metric] = sensor_id


class MemoryAssignments:
    def __init__(self) -> None:
        self.held: dict[str, Assignment] = {}
        self.lease = 0
        self.full = False

    async def current(self) -> Sequence[Assignment]:
        return list(self.held.values())

    async def assign(
        self, sensor_id: str, athlete_id: str, now: int, *, gateway: str = "", swap: bool = False
    ) -> Assignment:
        held = self.held.get(sensor_id)
        if held is not None and held.athlete_id == athlete_id:
            return held
        if held is not None and not swap:
            raise Taken(held.athlete_id)
        return self._hold(sensor_id, athlete_id, gateway)

    async def hold(self, sensor_id: str, gateway: str) -> Assignment:
        if self.full:
            raise DiskFull("the disk is full")
        held = self.held[sensor_id]
        return held if held.gateway == gateway else self._hold(sensor_id, held.athlete_id, gateway)

    async def release(self, sensor_id: str, now: int) -> Assignment | None:
        if self.full:
            raise DiskFull("the disk is full")
        return self.held.pop(sensor_id, None)

    def _hold(self, sensor_id: str, athlete_id: str, gateway: str) -> Assignment:
        self.lease += 1
        made = Assignment(
            sensor_id=sensor_id,
            athlete_id=athlete_id,
            lease=self.lease,
            gateway=gateway,
            from_ms=0,
        )
        self.held[sensor_id] = made
        return made


class MemoryBikes:
    """Survives a `Live`, as the disk does. `full`: every write fails."""

    def __init__(self) -> None:
        self.bikes: dict[str, Bike] = {}
        self.seats: list[Seat] = []
        self.full = False

    async def list(self) -> Sequence[Bike]:
        return list(self.bikes.values())

    async def put(self, bike: Bike) -> None:
        self._write()
        self.bikes[bike.bike_id] = bike

    async def remove(self, bike_id: str) -> None:
        del self.bikes[bike_id]

    async def open_seats(self) -> Sequence[Seat]:
        return [seat for seat in self.seats if not seat.cleared]

    async def said(self, by: str, key: str) -> bool:
        return any((seat.by, seat.key) == (by, key) for seat in self.seats)

    async def change(self, ended: Sequence[Seat], begun: Sequence[Seat], now: int) -> None:
        self._write()
        for seat in ended:
            self._replace(seat, to_ms=now)
        self.seats += begun

    async def cleared(self, seat: Seat) -> None:
        self._write()
        self._replace(seat, cleared=True)

    async def bind(self, seat: Seat, session_id: str) -> None:
        self._replace(seat, session_id=session_id)

    def _replace(self, seat: Seat, **change: Any) -> None:
        for i, known in enumerate(self.seats):
            if (known.bike_id, known.from_ms) == (seat.bike_id, seat.from_ms):
                self.seats[i] = replace(known, **change)

    def _write(self) -> None:
        if self.full:
            raise DiskFull("the disk is full")


class MemorySensors:
    """What the hub remembers of sensors."""

    def __init__(self) -> None:
        self.sensors: dict[str, KnownSensor] = {}

    def known(self, sensor_id: str) -> KnownSensor | None:
        return self.sensors.get(sensor_id)

    async def alias(self, sensor_id: str, same_as: str) -> None:
        self.sensors[sensor_id] = replace(self.sensors[sensor_id], alias_of=same_as)


class MemoryTrainers:
    def __init__(self) -> None:
        self.left_alone: set[str] = set()

    async def read_only(self) -> set[str]:
        return set(self.left_alone)

    async def leave_alone(self, sensor_id: str, on: bool) -> None:
        (self.left_alone.add if on else self.left_alone.discard)(sensor_id)


class MemoryGains:
    def __init__(self) -> None:
        self.kept: dict[str, Gain] = {}

    async def all(self) -> Mapping[str, Gain]:
        return dict(self.kept)

    async def keep(self, athlete_id: str, gain: Gain, now: int) -> None:
        self.kept[athlete_id] = gain


class Gateways:
    """What went down to the gateways."""

    def __init__(self) -> None:
        self.plans: list[tuple[str, Plan]] = []
        self.assignments: list[tuple[str, Assignments]] = []
        self.commands: list[tuple[str, Command]] = []
        self.refusal = ""  # the code with which commands are answered; "": done

    def send_plan(self, gateway: str, plan: Plan) -> None:
        self.plans.append((gateway, plan))

    def send_assignments(self, gateway: str, assignments: Assignments) -> None:
        self.assignments.append((gateway, assignments))

    def send_command(self, gateway: str, command: Command) -> asyncio.Future[CommandReply]:
        self.commands.append((gateway, command))
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        answer.set_result(CommandReply(command.id, not self.refusal, self.refusal))
        return answer

    @property
    def plan(self) -> Plan:
        return self.plans[-1][1]


class MemoryGrants:
    """Takes one write after another, each `write_s` long, as the writer does."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Grant] = {}
        self.full = False
        self.write_s = 0.0
        self._writing = asyncio.Lock()

    async def all(self) -> Sequence[Grant]:
        return list(self.kept.values())

    async def put(self, grant: Grant, by: str, now: int) -> None:
        await self._write()
        self.kept[grant.athlete_id, grant.grantee] = grant

    async def remove(self, athlete_id: str, grantee: str) -> None:
        await self._write()
        self.kept.pop((athlete_id, grantee), None)

    async def _write(self) -> None:
        async with self._writing:
            if self.write_s:
                await asyncio.sleep(self.write_s)
        if self.full:
            raise DiskFull("the disk is full")


class World:
    """The disk, the gateways and the people; `hub()` is a hub that starts among them."""

    def __init__(self) -> None:
        self.sessions = MemorySessions()
        self.athletes = MemoryAthletes(ANN, BOB)
        self.assignments = MemoryAssignments()
        self.bikes = MemoryBikes()
        self.memory = MemorySensors()
        self.trainers = MemoryTrainers()
        self.grants = MemoryGrants()
        self.gains = MemoryGains()
        self.gateways = Gateways()
        self.finished: list[Session] = []
        self.activity_failures = 0
        self.drift_ms = 0  # how far the wall clock was set
        self.tokens: dict[str, Admission | None] = {}  # None: over

    def clock(self) -> HubClock:
        loop = asyncio.get_running_loop()

        def ticking() -> int:
            return int(loop.time() * 1e9 + 0.5)

        anchor = ClockAnchor("boot", NOON_MS, 0, "e")
        return HubClock(anchor, ticking, lambda: NOON_MS + ticking() // 1_000_000 + self.drift_ms)

    def hub(self, **settings: Any) -> Live:
        return Live(
            clock=self.clock(),
            sessions=self.sessions,
            athletes=self.athletes,
            assignments=self.assignments,
            bikes=self.bikes,
            memory=self.memory,
            trainers=self.trainers,
            grants=self.grants,
            gains=self.gains,
            uplink=self.gateways,
            may=may,
            on_finished=self.make_activities,
            by_token=self.by_token,
            build="test",
            **{"alarm": LoopAlarm, **settings},
        )

    def by_token(self, token: str) -> Admission:
        if token not in self.tokens:
            raise BadToken("no token of this hub")
        admission = self.tokens[token]
        if admission is None:
            raise ExpiredToken("over")
        return admission

    async def make_activities(self, session: Session) -> Mapping[str, str]:
        if self.activity_failures:
            self.activity_failures -= 1
            raise DiskFull("the disk is full")
        self.finished.append(session)
        return {
            athlete: f"activity-of-{athlete}"
            for athlete in session.riders
            if athlete not in session.activities
            and (is_over(session) or lane_of(session, athlete).status is Status.FINISHED)
        }


class FakeWire:
    """A socket that keeps what it was given."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.overflows = 0

    def write(self, frames: bytes) -> None:
        self.writes.append(frames)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def overflow(self) -> None:
        self.overflows += 1

    def abort(self) -> None:
        self.aborted = True

    def take(self) -> list[ToClient]:
        """The messages since the last call."""
        data, self.writes = b"".join(self.writes), []
        return [TO_CLIENT.decode(payload) for payload in payloads(data)]


def payloads(data: bytes) -> list[bytes]:
    """Unmasked websocket text frames (RFC 6455 §5.2), one after another."""
    found = []
    while data:
        assert data[0] == 0x81
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        found.append(data[start : start + length])
        data = data[start + length :]
    return found


def let_in(principal: Principal) -> Admission:
    return Admission(principal, FOREVER_MS)


def same_turn(call: Callable[[], None]) -> None:
    call()


def sensor(sensor_id: str, *kinds: SensorKind, name: str = "") -> SensorState:
    return SensorState(sensor_id, name or sensor_id.upper(), kinds, LinkStatus.LIVE, rssi_dbm=-60)


def announce(hub: Live, *states: SensorState, gateway: str = "gw") -> None:
    hub.on_gateway(gateway, True)
    hub.on_sensors(gateway, Sensors(states, whole=True))


def power(hub: Live, sensor_id: str, power_w: int, at_ms: int, lease: int = 1) -> None:
    reading = Reading(sensor_id, at_ms, "2a63", Measurement(power_w=power_w), lease)
    hub.on_readings("gw", [(reading, at_ms, False)], False)


def heart(hub: Live, sensor_id: str, bpm: int, at_ms: int, lease: int = 1) -> None:
    reading = Reading(sensor_id, at_ms, "2a37", Measurement(heart_rate_bpm=bpm), lease)
    hub.on_readings("gw", [(reading, at_ms, False)], False)


def asdict(message: Any) -> Any:
    return msgspec.to_builtins(message)
