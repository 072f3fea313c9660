"""`derny-gateway scan`: the sensors in the air, live in a terminal, once elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway import log
from gateway.app import radios_of, slots_of
from gateway.clock import BootClock, Clock
from gateway.identity import Identity, site_identity
from gateway.machine import Machine
from gateway.paths import data_dir
from gateway.radio import Radios
from gateway.recording.records import Record
from gateway.recording.tap import RecordedRadios
from gateway.running import loop_factory, stop_on_signals
from gateway.settings import Settings, load, override
from gateway.sightings import Row, Sightings, Trend
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import AdapterState, SensorState
from hub.wire.values import Reading

PLAIN_S = 10.0  # without a terminal, unless --seconds says otherwise
DRAW_MS = 500
DEVICES_MAX = 4_096
ARROWS = {Trend.RISING: "↑", Trend.FALLING: "↓", Trend.STEADY: "→", Trend.UNKNOWN: " "}
COLUMNS = ("sensor", "kinds", "signal", "last heard", "who has it")


class Scan:
    """A supervisor that connects to nothing; hears it (`News`) and its radios (`tap.Sink`)."""

    def __init__(
        self, radios: Radios, identity: Identity, clock: Clock, settings: Settings
    ) -> None:
        self.sightings = Sightings()
        self.addresses: dict[int, str] = {}
        self._identity = identity
        self._clock = clock
        self._start_us = clock.now_us()
        self._devices: dict[str, int] = {}  # by sensor_id
        self.supervisor = Supervisor(
            RecordedRadios(radios, self),
            identity,
            clock,
            self,
            lambda: 0.0,
            policy=ConnectPolicy.ASSIGNED,
            slots=slots_of(settings),
        )

    @property
    def now_us(self) -> int:
        return self._clock.now_us() - self._start_us

    def rows(self) -> list[Row]:
        return self.sightings.rows(self.now_us)

    # What the radios do

    def new_link(self) -> int:
        return 0

    def device(self, address: str) -> int | None:
        sensor_id = self._identity.sensor_id(address)
        if sensor_id not in self._devices:
            if len(self._devices) >= DEVICES_MAX:
                return None
            self._devices[sensor_id] = len(self._devices) + 1
            self.addresses[self._devices[sensor_id]] = address
        return self._devices[sensor_id]

    def add(self, record: Record) -> None:
        self.sightings.happened(record)

    # What the supervisor makes of it

    def sensor(self, state: SensorState) -> None:
        if state.sensor_id in self._devices:
            self.sightings.told(self._devices[state.sensor_id], state)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        self.sightings.adapters = states

    def forgotten(self, sensor_id: str) -> None:
        self.sightings.forgotten(sensor_id)

    # Nothing is connected.

    def reading(self, reading: Reading, rx_us: int) -> None: ...

    def machine_up(self, machine: Machine) -> None: ...

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None: ...

    def machine_down(self, sensor_id: str) -> None: ...


def scan_command(
    radio: Annotated[
        str | None, typer.Option(help="os, or air:unix:/path/air.sock for the simulator.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A gateway.toml to use instead of the default.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, max=86_400.0, help="Stop after so long; 0: with Ctrl-C.")
    ] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="At the end one JSON object for each sensor.")
    ] = False,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Show Bluetooth addresses; on this screen only.")
    ] = False,
) -> None:
    """Show the sensors in the air, how well each adapter hears them, and who has them."""
    data = data_dir()
    settings = override(load(data, config), radio=radio, hub=None)
    scan = Scan(radios_of(settings), site_identity(data), BootClock(), settings)
    console = Console()
    live = console.is_terminal and not as_json
    if not live:
        log.configure()
    shown: Mapping[int, str] = scan.addresses if addresses else {}
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        if live:
            log.silence()
            with Live(console=console, auto_refresh=False) as screen:
                runner.run(
                    scanned(scan, seconds, lambda: screen.update(table(scan, shown), refresh=True))
                )
        else:
            runner.run(scanned(scan, seconds or PLAIN_S))
    if as_json:
        for row in scan.rows():
            address = {"address": shown[row.device]} if row.device in shown else {}
            typer.echo(json.dumps(row.told() | address, ensure_ascii=False))
    elif not live:
        for line in lines(scan, shown):
            typer.echo(line)
    if not any(state.powered for state in scan.sightings.adapters):
        print("derny-gateway: no adapter works; derny-gateway doctor says why", file=sys.stderr)
        raise typer.Exit(1)


async def scanned(scan: Scan, seconds: float, draw: Callable[[], None] = lambda: None) -> None:
    """`seconds` 0: until a signal. Raises what the supervisor raises."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    if seconds:
        asyncio.get_running_loop().call_later(seconds, stop.set)
    running = asyncio.create_task(scan.supervisor.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set() and not running.done():
            draw()
            await asyncio.wait(
                {running, stopping}, timeout=DRAW_MS / 1_000, return_when=asyncio.FIRST_COMPLETED
            )
        draw()
    finally:
        stopping.cancel()
        await scan.supervisor.stop()
        await running


def table(scan: Scan, addresses: Mapping[int, str]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, caption=_adapters(scan), caption_justify="left")
    for column in (*COLUMNS, *(("address",) if addresses else ())):
        shown.add_column(column)
    for row in scan.rows():
        shown.add_row(*(Text(cell) for cell in _cells(row, addresses)))
    return shown


def lines(scan: Scan, addresses: Mapping[int, str]) -> list[str]:
    """As text, for a pipe."""
    heads = (*COLUMNS, *(("address",) if addresses else ()))
    cells = [heads, *(_cells(row, addresses) for row in scan.rows())]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return [
        *(
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ),
        _adapters(scan),
    ]


def _cells(row: Row, addresses: Mapping[int, str]) -> tuple[str, ...]:
    signal = ", ".join(f"{e.adapter} {e.rssi_dbm} dBm {ARROWS[e.trend]}".rstrip() for e in row.ears)
    heard = "" if row.heard_s is None else f"{row.heard_s:.0f} s ago"
    cells = (row.name or "(nameless)", ", ".join(row.kinds), signal, heard, row.holder.value)
    return (*cells, addresses.get(row.device, "")) if addresses else cells


def _adapters(scan: Scan) -> str:
    told = [f"{state.name}: {state.problem or 'scans'}" for state in scan.sightings.adapters]
    return ", ".join(told) or "no adapter yet"
