"""`derny-sim clients`: in at this machine's hub, as many devices as were asked for, and out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlsplit

from firmware_sim.clients.device import Device
from firmware_sim.clients.figures import Figures, Spread
from firmware_sim.clients.profiles import PROFILES, Profile
from firmware_sim.clients.swarm import Swarm
from firmware_sim.hub_figures import FiguresError, HubFigures, Look, between, look
from hub.admin import ask
from hub.client import ClientError, Login, log_in
from hub.core.errors import DernyError
from hub.paths import admin_socket_path, data_dir

FILES_BESIDE = 64  # open files that are no client


class ClientsError(Exception):
    """It cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Bounds are the command line's. `session` "": all that are open."""

    count: int
    profile: str
    seconds: float
    rate: float
    session: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    asked: Asked
    took_s: float
    cpu_share: float
    figures: Figures
    hub: HubFigures | None
    untold: str = ""

    @property
    def whole(self) -> bool:
        return not (self.figures.lost or self.figures.doubled)

    def told(self) -> dict[str, Any]:
        """For --json: counts, rates a second of this span, spreads in ms."""
        figures = self.figures
        plain = {
            name: value for name, value in vars(figures).items() if isinstance(value, int | float)
        }
        spreads = {
            name: value.told() for name, value in vars(figures).items() if isinstance(value, Spread)
        }
        return {
            "clients": self.asked.count,
            "profile": self.asked.profile,
            "seconds": round(self.took_s, 3),
            **plain,
            "frames_per_s": round(figures.frames / self.took_s, 1),
            "kb_per_s": round(figures.bytes / self.took_s / 1000, 1),
            "closes": dict(figures.closes),
            "errors": dict(figures.errors),
            **spreads,
            "cpu_share": round(self.cpu_share, 4),
            "hub_cpu_share": None if self.hub is None else self.hub.cpu_share,
        }

    def __str__(self) -> str:
        figures = self.figures
        closes = ", ".join(f"{code}: {count}" for code, count in figures.closes.items())
        errors = ", ".join(f"{code}: {count}" for code, count in figures.errors.items())
        rows = (
            ("clients", f"{self.asked.count} as {self.asked.profile}, {self.took_s:.1f} s"),
            ("connect, p50 / p99 / max", _three(figures.connect)),
            (
                "frames",
                f"{figures.frames / self.took_s:.0f}/s, "
                f"{figures.bytes / self.took_s / 1000:.0f} kB/s",
            ),
            ("tick to frame, p50 / p99 / max", _three(figures.push)),
            ("clock's bound, p50 / p99 / max", _three(figures.clock_bound)),
            (
                f"cues fired: {figures.cues}, missed: {figures.cues_missed}; late",
                _three(figures.cue_late),
            ),
            (
                "events heard, lost, doubled; gaps",
                f"{figures.events}, {figures.lost}, {figures.doubled}; {figures.gaps}",
            ),
            (
                "reconnects; closes by code; refused",
                f"{figures.reconnects}; {closes or 'none'}; {figures.refusals}",
            ),
            ("errors of the hub", errors or "none"),
            ("CPU of this process", f"{self.cpu_share:.1%} of a core"),
            ("the hub", str(self.hub or f"tells nothing of itself: {self.untold}")),
        )
        width = max(len(what) for what, _ in rows)
        return "\n".join(f"{what:{width}}  {figure}" for what, figure in rows)


def run(asked: Asked, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> Summary:
    """Raises ClientsError."""
    allow_files(asked.count + FILES_BESIDE)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_run(asked))


async def _run(asked: Asked) -> Summary:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C ends the runner
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        link = await asyncio.to_thread(ask, admin_socket_path(data_dir()), "link")
        login = await log_in(link)
    except (DernyError, ClientError) as error:
        raise ClientsError(str(error)) from None
    try:
        return await _visit(asked, login, stop)
    finally:
        with contextlib.suppress(ClientError):
            await login.end()


async def _visit(asked: Asked, login: Login, stop: asyncio.Event) -> Summary:
    places = _places(asked, await login.get("/api/sessions"))
    address = urlsplit(login.base)
    assert address.hostname is not None and address.port is not None
    swarm = Swarm(address.hostname, address.port)
    profile: Profile = PROFILES[asked.profile]
    devices = [
        Device(swarm, profile.wishes(session, athlete), address.netloc, login.cookie)
        for session, athlete in islice(cycle(places), asked.count)
    ]
    try:
        await _unless(stop, swarm.enter(devices, asked.rate))
        before, untold = await _look(login.base)
        began_s = asyncio.get_running_loop().time()
        cpu_share = await swarm.measure(asked.seconds, stop)
        took_s = asyncio.get_running_loop().time() - began_s
        figures, untold = await _figures(login.base, before, untold)
        await swarm.settle()
    except TimeoutError:
        live = sum(device.live for device in devices)
        raise ClientsError(
            f"the hub let in {live} of {asked.count} clients ({swarm.figures.refusals} refused); "
            "try a lower --rate, or look at the hub's log"
        ) from None
    finally:
        await swarm.leave()
    return Summary(asked, max(took_s, 1e-3), cpu_share, swarm.figures, figures, untold)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Raises what `work` raises, and ClientsError when told to stop before its end."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientsError("stopped before all clients were connected")
        working.result()
    finally:
        working.cancel()
        waiting.cancel()


def _places(asked: Asked, sessions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(session, athlete) for every rider of the sessions. Raises ClientsError."""
    chosen = [one for one in sessions if one["session"].startswith(asked.session)]
    places = [(one["session"], rider["athlete"]) for one in chosen for rider in one["athletes"]]
    if not places:
        which = f"no open session {asked.session!r}" if asked.session else "no session is open"
        raise ClientsError(f"{which}: start one, or bring riders with derny-sim stress --assign")
    return places


async def _look(base: str) -> tuple[Look | None, str]:
    try:
        return await asyncio.to_thread(look, f"{base}/metrics"), ""
    except FiguresError as error:
        return None, str(error)


async def _figures(base: str, before: Look | None, untold: str) -> tuple[HubFigures | None, str]:
    after, why = await _look(base)
    if before is None or after is None:
        return None, untold or why
    try:
        return between(before, after), ""
    except FiguresError as error:
        return None, str(error)


def _three(spread: Spread) -> str:
    told = spread.told()
    if not spread.count:
        return "nothing measured"
    return f"{told['p50_ms']:.2f} / {told['p99_ms']:.2f} / {told['max_ms']:.2f} ms"


def allow_files(wanted: int) -> None:
    """As many open files as there are clients. Raises ClientsError."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise ClientsError(f"{wanted} open files are needed and {hard} allowed: ulimit -Hn")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def as_json(summary: Summary) -> str:
    return json.dumps(summary.told())
