"""`derny-gateway record` and `derny-gateway replay`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import log, virtual_time
from gateway.app import Gateway, radios_of, uplink_of
from gateway.clock import BootClock, Clock
from gateway.errors import ConfigError
from gateway.identity import site_identity
from gateway.keys import key_of
from gateway.paths import data_dir
from gateway.recording.recorder import open_recorder
from gateway.recording.replay import gateway_of, player_of, summarised
from gateway.recording.store import LINES_MAX, Bounds, Recording, read
from gateway.recording.summary import Summary
from gateway.running import loop_factory, run_until_told, stop_on_signals
from gateway.settings import load, override
from gateway.spool import MemorySpool
from hub.wire.uplink import AdapterState, CommandReply, SensorState, TrainerState
from hub.wire.values import Reading

PRIVATE = "heart data is in it, addresses are not: show it only to whom you would show that"


class NoHub:
    """`app.HubLink` of a gateway that only listens."""

    link_up = False

    def hub_now_ms(self) -> int | None:
        return None

    def append(self, reading: Reading) -> int:
        return 0

    def set_sensor(self, state: SensorState) -> None:
        pass

    def remove_sensor(self, sensor_id: str) -> None:
        pass

    def set_trainer(self, state: TrainerState) -> None:
        pass

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None:
        pass

    def reply(self, reply: CommandReply) -> None:
        pass

    async def run(self) -> None:
        await asyncio.Event().wait()


def record_command(
    file: Annotated[Path, typer.Argument(help="A new file.")],
    radio: Annotated[
        str | None, typer.Option(help="os, or air:unix:/path/air.sock for the simulator.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A gateway.toml to use instead of the default.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1_439, help="Stop after so long.")] = 10,
    mb: Annotated[int, typer.Option(min=1, max=1_024, help="Stop at this size.")] = 64,
) -> None:
    """Connect to the sensors, without a hub, and write all that the radios do to a file."""
    log.configure()
    data = data_dir()
    settings = override(load(data, config), radio=radio, hub=None)
    identity, clock = site_identity(data), BootClock()
    radios = radios_of(settings)
    recorder = open_recorder(file, identity, clock, Bounds(minutes, mb))
    gateway = Gateway(
        settings, identity, radios, hub=lambda _: NoHub(), clock=clock, recorder=recorder
    )
    typer.echo(f"Recording for {minutes} minutes; Ctrl-C ends it. {file}: {PRIVATE}.")
    run_until_told(gateway, stop_after_s=minutes * 60.0)
    typer.echo(f"{file}: {recorder.lines} lines, {recorder.bytes / 1e6:.1f} MB")
    if recorder.cut_short:
        typer.echo(f"It ends early: {recorder.cut_short}.", err=True)
        raise typer.Exit(1)


def replay_command(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    speed: Annotated[float, typer.Option(min=0.1, max=20.0, help="Times as fast.")] = 1.0,
    instant: Annotated[
        bool, typer.Option("--instant", help="On virtual time: as fast as the machine can.")
    ] = False,
    hub: Annotated[
        str | None, typer.Option(help="Bring it to this hub, tcp://HOST:PORT, as simulated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Let a recording happen again, in the same code, and say what came of it."""
    if hub is not None and (instant or speed != 1.0):
        remedy = "leave out --speed and --instant"
        raise ConfigError("command line", "", "a hub lives in real time", remedy)
    log.configure()
    recording = read(file)
    if hub is not None:
        _to_hub(recording, hub)
        return
    if instant:
        summary = virtual_time.run(summarised(recording, virtual_time.LoopClock()))
    else:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            summary = runner.run(_until_told(recording, _Faster(BootClock(), speed)))
    _print(summary, as_json)


class _Faster:
    """`clock.Clock`: another one, so many times as fast."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed

    def now_us(self) -> int:
        return round(self._clock.now_us() * self._speed)

    def wait_s(self, ms: int) -> float:
        return self._clock.wait_s(ms) / self._speed


async def _until_told(recording: Recording, clock: Clock) -> Summary:
    stop = asyncio.Event()
    stop_on_signals(stop)
    return await summarised(recording, clock, stop)


def _print(summary: Summary, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary.told(), indent=1, ensure_ascii=False))
        return
    for line in summary.lines():
        typer.echo(line)


def _to_hub(recording: Recording, hub: str) -> None:
    data = data_dir()
    settings = override(load(data), radio=None, hub=hub)
    clock = BootClock()
    player = player_of(recording.records, clock)
    spool = MemorySpool(readings_max=LINES_MAX)
    key = key_of(settings.hub.key, data)
    gateway = gateway_of(player, settings, clock, uplink_of(settings, key, spool, clock))

    async def play() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        running = asyncio.create_task(gateway.run(stop))
        playing = asyncio.create_task(player.run())
        await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running
        playing.cancel()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(play())
    print(f"derny-gateway: {spool.kept} readings that the hub has not got", file=sys.stderr)
