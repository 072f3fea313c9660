"""The hub's CPU for a reading that comes over ZeroMQ, beside the receiver one would write first."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time

import msgspec
import uvloop
import zmq
import zmq.asyncio

from bench import bench_uplink
from bench.figures import median
from bench.table import Row

BATCHES = 3_000
TURNS = 3
NAIVE_READINGS = 20_000
TARGET_US = 1.5


def send_singly(address: str, readings: int) -> None:
    """The other process: a message for each reading, as fast as they are taken."""
    frame = msgspec.json.encode(bench_uplink.batch(0).readings[0])
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(address)
        for _ in range(readings):
            socket.send(frame)


async def naive_cpu_us() -> float:
    """`zmq.asyncio`, one `await` and one `json.loads` a reading."""
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.PULL)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    sender = multiprocessing.get_context("spawn").Process(
        target=send_singly, args=(f"tcp://127.0.0.1:{port}", NAIVE_READINGS)
    )
    sender.start()
    json.loads(await socket.recv())
    began_s = time.process_time()
    for _ in range(NAIVE_READINGS - 1):
        json.loads(await socket.recv())
    cpu_s = time.process_time() - began_s
    await asyncio.to_thread(sender.join)
    sender.close()
    socket.close(linger=0)
    context.term()
    return cpu_s * 1e6 / NAIVE_READINGS


def rows() -> list[Row]:
    paced, flooded, naive, decode = [], [], [], []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(TURNS):
            paced.append(runner.run(bench_uplink.ingest_cpu_us(BATCHES, bench_uplink.PACED_PER_S)))
            naive.append(runner.run(naive_cpu_us()))
            flooded.append(runner.run(bench_uplink.ingest_cpu_us(BATCHES, 0)))
            decode.append(bench_uplink.decode_us())
    target_us = TARGET_US + median(decode)
    ratio = median([n / p for n, p in zip(naive, paced, strict=True)])
    per_s = bench_uplink.PACED_PER_S * bench_uplink.BATCH
    return [
        Row(
            f"ingest CPU per reading, batches of {bench_uplink.BATCH}, {per_s} a second, no CURVE",
            f"{median(paced):.2f} µs, {median(decode):.2f} of it decode",
            f"≤ {TARGET_US} µs + decode",
            median(paced) <= target_us,
            f"zmq.asyncio, one a message: {median(naive):.1f} µs ({ratio:.1f} ×)",
        ),
        Row("the same, flooded", f"{median(flooded):.2f} µs"),
        Row("gateway: append, spool, batch, encode", f"{bench_uplink.gateway_us():.2f} µs"),
    ]
