"""`derny-sim stress`: gateways without a radio, that bring the readings of a crowd to a hub.

They speak the uplink with the gateway's own session, so that the hub meets what it meets every
day, only more of it (`crowd.py`); riders for the sensors come from the hub (`membership.py`), and
its own figures too (`hub_figures.py`). It speaks to this machine's hub and to no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from firmware_sim import membership
from firmware_sim.crowd import Crowd, Gateway, Load
from firmware_sim.hub_figures import (
    FiguresError,
    HubFigures,
    Look,
    between,
    is_this_machine,
    look,
)
from firmware_sim.loops import loop_factory
from gateway.errors import ConfigError
from gateway.keys import GatewayKey, read_key
from gateway.uplink_line import UplinkError

MAX_PER_GATEWAY = 512  # sensors that one gateway's session takes
START_S = 15.0
DRAIN_S = 30.0
LOOK_S = 0.02
UPLINK_PATH = "/uplink"


class StressError(Exception):
    """It cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of it. `late_ms`: how far behind its own beat the crowd was at the worst.

    `cpu_share`: of one core, what bringing it took this process. `hub` None: the hub told nothing,
    and `untold` says why.
    """

    load: Load
    readings: int
    took_s: float
    acked: int
    acks: int
    dropped: int
    reconnects: int
    late_ms: int
    cpu_share: float = 0.0
    hub: HubFigures | None = None
    untold: str = ""

    @property
    def unacked(self) -> int:
        return self.readings - self.acked - self.dropped

    @property
    def whole(self) -> bool:
        return self.acked == self.readings

    def __str__(self) -> str:
        hz = self.readings / self.load.athletes / self.took_s
        return (
            f"{self.readings} readings of {self.load.athletes} athletes over "
            f"{self.load.gateways} gateways in {self.took_s:.1f} s ({hz:.2f} Hz each), "
            f"{self.acked} acknowledged in {self.acks} acks, {self.unacked} not, "
            f"{self.dropped} dropped, {self.reconnects} reconnects, "
            f"{self.late_ms} ms behind at the worst; CPU {self.cpu_share:.1%} of a core\n"
            f"{self.hub or f'the hub tells nothing of itself: {self.untold}'}"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted beside the load: `assign` riders for the sensors; `metrics` of the hub."""

    hub: str
    keys: Path | None = None
    log: Path | None = None
    assign: bool = False
    metrics: str = ""


def loopback(hub: str) -> str:
    """The address in a form that is this machine's without asking anybody.

    Raises:
        StressError: another machine's, or no address.
    """
    scheme, _, place = hub.partition("://")
    path = UPLINK_PATH if scheme == "ws" and place.endswith(UPLINK_PATH) else ""
    host, _, port = place.removesuffix(path).rpartition(":")
    known = scheme == "tcp" or path
    if not known or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise StressError(f"--hub {hub!r} is no address; want tcp://127.0.0.1:PORT")
    if host == "localhost":
        host = "127.0.0.1"
    if not is_this_machine(host):
        raise StressError(
            f"--hub {hub!r} is not on this machine: a crowd of nobody is for a hub of your own; "
            "want tcp://127.0.0.1:PORT"
        )
    return f"{scheme}://{host}:{port}{path}"


def read_keys(folder: Path | None, load: Load) -> list[GatewayKey | None]:
    """One for each gateway; None for a hub without keys.

    Raises:
        StressError: fewer files than gateways, or one is no key.
    """
    if folder is None:
        return [None] * load.gateways
    files = sorted(folder.glob("*.key"))[: load.gateways]
    if len(files) < load.gateways:
        name = f"stress-{len(files) + 1}"
        raise StressError(
            f"{folder}: {len(files)} key files for {load.gateways} gateways; make more with "
            f"`derny gateway add {name} --out {folder / name}.key`"
        )
    try:
        return [read_key(file) for file in files]
    except ConfigError as error:
        raise StressError(str(error)) from None


def run(load: Load, asked: Asked) -> Summary:
    """Bring the load, then wait until the hub has it, at most `DRAIN_S`. Signals end it early.

    Raises:
        StressError: not this machine's hub, no such keys, no hub there, no riders, or no place for
            the log.
    """
    if load.athletes > MAX_PER_GATEWAY * load.gateways:
        least = math.ceil(load.athletes / MAX_PER_GATEWAY)
        raise StressError(
            f"{load.athletes} athletes are too many for {load.gateways} gateways of "
            f"{MAX_PER_GATEWAY}; give --gateways {least} or more"
        )
    if asked.assign and load.athletes > membership.RIDERS_MAX:
        raise StressError(f"--assign: a hub has room for {membership.RIDERS_MAX} athletes")
    address = loopback(asked.hub)
    found = read_keys(asked.keys, load)
    names = [f"stress-{number + 1}" for number in range(load.gateways)]
    with _opened(asked.log) as file, asyncio.Runner(loop_factory=loop_factory()) as runner:
        gateways = [Gateway(name, address, key) for name, key in zip(names, found, strict=True)]
        return runner.run(_bring(load, gateways, file, asked))


async def _bring(load: Load, gateways: list[Gateway], log: TextIO | None, asked: Asked) -> Summary:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C ends the runner
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    crowd = Crowd(load, gateways, log)
    uplinks = [asyncio.create_task(gateway.uplink.run()) for gateway in gateways]
    try:
        await _until(lambda: all(gateway.uplink.link_up for gateway in gateways), START_S, uplinks)
        _check_links(gateways)
        crowd.introduce()
        async with _mounted(load) if asked.assign else contextlib.nullcontext():
            if asked.assign:  # a reading without its lease is none for fusion
                await _until(lambda: _leases(gateways) >= load.athletes, START_S, uplinks)
            before, untold = await _look(asked.metrics)
            cpu_s, began_s = time.process_time(), time.monotonic()
            took_s = await crowd.ride(stop)
            await _until(lambda: not any(each.spool.kept for each in gateways), DRAIN_S, uplinks)
            cpu_share = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
            figures, untold = await _figures(asked.metrics, before, untold)
    except (UplinkError, membership.MembershipError) as error:
        raise StressError(str(error)) from None
    finally:
        for uplink in uplinks:
            uplink.cancel()
        await asyncio.wait(uplinks)
    return Summary(
        load,
        readings=crowd.count,
        took_s=took_s,
        acked=sum(gateway.spool.acked_count for gateway in gateways),
        acks=sum(gateway.spool.acks for gateway in gateways),
        dropped=sum(gateway.dropped for gateway in gateways),
        reconnects=sum(max(gateway.ups - 1, 0) for gateway in gateways),
        late_ms=round(crowd.late_s * 1000),
        cpu_share=cpu_share,
        hub=figures,
        untold=untold,
    )


def _leases(gateways: list[Gateway]) -> int:
    return sum(len(gateway.leases) for gateway in gateways)


@contextlib.asynccontextmanager
async def _mounted(load: Load) -> AsyncIterator[None]:
    try:
        await membership.mount(load.athletes)
        yield
    finally:
        await membership.dismount()


async def _look(metrics: str) -> tuple[Look | None, str]:
    """A look at the hub, or why there is none."""
    try:
        return await asyncio.to_thread(look, metrics), ""
    except FiguresError as error:
        return None, str(error)


async def _figures(metrics: str, before: Look | None, untold: str) -> tuple[HubFigures | None, str]:
    after, why = await _look(metrics)
    if before is None or after is None:
        return None, untold or why
    try:
        return between(before, after), ""
    except FiguresError as error:
        return None, str(error)


async def _until(
    true: Callable[[], bool], within_s: float, tasks: list[asyncio.Task[None]]
) -> None:
    """Looks until it is true or the time is over. Raises what ended a task."""
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + within_s
    while not true() and now_s() < end_s:
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(LOOK_S)


def _check_links(gateways: list[Gateway]) -> None:
    away = [gateway for gateway in gateways if not gateway.uplink.link_up]
    if away:
        raise StressError(
            f"{len(away)} of {len(gateways)} gateways do not reach the hub within {START_S:g} s "
            f"({away[0].name}: {away[0].reason}); start it with derny hub, and give --keys if it "
            "asks for keys"
        )


@contextlib.contextmanager
def _opened(log: Path | None) -> Iterator[TextIO | None]:
    if log is None:
        yield None
        return
    try:
        file = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StressError(f"{log}: {error.strerror}; choose another with --log") from None
    with file:
        yield file
