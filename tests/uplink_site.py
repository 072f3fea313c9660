"""A hub's uplink and its gateways on loopback, over either transport. Real sockets, real keys.

The hub keeps what it takes in memory; it can stop and start again on its ports.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.clock import BootClock
from gateway.keys import GatewayKey, read_key
from gateway.spool import MemorySpool
from gateway.uplink import Uplink, UplinkSettings
from hub.gateway_keys import GatewayKeys
from hub.http.uplink_line import UplinkSite
from hub.http.uplink_socket import with_uplink
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry, PlacedReading
from hub.paths import keys_dir
from hub.wire.uplink import Assignments, Command, Plan
from hub.wire.uplink_session import GatewayRules, HubRules
from hub.wire.values import Measurement, Reading
from hub.zap import Refusals

ZMQ, WS = "zmq", "ws"
HUB_AHEAD_US = 1_000_000_000
CLOCK = BootClock()
PATIENCE_S = 60.0
SILENCE_MS = 60_000  # a process that stalls breaks no link here
HUB_RULES = HubRules(silence_ms=SILENCE_MS)
RULES = GatewayRules(live_interval_ms=0, silence_ms=SILENCE_MS)
START_S_MAX = 60.0


def hub_us() -> int:
    return CLOCK.now_us() + HUB_AHEAD_US


def reading(name: str) -> Reading:
    return Reading(name, CLOCK.now_us() // 1_000, "2a37", Measurement(heart_rate_bpm=120))


def steady_port() -> int:
    """A free port that no outgoing connection takes while the hub is away.

    (A port the system chose lies in the range of outgoing ports: a gateway that knocks there while
    nobody listens can even connect to itself.)
    """
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("50 ports tried and none is free")


async def until(true: Callable[[], object]) -> None:
    """Looks every 5 ms: what is waited for happens in libzmq's threads and tells nobody."""
    loop = asyncio.get_running_loop()
    found = loop.create_future()

    def look() -> None:
        if not found.done():
            if true():
                found.set_result(None)
            else:
                loop.call_later(0.005, look)

    look()
    await asyncio.wait_for(found, PATIENCE_S)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


class MemoryJournal:
    """Keeps the contract of the port; commits in the next turn of the loop."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []
        self.durable: dict[tuple[str, str], int] = {}
        self.fails = 0

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        commit: asyncio.Future[None] = loop.create_future()
        loop.call_soon(self._commit, entry, commit)
        return commit

    def _commit(self, entry: JournalEntry, commit: asyncio.Future[None]) -> None:
        key = (entry.gateway, entry.epoch)
        if self.fails or self.durable.get(key, 0) != entry.from_seq - 1:
            self.fails -= 1 if self.fails else 0
            commit.set_exception(OSError("no space left on device"))
            return
        self.durable[key] = entry.to_seq
        self.entries.append(entry)
        commit.set_result(None)

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return self.durable

    async def retire(self, gateway: str, epoch: str) -> None:
        self.durable.pop((gateway, epoch), None)

    def names(self) -> list[str]:
        return [p.reading.sensor_id for entry in self.entries for p in entry.readings]


class WebServer:
    """What uvicorn does for the hub: `/uplink`, and nothing else."""

    def __init__(self, ingest: Ingest, keys: GatewayKeys, port: int) -> None:
        door = keys.door
        self.site = UplinkSite(
            ingest.lines,
            door.public.decode(),
            door.shared_with,
            Refusals(ingest.counts).note,
            ingest.counts,
        )
        config = uvicorn.Config(
            Starlette(),
            ws=with_uplink(WebSocketsSansIOProtocol, self.site),  # type: ignore[arg-type]
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._serving = asyncio.create_task(self._server._serve([self._listener]))
        await until(lambda: self._server.started)

    async def stop(self) -> None:
        assert self._serving is not None
        self._server.should_exit = True
        await self._serving
        self._listener.close()


@dataclass
class Garage:
    """One gateway, and what it was told."""

    uplink: Uplink
    told: list[Plan | Assignments | Command]
    links: list[tuple[bool, str]]
    task: asyncio.Task[None]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass
class Site:
    """A hub with keys, and what it heard from whom."""

    folder: Path
    keys: GatewayKeys = field(init=False)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    seen: list[tuple[str, PlacedReading]] = field(default_factory=list)
    told: list[tuple[str, Any]] = field(default_factory=list)
    port: int = field(default_factory=steady_port)
    web_port: int = field(default_factory=steady_port)
    ingest: Ingest = field(init=False)
    web: WebServer = field(init=False)

    def __post_init__(self) -> None:
        self.keys = GatewayKeys(keys_dir(self.folder))

    async def start(self) -> None:
        told = self.told
        self.ingest = Ingest(
            IngestSettings(f"tcp://127.0.0.1:{self.port}", rules=HUB_RULES),
            self.journal,
            hub_us,
            IngestCallbacks(
                readings=lambda gateway, header, placed, backfill: self.seen.extend(
                    (gateway, p) for p in placed
                ),
                sensors=lambda gateway, message: told.append(("sensors", message)),
                trainers=lambda gateway, message: told.append(("trainers", message)),
                adapters=lambda gateway, message: told.append(("adapters", message)),
                gateway_up=lambda gateway, hello: told.append(("up", gateway)),
                gateway_down=lambda gateway, reason: told.append(("down", reason)),
            ),
            self.keys.door,
        )
        self.keys.on_removed = self.ingest.cut_off
        await self.ingest.start()
        self.web = WebServer(self.ingest, self.keys, self.web_port)
        await self.web.start()

    async def stop(self) -> None:
        """In the order of hub.app."""
        await self.web.stop()
        await self.ingest.stop()

    def port_of(self, transport: str) -> int:
        return self.port if transport == ZMQ else self.web_port

    def address(self, transport: str, port: int = 0) -> str:
        port = port or self.port_of(transport)
        return f"tcp://127.0.0.1:{port}" if transport == ZMQ else f"ws://127.0.0.1:{port}/uplink"

    def key(self, name: str) -> GatewayKey:
        """As the gateway's machine reads it from the file that was brought there."""
        path = self.folder / f"{name}.key"
        path.touch(0o600)
        path.write_text(self.keys.add(name))
        return read_key(path)

    def heard(self) -> list[tuple[str, str]]:
        return [(gateway, placed.reading.sensor_id) for gateway, placed in self.seen]

    def downs(self) -> list[str]:
        return [reason for what, reason in self.told if what == "down"]

    @asynccontextmanager
    async def gateway(
        self, transport: str, key: GatewayKey, name: str = "label", port: int = 0
    ) -> AsyncIterator[Garage]:
        garage = garage_at(self.address(transport, port), key, name)
        try:
            yield garage
        finally:
            await garage.stop()


def garage_at(address: str, key: GatewayKey | None, name: str = "label") -> Garage:
    told: list[Plan | Assignments | Command] = []
    links: list[tuple[bool, str]] = []
    uplink = Uplink(
        UplinkSettings(address, name, "t", RULES, key),
        MemorySpool(),
        on_plan=told.append,
        on_assignments=told.append,
        on_command=told.append,
        on_link=lambda up, reason: links.append((up, reason)),
    )
    return Garage(uplink, told, links, asyncio.create_task(uplink.run()))


def at_site(folder: Path, scene: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        site = Site(folder)
        await site.start()
        try:
            await scene(site)
        finally:
            await site.stop()

    run(whole())
