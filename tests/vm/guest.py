"""In the guest: bluetoothd, two adapters on one air, and every case in turn in a room of its own.

What comes of it goes to stdout as vm.report has it; everything else is the console's.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from importlib.metadata import version as version_of

import structlog
from contract import radio_cases

from firmware_sim.air.link import Air
from gateway.radios import open_radios
from vm import bluez, gateway_cases
from vm.bluez import Bluez
from vm.report import CONTRACT, END_LINE, GATEWAY, PASSED, Result, fact_line, plan_line, result_line
from vm.room import GuestRoom, guest_room
from vm.vhci import Adapter

CASE_S = 300.0
WITHIN_S = 120.0  # instead of the contract's own: the processor is emulated
# The kernel numbers them in the order in which they are plugged.
ADAPTERS = {"hci0": "00:1A:7D:DA:71:01", "hci1": "00:1A:7D:DA:71:02"}
USED = "hci0"

Run = Callable[[GuestRoom], Awaitable[None]]


def of_contract(case: radio_cases.Case) -> Run:
    async def run(room: GuestRoom) -> None:
        (radio,) = await open_radios("os", [USED]).look()
        try:
            await case.run(radio, room)
        finally:
            await radio.close()

    return run


def cases() -> dict[tuple[str, str], Run]:
    """By group and name."""
    contract = {
        (CONTRACT, case.name): of_contract(case) for case in radio_cases.cases(GuestRoom.can)
    }
    return contract | {(GATEWAY, name): case for name, case in gateway_cases.CASES.items()}


def in_a_line(error: Exception) -> str:
    """Most assertions have no words: then the line that failed is given."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error) or where.line}".splitlines()[0]


def tell(line: str) -> None:
    print(line, flush=True)


async def main() -> None:
    began_s = time.monotonic()
    radio_cases.WITHIN_S = WITHIN_S
    air, daemon = Air(), Bluez()
    await daemon.start()
    adapters = {name: Adapter(air, address) for name, address in ADAPTERS.items()}
    for name, adapter in adapters.items():
        await adapter.plug()
        await daemon.wait_for(name)
        await daemon.power(name, True)
    tell(fact_line("Linux", f"{platform.release()} ({platform.version()})"))
    tell(fact_line("bluetoothd", await bluez.version()))
    for package in ("bleak", "dbus-fast", "bumble"):
        tell(fact_line(package, version_of(package)))
    tell(fact_line("Python", platform.python_version()))
    only = set(sys.argv[1:])
    chosen = {key: run for key, run in cases().items() if not only or key[1] in only}
    tell(plan_line(chosen))
    for (group, name), run in chosen.items():
        case_began_s = time.monotonic()
        print(f"=== {name}", file=sys.stderr, flush=True)
        outcome = PASSED
        try:
            async with asyncio.timeout(CASE_S), guest_room(air, daemon, adapters, USED) as room:
                await run(room)
                if not daemon.runs:
                    outcome = "bluetoothd ended by itself"
        except Exception as error:
            traceback.print_exc()
            outcome = in_a_line(error)
        tell(result_line(Result(group, name, outcome, time.monotonic() - case_began_s)))
    tell(fact_line("time in the guest", f"{time.monotonic() - began_s:.0f} s"))
    tell(END_LINE)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main())
