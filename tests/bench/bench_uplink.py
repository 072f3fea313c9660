"""CPU of ingest per reading: batches of 16 from another process over loopback TCP.

`python tests/bench/bench_uplink.py [BATCHES]` prints the hub's CPU (all its threads) per reading,
paced and flooded, the share of it that decodes JSON, and the CPU of the gateway's end.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Mapping

import uvloop
import zmq

from gateway.keys import GatewayKey
from gateway.spool import MemorySpool
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry
from hub.wire.uplink import UP, Batch, ClockOffset, Hello, StreamAck, StreamHeader
from hub.wire.uplink_sender import StreamSender
from hub.wire.uplink_session import EdgeTime, GatewayRules, HubRules
from hub.wire.values import Measurement, Reading
from hub.zap import Door

BATCH = 16
PACED_PER_S = 2_000
COMMIT_S = 0.1


def batch(number: int) -> Batch:
    readings = tuple(
        Reading(f"{i:016x}", 1_000_000 + i, "2a63", Measurement(power_w=250 + i, crank_revs=i))
        for i in range(BATCH)
    )
    return Batch("epoch", 1 + number * BATCH, readings)


class NoJournal:
    """Commits everything in groups, as the store does; keeps nothing."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        commit: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_later(COMMIT_S, self._commit)
        self._waiting.append(commit)
        return commit

    def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        for commit in group:
            commit.set_result(None)

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return {}

    async def retire(self, gateway: str, epoch: str) -> None:
        return None


def send(address: str, batches: int, per_s: int, hub_key: bytes | None) -> None:
    """The other process: `per_s` 0 floods; with CURVE if it is told the hub's key."""
    frames = [UP.encode(batch(number)) for number in range(batches)]
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.SNDHWM, 0)
        if hub_key is not None:
            public, secret = zmq.curve_keypair()
            GatewayKey("bench", public.decode(), secret.decode(), hub_key.decode()).set_on(socket)
        socket.connect(address)
        header = StreamHeader("epoch", "boot", 0, 0, 1, 1, sealed=False)
        socket.send(UP.encode(Hello(1, "bench", "i", "bench", "boot", (header,))))
        socket.recv()
        socket.send(UP.encode(ClockOffset("boot", 0, 0)))
        started = time.perf_counter()
        for number, frame in enumerate(frames):
            socket.send(frame)
            if per_s:
                wait_s = started + number / per_s - time.perf_counter()
                if wait_s > 0:
                    time.sleep(wait_s)
        while True:  # the hub ends this process
            socket.recv()


async def ingest_cpu_us(batches: int, per_s: int, *, curve: bool = False) -> float:
    done = asyncio.Event()
    seen = 0

    def on_readings(gateway: str, header: object, readings: object, backfill: bool) -> None:
        nonlocal seen
        seen += BATCH
        if seen == BATCH:
            marks.append(time.process_time())
        if seen == batches * BATCH:
            done.set()

    marks: list[float] = []
    rules = HubRules(unacked_max=10**9)
    settings = IngestSettings("tcp://127.0.0.1:0", rules=rules)
    ingest = Ingest(
        settings,
        NoJournal(),
        lambda: time.monotonic_ns() // 1_000,
        IngestCallbacks(on_readings),
        Door(*zmq.curve_keypair(), lambda key: "bench") if curve else None,
    )
    await ingest.start()
    sender = multiprocessing.get_context("spawn").Process(
        target=send, args=(ingest.address, batches, per_s, ingest.public_key)
    )
    sender.start()
    await done.wait()
    cpu_s = time.process_time() - marks[0]
    sender.terminate()
    sender.join()
    sender.close()
    await ingest.stop()
    return cpu_s * 1e6 / (batches * BATCH)


def decode_us() -> float:
    frame = UP.encode(batch(1))
    rounds = 5_000
    started = time.process_time()
    for _ in range(rounds):
        UP.decode(frame)
    return (time.process_time() - started) * 1e6 / rounds / BATCH


def gateway_us() -> float:
    """Append, spool, batch, encode and take the ack; without the socket."""
    at = EdgeTime(0, 0)
    spool = MemorySpool()
    rules = GatewayRules(live_interval_ms=0, clock_hold_ms=0)
    sender = StreamSender(spool, rules)
    sender.open("epoch", "boot", 0, 0)
    sender.start((StreamAck("epoch", 0),), 0)
    readings = batch(0).readings
    rounds = 5_000
    started = time.process_time()
    for number in range(rounds):
        for reading in readings:
            spool.append(reading)
            sender.appended(at.boot_us)
        message = sender.next_live(at.boot_us)
        assert isinstance(message, Batch)
        UP.encode(message)
        sender.acked("epoch", (number + 1) * BATCH, at.boot_us)
    return (time.process_time() - started) * 1e6 / rounds / BATCH


def main() -> None:
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 6_000
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        paced = [runner.run(ingest_cpu_us(batches, PACED_PER_S)) for _ in range(3)]
        flood = [runner.run(ingest_cpu_us(batches, 0)) for _ in range(3)]
        curve = [runner.run(ingest_cpu_us(batches, PACED_PER_S, curve=True)) for _ in range(3)]
        sealed = [runner.run(ingest_cpu_us(batches, 0, curve=True)) for _ in range(3)]
    decode = min(decode_us() for _ in range(3))
    print(f"decode alone                       {decode:6.2f} us per reading")
    print(f"ingest, {PACED_PER_S} batches/s, with decode {min(paced):6.2f} us per reading")
    print(f"ingest, flood, with decode         {min(flood):6.2f} us per reading")
    print(f"the same with CURVE                {min(curve):6.2f} us per reading")
    print(f"ingest, flood, with CURVE          {min(sealed):6.2f} us per reading")
    print(f"gateway, append to encoded batch   {min(gateway_us() for _ in range(3)):6.2f} us")


if __name__ == "__main__":
    main()
