"""`derny-sim`: a peloton on the desk."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from firmware_sim import bluez_cli, places, scenario, transport
from firmware_sim.faults import RULES, FaultError
from firmware_sim.faults import fault as checked_fault

if TYPE_CHECKING:
    from firmware_sim.control import Request
    from firmware_sim.recording import RecordedRider

USAGE_ERROR = 2

app = typer.Typer(
    name="derny-sim",
    help="Bluetooth sensors that do not exist, on riders who do not either.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(bluez_cli.app, name="bluez", help="An emulated BlueZ over the air; Linux only.")

AirOption = Annotated[
    str | None, typer.Option(help="Where hosts connect: unix:PATH or tcp:HOST:PORT.")
]
ControlOption = Annotated[
    str | None, typer.Option(help="Control socket: unix:PATH, a path, or tcp:HOST:PORT.")
]
SpeedOption = Annotated[
    float, typer.Option(min=0.1, max=20.0, help="Simulated seconds in a second.")
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        envvar="DERNY_SIM_LOG", help="Write every notification sent to this file, as JSON lines."
    ),
]
ParentOption = Annotated[
    bool, typer.Option("--exit-with-parent", help="Stop when standard input ends.")
]


@app.command()
def run(
    scenario_name: Annotated[
        str, typer.Option("--scenario", help="A name that `list` shows, or a TOML file.")
    ] = "studio-6",
    air: AirOption = None,
    control: ControlOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the scenario's own.")] = None,
    speed: SpeedOption = 1.0,
    log: LogOption = None,
    air_log: Annotated[
        Path | None,
        typer.Option(help="Write what a radio in reach could hear, subscribed to or not."),
    ] = None,
    exit_with_parent: ParentOption = False,
) -> None:
    """Run a scenario until stopped; one line on stdout says when the air is ready."""
    _run(_load(scenario_name), None, air, control, seed, speed, log, air_log, exit_with_parent)


def _run(
    plan: scenario.Scenario,
    riders: list[RecordedRider] | None,
    air: str | None,
    control: str | None,
    seed: int | None,
    speed: float,
    log: Path | None,
    air_log: Path | None,
    exit_with_parent: bool,
) -> None:
    try:
        air_at = places.socket_or_path(air) if air else places.default_air()
        control_at = places.socket_or_path(control) if control else places.default_control()
    except transport.TransportError as error:
        _fail(str(error))
    from firmware_sim import daemon  # Bumble: only those who run it wait for it

    options = daemon.Options(air_at, control_at, seed, speed, log, air_log, exit_with_parent)
    try:
        daemon.run(plan, options, riders)
    except (daemon.DaemonError, transport.TransportError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        pass


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE.fit", help="The recording of a ride.")],
    speed: SpeedOption = 1.0,
    trainer: Annotated[
        bool, typer.Option("--trainer", help="Power from a smart trainer instead of pedals.")
    ] = False,
    air: AirOption = None,
    control: ControlOption = None,
    log: LogOption = None,
    exit_with_parent: ParentOption = False,
) -> None:
    """Ride a recorded ride again, through simulated sensors; ends with the recording."""
    from firmware_sim import fit_file
    from firmware_sim.recording import RecordedRider

    try:
        recording, problem = fit_file.read(file)
    except fit_file.FitFileError as error:
        _fail(str(error))
    if problem:
        typer.echo(f"derny-sim: {file}: ridden as far as it is whole: {problem}", err=True)
    rider = RecordedRider(recording, file.stem[:40] or "replay", trainer=trainer)
    plan = scenario.Scenario(description=f"Replay of {file.name}", riders=[rider.plan])
    _run(plan, [rider], air, control, None, speed, log, None, exit_with_parent)


@app.command()
def stress(
    athletes: Annotated[int, typer.Option(min=1, max=5000, help="One sensor each.")] = 100,
    hz: Annotated[float, typer.Option(min=0.1, max=20.0, help="Readings a second of each.")] = 4.0,
    gateways: Annotated[int, typer.Option(min=1, max=64, help="They share the athletes.")] = 1,
    hub: Annotated[
        str, typer.Option(help="Uplink of a hub on this machine: tcp://127.0.0.1:PORT.")
    ] = "tcp://127.0.0.1:8421",
    seconds: Annotated[float, typer.Option(min=0.1, max=3600.0, help="How long.")] = 60.0,
    keys: Annotated[
        Path | None,
        typer.Option(help="Folder with a key file NAME.key for each gateway; the hub makes them."),
    ] = None,
    assign: Annotated[
        bool, typer.Option("--assign", help="Simulated riders for the sensors, in a class.")
    ] = False,
    metrics: Annotated[
        str, typer.Option(help="Where that hub tells its figures.")
    ] = "http://127.0.0.1:8420/metrics",
    log: Annotated[
        Path | None, typer.Option(help="Write every reading to this file, as JSON lines.")
    ] = None,
) -> None:
    """Bring a hub the readings of a crowd, with no radio between; exit 1 if any is not acked."""
    import structlog

    # ZeroMQ and the gateway: only those who need them
    from firmware_sim.crowd import Load
    from firmware_sim.stress import Asked, StressError, run

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        asked = Asked(hub, keys, log, assign, metrics)
        summary = run(Load(athletes, hz, gateways, seconds), asked)
    except StressError as error:
        _fail(str(error))
    for line in str(summary).splitlines():
        typer.echo(f"derny-sim: {line}")
    raise typer.Exit(0 if summary.whole else 1)


@app.command()
def clients(
    n: Annotated[int, typer.Option("--n", min=1, max=6000, help="How many.")] = 100,
    profile: Annotated[str, typer.Option(help="phone, watch, web or wall.")] = "phone",
    seconds: Annotated[float, typer.Option(min=0.1, max=3600.0, help="How long.")] = 30.0,
    rate: Annotated[float, typer.Option(min=1.0, max=2000.0, help="Connects a second.")] = 200.0,
    session: Annotated[str, typer.Option(help="Only this one, by its id or beginning.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Connect many devices to this machine's hub; exit 1 if any event was lost or doubled."""
    from firmware_sim.clients.profiles import PROFILES
    from firmware_sim.clients.run import Asked, ClientsError, as_json, run
    from firmware_sim.loops import loop_factory

    if profile not in PROFILES:
        _fail(f"no such profile {profile!r}; there are {', '.join(PROFILES)}")
    try:
        summary = run(Asked(n, profile, seconds, rate, session), loop_factory())
    except ClientsError as error:
        _fail(str(error))
    typer.echo(as_json(summary) if json else str(summary))
    raise typer.Exit(0 if summary.whole else 1)


@app.command("list")
def list_() -> None:
    """The scenarios, and the faults with their amounts."""
    typer.echo("Scenarios:")
    for name, path in places.scenarios().items():
        typer.echo(f"  {name:12} {_load(str(path)).description}")
    typer.echo("Faults:")
    for kind, rule in RULES.items():
        amount = f" [{rule.minimum:g}-{rule.maximum:g} {rule.unit}, {rule.amount:g}]"
        lasting = f", {rule.for_s:g} s" if rule.for_s else ""
        typer.echo(f"  {kind:12} {rule.help}{amount if rule.unit else ''}{lasting}")


@app.command()
def fault(
    kind: Annotated[str, typer.Argument(help="One that `list` shows.")],
    sensor: Annotated[str, typer.Argument(help="The sensor's name; of unplug: SPOT/NUMBER.")],
    amount: Annotated[float | None, typer.Argument(help="How much, in the fault's unit.")] = None,
    for_s: Annotated[float | None, typer.Option("--for", help="How long, in seconds.")] = None,
    control: ControlOption = None,
) -> None:
    """Let something go wrong in the running simulator."""
    from firmware_sim.control import FaultRequest

    try:
        checked_fault(kind, sensor, 0, for_s, amount)  # JSON has no "not a number" to send on
    except FaultError as error:
        _fail(str(error))
    reply = _ask(control, FaultRequest(kind, sensor, for_s, amount))["fault"]
    lasting_s = (reply["until_ms"] - reply["at_ms"]) / 1000
    typer.echo(
        f"{reply['kind']} on {reply['sensor']}" + (f" for {lasting_s:g} s" if lasting_s else "")
    )


@app.command()
def status(control: ControlOption = None) -> None:
    """Who rides how, and which sensors are connected or in trouble."""
    from firmware_sim.control import StatusRequest

    for rider in _ask(control, StatusRequest())["status"]["riders"]:
        typer.echo(
            f"{rider['name']}: {rider['power_w']} W, {rider['heart_rate_bpm']} bpm,"
            f" {rider['cadence_rpm']} rpm, W' {rider['w_balance_kj']} kJ"
        )
        for sensor in rider["sensors"]:
            trouble = f"  ! {', '.join(sensor['faults'])}" if sensor["faults"] else ""
            state = "connected" if sensor["connected"] else "advertising"
            typer.echo(
                f"  {sensor['name']:24} {state:12} battery {sensor['battery_pct']} %,"
                f" {sensor['level_dbm']} dBm{trouble}"
            )


def _ask(control: str | None, request: Request) -> dict[str, Any]:
    from firmware_sim.control import ControlError, ask

    try:
        where = places.socket_or_path(control) if control else places.default_control()
        return asyncio.run(ask(where, request))
    except (transport.TransportError, ControlError) as error:
        _fail(str(error))


def _load(name: str) -> scenario.Scenario:
    known = places.scenarios()
    path = known.get(name, Path(name))
    try:
        return scenario.parse(path.read_text(encoding="utf-8"))
    except scenario.ScenarioError as error:
        _fail(f"{path}: {error}")
    except (OSError, UnicodeDecodeError):
        _fail(f"{name}: no such scenario; choose one of {', '.join(known)}, or name a TOML file")


def _fail(message: str) -> NoReturn:
    print(f"derny-sim: {message}", file=sys.stderr)
    raise SystemExit(USAGE_ERROR)


def main() -> None:
    app()
