"""`derny`: the command line of the hub and of the whole house."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer

from hub.activity_cli import app as activity_app
from hub.admin import ask
from hub.assets import config_dir
from hub.auth.principal import Role
from hub.core.errors import ConfigError, DernyError, UserError
from hub.gateway_cli import app as gateway_app
from hub.paths import admin_socket_path, data_dir
from hub.settings import load
from hub.up import Options, Up
from hub.watch_cli import watch
from hub.workout_cli import app as workout_app

DEFAULT_SCENARIO = "studio-6"
USAGE = 2

app = typer.Typer(
    name="derny",
    help="A real-time workout hub: sensors in, live state and cues on every device out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(activity_app, name="activity", help="Recorded rides.")
app.add_typer(gateway_app, name="gateway", help="Gateways that may bring readings.")
app.add_typer(workout_app, name="workout", help="Workout files.")
app.command()(watch)

Config = Annotated[Path | None, typer.Option(help="A hub.toml to use instead of the default.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of http.port.")]
UplinkPort = Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of uplink.port.")]
Scenario = Annotated[str, typer.Option(help="Which simulated riders: see `derny-sim list`.")]


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Simulated riders, with a badge.")] = False,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="No simulator, even without a Bluetooth adapter.")
    ] = False,
    scenario: Scenario = DEFAULT_SCENARIO,
    config: Config = None,
    port: Port = None,
    uplink_port: UplinkPort = None,
) -> None:
    """Run everything: hub, gateway and, where there is no Bluetooth adapter, simulated sensors."""
    if demo and no_demo:
        raise UserError("--demo and --no-demo exclude each other", remedy="give one of them")
    data = data_dir()
    load(data, config)  # said here, once, before any process starts
    known_scenario(scenario)
    say(f"Derny {version_of('derny')}, data in {data}")
    options = Options(data, demo, no_demo, scenario, _hub_arguments(config, port, uplink_port))
    raise typer.Exit(asyncio.run(Up(options, say).run()))


@app.command()
def hub(
    config: Config = None,
    port: Port = None,
    uplink_port: UplinkPort = None,
    scenario: Annotated[str, typer.Option(help="What the simulator beside it can play.")] = "",
    demo: Annotated[bool, typer.Option("--demo", help="It plays already.")] = False,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when stdin ends.")
    ] = False,
) -> None:
    """Run only the hub. Prints one line with the link once it is ready."""
    from hub.app import Demo, run  # the whole hub: only this command pays for its imports

    data = data_dir()
    settings = load(data, config).with_ports(port, uplink_port)
    run(
        settings, data, Demo(known_scenario(scenario) if scenario else None, demo), exit_with_parent
    )


class LinkRole(StrEnum):
    """Who can be let in by a link. Riders of a class come by a bike's code."""

    OWNER = Role.OWNER.value
    COACH = Role.COACH.value


@app.command()
def link(
    role: Annotated[
        LinkRole, typer.Option("--as", help="Who comes: what the device may see and do.")
    ] = LinkRole.OWNER,
) -> None:
    """Print a new one-time link to a running hub, for another browser or device."""
    typer.echo(ask(admin_socket_path(data_dir()), "link", role.value))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(version_of("derny"))


def say(line: str) -> None:
    print(line, flush=True)


def known_scenario(name: str) -> Path:
    """The scenario's file. Raises ConfigError naming those that exist."""
    folder = config_dir() / "scenarios"
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.toml")))
        raise ConfigError(str(path), "", "no such scenario", remedy=f"take one of {known}")
    return path


def _hub_arguments(
    config: Path | None, port: int | None, uplink_port: int | None
) -> tuple[str, ...]:
    pairs = (("--config", config), ("--port", port), ("--uplink-port", uplink_port))
    return tuple(str(word) for pair in pairs if pair[1] is not None for word in pair)


def main() -> None:
    """Errors of ours are one line on stderr and status 2; anything else is a bug."""
    try:
        app()
    except DernyError as error:
        print(f"derny: {error}", file=sys.stderr)
        sys.exit(USAGE)
