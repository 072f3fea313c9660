"""Delivered frames per CPU-second of the server: the hub's `/live`, a naive loop, bare `send()`.

Closed loop: one order, one frame to each of N clients, the next order when all have it. The three
servers run at once and take turns of TURN_S, so that a noisy neighbour meets them alike; ratios are
taken within a turn, then the median.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.crowd import Crowd, connect, masked, plain
from bench.figures import median
from bench.stand import Stand, allow_many_files, keep_to_all, keep_to_core, stand
from bench.table import Row, later

SIZES = (100, 1000)
TARGETS = {100: 0.90, 1000: 0.85}
WARM_CLIENTS = 20
RIDERS = 2  # in the session: the frame has about 300 bytes, those of the figures in the design
BEAT_S = 1.3  # the hub tells of new equipment once a second
TURNS = 7
TURN_S = 0.5
ACK_ROUNDS = 200  # clients acknowledge once a second, which at 4 Hz is each fourth frame
STALLED_ROUNDS = 240  # 72 KB: more than the small buffers of both ends hold
STALLED_TURNS = 5
NOISE = 0.05  # a difference that turns of the same server show too
STALLED_KB_MAX = 64
CLIENT_KB_MAX = 12


@dataclass
class Contender:
    name: str
    stand: Stand
    crowd: Crowd
    idle_kb: float = 0.0  # memory of each client
    per_cpu_s: list[float] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.crowd.sockets)

    def turn(self, acks: bool = False) -> float:
        """Frames per CPU-second of one turn."""
        began_s, cpu_s, rounds = time.monotonic(), self.stand.cpu_s(), 0
        while time.monotonic() - began_s < TURN_S:
            self.round()
            rounds += 1
            if acks and rounds % ACK_ROUNDS == 0:
                self.crowd.acknowledge()
        speed = rounds * self.size / (self.stand.cpu_s() - cpu_s)
        self.per_cpu_s.append(speed)
        if acks:
            self.crowd.acknowledge()
        return speed

    def round(self) -> None:
        self.stand.tell("r")
        got = self.crowd.count(self.size)
        if got != self.size:
            raise RuntimeError(f"{self.name}: {got} of {self.size} clients got the frame")


def join(stand: Stand, size: int) -> Crowd:
    crowd = Crowd([connect(stand.port) for _ in range(size)])
    for sock in crowd.sockets:
        greet(sock.sendall, stand)
    return crowd


def greet(send: Callable[[bytes], None], stand: Stand) -> None:
    send(masked({"t": "hello", "v": 1, "client": "bench"}))
    channel = f"session:{stand.said['session']}"
    send(masked({"t": "subscribe", "channel": channel, "rate_hz": 4}))


def settled(stand: Stand, crowd: Crowd) -> int:
    """After the first, whole frames and what a new source of a metric sets off; a frame's bytes."""
    stand.tell("r")
    crowd.drain(BEAT_S)
    stand.tell("r")
    frame_bytes = crowd.drain(0.3) // len(crowd.sockets)
    crowd.acknowledge()
    crowd.drain()
    return frame_bytes


def contenders(stack: ExitStack, size: int) -> tuple[list[Contender], int]:
    """Hub, naive loop and bare sends, each with its crowd; bytes of a frame."""
    hub = stack.enter_context(stand("bench.live_server", "rounds", str(RIDERS)))
    gathered = gather("hub", hub, lambda count: join(hub, count), size)
    frame_bytes = settled(hub, gathered.crowd)
    naive = stack.enter_context(stand("bench.peers", "naive", str(frame_bytes)))
    raw = stack.enter_context(stand("bench.peers", "raw", str(frame_bytes)))
    found = [
        gathered,
        gather("naive", naive, lambda n: Crowd([connect(naive.port) for _ in range(n)]), size),
        Contender("raw", raw, Crowd([plain(raw.port) for _ in range(size)])),
    ]
    for contender in found:
        stack.callback(contender.crowd.close)
    raw.tell("a")  # accepts
    return found, frame_bytes


def gather(name: str, server: Stand, enter: Callable[[int], Crowd], size: int) -> Contender:
    """The first few only warm the server up: what they load belongs to no client."""
    warm = enter(WARM_CLIENTS)
    warm.drain(0.3)
    warm.close()
    empty_kb = server.rss_kb()
    crowd = enter(size)
    crowd.drain(0.3)
    return Contender(name, server, crowd, (server.rss_kb() - empty_kb) / size)


def stalled_reader(hub: Contender) -> tuple[float, int]:
    """Frames per CPU-second of the others with one that does not read, as a share of without.

    And what it costs in KB. The share is 1 if the others do not notice.
    """
    shares, costs_kb = [], []
    for _ in range(STALLED_TURNS):
        alone, before_kb = hub.turn(acks=True), hub.stand.rss_kb()
        with connect(hub.stand.port, receive_bytes=4096) as stalled:
            greet(stalled.sendall, hub.stand)
            for _ in range(STALLED_ROUNDS):
                hub.round()
            hub.crowd.acknowledge()
            costs_kb.append(hub.stand.rss_kb() - before_kb)
            shares.append(hub.turn(acks=True) / alone)
    return median(shares), round(median(costs_kb))


def rows_of(size: int) -> list[Row]:
    with ExitStack() as stack:
        (hub, naive, raw), frame_bytes = contenders(stack, size)
        for _ in range(TURNS):
            hub.turn(acks=True)
            naive.turn()
            raw.turn()
        pairs = list(zip(hub.per_cpu_s, naive.per_cpu_s, raw.per_cpu_s, strict=True))
        share = median([h / r for h, _, r in pairs])
        naive_share = median([n / r for _, n, r in pairs])
        language = raw.stand.said["loop"]
        found = [
            Row(
                f"frames per CPU-s ÷ raw send() in {language}, {size} clients, {frame_bytes} B",
                f"{share:.2f} ({median(hub.per_cpu_s) / 1000:.0f} k / "
                f"{median(raw.per_cpu_s) / 1000:.0f} k)",
                f"≥ {TARGETS[size]:.2f}",
                share >= TARGETS[size],
                f"starlette send_text: {naive_share:.2f}",
            ),
            Row(
                f"frames per CPU-s ÷ starlette send_text, {size} clients",
                f"{median([h / n for h, n, _ in pairs]):.2f}",
            ),
        ]
        if size == max(SIZES):
            found.append(
                Row(
                    "memory per idle client (RSS, no TLS)",
                    f"{hub.idle_kb:.1f} KB",
                    f"≤ {CLIENT_KB_MAX} KB",
                    hub.idle_kb <= CLIENT_KB_MAX,
                    f"starlette: {naive.idle_kb:.1f} KB",
                )
            )
        else:
            kept, cost_kb = stalled_reader(hub)
            found.append(
                Row(
                    f"one stalled reader among {size}: speed of the others; its memory",
                    f"{kept:.2f} × without; {cost_kb} KB",
                    f"1.00 ± noise; ≤ {STALLED_KB_MAX} KB",
                    abs(1 - kept) <= NOISE and cost_kb <= STALLED_KB_MAX,
                )
            )
        return found


def rows() -> list[Row]:
    allow_many_files()
    keep_to_core(1)
    try:
        return [
            *(row for size in SIZES for row in rows_of(size)),
            later("frames per CPU-s ÷ raw send(), 5000 clients", "≥ 0.75"),
            later("frames per CPU-s ÷ socket.io 4.8", "≥ 1.9"),
        ]
    finally:
        keep_to_all()
