"""What the gateway does with BlueZ beside bleak, on the emulated one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from bleak.exc import BleakDBusError
from clock import run
from contract.radio_cases import until
from contract.radio_room import bluez_contract_room
from dbus_fast import Message, MessageType

from gateway import bluez


class Told:
    """gateway.radio.Watcher, counting."""

    def __init__(self) -> None:
        self.gone = 0
        self.changed = 0

    def service_gone(self) -> None:
        self.gone += 1

    def adapters_changed(self) -> None:
        self.changed += 1


@pytest.mark.needs("dbus")
def test_an_adapter_that_is_switched_is_told_though_no_sensor_is_missing(system_bus: str) -> None:
    async def main() -> None:
        async with bluez_contract_room(system_bus) as (_, room):
            told = Told()
            watching = asyncio.create_task(bluez.watch(told))
            try:
                await until(lambda: told.changed == 1)
                for on, changes in ((False, 2), (True, 3)):
                    await room.adapter(on)
                    await until(lambda wanted=changes: told.changed == wanted)
                assert told.gone == 0
            finally:
                watching.cancel()
                await asyncio.wait({watching})

    asyncio.run(main())


@pytest.mark.needs("dbus")
def test_an_adapter_that_is_off_is_described_as_off(system_bus: str) -> None:
    async def main() -> None:
        async with bluez_contract_room(system_bus) as (_, room):
            (name,) = await bluez.described()
            on = (await bluez.described())[name]
            assert on["Powered"] and on["Address"] and "central" in on["Roles"]
            await room.adapter(False)
            assert not (await bluez.described())[name]["Powered"]

    asyncio.run(main())


class BusyBus:
    """A bluetoothd that is switching the adapter by itself for the first `times` calls."""

    def __init__(self, times: int, error: str = "org.bluez.Error.Busy") -> None:
        self.calls = 0
        self._times = times
        self._error = error

    async def call(self, message: Message) -> Message:
        self.calls += 1
        if self.calls <= self._times:
            return Message(
                message_type=MessageType.ERROR, error_name=self._error, reply_serial=1, serial=1
            )
        return Message(message_type=MessageType.METHOD_RETURN, reply_serial=1, serial=1)


class LateBus:
    """A bluetoothd that switches an adapter off, and says so too late."""

    def __init__(self) -> None:
        self.powered = True

    async def call(self, message: Message) -> Message:
        body: list[object] = [{}]
        if message.member == "Set":
            self.powered, body = message.body[2].value, []
            if not self.powered:
                await asyncio.Event().wait()
        return Message(
            message_type=MessageType.METHOD_RETURN,
            reply_serial=1,
            serial=1,
            signature="a{oa{sa{sv}}}" if body else "",
            body=body,
        )


@pytest.mark.parametrize("stopped", [False, True])
def test_an_adapter_of_which_no_answer_came_is_switched_on_again(
    monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    bus = LateBus()

    @contextlib.asynccontextmanager
    async def system_bus() -> AsyncIterator[LateBus]:
        yield bus

    async def main() -> None:
        switching = asyncio.create_task(bluez.power_cycle("hci0", frozenset()))
        await until(lambda: not bus.powered)
        if stopped:
            switching.cancel()
        await asyncio.wait({switching})
        assert bus.powered
        assert switching.cancelled() is stopped
        if not stopped:
            assert isinstance(switching.exception(), TimeoutError)

    monkeypatch.setattr(bluez, "_bus", system_bus)
    run(main())


def test_an_adapter_that_is_being_switched_is_switched_when_that_is_over() -> None:
    bus = BusyBus(3)
    run(bluez._set_powered(bus, "hci0", True))  # type: ignore[arg-type]
    assert bus.calls == 4


def test_one_that_is_busy_for_good_or_refuses_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        run(bluez._set_powered(BusyBus(1_000), "hci0", True))  # type: ignore[arg-type]
    refusing = BusyBus(1, "org.bluez.Error.Failed")
    with pytest.raises(BleakDBusError):
        run(bluez._set_powered(refusing, "hci0", True))  # type: ignore[arg-type]
    assert refusing.calls == 1
