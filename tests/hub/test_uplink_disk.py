"""A gateway that is killed, rebooted or left alone: what the hub then has of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from stores import opened
from zmq.utils.monitor import recv_monitor_message

from gateway.clock import BootClock
from gateway.spool_disk import DiskSpool
from gateway.uplink import Uplink, UplinkSettings
from gateway.uplink_zmq import OPTIONS
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import PlacedReading
from hub.store.chunks import unpack_readings
from hub.store.database import driver_rows
from hub.store.store import Store
from hub.wire.uplink_session import GatewayRules, HubRules
from hub.wire.values import Measurement, Reading

ROOT = Path(__file__).parents[2]
CLOCK = BootClock()
HUB_AHEAD_US = 1_000_000_000
PATIENCE_S = 60.0
RULES = GatewayRules(live_interval_ms=0, silence_ms=60_000)  # a stall breaks no link

# Appends until it is killed; says each number once it is in the spool.
CHILD = """
import asyncio, sys
from pathlib import Path
from gateway import log
from gateway.clock import BootClock
from gateway.spool_disk import DiskSpool
from gateway.uplink import Uplink, UplinkSettings
from hub.wire.values import Measurement, Reading

def ignore(*_):
    pass

async def main():
    uplink = Uplink(
        UplinkSettings({hub!r}, "pi"), DiskSpool(Path({folder!r})),
        on_plan=ignore, on_assignments=ignore, on_command=ignore,
    )
    asyncio.create_task(uplink.run())
    clock = BootClock()
    for number in range({first}, 10**9):
        m = Measurement(heart_rate_bpm=120)
        uplink.append(Reading(f"r{{number}}", clock.now_us() // 1_000, "2a37", m))
        print(number, flush=True)
        await asyncio.sleep(0.001)

log.configure()
asyncio.run(main())
"""


@dataclass
class Site:
    store: Store
    backfilled: list[PlacedReading] = field(default_factory=list)
    ingest: Ingest = field(init=False)

    def __post_init__(self) -> None:
        self.ingest = Ingest(
            IngestSettings("tcp://127.0.0.1:0", rules=HubRules(silence_ms=60_000)),
            self.store.journal,
            lambda: CLOCK.now_us() + HUB_AHEAD_US,
            IngestCallbacks(
                lambda *_: None,
                backfilled=lambda gateway, placed: self.backfilled.extend(placed),
            ),
        )

    async def journalled(self) -> list[PlacedReading]:
        await self.store.journal.settle()
        return [p for entry in await self.store.journal.entries() for p in entry.readings]

    @asynccontextmanager
    async def gateway(self, folder: Path, boot: str | None = None) -> AsyncIterator[Uplink]:
        spool = DiskSpool(folder)
        uplink = Uplink(
            UplinkSettings(self.ingest.address, "pi", rules=RULES),
            spool,
            on_plan=lambda plan: None,
            on_assignments=lambda assignments: None,
            on_command=lambda command: None,
            boot=boot,
        )
        task = asyncio.create_task(uplink.run())
        try:
            yield uplink
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            spool.close()


@asynccontextmanager
async def site(data: Path) -> AsyncIterator[Site]:
    await asyncio.to_thread(data.mkdir)
    async with opened(data) as store:
        there = Site(store)
        await there.ingest.start()
        try:
            yield there
        finally:
            await there.ingest.stop()


async def until(true: Callable[[], object]) -> None:
    """Looks every 5 ms: what is waited for happens in other threads and tells nobody."""
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


def ridden(folder: Path, hub: str, first: int, count: int) -> int:
    """Lets a gateway's process append so many readings and kills it; the last number it said."""
    code = CHILD.format(hub=hub, folder=str(folder), first=first)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as child:
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(count)]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout if line.endswith("\n")]
    return said[-1]


def test_what_gateways_that_were_killed_had_spooled_is_journalled_once(tmp_path: Path) -> None:
    """Three killed without a hub, two in the middle of sending; a sixth drains what they left."""

    async def scene() -> None:
        folder = tmp_path / "spool"
        async with site(tmp_path / "hub") as there:
            said: set[str] = set()
            nobody, hub = "tcp://127.0.0.1:1", there.ingest.address
            for life, address in enumerate((nobody, hub, nobody, hub, nobody)):
                first = life * 10_000
                last = await asyncio.to_thread(ridden, folder, address, first, 150)
                said |= {f"r{number}" for number in range(first, last + 1)}
            async with there.gateway(folder) as gateway:
                await until(lambda: there.backfilled and gateway.link_up)
                spool = gateway._session._spool
                await until(lambda: spool.kept == 0 and len(spool.headers()) == 1)
            names = [placed.reading.sensor_id for placed in await there.journalled()]
            assert len(names) == len(set(names)), "doubled"
            assert set(names) >= said, "lost"
            assert await there.store.journal.durable_seqs() == {}, "a stream was not retired"

    asyncio.run(scene())


def test_readings_of_a_boot_that_never_met_the_hub_are_kept_as_estimated(tmp_path: Path) -> None:
    """An hour ago, by the wall; an other boot that had met it is placed to the millisecond."""
    folder = tmp_path / "spool"
    wall_ms = time.time_ns() // 1_000_000
    m = Measurement(heart_rate_bpm=120)

    async def scene() -> None:
        spool = DiskSpool(folder)
        spool.open("e1", "boot-1", 50_000, wall_ms - 3_600_000)
        spool.append(Reading("strap", 52_000, "2a37", m))
        spool.close()
        async with site(tmp_path / "hub") as there:
            await there.store.assignments.assign("strap", "ann", 0)
            async with there.gateway(folder, "boot-2") as gateway:
                await until(lambda: gateway.hub_now_ms())
                gateway.append(Reading("strap", CLOCK.now_us() // 1_000, "2a37", m))
                await until(lambda: there.backfilled)
            spool = DiskSpool(folder)  # boot-2 goes on without the hub, then comes boot-3
            spool.open("e2", "boot-2", 5, 5)
            late_ms = CLOCK.now_us() // 1_000
            spool.append(Reading("strap", late_ms, "2a37", m))
            spool.close()
            there.backfilled.clear()
            async with there.gateway(folder, "boot-3"):
                await until(lambda: there.backfilled)

            await there.store.journal.settle()
            await there.store.journal.fold()
            async with there.store._database.snapshot() as connection:
                chunks = await driver_rows(connection, "SELECT sensor_id, body FROM raw_chunks")
            stored = [p for chunk in chunks for p in unpack_readings(chunk[0], chunk[1])]
            stored.sort(key=lambda placed: placed.time_estimated, reverse=True)
            assert [placed.time_estimated for placed in stored] == [True, False, False]
            assert stored[0].at_ms == wall_ms - 3_600_000 + 2_000
            last = max(stored[1:], key=lambda placed: placed.at_ms)
            # Not to the millisecond: this process may stall between two of the four timestamps.
            assert abs(last.at_ms - late_ms - HUB_AHEAD_US // 1_000) <= 5_000

    asyncio.run(scene())


def test_a_gateway_looks_often_enough_to_find_a_hub_that_comes_back() -> None:
    """Nobody listens; libzmq tells how long it waits before each new try, in ms."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    monitor = socket.get_monitor_socket(zmq.EVENT_CONNECT_RETRIED)
    socket.connect("tcp://127.0.0.1:1")
    waits_ms = []
    for _ in range(6):
        assert monitor.poll(PATIENCE_S * 1_000)
        waits_ms.append(recv_monitor_message(monitor)["value"])
    socket.disable_monitor()
    monitor.close(linger=0)
    context.destroy(linger=0)
    assert max(waits_ms) <= 1_000, waits_ms  # blind time after a kill of the hub: 5 s in all
