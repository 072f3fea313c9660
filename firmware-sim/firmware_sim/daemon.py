"""`derny-sim run`: an air, a studio on it, and a control socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.air.link import Air
from firmware_sim.air.server import AirServer
from firmware_sim.control_server import ControlServer
from firmware_sim.places import spot_air
from firmware_sim.rider import Wearer
from firmware_sim.scenario import Scenario
from firmware_sim.sockets import SocketInUse
from firmware_sim.stop import stop_event
from firmware_sim.studio import Studio
from firmware_sim.transport import Transport
from firmware_sim.truth import TruthLog


class DaemonError(Exception):
    """The simulator cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    air: Transport
    control: Transport
    seed: int | None = None
    speed: float = 1.0
    log: Path | None = None
    air_log: Path | None = None
    exit_with_parent: bool = False


def run(scenario: Scenario, options: Options, riders: Sequence[Wearer] | None = None) -> None:
    """Run until SIGTERM, SIGINT, the riders' end or, if asked for, the end of stdin.

    `riders`: instead of those that the scenario describes.

    Raises:
        DaemonError: a socket or the log file cannot be opened.
    """
    logging.basicConfig(level=logging.WARNING, format="derny-sim: %(message)s")
    with _truth(options.log, "--log") as truth, _truth(options.air_log, "--air-log") as aired:
        asyncio.run(_serve(scenario, options, truth, aired, riders))


async def _serve(
    scenario: Scenario,
    options: Options,
    truth: TruthLog | None,
    aired: TruthLog | None,
    riders: Sequence[Wearer] | None,
) -> None:
    stop = stop_event(options.exit_with_parent)
    rng = random.Random(f"{scenario.seed if options.seed is None else options.seed}/air")
    air = Air(adv_loss=scenario.adv_loss, rng=rng)
    server = AirServer(air, options.air)
    spots = {
        spot.name: AirServer(air, spot_air(options.air, number, spot.name), spot.at_m)
        for number, spot in enumerate(scenario.spots, 1)
    }
    async with contextlib.AsyncExitStack() as stack:
        studio = Studio(
            scenario,
            air,
            seed=options.seed,
            speed=options.speed,
            delivered=truth,
            aired=aired,
            unplug=lambda spot, number, for_s: spots[spot].unplug(number, for_s),
            riders=riders,
        )
        stack.push_async_callback(studio.stop)
        control = ControlServer(studio, options.control)
        for each in (server, *spots.values()):
            with _socket_errors(each.transport, "--air"):
                await each.start()
            stack.push_async_callback(each.close)
        with _socket_errors(options.control, "--control"):
            await control.start()
        stack.push_async_callback(control.close)
        await studio.start()
        print(f"derny-sim: ready, air at {server.transport}", flush=True)
        await _until(stop, studio)


async def _until(stop: asyncio.Event, studio: Studio) -> None:
    stopped = asyncio.create_task(stop.wait())
    riding = asyncio.create_task(studio.wait())
    await asyncio.wait({stopped, riding}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if riding.done():
        riding.result()
    riding.cancel()


@contextlib.contextmanager
def _socket_errors(where: Transport, option: str) -> Iterator[None]:
    try:
        yield
    except SocketInUse:
        raise DaemonError(
            f"{where}: in use, a simulator runs already; stop it, or choose another with {option}"
        ) from None
    except OSError as error:
        raise DaemonError(
            f"{where}: {error.strerror or error}; choose another with {option}"
        ) from None


@contextlib.contextmanager
def _truth(path: Path | None, option: str) -> Iterator[TruthLog | None]:
    if path is None:
        yield None
        return
    try:
        file = open(path, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise DaemonError(f"{path}: {error.strerror}; choose another with {option}") from None
    with file:
        yield TruthLog(file)
