"""The scan's and the adapter's health, on virtual time over a radio that is written here."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping

import pytest
from clock import LoopClock, run

from gateway.adapter_desk import (
    ORPHANS_MS,
    ORPHANS_SOON_MS,
    QUIET_AFTER_LOSS_MS,
    QUIET_MS,
    RETRY_MS,
)
from gateway.identity import Identity
from gateway.link_events import Failure
from gateway.machine import Machine
from gateway.profiles import TEXT_MAX
from gateway.radio import Advertisement, RadioError
from gateway.radios import FixedRadios
from gateway.supervisor import STOP_S, Supervisor
from hub.wire.uplink import AdapterState, LinkStatus, SensorState
from hub.wire.values import Reading

ADDRESS = "C0:DE:00:00:00:01"
BEAT = b"\x00\x5a"
IDENTITY = Identity(b"k" * 32)
STRAP = IDENTITY.sensor_id(ADDRESS)
HEARD = Advertisement(ADDRESS, "Strap", frozenset({"180d"}), -60)


class PaperStrap:
    """A connection that works, until it is told to hang."""

    characteristics: Mapping[str, frozenset[str]] = {
        "2a37": frozenset({"notify"}),
        "2a19": frozenset({"read"}),
    }

    def __init__(self, radio: PaperRadio, address: str, on_gone: Callable[[], None]) -> None:
        self.radio = radio
        self.address = address
        self.on_gone = on_gone
        self.on_value: Callable[[bytes], None] = lambda _: None

    async def open(self, timeout_s: float) -> None:
        self.radio.opened.append(self)

    async def read(self, char: str) -> bytes:
        await self.radio.answers.wait()
        return b"\x50"

    async def write(self, char: str, data: bytes) -> None:
        raise AssertionError("nobody steers a strap")

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        self.on_value = on_value

    async def close(self) -> bool:
        if self.radio.close_hangs:
            await asyncio.Event().wait()
        return True


class PaperRadio:
    name = "paper"
    address = ""
    simulated = False

    def __init__(self) -> None:
        self.hear: Callable[[Advertisement], None] = lambda _: None
        self.scans_ms: list[int] = []
        self.asked_ms: list[int] = []
        self.cycles_ms: list[int] = []
        self.opened: list[PaperStrap] = []
        self.left: list[Advertisement] = []
        self.down: RadioError | None = None
        self.close_hangs = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        self.scans_ms.append(LoopClock().now_us() // 1_000)
        if self.down is not None:
            raise self.down
        self.hear = on_advertisement

    async def stop_scan(self) -> None:
        """Nothing runs."""

    async def orphans(self) -> list[Advertisement]:
        self.asked_ms.append(LoopClock().now_us() // 1_000)
        return self.left

    def connection(self, address: str, on_gone: Callable[[], None]) -> PaperStrap:
        return PaperStrap(self, address, on_gone)

    async def power_cycle(self) -> None:
        self.cycles_ms.append(LoopClock().now_us() // 1_000)

    async def close(self) -> None:
        """Nothing is open."""


class News:
    def __init__(self) -> None:
        self.links: list[LinkStatus] = []
        self.names: list[str] = []
        self.told: list[tuple[bool, str]] = []
        self.readings: list[Reading] = []

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.readings.append(reading)

    def sensor(self, state: SensorState) -> None:
        self.links.append(state.link)
        self.names.append(state.name)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        (state,) = states
        said = (state.powered, state.problem)
        if not self.told or self.told[-1] != said:
            self.told.append(said)

    def forgotten(self, sensor_id: str) -> None:
        raise AssertionError("nothing is forgotten here")

    def machine_up(self, machine: Machine) -> None:
        raise AssertionError("a strap is no machine")

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        raise AssertionError("a strap is no machine")

    def machine_down(self, sensor_id: str) -> None:
        raise AssertionError("a strap is no machine")


Case = Callable[[PaperRadio, Supervisor, News], Awaitable[None]]


def supervised(case: Case) -> None:
    async def main() -> None:
        radio, news = PaperRadio(), News()
        supervisor = Supervisor(
            FixedRadios([radio]), IDENTITY, LoopClock(), news, lambda: 0.0, slots={"": 4}
        )
        running = asyncio.create_task(supervisor.run())
        await asyncio.sleep(0.01)  # the desk opens
        await case(radio, supervisor, news)
        radio.close_hangs = False
        await supervisor.stop()
        await running

    run(main())


async def make_live(radio: PaperRadio, news: News) -> PaperStrap:
    radio.hear(HEARD)
    await asyncio.sleep(0.01)
    assert news.links[-1] is LinkStatus.LIVE
    return radio.opened[-1]


async def beat_for(strap: PaperStrap, seconds: int) -> None:
    for _ in range(seconds):
        await asyncio.sleep(1)
        strap.on_value(BEAT)


def test_nothing_heard_is_normal_while_everything_is_connected() -> None:
    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        strap = await make_live(radio, news)
        await beat_for(strap, 600)
        assert len(radio.scans_ms) == 1 and radio.asked_ms == list(ORPHANS_SOON_MS)
        assert len(news.readings) == 600

    supervised(case)


def test_a_scan_that_hears_nothing_after_a_loss_is_restarted_soon_then_seldom() -> None:
    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        strap = await make_live(radio, news)
        await beat_for(strap, 100)
        lost_ms = LoopClock().now_us() // 1_000
        strap.on_gone()
        await asyncio.sleep(40)
        soon, seldom = radio.scans_ms[1:3]
        assert 0 <= soon - lost_ms - QUIET_AFTER_LOSS_MS <= 1_000
        assert 0 <= seldom - soon - QUIET_MS <= 1_000

    supervised(case)


def test_a_sensor_the_system_still_holds_is_looked_for_while_it_is_missing() -> None:
    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        strap = await make_live(radio, news)
        await beat_for(strap, 12)
        radio.asked_ms.clear()
        strap.on_gone()
        gone = len(news.links)
        radio.left = [HEARD]
        passer_by = Advertisement("C0:DE:00:00:00:02", "Bike", frozenset(), -60)
        for _ in range(ORPHANS_MS // 1_000 + 2):
            await asyncio.sleep(1)
            radio.hear(passer_by)  # the scan itself is fine
        assert len(radio.scans_ms) == 1 and len(radio.asked_ms) == 1
        assert [opened.address for opened in radio.opened].count(ADDRESS) == 2
        assert LinkStatus.LIVE in news.links[gone:]

    supervised(case)


def test_a_missing_adapter_is_tried_again_with_growing_waits_and_told_once() -> None:
    async def main() -> None:
        radio, news = PaperRadio(), News()
        radio.down = RadioError(Failure.ADAPTER_DOWN, "no_adapter", "Test")
        supervisor = Supervisor(
            FixedRadios([radio]), IDENTITY, LoopClock(), news, lambda: 0.0, slots={"": 4}
        )
        running = asyncio.create_task(supervisor.run())
        await asyncio.sleep(20)
        waits = [b - a for a, b in zip(radio.scans_ms, radio.scans_ms[1:], strict=False)]
        assert waits[:5] == [*RETRY_MS, RETRY_MS[-1]]
        assert news.told == [(False, "no_adapter")]
        radio.down = None
        await asyncio.sleep(5)
        assert news.told[-1] == (True, "")
        assert radio.asked_ms == [], "an adapter that came back holds nothing"
        await supervisor.stop()
        await running

    run(main())


def test_a_dead_bluetooth_service_says_nothing_and_is_found_by_its_silence() -> None:
    """No callback, reads hang, and the scan cannot start: as bluetoothd killed under bleak."""

    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        strap = await make_live(radio, news)
        await beat_for(strap, 10)
        radio.answers.clear()
        radio.down = RadioError(Failure.ADAPTER_DOWN, "no_bluetooth_service", "Test")
        await asyncio.sleep(15)
        assert LinkStatus.SILENT in news.links and news.links[-1] is LinkStatus.ABSENT
        assert news.told[-1] == (False, "no_bluetooth_service")
        radio.down = None
        radio.answers.set()
        await asyncio.sleep(5)
        await make_live(radio, news)

    supervised(case)


def test_a_sensor_that_another_gateway_holds_is_let_go_and_only_heard() -> None:
    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        await make_live(radio, news)
        supervisor.assign({}, elsewhere=(STRAP,))
        for _ in range(100):
            await asyncio.sleep(1)
            radio.hear(HEARD)
        assert len(radio.opened) == 1 and news.links[-1] is LinkStatus.SEEN
        supervisor.assign({}, elsewhere=())
        await make_live(radio, news)

    supervised(case)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("C0-DE-00-00-00-01", ""),
        ("Strap C0:DE:00:00:00:01", "Strap"),
        ("Pol\x00ar\r\n", "Polar"),
        ("x" * 500, "x" * TEXT_MAX),
    ],
)
def test_an_advertised_name_is_cleaned_and_tells_no_address(name: str, shown: str) -> None:
    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        radio.hear(dataclasses.replace(HEARD, name=name))
        await asyncio.sleep(0.01)
        assert set(news.names) == {shown}

    supervised(case)


def test_a_scan_that_cannot_be_restarted_at_once_costs_no_live_sensor() -> None:
    """`org.bluez.Error.InProgress`: the adapter is there, and so are the sensors it holds."""

    async def case(radio: PaperRadio, supervisor: Supervisor, news: News) -> None:
        strap = await make_live(radio, news)
        radio.down = RadioError(Failure.TRANSIENT, "transient", "Test")
        supervisor.rescan()
        await beat_for(strap, 10)
        assert news.links[-1] is LinkStatus.LIVE and len(radio.opened) == 1
        assert len(radio.scans_ms) > 2, "it goes on trying"
        assert news.told[-1] == (True, "transient")
        radio.down = None
        await beat_for(strap, 6)
        assert news.links[-1] is LinkStatus.LIVE and len(radio.opened) == 1
        assert news.told[-1] == (True, "")

    supervised(case)


def test_stop_ends_in_time_though_a_disconnect_hangs() -> None:
    async def main() -> None:
        radio, news = PaperRadio(), News()
        supervisor = Supervisor(
            FixedRadios([radio]), IDENTITY, LoopClock(), news, lambda: 0.0, slots={"": 4}
        )
        running = asyncio.create_task(supervisor.run())
        await asyncio.sleep(0.01)  # the desk opens
        await make_live(radio, news)
        radio.close_hangs = True
        began_s = asyncio.get_running_loop().time()
        await supervisor.stop()
        assert asyncio.get_running_loop().time() - began_s <= STOP_S
        await running

    run(main())
