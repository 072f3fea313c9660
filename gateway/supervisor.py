"""One radio and all its sensors: the scan, the adapter's health, slots, one connect at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.identity import Identity
from gateway.link_events import AdapterDown, AdapterUp, Failure
from gateway.radio import Advertisement, Connection, Radio, RadioError
from gateway.sensor import Outlet, Sensor
from hub.wire.uplink import AdapterState, LinkStatus

RETRY_MS = (500, 1_000, 2_000, 5_000)  # between tries to scan on an adapter that is not there
QUIET_MS = 30_000  # nothing heard while something must advertise: the scan has died
QUIET_AFTER_LOSS_MS = 5_000  # a sensor that was just lost advertises again by then, or is gone
EXPECT_MS = 600_000  # a sensor heard so recently is expected to be heard
LOOK_MS = 1_000
ORPHANS_MS = 30_000
UNHELD = frozenset({LinkStatus.ABSENT, LinkStatus.SEEN, LinkStatus.BACKOFF})
FORGET_MS = 12 * 3_600_000  # absent for so long: a watch leaves an address behind every 15 min
SENSORS_MAX = 256  # the absent one heard longest ago is forgotten; if none is absent, a new one is
STOP_S = 3.3  # with app.RELEASE_S a clean stop takes less than 5 s

log = structlog.get_logger()


class ConnectPolicy(StrEnum):
    ALL = "all"  # every supported sensor that is heard, as far as the slots go
    ASSIGNED = "assigned"  # only what the hub has assigned to this gateway


class News(Outlet, Protocol):
    """What the supervisor tells beside its sensors' news."""

    def adapter(self, state: AdapterState) -> None: ...

    def forgotten(self, sensor_id: str) -> None: ...


class Slots:
    """`Turns` of one adapter: the connect lock, FIFO, and how many connections it may hold."""

    def __init__(self, slots: int, on_adapter_down: Callable[[], None]) -> None:
        self._slots = slots
        self._lock = asyncio.Lock()
        self._held: set[Connection] = set()
        self._on_adapter_down = on_adapter_down

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        async with self._lock:
            if len(self._held) >= self._slots:
                raise RadioError(Failure.OUT_OF_SLOTS, "no_free_slot", "slots")
            yield

    def take(self, connection: Connection) -> None:
        self._held.add(connection)

    def release(self, connection: Connection) -> None:
        self._held.discard(connection)

    def failed(self, failure: Failure) -> None:
        if failure is Failure.ADAPTER_DOWN:
            self._on_adapter_down()


class Supervisor:
    """`run` until `stop`. Sensors are known by address here, by `sensor_id` everywhere else."""

    def __init__(
        self,
        radio: Radio,
        identity: Identity,
        clock: Clock,
        news: News,
        jitter: Callable[[], float],
        *,
        policy: ConnectPolicy = ConnectPolicy.ALL,
        slots: int,
    ) -> None:
        self._radio = radio
        self._identity = identity
        self._clock = clock
        self._news = news
        self._jitter = jitter
        self._policy = policy
        self._slots = Slots(slots, self.rescan)
        self._sensors: dict[str, Sensor] = {}
        self._leases: dict[str, int] = {}
        self._elsewhere: frozenset[str] = frozenset()
        self._heard_ms = 0
        self._orphans_ms = 0
        self._look = asyncio.Event()  # something asks for a fresh scan now
        self._up = False
        self._told: AdapterState | None = None
        self._stopping = False
        self._full_told = False

    @property
    def sensors(self) -> Mapping[str, Sensor]:
        """By `sensor_id`."""
        return {sensor.sensor_id: sensor for sensor in self._sensors.values()}

    def rescan(self) -> None:
        self._look.set()

    def assign(self, leases: Mapping[str, int], elsewhere: Collection[str] = ()) -> None:
        """Lease by `sensor_id`, whole: what is missing is not this gateway's.

        `elsewhere`: sensors that another gateway holds; they are let go of, and only heard.
        """
        self._leases = dict(leases)
        self._elsewhere = frozenset(elsewhere)
        for sensor in self._sensors.values():
            self._assign(sensor)

    async def run(self) -> None:
        """Scans for ever; an adapter that is not there, or goes, is waited for."""
        failures = 0
        while not self._stopping:
            self._look.clear()
            try:
                await self._start_scan()
            except RadioError as error:
                self._scan_failed(error)
                wait_ms = RETRY_MS[min(failures, len(RETRY_MS) - 1)]
                failures += 1
                await self._pause(wait_ms)
            else:
                failures = 0
                self._adapter_up()
                await self._until_stale()

    async def stop(self) -> None:
        """Lets every sensor go; `run` ends. Within STOP_S, whatever the radio does."""
        self._stopping = True
        self._look.set()
        sensors, self._sensors = list(self._sensors.values()), {}
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(sensor.stop() for sensor in sensors))
                await self._radio.close()
        except TimeoutError:
            log.warning("stop_took_too_long", sensors=len(sensors))

    # The scan

    async def _start_scan(self) -> None:
        await self._radio.start_scan(self._heard)
        self._heard_ms = self._now_ms()
        # An adapter that comes back holds nothing, though the list of a bluetoothd that died is
        # still told for a while: connecting to what it names hangs.
        if self._up or self._told is None:
            await self._adopt_orphans()

    async def _adopt_orphans(self) -> None:
        """What the operating system still holds but nobody here does: after a crash, or after a
        disconnect that failed. Such a sensor does not advertise."""
        self._orphans_ms = self._now_ms()
        for orphan in await self._radio.orphans():
            sensor = self._sensors.get(orphan.address)
            if sensor is None or sensor.status in UNHELD:
                self._heard(orphan)

    async def _until_stale(self) -> None:
        """Until the scan must be started anew: it has died, or someone asks."""
        while not await self._pause(LOOK_MS):
            now_ms = self._now_ms()
            self._forget_old(now_ms)
            missing = self._missing(now_ms)
            if missing and self._is_deaf(missing, now_ms):
                log.warning("scan_restarted", quiet_ms=now_ms - self._heard_ms)
                return
            if missing and now_ms - self._orphans_ms >= ORPHANS_MS:
                try:
                    await self._adopt_orphans()
                except RadioError:
                    return  # the new scan will find out what is wrong

    def _missing(self, now_ms: int) -> list[Sensor]:
        """Sensors that should be heard on the air, not being connected."""
        return [
            sensor
            for sensor in self._sensors.values()
            if sensor.status in UNHELD and now_ms - sensor.seen_ms < EXPECT_MS
        ]

    def _is_deaf(self, missing: list[Sensor], now_ms: int) -> bool:
        seen_ms = max(sensor.seen_ms for sensor in missing)
        if seen_ms > self._heard_ms:  # lost since anything was heard
            return now_ms - seen_ms >= QUIET_AFTER_LOSS_MS
        return now_ms - self._heard_ms >= QUIET_MS

    async def _pause(self, ms: int) -> bool:
        """True: ended early, because someone asks for a scan or the supervisor stops."""
        try:
            async with asyncio.timeout(self._clock.wait_s(ms)):
                await self._look.wait()
        except TimeoutError:
            return False
        return True

    def _heard(self, advertisement: Advertisement) -> None:
        if self._stopping:
            return
        self._heard_ms = self._now_ms()
        sensor = self._sensors.get(advertisement.address)
        if sensor is None:
            if not self._make_room():
                return
            sensor = self._meet(advertisement)
        sensor.heard(advertisement)

    def _meet(self, first: Advertisement) -> Sensor:
        sensor = Sensor(
            first,
            self._identity,
            self._radio,
            self._slots,
            self._clock,
            self._news,
            self._jitter,
            wanted=self._policy is ConnectPolicy.ALL,
        )
        self._sensors[first.address] = sensor
        self._assign(sensor)
        return sensor

    def _assign(self, sensor: Sensor) -> None:
        sensor.lease = self._leases.get(sensor.sensor_id, 0)
        mine = self._policy is ConnectPolicy.ALL or sensor.sensor_id in self._leases
        sensor.want(mine and sensor.sensor_id not in self._elsewhere)

    def _make_room(self) -> bool:
        if len(self._sensors) < SENSORS_MAX:
            return True
        absent = self._absent()
        if not absent:
            if not self._full_told:
                self._full_told = True
                log.warning("too_many_sensors", limit=SENSORS_MAX)
            return False
        self._forget(min(absent)[1])
        return True

    def _forget_old(self, now_ms: int) -> None:
        for seen_ms, address in self._absent():
            if now_ms - seen_ms >= FORGET_MS:
                self._forget(address)

    def _absent(self) -> list[tuple[int, str]]:
        """When last seen, and the address, of every sensor that is not there."""
        return [
            (sensor.seen_ms, address)
            for address, sensor in self._sensors.items()
            if sensor.status is LinkStatus.ABSENT
        ]

    def _forget(self, address: str) -> None:
        self._news.forgotten(self._sensors.pop(address).sensor_id)

    # The adapter

    def _scan_failed(self, error: RadioError) -> None:
        if error.failure is Failure.ADAPTER_DOWN or not self._up:
            self._adapter_down(error)
            return
        # The adapter is there and holds its sensors: if it is not, their silence will tell.
        state = AdapterState(self._radio.name, powered=True, problem=error.problem)
        if state != self._told:
            log.warning("scan_failed", problem=error.problem, error=error.cause)
        self._tell(state)

    def _adapter_down(self, error: RadioError) -> None:
        if self._up or self._told is None:
            log.warning("adapter_down", problem=error.problem, error=error.cause)
        self._up = False
        self._tell(AdapterState(self._radio.name, powered=False, problem=error.problem))
        for sensor in self._sensors.values():
            sensor.put(AdapterDown())

    def _adapter_up(self) -> None:
        self._tell(AdapterState(self._radio.name, powered=True))
        if self._up:
            return
        self._up = True
        log.info("adapter_up", adapter=self._radio.name)
        for sensor in self._sensors.values():
            sensor.put(AdapterUp())

    def _tell(self, state: AdapterState) -> None:
        if state != self._told:
            self._told = state
            self._news.adapter(state)

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000
