"""`derny-sim bluez`: an `org.bluez` of its own, so that a gateway runs bleak's real back-end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from firmware_sim import places, transport
from firmware_sim.fake_bluez.faults import MAX_TIMES, RULES, Kind
from firmware_sim.stop import stop_event

if TYPE_CHECKING:
    from firmware_sim.fake_bluez.adapter import AdapterPlan

USAGE_ERROR = 2
MAX_ADAPTERS = 8

app = typer.Typer(no_args_is_help=True)

BusOption = Annotated[Path | None, typer.Option(help="Socket of the private D-Bus.")]


@app.command()
def run(
    bus: BusOption = None,
    air: Annotated[
        str | None, typer.Option(help="Where a simulator's air is: unix:PATH or tcp:HOST:PORT.")
    ] = None,
    adapters: Annotated[
        int, typer.Option(min=1, max=MAX_ADAPTERS, help="hci0 and so on, one controller each.")
    ] = 1,
    slots: Annotated[
        int, typer.Option(min=1, max=64, help="Connections that each adapter holds.")
    ] = 7,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Start a private D-Bus with an emulated BlueZ on it, until stopped."""
    try:
        where = places.socket_or_path(air) if air else places.default_air()
    except transport.TransportError as error:
        _fail(str(error))
    serving = _serve(bus or places.default_bus(), str(where), adapters, slots, exit_with_parent)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serving)


async def _serve(path: Path, air: str, adapters: int, slots: int, exit_with_parent: bool) -> None:
    if sys.platform != "linux":
        _fail("BlueZ is Linux's: elsewhere let the gateway listen to the air, --radio air:…")
    from bleak.exc import BleakBluetoothNotAvailableError

    from firmware_sim.fake_bluez.bus import ADDRESS_VARIABLE, BusError, PrivateBus
    from firmware_sim.fake_bluez.daemon import FakeBlueZ

    stop = stop_event(exit_with_parent)
    bus = PrivateBus(path)
    try:
        bus.start()
        plans = [_plan(number, slots) for number in range(adapters)]
        async with FakeBlueZ(air, bus.address, plans) as bluez:
            print(f"derny-sim: ready, {ADDRESS_VARIABLE}={bus.address}", flush=True)
            ends = {asyncio.create_task(each.wait()) for each in (stop, bluez.ended)}
            _, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in waiting:
                each.cancel()
        if not stop.is_set():
            raise BusError(f"the bus at {path} has ended")
    except BusError as error:
        _fail(str(error))
    except BleakBluetoothNotAvailableError as error:
        _fail(f"{error}; start one with derny-sim run, or name it with --air")
    finally:
        bus.stop()


def _plan(number: int, slots: int) -> AdapterPlan:
    from firmware_sim.fake_bluez.adapter import AdapterPlan

    return AdapterPlan(f"hci{number}", f"00:1A:7D:DA:71:{0x13 + number:02X}", slots=slots)


@app.command("list")
def list_() -> None:
    """The faults, and the call that each strikes."""
    for kind, rule in RULES.items():
        typer.echo(f"  {kind:24} {rule.call or 'any':31} {rule.help}")


@app.command()
def fault(
    kind: Annotated[str, typer.Argument(help="One that `list` shows.")],
    times: Annotated[
        int, typer.Option(min=1, max=MAX_TIMES, help="How many calls it strikes.")
    ] = 1,
    address: Annotated[str, typer.Option(help="Only calls on the sensor with this address.")] = "",
    bus: BusOption = None,
) -> None:
    """Let the next call to the emulated BlueZ go wrong."""
    if kind not in list(Kind):
        _fail(f"no fault of BlueZ is called {kind!r}: choose one of {', '.join(Kind)}")
    from firmware_sim.fake_bluez.control import ControlError, plan

    try:
        asyncio.run(plan(f"unix:path={bus or places.default_bus()}", kind, times, address))
    except ControlError as error:
        _fail(str(error))
    typer.echo(f"{kind}, {times} times" if times > 1 else f"{kind}, once")


def _fail(message: str) -> NoReturn:
    print(f"derny-sim: {message}", file=sys.stderr)
    raise SystemExit(USAGE_ERROR)
