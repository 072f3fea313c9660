"""The hub's own `/live` under test: real sockets, uvicorn, fan-out; its neighbours in memory.

`python -m bench.live_server rounds|clocked ATHLETES`. Athletes ride in sessions of up to 200.
`rounds`: hub time stands still but for 1 ms a round. Each `r` on stdin brings a reading of every
athlete and the fan-out's tick; `s` the tick with the rows as they are, sent again; a digit 2 ** it
events of the session at once. `clocked`: real time; `f` begins 4 readings a second of every
athlete, `a` alarms, and `e` ends both and prints how late the alarms were and what
the garbage collector took.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import uvloop
from live_fakes import ANN, NOON_MS, OWNER, STEADY, MemoryAthletes, World, announce, sensor
from msgspec.structs import replace
from starlette.applications import Starlette

from bench.peers import obey, say, serve_http
from bench.stand import allow_many_files
from hub.auth.principal import Admission
from hub.garbage import Garbage
from hub.http.live_socket import make_protocol
from hub.live import fanout
from hub.live.clock import HubClock, boot_ns
from hub.live.service import Live
from hub.live.session import RIDERS_MAX
from hub.live.timer import LoopAlarm, new_alarm
from hub.store.rows import Assignment, ClockAnchor
from hub.wire.live_events import Message
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Reading

HZ = 4
BATCH = 16  # readings, as a gateway sends them
GATEWAYS = 10
EVENT_TEXT = "x" * 200
FOR_EVER_MS = 1 << 52
ALARM_MS = 17  # drifts over the fan-out's ticks of 25 ms, so that it meets every kind of load


class Deaf:
    """Gateways that take everything and keep nothing."""

    def send_plan(self, gateway: str, plan: object) -> None: ...

    def send_assignments(self, gateway: str, assignments: object) -> None: ...

    def send_command(self, gateway: str, command: object) -> object: ...


class Held:
    """A timer that is wound but runs down only when asked to."""

    def cancel(self) -> None: ...


class RoundLoop(uvloop.Loop):
    """Holds the fan-out's tick back until a round is asked for."""

    tick: Callable[[], None] | None = None

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if getattr(callback, "__qualname__", "") == "Fanout._tick":
            self.tick = callback
            return Held()
        return super().call_later(delay, callback, *args, context=context)


class Rounds:
    """One reading of everybody, one tick."""

    def __init__(self, athletes: list[str], loop: RoundLoop) -> None:
        fanout.SLOTS = HZ  # every tick is one of an audience at 4 Hz: no round passes in idle slots
        self._athletes = athletes
        self._loop = loop
        self._count = 0
        self.hub: Live | None = None
        self.session = ""

    def clock(self) -> HubClock:
        def ticking() -> int:
            return self._count * 1_000_000

        anchor = ClockAnchor("boot", NOON_MS, 0, "e")
        return HubClock(anchor, ticking, lambda: NOON_MS + self._count)

    def order(self, order: bytes) -> None:
        assert self.hub is not None
        self._count += 1
        if order.isdigit():
            self._tell(2 ** int(order))
            return
        if order == b"r":
            feed(self.hub, self._athletes, NOON_MS + self._count, self._count)
        else:
            self._send_again()
        tick, self._loop.tick = self._loop.tick, None
        if tick is not None:
            tick()

    def _send_again(self) -> None:
        """What is sent is not made anew: for what sending costs by itself."""
        assert self.hub is not None
        for name in self._athletes:
            gauges = self.hub._roster.gauges(name)
            assert gauges is not None
            gauges.version += 1

    def _tell(self, events: int) -> None:
        assert self.hub is not None
        room = self.hub.room(self.session)
        for _ in range(events):
            self.hub._stage.channels.told(room, room.told_offset, Message(EVENT_TEXT, NOON_MS))


class Clocked:
    """Readings and alarms on real time."""

    def __init__(self, athletes: list[str]) -> None:
        self._athletes = athletes
        self._running = False
        self._clock = HubClock.open(None)
        self._count = 0
        self._alarm_late_ms: list[float] = []
        self._call_later_late_ms: list[float] = []
        self._gc_ms: list[float] = []
        self._gc_began_ns = 0
        self.hub: Live | None = None
        self.session = ""

    def clock(self) -> HubClock:
        return self._clock

    def order(self, order: bytes) -> None:
        match order:
            case b"f":
                self._running = True
                self._feed(asyncio.get_running_loop().time())
            case b"a":
                self._running = True
                gc.callbacks.append(self._collecting)
                self._alarm()
                self._call_later()
            case b"e":
                self._running = False
                say(
                    alarm=self._alarm_late_ms,
                    call_later=self._call_later_late_ms,
                    gc=self._gc_ms,
                )

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = boot_ns()
        else:
            self._gc_ms.append((boot_ns() - self._gc_began_ns) / 1e6)

    def _feed(self, due_s: float) -> None:
        """Gateways come one after another; each has its share of the athletes."""
        if not self._running:
            return
        loop = asyncio.get_running_loop()
        share = -(-len(self._athletes) // GATEWAYS)
        first = self._count % GATEWAYS * share
        self._count += 1
        self._take(self._athletes[first : first + share])
        due_s += 1 / HZ / GATEWAYS
        loop.call_at(due_s, self._feed, due_s)

    def _take(self, athletes: list[str]) -> None:
        """A batch in a turn of the loop, as ingest does with its slices."""
        assert self.hub is not None
        if athletes:
            feed(self.hub, athletes[:BATCH], self._clock.now_ms(), self._count)
            asyncio.get_running_loop().call_soon(self._take, athletes[BATCH:])

    def _alarm(self) -> None:
        due_ms = 0

        def ring() -> None:
            nonlocal due_ms
            if due_ms:
                self._alarm_late_ms.append(self._clock.now_us() / 1_000 - due_ms)
            if self._running:
                due_ms = self._clock.now_ms() + ALARM_MS
                alarm.set(due_ms)
            else:
                alarm.close()

        alarm = new_alarm(self._clock, ring)
        ring()

    def _call_later(self) -> None:
        loop = asyncio.get_running_loop()

        def ring(due_ns: int) -> None:
            if due_ns:
                self._call_later_late_ms.append((boot_ns() - due_ns) / 1e6)
            if self._running:
                due_ns = boot_ns() + ALARM_MS * 1_000_000
                loop.call_later(ALARM_MS / 1_000, ring, due_ns)

        ring(0)


def feed(hub: Live, athletes: list[str], at_ms: int, count: int) -> None:
    power_w = 150 + count % 90
    hub.on_readings(
        "gw",
        [
            (Reading(f"s-{name}", at_ms, "2a63", Measurement(power_w=power_w), 1), at_ms, False)
            for name in athletes
        ],
        False,
    )


async def furnish(world: World, athletes: list[str]) -> tuple[Live, str]:
    """The hub with a power meter for everybody, and the session that the first of them are in."""
    world.gateways = Deaf()  # type: ignore[assignment]
    people = [replace(ANN, athlete_id=name, name=name, owner=name == "ann") for name in athletes]
    world.athletes = MemoryAthletes(*people)
    for name in athletes:
        world.assignments.held[f"s-{name}"] = Assignment(
            sensor_id=f"s-{name}", athlete_id=name, lease=1, gateway="gw", from_ms=0
        )
    hub = world.hub(alarm=LoopAlarm)
    await hub.start()
    announce(hub, *(sensor(f"s-{name}", SensorKind.POWER) for name in athletes))
    rooms = [athletes[i : i + RIDERS_MAX] for i in range(0, len(athletes), RIDERS_MAX)]
    sessions = [
        (await hub.create_session(OWNER, workout=STEADY, athletes=room)).session for room in rooms
    ]
    return hub, sessions[0]


async def serve(kind: str, count: int) -> None:
    athletes = ["ann", *(f"a{i:04}" for i in range(1, count))]
    loop = asyncio.get_running_loop()
    if isinstance(loop, RoundLoop):
        driver: Rounds | Clocked = Rounds(athletes, loop)
    else:
        driver = Clocked(athletes)
    world = World()
    world.clock = driver.clock  # type: ignore[method-assign]
    driver.hub, driver.session = await furnish(world, athletes)
    over = asyncio.Event()
    obey(driver.order, over)
    gc.collect()
    gc.freeze()  # as the hub does
    peers = driver.hub.peers
    garbage = Garbage(
        lambda: (peers.came_count, peers.went_count), lambda: True, lambda *passed: None
    )
    tidying = asyncio.create_task(garbage.run())
    protocol = make_protocol(driver.hub, lambda cookie: Admission(OWNER, FOR_EVER_MS))
    await serve_http(Starlette(), over, ws=protocol, hello={"session": driver.session})
    tidying.cancel()
    await driver.hub.stop()


def main() -> None:
    kind, count = sys.argv[1], int(sys.argv[2])
    allow_many_files()
    factory = RoundLoop if kind == "rounds" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(kind, count))


if __name__ == "__main__":
    main()
