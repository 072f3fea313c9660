"""The radio's contract on the in-process air, and through bleak's own back-end on the emulated
BlueZ. The cases are in `radio_cases`; the real bluetoothd is for the virtual machine."""

from __future__ import annotations

import asyncio

import pytest
from clock import run
from contract.radio_cases import (
    CASES,
    Case,
    Ear,
    cases,
    nobody,
    nothing_is_delivered_after_a_close,
)
from contract.radio_room import (
    AT_ONCE,
    AirContractRoom,
    BlueZContractRoom,
    air_contract_room,
    bluez_contract_room,
)

from firmware_sim.fake_bluez.device import Timing
from gateway.link_events import Failure
from gateway.radio import RadioError
from gateway.radio_bleak import open_radio

LINGERING = Timing(disconnect_s=1.0)  # notifications go on meanwhile


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", cases(AirContractRoom.can), ids=named)
def test_on_the_air(case: Case) -> None:
    async def main() -> None:
        async with air_contract_room() as (radio, room):
            await case.run(radio, room)

    run(main())


@pytest.mark.needs("dbus")
@pytest.mark.parametrize("case", cases(BlueZContractRoom.can), ids=named)
def test_on_the_emulated_bluez(case: Case, system_bus: str) -> None:
    async def main() -> None:
        timing = LINGERING if case.run is nothing_is_delivered_after_a_close else AT_ONCE
        async with bluez_contract_room(system_bus, timing) as (radio, room):
            await case.run(radio, room)

    asyncio.run(main())


def test_every_case_is_run_somewhere_here() -> None:
    assert set(cases(BlueZContractRoom.can)) == set(CASES)


def test_no_air_is_no_adapter() -> None:
    async def main() -> None:
        radio = open_radio("air:unix:/nonexistent/air.sock")
        with pytest.raises(RadioError) as absent:
            await radio.start_scan(Ear())
        assert (absent.value.failure, absent.value.problem) == (
            Failure.ADAPTER_DOWN,
            "no_adapter",
        )
        with pytest.raises(RadioError):
            radio.connection("C0:DE:00:00:00:01", nobody)
        await radio.close()

    run(main())


def test_a_radio_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="write os, or air:unix:"):
        open_radio("bluetooth")
