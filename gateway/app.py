"""The gateway put together: radio, sensors, trainers and the uplink, in one event loop."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import structlog

from gateway import gauges
from gateway.clock import BootClock, Clock
from gateway.errors import ConfigError
from gateway.identity import Identity
from gateway.keys import GatewayKey
from gateway.machine import Machine
from gateway.paths import spool_dir
from gateway.radio import Radios
from gateway.radios import open_radios
from gateway.recording.recorder import Recorder
from gateway.recording.tap import RecordedRadios
from gateway.settings import Settings
from gateway.spool import Spool
from gateway.spool_disk import Bounds, DiskSpool
from gateway.steering import SteeringDesk
from gateway.supervisor import Supervisor
from gateway.trace import Trace
from gateway.uplink import Uplink, UplinkSettings
from hub.wire.uplink import (
    AdapterState,
    Assignments,
    Command,
    CommandOp,
    CommandReply,
    Plan,
    SensorState,
    TrainerState,
)
from hub.wire.uplink_session import GatewayRules
from hub.wire.values import Reading

# A clean stop takes less than 5 s: trainers let go, then sensors (supervisor.STOP_S), then the
# hub is told how everything ended.
RELEASE_S = 1.5
FAREWELL_S = 0.15  # changed states wait up to 0.1 s for company

log = structlog.get_logger()


class HubLink(Protocol):
    """The hub as a gateway sees it: `uplink.Uplink`, or none of a tool's."""

    @property
    def link_up(self) -> bool: ...

    def hub_now_ms(self) -> int | None: ...

    def append(self, reading: Reading) -> int: ...

    def set_sensor(self, state: SensorState) -> None: ...

    def remove_sensor(self, sensor_id: str) -> None: ...

    def set_trainer(self, state: TrainerState) -> None: ...

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None: ...

    def reply(self, reply: CommandReply) -> None: ...

    async def run(self) -> None:
        """Until cancelled; when it ends by itself, the gateway ends."""


class Gateway:
    """Everything of one gateway process. `run` until told to stop.

    `hub` makes the link to the hub that this gateway, whose `on_…` it calls, is to have.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        radios: Radios,
        *,
        hub: Callable[[Gateway], HubLink],
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
        trace: Trace | None = None,
        recorder: Recorder | None = None,
        supervisor: type[Supervisor] = Supervisor,
    ) -> None:
        clock = clock or BootClock()
        self._clock = clock
        self._trace = trace
        self._recorder = recorder
        self._leases: dict[str, int] = {}
        self.uplink = hub(self)
        self.steering = SteeringDesk(clock, self.uplink.hub_now_ms, self.uplink.set_trainer)
        self.supervisor = supervisor(
            radios if recorder is None else RecordedRadios(radios, recorder),
            identity,
            clock,
            self,
            jitter,
            policy=settings.radio.connect,
            slots=slots_of(settings),
        )

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Until `stop` is set, or a part fails: then its exception, after the others are stopped.

        Neither a missing hub nor a missing adapter is a failure: both are waited for.
        """
        uplink = asyncio.create_task(self.uplink.run())
        scan = asyncio.create_task(self.supervisor.run())
        gauging = asyncio.create_task(gauges.watch(self._clock))
        recording = asyncio.create_task(self._record())
        stopping = asyncio.create_task(stop.wait())
        on_ready()
        try:
            await asyncio.wait({uplink, scan, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if self._recorder is not None:
                self._recorder.stopping()
            await self.steering.stop(RELEASE_S)
            await self.supervisor.stop()
            if self.uplink.link_up:
                await asyncio.sleep(FAREWELL_S)
            tasks = (uplink, scan, gauging, recording)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            if self._trace is not None:
                self._trace.close()
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    async def _record(self) -> None:
        if self._recorder is not None:
            await self._recorder.keep()

    # News of the sensors: `supervisor.News`

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.uplink.append(reading)
        self.steering.measured(reading)
        if self._trace is not None:
            self._trace.passed(reading, rx_us)

    def sensor(self, state: SensorState) -> None:
        self.uplink.set_sensor(state)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        self.uplink.set_adapters(states)

    def forgotten(self, sensor_id: str) -> None:
        self.uplink.remove_sensor(sensor_id)
        self.steering.forget(sensor_id)

    def machine_up(self, machine: Machine) -> None:
        self.steering.up(machine)

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        self.steering.heard(sensor_id, char, data, at_ms)

    def machine_down(self, sensor_id: str) -> None:
        self.steering.down(sensor_id)

    # The hub's word

    def on_plan(self, plan: Plan) -> None:
        if self._recorder is not None:
            self._recorder.plan(plan, self.uplink.hub_now_ms())
        self.steering.take(plan)

    def on_assignments(self, assignments: Assignments) -> None:
        if self._recorder is not None:
            self._recorder.assignments(assignments, self.uplink.hub_now_ms())
        self._leases = {held.sensor_id: held.lease for held in assignments.sensors}
        self.supervisor.assign(self._leases, assignments.elsewhere)
        self.steering.assign(assignments.sensors)

    def on_command(self, command: Command) -> None:
        if self._recorder is not None:
            self._recorder.command(command)
        code = self._carry_out(command)
        self.uplink.reply(CommandReply(command.id, ok=not code, code=code))

    def _carry_out(self, command: Command) -> str:
        """The reply's code; "" when done."""
        if command.op is CommandOp.RESCAN:
            self.supervisor.rescan()
            return ""
        if command.lease < self._leases.get(command.sensor_id, 0):
            return "stale_lease"
        match command.op:
            case CommandOp.RETRY:
                return "" if self.steering.retry(command.sensor_id) else "unknown_sensor"
            case CommandOp.RELEASE:
                return "" if self.steering.release(command.sensor_id) else "unknown_sensor"
            case CommandOp.CALIBRATE:
                return self.steering.calibrate(command.sensor_id)
            case CommandOp.IDENTIFY:
                return self.steering.identify(command.sensor_id)


def uplink_of(
    settings: Settings, key: GatewayKey | None, spool: Spool, clock: Clock
) -> Callable[[Gateway], Uplink]:
    """To the hub of the settings. `key` None: it is one of a test, which knows no keys."""
    told = UplinkSettings(
        settings.hub.address,
        name_of(settings),
        f"derny {version('derny')}",
        GatewayRules(live_interval_ms=settings.uplink.live_interval_ms),
        key,
    )
    return lambda gateway: Uplink(
        told,
        spool,
        on_plan=gateway.on_plan,
        on_assignments=gateway.on_assignments,
        on_command=gateway.on_command,
        clock=clock,
    )


def name_of(settings: Settings) -> str:
    return settings.gateway.name or socket.gethostname()


def spool_of(settings: Settings, data_dir: Path) -> DiskSpool:
    """Raises ConfigError."""
    bounds = Bounds(
        bytes_max=settings.spool.size_mb * 1024 * 1024,
        age_ms_max=settings.spool.age_h * 3_600_000,
    )
    return DiskSpool(spool_dir(data_dir, name_of(settings)), bounds)


def radios_of(settings: Settings) -> Radios:
    """Raises ConfigError."""
    spec = settings.radio.radio
    try:
        return open_radios(spec, settings.radio.adapters)
    except ImportError:
        remedy = "install derny[sim]"
        raise ConfigError("radio.radio", "", f"{spec} needs the simulator", remedy) from None
    except ValueError as error:
        remedy = 'write "os" or "air:unix:/path/air.sock"'
        raise ConfigError("radio.radio", "", str(error), remedy) from None


def slots_of(settings: Settings) -> dict[str, int]:
    """As `Supervisor` takes them."""
    own = {name.lower(): slots for name, slots in settings.radio.slots_of.items()}
    return {"": settings.radio.slots, **own}


def trace_to(path: str, clock: Clock) -> Trace:
    """Raises ConfigError."""
    try:
        return Trace(Path(path), clock.now_us)
    except OSError as error:
        problem = error.strerror or "cannot be opened"
        raise ConfigError("DERNY_TRACE", path, problem, "name a writable file") from None
