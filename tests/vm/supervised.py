"""The gateway's supervisor, with what it has told kept: in this process, or in one of its own that
is there to be killed (`python -m vm.supervised ADAPTER ADDRESS`)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Callable

import structlog

from gateway.clock import BootClock, Clock
from gateway.identity import Identity
from gateway.machine import Machine
from gateway.radios import open_radios
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import AdapterState, LinkStatus, SensorState
from hub.wire.values import Reading

IDENTITY = Identity(b"k" * 32)


class Desk:
    """gateway.supervisor.News, kept; `on_live` is told each sensor that becomes live."""

    def __init__(self, on_live: Callable[[str], None] = lambda _: None) -> None:
        self.sensors: dict[str, SensorState] = {}
        self.history: list[SensorState] = []
        self.readings: list[Reading] = []
        self.radios: dict[str, AdapterState] = {}
        self._on_live = on_live

    def live(self, address: str, adapter: str = "") -> bool:
        """`adapter`: through this one; "": through any."""
        state = self.sensors.get(IDENTITY.sensor_id(address))
        if state is None or state.link is not LinkStatus.LIVE:
            return False
        return adapter in ("", state.adapter)

    def was_lost(self, address: str, since: int) -> bool:
        """Whether it has been anything but live after the first `since` entries of `history`."""
        wanted = IDENTITY.sensor_id(address)
        return any(
            state.sensor_id == wanted and state.link is not LinkStatus.LIVE
            for state in self.history[since:]
        )

    def count(self, address: str, char: str) -> int:
        wanted = IDENTITY.sensor_id(address)
        return sum(one.sensor_id == wanted and one.char == char for one in self.readings)

    def is_up(self, adapter: str) -> bool:
        return adapter in self.radios and self.radios[adapter].powered

    def problem(self, adapter: str) -> str:
        return self.radios[adapter].problem if adapter in self.radios else ""

    # gateway.supervisor.News

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.readings.append(reading)

    def sensor(self, state: SensorState) -> None:
        before = self.sensors.get(state.sensor_id)
        self.sensors[state.sensor_id] = state
        self.history.append(state)
        was_live = before is not None and before.link is LinkStatus.LIVE
        if state.link is LinkStatus.LIVE and not was_live:
            self._on_live(state.sensor_id)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        self.radios = {state.name: state for state in states}

    def forgotten(self, sensor_id: str) -> None:
        self.sensors.pop(sensor_id, None)

    def machine_up(self, machine: Machine) -> None:
        """Nothing is steered here."""

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        """Nothing is steered here."""

    def machine_down(self, sensor_id: str) -> None:
        """Nothing is steered here."""


@contextlib.asynccontextmanager
async def supervised(
    desk: Desk,
    *adapters: str,
    spec: str = "os",
    clock: Clock | None = None,
    policy: ConnectPolicy = ConnectPolicy.ALL,
) -> AsyncIterator[Supervisor]:
    """`adapters`: names or addresses; none: all there are."""
    supervisor = Supervisor(
        open_radios(spec, adapters),
        IDENTITY,
        clock or BootClock(),
        desk,
        random.Random(1).random,
        policy=policy,
    )
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        await supervisor.stop()
        await running


async def _for_ever(adapter: str, address: str) -> None:
    """Prints the sensor's id when it is live."""
    desk = Desk(lambda sensor_id: print(sensor_id, flush=True))
    async with supervised(desk, adapter, policy=ConnectPolicy.ASSIGNED) as supervisor:
        supervisor.assign({IDENTITY.sensor_id(address): 1})
        await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_for_ever(*sys.argv[1:]))
