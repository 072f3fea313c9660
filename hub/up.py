"""`derny up`: hub, gateway and, where asked or needed, the simulator, as real processes.

A plain supervisor. A dead child is restarted with back-off; one that exits with status 2 before it
was ever ready said why on stderr (wrong configuration, port in use) and ends everything with that
status. Children exit when their stdin ends, so a killed supervisor leaves no orphan, port or lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from hub.paths import SOCKET_PATH_MAX, private_folder

RESTART_S_MIN = 0.2
RESTART_S_MAX = 5.0
HEALTHY_S = 3.0  # alive for so long: the next death starts the back-off anew
STOP_S_MAX = 8.0  # then SIGKILL
USAGE = 2

Say = Callable[[str], None]
Argv = tuple[str, ...]


class Refused(Exception):
    """A child ended with status 2: what it said on stderr is for the person who started us."""


def restart_s(deaths: int) -> float:
    """Seconds to wait before the next start, after so many deaths in a row (1: the first)."""
    return min(RESTART_S_MIN * 2.0 ** (deaths - 1), RESTART_S_MAX)


def has_adapter(bluetooth: Path = Path("/sys/class/bluetooth")) -> bool:
    """Whether the kernel knows a Bluetooth adapter; where only the OS can tell, assume one."""
    if sys.platform != "linux":
        return True
    return bluetooth.is_dir() and any(bluetooth.glob("hci*"))


@dataclass
class Child:
    """One process, kept running. `on_line` gets each line of its stdout.

    `argv` is asked before each start: a later one may know more than the first.
    """

    name: str
    argv: Callable[[], Argv]
    on_line: Callable[[str], None]
    say: Say
    process: asyncio.subprocess.Process | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until `stop`. Raises Refused when the child will never start as it is configured."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while not self.stopping.is_set():
            began_s = loop.time()
            code = await self._live_once()
            if self.stopping.is_set():
                return
            if code == USAGE and not self.ready.is_set():
                raise Refused(self.name)
            deaths = 1 if loop.time() - began_s > HEALTHY_S else deaths + 1
            wait_s = restart_s(deaths)
            self.say(f"{self.name} ended with status {code}; again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    async def _live_once(self) -> int:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.argv(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.on_line(text)  # first: who waits for `ready` uses what it said
            if f"{self.name}: ready" in text:
                self.ready.set()
        return await self.process.wait()

    async def stop(self, hurry: asyncio.Event) -> None:
        """SIGTERM; SIGKILL after STOP_S_MAX, or as soon as there is a `hurry`."""
        self.stopping.set()
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        gone = asyncio.create_task(process.wait())
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait({gone, hurried}, timeout=STOP_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await gone


@dataclass(frozen=True)
class Options:
    data_dir: Path
    demo: bool  # asked for; a missing adapter asks too, unless `no_demo`
    no_demo: bool
    scenario: str
    hub_arguments: tuple[str, ...]  # handed on: --config, --port, --uplink-port


class Up:
    """Starts the simulator first, then the hub, then the gateway; stops them in reverse."""

    def __init__(self, options: Options, say: Say) -> None:
        self._options = options
        self._say = say
        self._children: list[Child] = []
        self._stop_asked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._demo_asked = asyncio.Event()
        self._demo = self._wants_demo()
        self._uplink = ""
        # A hub that comes back is where its clients and its gateway look for it.
        self._bound: dict[str, int | None] = {}
        self._link_said = False
        self._run_dir = self._sockets_dir()

    async def run(self) -> int:
        """Until a signal (0) or until a child refuses its configuration (2).

        A second signal kills what has not stopped yet. Raises what else goes wrong.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, self._signalled)
        main = asyncio.create_task(self._serve())
        stopped = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait({main, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First of all, so that nobody is started while the others are stopped.
            main.cancel()
            stopped.cancel()
            await asyncio.wait({main, stopped})
            await self._stop()
        return _status(main)

    def _signalled(self) -> None:
        if self._stop_asked.is_set():
            self._hurry.set()
        self._stop_asked.set()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self._demo:
                await self._start(group, "derny-sim", self._simulator, self._heard)
            await self._start(group, "derny-hub", self._hub, self._heard_hub)
            gateway = await self._start(group, "derny-gateway", self._gateway, self._heard)
            if not self._demo:
                await self._demo_asked.wait()
                self._demo = True
                await self._start(group, "derny-sim", self._simulator, self._heard)
                await gateway.stop(self._hurry)
                await self._start(group, "derny-gateway", self._gateway, self._heard)

    async def _start(
        self,
        group: asyncio.TaskGroup,
        name: str,
        argv: Callable[[], Argv],
        on_line: Callable[[str], None],
    ) -> Child:
        child = Child(name, argv, on_line, self._say)
        self._children.append(child)
        group.create_task(child.run())
        await child.ready.wait()
        return child

    async def _stop(self) -> None:
        for child in reversed(self._children):
            await child.stop(self._hurry)
        if self._run_dir.parent != self._options.data_dir:
            shutil.rmtree(self._run_dir, ignore_errors=True)

    def _wants_demo(self) -> bool:
        if self._options.demo or self._options.no_demo:
            return self._options.demo
        if has_adapter():
            return False
        self._say(
            "No Bluetooth adapter found: simulated riders instead. They carry a demo badge and"
            " never enter anyone's history."
        )
        return True

    def _simulator(self) -> Argv:
        return (
            "-m", "firmware_sim", "run", "--scenario", self._options.scenario,
            "--air", self._air(), "--control", str(self._run_dir / "sim.sock"),
            "--exit-with-parent",
        )  # fmt: skip

    def _hub(self) -> Argv:
        argv = (
            "-m", "hub", "hub", "--exit-with-parent", "--scenario", self._options.scenario,
            *self._options.hub_arguments,
        )  # fmt: skip
        if self._demo:
            argv += ("--demo",)
        for option, port in self._bound.items():
            argv += (option, str(port))  # the last of an option counts
        return argv

    def _gateway(self) -> Argv:
        argv: Argv = ("-m", "gateway", "run", "--hub", self._uplink, "--exit-with-parent")
        if self._demo:
            argv += ("--radio", f"air:{self._air()}")
        return argv

    def _air(self) -> str:
        return f"unix:{self._run_dir / 'air.sock'}"

    def _sockets_dir(self) -> Path:
        run = self._options.data_dir / "run"
        if len(os.fsencode(run / "air.sock")) > SOCKET_PATH_MAX:
            return Path(tempfile.mkdtemp(prefix="derny-"))
        return private_folder(run)

    def _heard(self, line: str) -> None:
        """Ready lines are ours; the children log on stderr, which passes through."""

    def _heard_hub(self, line: str) -> None:
        """`derny-hub: ready LINK UPLINK`, once a start, or `derny-hub: ask demo`."""
        match line.split():
            case ["derny-hub:", "ready", link, uplink]:
                self._uplink = uplink
                self._bound = {
                    "--port": urlsplit(link).port,
                    "--uplink-port": urlsplit(uplink).port,
                }
                if not self._link_said:
                    self._link_said = True
                    self._say(f"Open {link}")
            case ["derny-hub:", "ask", "demo"]:
                self._demo_asked.set()


def _status(main: asyncio.Task[None]) -> int:
    """What the house ends with. Raises whatever is neither a signal nor a refusal."""
    if main.cancelled():
        return 0
    error = main.exception()
    if isinstance(error, ExceptionGroup):
        refused, others = error.split(Refused)
        if others is None and refused is not None:
            return USAGE
    if error is not None:
        raise error
    return 0
