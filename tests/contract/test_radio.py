"""What the gateway relies on in any radio. Here: bleak on the in-process air."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from air_room import Room, address, room, strap, trainer, until
from clock import run

from gateway.gatt import fitness_machine_control as control
from gateway.link_events import Failure
from gateway.radio import Advertisement, RadioError
from gateway.radio_bleak import BleakConnection, BleakRadio, open_radio

ADDRESS = address(1)


class Ear:
    """What a scan has heard, newest by address."""

    def __init__(self) -> None:
        self.heard: dict[str, Advertisement] = {}

    def __call__(self, advertisement: Advertisement) -> None:
        self.heard[advertisement.address] = advertisement


Case = Callable[[Room, BleakRadio, Ear], Awaitable[None]]


def with_radio(case: Case) -> None:
    async def main() -> None:
        async with room() as there:
            await there.add(strap(), 1)
            await there.add(trainer(), 2)
            radio = open_radio(there.spec)
            ear = Ear()
            await radio.start_scan(ear)
            try:
                await until(lambda: len(ear.heard) == 2 and all(a.name for a in ear.heard.values()))
                await case(there, radio, ear)
            finally:
                await radio.close()

    run(main())


def nobody() -> None:
    """A loss that the case does not care about."""


async def connected(radio: BleakRadio, number: int, on_gone: Callable[[], None]) -> BleakConnection:
    connection = radio.connection(address(number), on_gone)
    await connection.open(5.0)
    return connection


def test_a_scan_hears_names_services_and_signal() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        heard = ear.heard[ADDRESS]
        assert (heard.name, heard.services) == ("Strap 1", frozenset({"180d"}))
        assert heard.rssi_dbm is not None and -110 < heard.rssi_dbm < 0
        assert ear.heard[address(2)].services == {"1826", "1818"}
        assert radio.simulated

    with_radio(case)


def test_a_scan_that_runs_is_started_anew() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        again = Ear()
        await radio.start_scan(again)
        ear.heard.clear()
        await until(lambda: len(again.heard) == 2)
        assert not ear.heard

    with_radio(case)


def test_a_device_is_read_with_its_services() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        connection = await connected(radio, 1, nobody)
        assert connection.characteristics["2a37"] == {"notify"}
        assert connection.characteristics["2a19"] == {"read", "notify"}
        assert await connection.read("2a29") == b"Derny"
        assert 0 <= (await connection.read("2a19"))[0] <= 100
        with pytest.raises(RadioError) as missing:
            await connection.read("2acc")
        assert missing.value.failure is Failure.PROTOCOL
        with pytest.raises(RadioError) as refused:
            await connection.read("2a37")
        assert refused.value.failure is Failure.PROTOCOL
        assert await connection.close()

    with_radio(case)


def test_notifications_come_while_the_scan_goes_on() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        frames: list[bytes] = []
        connection = await connected(radio, 1, nobody)
        await connection.subscribe("2a37", frames.append)
        ear.heard.clear()
        await until(lambda: len(frames) >= 3)
        assert all(frame[1] == 140 for frame in frames)
        await until(lambda: address(2) in ear.heard)
        assert ADDRESS not in ear.heard, "a connected strap does not advertise"
        await connection.close()

    with_radio(case)


def test_a_second_connection_after_the_first_notifies_once_per_frame() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        for _ in range(2):
            ear.heard.clear()
            await until(lambda: ADDRESS in ear.heard)
            frames: list[int] = []
            connection = await connected(radio, 1, nobody)
            await connection.subscribe("2a37", lambda _, to=frames: to.append(there.clock.now_ms()))
            await until(lambda to=frames: len(to) >= 4)
            await connection.close()
        gaps = [b - a for a, b in zip(frames, frames[1:], strict=False)]
        assert sum(gaps) / len(gaps) > 700

    with_radio(case)


def test_the_control_point_answers_with_indications() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        answers: list[bytes] = []
        connection = await connected(radio, 2, nobody)
        with pytest.raises(RadioError) as unarmed:
            await connection.write("2ad9", control.request_control())
        assert unarmed.value.failure is Failure.PROTOCOL
        await connection.subscribe("2ad9", answers.append)
        for asked in (control.set_target_power(200), control.request_control()):
            await connection.write("2ad9", asked)
        await connection.write("2ad9", control.set_target_power(200))
        await until(lambda: len(answers) == 3)
        assert answers == [b"\x80\x05\x05", b"\x80\x00\x01", b"\x80\x05\x01"]
        await connection.close()

    with_radio(case)


def test_the_loss_of_a_link_is_called_back_once() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        gone: list[None] = []
        connection = await connected(radio, 1, lambda: gone.append(None))
        there.break_("Strap 1", "disconnect", 10.0)
        await until(lambda: bool(gone))
        with pytest.raises(RadioError) as lost:
            await connection.read("2a19")
        assert lost.value.failure is Failure.TRANSIENT
        await connection.close()
        assert len(gone) == 1

    with_radio(case)


def test_a_connect_to_an_absent_device_ends_at_the_timeout_and_blocks_nobody() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        there.break_("Strap 1", "disconnect", 60.0)
        ear.heard.clear()
        await until(lambda: address(2) in ear.heard)
        await until(lambda: ADDRESS not in ear.heard)
        absent = radio.connection(ADDRESS, nobody)
        began_ms = there.clock.now_ms()
        with pytest.raises(RadioError) as late:
            await absent.open(0.3)
        assert there.clock.now_ms() - began_ms >= 300
        assert (late.value.failure, late.value.problem) == (Failure.TRANSIENT, "timeout")
        await absent.close()
        connection = await connected(radio, 2, nobody)
        assert await connection.read("2a24") == b"Roller"
        await connection.close()

    with_radio(case)


def test_a_device_never_heard_is_gone() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        with pytest.raises(RadioError) as unheard:
            radio.connection(address(99), nobody)
        assert unheard.value.failure is Failure.DEVICE_GONE

    with_radio(case)


def test_what_is_still_connected_is_found_without_an_advertisement() -> None:
    async def case(there: Room, radio: BleakRadio, ear: Ear) -> None:
        connection = await connected(radio, 1, nobody)
        assert [orphan.address for orphan in await radio.orphans()] == [ADDRESS]
        await connection.close()
        assert await radio.orphans() == []

    with_radio(case)


def test_no_air_is_no_adapter() -> None:
    async def main() -> None:
        radio = open_radio("air:unix:/nonexistent/air.sock")
        with pytest.raises(RadioError) as absent:
            await radio.start_scan(lambda _: None)
        assert (absent.value.failure, absent.value.problem) == (
            Failure.ADAPTER_DOWN,
            "no_adapter",
        )
        await radio.close()

    run(main())


def test_a_radio_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="write os, or air:unix:"):
        open_radio("bluetooth")
