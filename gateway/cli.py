"""`derny-gateway`: the command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer

from gateway import log
from gateway.app import Gateway, radios_of, spool_of, trace_to
from gateway.clock import BootClock
from gateway.decode import decode_command
from gateway.errors import GatewayError
from gateway.identity import site_identity
from gateway.keys import read_key
from gateway.paths import data_dir, key_path
from gateway.settings import load, override
from gateway.uplink import UplinkError

USAGE = 2

app = typer.Typer(
    name="derny-gateway",
    help="Bluetooth sensors and trainers in, readings to the hub out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("decode")(decode_command)


@app.command()
def run(
    radio: Annotated[
        str | None, typer.Option(help="os, or air:unix:/path/air.sock for the simulator.")
    ] = None,
    hub: Annotated[str | None, typer.Option(help="The hub's uplink, tcp://HOST:PORT.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A gateway.toml to use instead of the default.")
    ] = None,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when stdin ends.")
    ] = False,
) -> None:
    """Listen to the sensors, steer the trainers, and keep readings until the hub has them."""
    log.configure()
    data = data_dir()
    settings = override(load(data, config), radio=radio, hub=hub)
    clock = BootClock()
    traced = os.environ.get("DERNY_TRACE")
    radios = radios_of(settings)
    key = read_key(Path(settings.hub.key).expanduser() if settings.hub.key else key_path(data))
    with contextlib.closing(spool_of(settings, data)) as spool:
        gateway = Gateway(
            settings,
            site_identity(data),
            radios,
            key=key,
            spool=spool,
            clock=clock,
            trace=trace_to(traced, clock) if traced else None,
        )
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_told(gateway, exit_with_parent))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(version_of("derny"))


async def _until_told(gateway: Gateway, exit_with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    if exit_with_parent:
        _watch_stdin(lambda: loop.call_soon_threadsafe(stop.set))
    await gateway.run(stop, lambda: print("derny-gateway: ready", flush=True))


def _watch_stdin(on_end: Callable[[], object]) -> None:
    """In a thread: not every event loop can wait for every kind of stdin."""

    def watch() -> None:
        # The file descriptor, not sys.stdin: its lock would be missed when the process ends.
        with contextlib.suppress(OSError):  # closed: that is an end too
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            on_end()

    threading.Thread(target=watch, name="stdin", daemon=True).start()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        # ZeroMQ's descriptors need a selector; Windows' default loop has none.
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop


def main() -> None:
    try:
        app()
    except (GatewayError, UplinkError) as error:
        print(f"derny-gateway: {error}", file=sys.stderr)
        sys.exit(USAGE)
