"""The composition root: the only file that knows every part of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hub.admin import AdminSocket, Verb
from hub.assets import config_dir, web_dir
from hub.auth.policy import may
from hub.auth.principal import HOUSE, Role
from hub.awake import Awake
from hub.core.errors import ConfigError, DernyError, Unavailable
from hub.core.lanes import Status
from hub.crowd import Crowd
from hub.demo import DemoRoom, end_demo_sessions
from hub.doorkeeper import Doorkeeper
from hub.garbage import Garbage
from hub.gateway_keys import GatewayKeys, listing
from hub.gateway_socket import BindError
from hub.guests import Guests
from hub.http.activities import ActivityRoutes
from hub.http.athletes import AthleteRoutes
from hub.http.bikes import BikeRoutes
from hub.http.bodies import error_reply, problem
from hub.http.demo import DemoRoutes
from hub.http.ftp_proposal import FtpRoutes
from hub.http.grants import GrantRoutes
from hub.http.health import HealthRoutes
from hub.http.joining import JoinRoutes
from hub.http.library import LibraryRoutes
from hub.http.live_poll import PollRoutes
from hub.http.live_socket import make_protocol
from hub.http.live_stream import StreamRoutes
from hub.http.login import LoginRoutes
from hub.http.metrics import MetricsRoutes
from hub.http.pages import PageRoutes, SecurityHeaders
from hub.http.principals import Gate
from hub.http.sensors import SensorRoutes
from hub.http.sessions import SessionRoutes
from hub.http.thresholds import ThresholdRoutes
from hub.http.trainers import TrainerRoutes
from hub.http.uplink_line import UplinkSite
from hub.http.uplink_socket import with_uplink
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import PlacedReading
from hub.latecomers import Latecomers
from hub.library import Library, Shelf
from hub.live.clock import HubClock, wall_ms
from hub.live.service import Live
from hub.log import configure as configure_log
from hub.paths import admin_socket_path, keys_dir
from hub.people import People
from hub.recorder import Recorder
from hub.remeasure import Remeasure
from hub.sensor_memory import SensorMemory
from hub.settings import Settings
from hub.store.store import Store
from hub.token_key import open_tokens
from hub.trace import Trace, boot_us, trace_to
from hub.vitals import Counts, LoopWatch, Vitals, process_age_s
from hub.wire import uplink as wire
from hub.zap import Refusals

STOP_S_MAX = 5
# Python's own 5 ms is how long a thread that folds or commits may keep the loop from what is due.
GIL_S = 0.0005
BACKLOG = 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Demo:
    """The scenario of the simulator beside this hub; None: there is none, nor can be."""

    scenario: Path | None
    at_once: bool  # False: when the user asks for it


class Hub:
    """All parts, wired."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        store: Store,
        demo: Demo,
        trace: Trace | None = None,
    ) -> None:
        self._settings = settings
        self._data = data
        self._store = store
        self._trace = trace
        self.clock = HubClock.open(store.anchor)
        store.set_clock(self.clock.stamp)
        now_ms = self.clock.now_ms

        self.memory = SensorMemory(store.sensors, now_ms)
        self.recorder = Recorder(store, self.memory, now_ms, wall_ms)
        self.latecomers = Latecomers(self.recorder.rebuild, self.recorder.rebuild_recent)
        self.gateway_keys = GatewayKeys(keys_dir(data))
        self.gateway_keys.ensure_local(socket.gethostname())
        self.ingest = Ingest(
            IngestSettings(bind=f"tcp://{settings.uplink.host}:{settings.uplink.port}"),
            store.journal,
            self.clock.now_us,
            self._callbacks(),
            self.gateway_keys.door,
        )
        self.gateway_keys.on_removed = self.ingest.cut_off
        self.doorkeeper = Doorkeeper(
            store.logins, open_tokens(keys_dir(data)), now_ms, lambda: self.people.owner_id()
        )
        self.live = Live(
            clock=self.clock,
            sessions=store.sessions,
            athletes=store.athletes,
            assignments=store.assignments,
            bikes=store.bikes,
            memory=self.memory,
            trainers=store.trainers,
            grants=store.grants,
            gains=store.heart_gains,
            uplink=self.ingest,
            may=may,
            on_finished=self.recorder.record,
            by_token=self.doorkeeper.by_token,
            recorded=self.recorder.ridden,
            stopped_at_ms=store.anchor.last_ms if store.anchor is not None else None,
            build=version_of("derny"),
            idle_finish_ms=settings.session.idle_finish_s * 1000,
        )
        self.vitals = Vitals(self._counts, self.live.delivery)
        store.journal.on_commit = self.vitals.committed
        self.people = People(
            store.athletes, store.thresholds, now_ms, wall_ms, self.live.athlete_changed
        )
        self.remeasure = Remeasure(store.thresholds, store.activities, self.recorder, self.people)
        shelf = Shelf(config_dir() / "workouts", data / "workouts")
        self.library = Library(shelf, store.workouts, now_ms)
        self.doorkeeper.on_ended = self.live.dismiss
        self.guests = Guests(self.people, self.doorkeeper, self.live, now_ms)
        self._demo_room = (
            None
            if demo.scenario is None
            else DemoRoom(demo.scenario, self.people, self.live, self.library)
        )
        self.crowd = Crowd(self.people, self.live, self.library)
        self._demo_wanted = asyncio.Event()
        if demo.at_once:
            self._demo_wanted.set()
        self.awake = Awake()
        self.base = ""  # http://host:port, as bound
        self._starting = True
        self._failed: set[str] = set()  # names of background tasks

    def _callbacks(self) -> IngestCallbacks:
        """Late-bound: ingest and the live part know each other only through this."""
        return IngestCallbacks(
            readings=self._on_readings,
            sensors=self._on_sensors,
            trainers=lambda gateway, message: self.live.on_trainers(gateway, message),
            adapters=lambda gateway, message: self.live.on_adapters(gateway, message),
            backfilled=lambda gateway, readings: self.latecomers.heard(readings),
            beat=lambda gateway, message: self.live.on_beat(gateway, message),
            gateway_up=lambda gateway, hello: self.live.on_gateway(gateway, True),
            gateway_down=lambda gateway, reason: self.live.on_gateway(gateway, False, reason),
        )

    def _on_readings(
        self,
        gateway: str,
        header: wire.StreamHeader,
        readings: Sequence[PlacedReading],
        backfill: bool,
    ) -> None:
        rx_boot_us = 0 if self._trace is None else boot_us()
        self.live.on_readings(gateway, readings, backfill)
        if self._trace is not None and not backfill:
            self._trace.passed(readings, rx_boot_us)

    def _on_sensors(self, gateway: str, message: wire.Sensors) -> None:
        self.memory.hear(message)
        self.live.on_sensors(gateway, message)

    def asgi(self) -> ASGIApp:
        pages = PageRoutes(web_dir())
        routes = [
            *HealthRoutes(version_of("derny"), self._unready, self._remarks).routes(),
            *MetricsRoutes(self.vitals.text).routes(),
            *LoginRoutes(self.doorkeeper).routes(),
            *JoinRoutes(self.guests).routes(),
            *AthleteRoutes(self.people, self.live, self._demo_wanted.is_set).routes(),
            *ThresholdRoutes(self.people, self.remeasure.ask).routes(),
            *SensorRoutes(self.live).routes(),
            *TrainerRoutes(self.live.trainers).routes(),
            *GrantRoutes(self.live.sharing).routes(),
            *BikeRoutes(self.live).routes(),
            *LibraryRoutes(self.library, self.people).routes(),
            *SessionRoutes(self.live, self.library).routes(),
            *StreamRoutes(self.live).routes(),
            *PollRoutes(self.live).routes(),
            *ActivityRoutes(self._store.activities, self.live).routes(),
            *FtpRoutes(self._store.activities, self.people, self.remeasure.ask).routes(),
            *DemoRoutes(self._ask_demo).routes(),
            *pages.routes(),
        ]
        return Starlette(
            routes=routes,
            exception_handlers={DernyError: _on_error, HTTPException: _on_no_route},
            middleware=[
                Middleware(SecurityHeaders, headers=pages.headers),
                Middleware(Gate, by_cookie=self.doorkeeper.by_cookie),
            ],
        )

    def uplink_site(self) -> UplinkSite:
        """Where gateways come in over WebSocket, by the keys that hold on ZeroMQ."""
        door, counts = self.gateway_keys.door, self.ingest.counts
        return UplinkSite(
            self.ingest.lines, door.public.decode(), door.shared_with, Refusals(counts).note, counts
        )

    def _counts(self) -> Counts:
        taken = self.ingest.counts
        return Counts(taken["readings"], taken["backfill"], taken["durable"], self.live.fused_count)

    def _unready(self) -> list[str]:
        reasons = ["starting"] if self._starting else []
        reasons += filter(None, [self._store.problem])
        return reasons + [f"{name} has failed: see the log" for name in sorted(self._failed)]

    def _remarks(self) -> list[str]:
        return [remark for remark in (self.recorder.remark,) if remark]

    def _ask_demo(self) -> None:
        """`derny up` reads our stdout and starts the simulator; nobody else can."""
        if self._demo_room is None:
            raise Unavailable("this hub runs by itself", remedy="run `derny up --demo`")
        if not self._demo_wanted.is_set():
            self._demo_wanted.set()
            print("derny-hub: ask demo", flush=True)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything but HTTP, started in order and stopped in reverse."""
        async with contextlib.AsyncExitStack() as stack:
            await self.memory.start()
            await self.people.start()
            await self.doorkeeper.start()
            await self.live.start()
            stack.push_async_callback(self.live.stop)
            if self._trace is not None:
                stack.callback(self._trace.close)
            await self.ingest.start()
            stack.push_async_callback(self.ingest.stop)
            stack.callback(LoopWatch(self.clock, self.vitals.late).close)
            admin = AdminSocket(admin_socket_path(self._data), self._verbs())
            await admin.start()
            stack.push_async_callback(admin.stop)
            stack.push_async_callback(self.memory.store)
            stack.push_async_callback(self.awake.close)
            await stack.enter_async_context(_tasks(self._background()))
            self._starting = False
            yield

    def _background(self) -> list[asyncio.Task[None]]:
        """One that fails is a bug: logged with its traceback, said by /ready; the hub goes on."""
        jobs = {
            "housekeeping": self._store.keep_house(),
            "sensor memory": self.memory.run(),
            "keeping awake": self._stay_awake(),
            "demo room": self._run_demo(),
            "late readings": self.latecomers.run(),
            "guests": self.guests.run(),
            "recomputing": self.remeasure.run(),
            "garbage": Garbage(self._traffic, self._is_riding, self.vitals.paused).run(),
        }
        tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
        for task in tasks:
            task.add_done_callback(self._note_failure)
        return tasks

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.add(task.get_name())
            log.error("background_task_failed", task=task.get_name(), exc_info=error)

    async def _stay_awake(self) -> None:
        while True:
            await self.awake.hold(self._is_riding())
            await asyncio.sleep(5)

    def _traffic(self) -> tuple[int, int]:
        return self.live.peers.came_count, self.live.peers.went_count

    def _is_riding(self) -> bool:
        views = self.live.open_sessions(HOUSE)
        return any(view.status == Status.RUNNING and not view.demo for view in views)

    async def _run_demo(self) -> None:
        if not self._demo_wanted.is_set():
            await end_demo_sessions(self.live)
        await self._demo_wanted.wait()
        assert self._demo_room is not None
        await self._demo_room.run()

    def _verbs(self) -> dict[str, Verb]:
        async def link(role: str) -> str:
            return await self.link(Role(role or Role.OWNER))

        async def add(name: str) -> str:
            return self.gateway_keys.add(name)

        async def remove(name: str) -> str:
            self.gateway_keys.remove(name)
            return name

        async def known(about: str) -> str:
            return listing(self.gateway_keys.list(), self.ingest.gateways_up)

        async def counted(about: str) -> str:
            return json.dumps(self.ingest.counts)

        async def mount(wanted: str) -> str:
            return str(await self.crowd.mount(int(wanted)))

        async def dismount(about: str) -> str:
            return str(await self.crowd.dismount())

        return {
            "link": link,
            "gateway_add": add,
            "gateway_remove": remove,
            "gateway_list": known,
            "gateway_counts": counted,
            "crowd_mount": mount,
            "crowd_dismount": dismount,
        }

    async def link(self, role: Role = Role.OWNER) -> str:
        """A one-time link: its token stands in the fragment, which no server or log ever sees."""
        return f"{self.base}/#token={await self.doorkeeper.link_token(role)}"


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: stopping is decided in one place, `serve`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DernyError)
    return error_reply(error)


async def _on_no_route(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path, a method that the path does not take."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "refused")
    detail = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return problem(error.status_code, code, detail)


@asynccontextmanager
async def _tasks(tasks: list[asyncio.Task[None]]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.http.host, settings.http.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            "hub.toml",
            "http.port",
            f"{host}:{port} cannot be used: {_why(error)}",
            remedy="stop the program that uses it, or choose another with --port",
        ) from None
    return listener


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _stop_on(stop: asyncio.Event, exit_with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    if exit_with_parent:
        # A thread, because stdin may be a file or a terminal, which no selector can watch.
        def wait_for_end() -> None:
            while os.read(sys.stdin.fileno(), 4096):  # no buffer: its lock outlives the loop
                pass
            with contextlib.suppress(RuntimeError):  # the loop may be gone already
                loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait_for_end, daemon=True, name="stdin").start()


async def serve(settings: Settings, data: Path, demo: Demo, exit_with_parent: bool) -> None:
    """Until SIGTERM, SIGINT or the end of stdin. Raises ConfigError before anything is served."""
    stop = asyncio.Event()
    _stop_on(stop, exit_with_parent)
    traced = os.environ.get("DERNY_TRACE")
    trace = trace_to(traced) if traced else None
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(_listen(settings)))
        store = await Store.open(data)
        stack.push_async_callback(store.close)
        hub = Hub(settings, data, store, demo, trace)
        host, port = listener.getsockname()[:2]
        hub.base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        try:
            await stack.enter_async_context(hub.running())
        except BindError as error:
            raise ConfigError(
                "hub.toml", "uplink.port", str(error), remedy="choose another with --uplink-port"
            ) from None
        gc.collect()
        gc.freeze()  # what start-up made lives as long as the hub: no collection walks it again
        await _serve_http(hub, listener, stop)


async def _serve_http(hub: Hub, listener: socket.socket, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        hub.asgi(),
        ws=with_uplink(make_protocol(hub.live, hub.doorkeeper.by_cookie), hub.uplink_site()),
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_S_MAX,
        lifespan="off",
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopped = asyncio.create_task(stop.wait())
    try:
        uplink = hub.ingest.address.replace("//0.0.0.0:", "//127.0.0.1:")  # as seen from beside it
        hub.vitals.ready(process_age_s())
        print(f"derny-hub: ready {await _first_link(hub)} {uplink}", flush=True)
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        hub.live.peers.close()  # streams and polls end with it, or uvicorn would wait for them
        server.should_exit = True
        await serving


async def _first_link(hub: Hub) -> str:
    """Without a token when the disk takes none: who has a login already rides on."""
    try:
        return await hub.link()
    except Unavailable as error:
        log.warning("no_link", reason=str(error), remedy="`derny link` makes one later")
        return hub.base


def run(settings: Settings, data: Path, demo: Demo, exit_with_parent: bool) -> None:
    configure_log()
    sys.setswitchinterval(GIL_S)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, data, demo, exit_with_parent))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop  # ZeroMQ's FD needs add_reader
    import uvloop

    return uvloop.Loop
