"""A room of sensors and adapters without a single byte of Bluetooth, on virtual time (clock.run).

Every second a free sensor is heard by each adapter that scans and reaches it, and a held one
notifies its holder. What an adapter may do wrong is an attribute of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from clock import LoopClock

from gateway.identity import Identity
from gateway.link_events import Failure
from gateway.machine import Machine
from gateway.radio import Advertisement, RadioError
from gateway.radios import FixedRadios
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import AdapterState, LinkStatus, SensorState
from hub.wire.values import Reading

IDENTITY = Identity(b"k" * 32)
CONNECT_S = 0.5
PHONE = "phone"  # holds a sensor, and is none of ours
# A measuring characteristic by service, and what it says.
SAYS = {
    "180d": ("2a37", b"\x00\x5a"),
    "1816": ("2a5b", b"\x02\x01\x00\x00\x04"),
    "1818": ("2a63", b"\x00\x00\xc8\x00"),
    "1826": ("2ad2", b"\x45\x00\xb4\x00\xc8\x00"),
}
STEERED = {"1826": {"2ad9": frozenset({"write", "indicate"})}}


class PaperSensor:
    def __init__(self, number: int, service: str, dbm: Mapping[str, int]) -> None:
        self.address = f"C0:DE:00:00:{number >> 8:02X}:{number & 255:02X}"
        self.sensor_id = IDENTITY.sensor_id(self.address)
        self.service = service
        self.dbm = dict(dbm)  # by adapter; those that are not in it do not reach it
        self.holder: PaperLink | str | None = None

    def advertisement(self, adapter: str) -> Advertisement:
        return Advertisement(self.address, "", frozenset({self.service}), self.dbm[adapter])


class PaperLink:
    """A connection. `alive`: it opened, and nothing has ended it."""

    def __init__(self, radio: PaperAdapter, sensor: PaperSensor, gone: Callable[[], None]) -> None:
        self.radio = radio
        self.sensor = sensor
        self.gone = gone
        self.on_value: Callable[[bytes], None] | None = None
        self.alive = False

    @property
    def characteristics(self) -> Mapping[str, frozenset[str]]:
        char, _ = SAYS[self.sensor.service]
        steered = STEERED.get(self.sensor.service, {})
        return {char: frozenset({"notify"}), "2a19": frozenset({"read"}), **steered}

    async def open(self, timeout_s: float) -> None:
        radio = self.radio
        radio.opening += 1
        radio.opening_max = max(radio.opening_max, radio.opening)
        radio.attempts += 1
        try:
            await asyncio.sleep(CONNECT_S)
        finally:
            radio.opening -= 1
        if radio.fails is not None:
            raise RadioError(radio.fails, radio.fails.value, "Test")
        if radio.capacity is not None and len(radio.links) >= radio.capacity:
            raise RadioError(Failure.OUT_OF_SLOTS, "no_free_slot", "Test")
        if self.sensor.holder is not None or self.sensor.address not in radio.reached():
            raise RadioError(Failure.TRANSIENT, "timeout", "Test")
        self.alive = True
        self.sensor.holder = self
        radio.links.append(self)
        radio.links_max = max(radio.links_max, len(radio.links))

    async def read(self, char: str) -> bytes:
        if not self.alive:
            raise RadioError(Failure.TRANSIENT, "transient", "Test")
        return b"\x50"

    async def write(self, char: str, data: bytes) -> None:
        raise AssertionError("nobody steers here")

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        if char == SAYS[self.sensor.service][0]:
            self.on_value = on_value

    async def close(self) -> bool:
        await asyncio.sleep(self.radio.close_s)
        self.end(told=False)
        self.radio.clients -= 1
        return True

    def end(self, *, told: bool = True) -> None:
        """`told`: the radio calls back, as it does for a loss; not so for a service that died."""
        if self.alive:
            self.alive = False
            self.radio.links.remove(self)
            self.sensor.holder = None
            if told:
                self.gone()


class PaperAdapter:
    simulated = False

    def __init__(self, room: PaperRoom, name: str) -> None:
        self.name = name
        self.address = ""
        self.room = room
        self.hear: Callable[[Advertisement], None] | None = None
        self.everything = False  # it listens to what is no sensor too
        self.wide_scans_s = 0
        self.links: list[PaperLink] = []
        self.opening = self.opening_max = self.links_max = self.attempts = 0
        self.clients = 0  # made and not closed
        self.cycles = 0
        # What may go wrong with it.
        self.down: RadioError | None = None
        self.deaf = False
        self.neighbours = False  # something that is no sensor advertises
        self.fails: Failure | None = None  # every connect, in this way
        self.capacity: int | None = None
        self.close_s = 2.0  # as bluetoothd
        self.cycle_mends = True
        self.orphans_listed_after = 0  # times that it is asked in vain
        self.left: list[Advertisement] = []

    def reached(self) -> dict[str, PaperSensor]:
        return {s.address: s for s in self.room.sensors if self.name in s.dbm}

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        self.hear = None
        if self.down is not None:
            raise self.down
        self.hear, self.everything = on_advertisement, everything

    async def stop_scan(self) -> None:
        self.hear = None

    async def orphans(self) -> list[Advertisement]:
        if self.orphans_listed_after > 0:
            self.orphans_listed_after -= 1
            return []
        return self.left

    def connection(self, address: str, on_gone: Callable[[], None]) -> PaperLink:
        self.clients += 1
        return PaperLink(self, self.reached()[address], on_gone)

    async def power_cycle(self) -> None:
        self.cycles += 1
        self.die(RadioError(Failure.ADAPTER_DOWN, "powered_off", "Test"))
        self.down = None
        if self.cycle_mends:
            self.deaf, self.fails = False, None

    async def close(self) -> None:
        self.hear = None

    def die(self, why: RadioError, *, told: bool = True) -> None:
        """With all its links; `told` False: bluetoothd was killed, nobody calls back."""
        self.down = why
        self.hear = None
        for link in tuple(self.links):
            link.end(told=told)


class News:
    """gateway.supervisor.News, kept."""

    def __init__(self) -> None:
        self.sensors: dict[str, SensorState] = {}
        self.history: list[SensorState] = []
        self.radios: dict[str, AdapterState] = {}
        self.problems: list[tuple[str, str]] = []  # of adapters, each as it began
        self.readings: list[Reading] = []
        self.machines: list[Machine] = []

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.readings.append(reading)

    def sensor(self, state: SensorState) -> None:
        self.sensors[state.sensor_id] = state
        self.history.append(state)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        for state in states:
            before = self.radios.get(state.name)
            if state.problem and (before is None or before.problem != state.problem):
                self.problems.append((state.name, state.problem))
        self.radios = {state.name: state for state in states}

    def forgotten(self, sensor_id: str) -> None:
        del self.sensors[sensor_id]

    def machine_up(self, machine: Machine) -> None:
        self.machines.append(machine)

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        raise AssertionError("machines say nothing here")

    def machine_down(self, sensor_id: str) -> None: ...


class PaperRoom:
    def __init__(self, adapters: tuple[str, ...]) -> None:
        self.sensors: list[PaperSensor] = []
        self.adapters = {name: PaperAdapter(self, name) for name in adapters}
        self.news = News()

    def add(self, service: str = "180d", **dbm: int) -> PaperSensor:
        sensor = PaperSensor(len(self.sensors) + 1, service, dbm)
        self.sensors.append(sensor)
        return sensor

    async def run(self) -> None:
        while True:
            await asyncio.sleep(1)
            for adapter in self.adapters.values():
                adapter.wide_scans_s += adapter.everything
                if adapter.neighbours and adapter.everything and adapter.hear and not adapter.deaf:
                    adapter.hear(Advertisement("C0:DE:00:00:FF:FF", "TV", frozenset(), -70))
            for sensor in self.sensors:
                if isinstance(sensor.holder, PaperLink):
                    if sensor.holder.on_value is not None:
                        sensor.holder.on_value(SAYS[sensor.service][1])
                elif sensor.holder is None:
                    self._advertise(sensor)

    def _advertise(self, sensor: PaperSensor) -> None:
        for name in sensor.dbm:
            adapter = self.adapters[name]
            if adapter.hear is not None and not adapter.deaf:
                adapter.hear(sensor.advertisement(name))

    def link(self, sensor: PaperSensor) -> LinkStatus:
        state = self.news.sensors.get(sensor.sensor_id)
        return LinkStatus.ABSENT if state is None else state.link

    def live(self, *sensors: PaperSensor) -> bool:
        return all(self.link(each) is LinkStatus.LIVE for each in sensors)

    def where(self, sensor: PaperSensor) -> str:
        """The adapter that really holds it; "" none."""
        return sensor.holder.radio.name if isinstance(sensor.holder, PaperLink) else ""

    def problem(self, sensor: PaperSensor) -> str:
        return self.news.sensors[sensor.sensor_id].problem


@contextlib.asynccontextmanager
async def supervised(
    room: PaperRoom,
    policy: ConnectPolicy = ConnectPolicy.ALL,
    slots: Mapping[str, int] | None = None,
) -> AsyncIterator[Supervisor]:
    radios = FixedRadios(list(room.adapters.values()))
    supervisor = Supervisor(
        radios, IDENTITY, LoopClock(), room.news, lambda: 0.5, policy=policy, slots=slots
    )
    running = asyncio.create_task(supervisor.run())
    living = asyncio.create_task(room.run())
    try:
        yield supervisor
    finally:
        living.cancel()
        await supervisor.stop()
        await running
