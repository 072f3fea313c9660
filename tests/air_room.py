"""A room of simulated sensors on an in-process air: on virtual time within `clock.run`.

Beside what cannot live on virtual time (ZeroMQ's own thread, a D-Bus daemon) its clock is a fast
one that a stalled process stops with everything else.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from clock import JumpingLoop, LoopClock

from firmware_sim.air.link import Air
from firmware_sim.air.server import AirServer
from firmware_sim.devices.body import Body
from firmware_sim.devices.heart_rate_strap import HeartRateStrap
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.faults import Interference, fault
from firmware_sim.peripheral import Peripheral
from firmware_sim.transport import UnixTransport

FACTOR = 10  # ms of a fast room's clock per ms of the wall's
STEP_MS = 50  # of the room's clock, between two looks at every sensor
LEAP_MS_MAX = 4 * STEP_MS  # of a fast room's clock, between two looks at it: no silence to a sensor
NEAR_DBM = -55
ADVERTISING_MS = 20


class FastClock:
    """gateway.clock.Clock of a room on real time; stands still while the process does."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._now_us = 0
        self._looked_ns = time.monotonic_ns()

    def now_us(self) -> int:
        ns = time.monotonic_ns()
        passed_us = (ns - self._looked_ns) * self._factor // 1_000
        self._looked_ns = ns
        self._now_us += min(passed_us, LEAP_MS_MAX * 1_000)
        return self._now_us

    def now_ms(self) -> int:
        return self.now_us() // 1_000

    def wait_s(self, ms: int) -> float:
        return max(0, ms) / 1_000 / self._factor


RoomClock = LoopClock | FastClock


class Room:
    def __init__(
        self, server: AirServer, clock: RoomClock, advertising_ms: int = ADVERTISING_MS
    ) -> None:
        self.advertising_ms = advertising_ms
        self.spec = f"air:{server.transport}"  # as gateway.radio_bleak.open_radio takes it
        self.clock = clock
        self.server = server
        self.air = server.air
        self.sent: Counter[tuple[str, int]] = (
            Counter()
        )  # to subscribers, by name and characteristic
        self.muted: set[str] = set()  # names: connected and silent
        self.body = Body(power_w=200.0, cadence_rpm=90.0, heart_rate_bpm=140.0, rr_ms=(428.6,))
        self._there: dict[str, tuple[Peripheral, Interference]] = {}
        self._hidden: set[str] = set()

    async def add(self, sensor: Sensor, number: int) -> Peripheral:
        peripheral = Peripheral(
            self.air,
            sensor,
            address(number),
            self.clock.now_ms,
            advertising_ms=self.advertising_ms,
            delivered=self._delivered,
        )
        self._there[sensor.identity.name] = (peripheral, Interference(random.Random(number)))
        peripheral.set_level(NEAR_DBM)
        await peripheral.start()
        return peripheral

    def _delivered(self, sensor: Sensor, uuid: int, _value: bytes) -> None:
        self.sent[sensor.identity.name, uuid] += 1

    def break_(self, name: str, kind: str, for_s: float, amount: float | None = None) -> None:
        """A fault of firmware_sim.faults; `for_s` on the room's clock."""
        self._there[name][1].add(fault(kind, name, self.clock.now_ms(), for_s, amount))

    async def run(self) -> None:
        while True:
            now_ms = self.clock.now_ms()
            for name, (peripheral, interference) in self._there.items():
                emissions = peripheral.sensor.advance(self.body, now_ms)
                passed = interference.pass_through(emissions, now_ms)
                if name not in self.muted:
                    peripheral.send([emission for _, emission in passed])
                peripheral.set_level(interference.level_dbm(NEAR_DBM, now_ms))
                await self._hide(name, peripheral, interference.hidden(now_ms))
            await asyncio.sleep(self.clock.wait_s(STEP_MS))

    async def _hide(self, name: str, peripheral: Peripheral, hidden: bool) -> None:
        if hidden and name not in self._hidden:
            self._hidden.add(name)
            await peripheral.hide()
            await peripheral.disconnect()
        elif not hidden and name in self._hidden:
            self._hidden.discard(name)
            await peripheral.advertise()

    async def close(self) -> None:
        for peripheral, _ in self._there.values():
            await peripheral.stop()


def address(number: int) -> str:
    return f"C0:DE:00:00:00:{number:02X}"


def strap(name: str = "Strap 1") -> HeartRateStrap:
    return HeartRateStrap(Identity(name, "Derny", "Belt", "HR-0001", "1.2.3"))


def trainer(name: str = "Trainer 1") -> SmartTrainer:
    return SmartTrainer(Identity(name, "Derny", "Roller", "TR-0001", "4.5"))


@asynccontextmanager
async def room(factor: int = FACTOR) -> AsyncIterator[Room]:
    """An empty room with an open air; its sensors live until the block ends.

    `factor` is that of a room on real time.
    """
    jumps = isinstance(asyncio.get_running_loop(), JumpingLoop)
    clock = LoopClock() if jumps else FastClock(factor)
    with tempfile.TemporaryDirectory(prefix="derny-") as folder:
        where = UnixTransport(str(Path(folder) / "air.sock"))
        async with AirServer(Air(), where) as server:
            there = Room(server, clock)
            living = asyncio.create_task(there.run())
            try:
                yield there
            finally:
                living.cancel()
                await asyncio.wait({living})
                await there.close()


async def until(true: Callable[[], bool], within_s: float = 120.0) -> None:
    """Looks every few ms; TimeoutError says that it never came true."""
    async with asyncio.timeout(within_s):
        while True:
            if true():
                return
            await asyncio.sleep(0.005)
