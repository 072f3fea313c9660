"""`derny-gateway`: the command line."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer

from gateway import log
from gateway.app import Gateway, radios_of, spool_of, trace_to, uplink_of
from gateway.clock import BootClock
from gateway.decode import decode_command
from gateway.doctor.command import doctor_command
from gateway.errors import GatewayError
from gateway.identity import site_identity
from gateway.keys import key_of
from gateway.paths import data_dir
from gateway.recording.commands import PRIVATE, record_command, replay_command
from gateway.recording.recorder import open_recorder
from gateway.recording.store import Bounds
from gateway.running import run_until_told
from gateway.scan import scan_command
from gateway.settings import load, override
from gateway.uplink_line import UplinkError

USAGE = 2

app = typer.Typer(
    name="derny-gateway",
    help="Bluetooth sensors and trainers in, readings to the hub out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("scan")(scan_command)
app.command("doctor")(doctor_command)
app.command("decode")(decode_command)
app.command("record")(record_command)
app.command("replay")(replay_command)


@app.command()
def run(
    radio: Annotated[
        str | None, typer.Option(help="os, or air:unix:/path/air.sock for the simulator.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option(help="The hub's uplink, tcp://HOST:PORT or wss://HOST/uplink.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A gateway.toml to use instead of the default.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write all that the radios do to this new file, for 60 minutes."),
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
    key = key_of(settings.hub.key, data)
    identity = site_identity(data)
    with contextlib.closing(spool_of(settings, data)) as spool:
        recorder = open_recorder(record, identity, clock, Bounds()) if record else None
        if recorder is not None:
            print(f"{record}: {PRIVATE}", file=sys.stderr)
        gateway = Gateway(
            settings,
            identity,
            radios,
            hub=uplink_of(settings, key, spool, clock),
            clock=clock,
            trace=trace_to(traced, clock) if traced else None,
            recorder=recorder,
        )
        run_until_told(
            gateway,
            exit_with_parent=exit_with_parent,
            on_ready=lambda: print("derny-gateway: ready", flush=True),
        )


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(version_of("derny"))


def main() -> None:
    try:
        app()
    except (GatewayError, UplinkError) as error:
        print(f"derny-gateway: {error}", file=sys.stderr)
        sys.exit(USAGE)
