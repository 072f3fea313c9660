"""Delivered frames per CPU-second of the server: the hub's `/live`, its peers, bare `send()`.

Closed loop: one order, one frame to each of N clients, the next order when all have it. The servers
run at once and take turns of TURN_S, so that a noisy neighbour meets them alike; ratios are taken
within a turn, then the median. All share one core: a load that slept on another one would have to
be woken by single sends, at the server's cost and more often the slower it is.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.crowd import Crowd, connect, masked, masked_text, plain
from bench.figures import median
from bench.node_peers import node_peer
from bench.stand import Stand, allow_many_files, keep_to_all, keep_to_one_core, stand
from bench.table import Row

SIZES = (100, 1000, 5000)
TARGETS = {100: 0.90, 1000: 0.85, 5000: 0.75}
WARM_CLIENTS = 20
RIDERS = 2  # in the session: the frame has about 400 bytes
BEAT_S = 1.3  # the hub tells of new equipment once a second
TURNS = 7
TURN_S = 0.5
ACK_ROUNDS = 200  # clients acknowledge once a second, which at 4 Hz is each fourth frame
STALLED_ROUNDS = 240  # 72 KB: more than the small buffers of both ends hold
STALLED_TURNS = 5
ACCEPTED_AT_ONCE = 1_000
NOISE = 0.05  # a difference that turns of the same server show too
STALLED_KB_MAX = 64
CLIENT_KB_MAX = 12

AGAIN, ANEW = "s", "r"  # orders: send the rows as they are; take readings and make them first
EVENTS = {"2": 4, "4": 16}  # orders of so many events in one turn of the loop
EVENTS_MIN = {4: 2.5, 16: 10.0}

NAIVE, BROADCAST, WS, SOCKET_IO, RAW = "starlette", "websockets", "ws", "socket.io", "raw"
# At 5000 the sockets of all of them together are more than a machine wants to hold.
PEERS = {
    100: (NAIVE, BROADCAST, WS, SOCKET_IO, RAW),
    1000: (NAIVE, BROADCAST, WS, SOCKET_IO, RAW),
    5000: (NAIVE, RAW),
}
TIMES_MIN = {NAIVE: 1.8, SOCKET_IO: 1.9}
TITLES = {NAIVE: "starlette send_text", SOCKET_IO: "socket.io 4.8"}


@dataclass
class Contender:
    name: str
    stand: Stand
    crowd: Crowd
    idle_kb: float = 0.0  # memory of each client
    per_cpu_s: dict[str, list[float]] = field(default_factory=dict)  # by order

    @property
    def size(self) -> int:
        return len(self.crowd.sockets)

    def turn(self, order: str = ANEW, acks: bool = False) -> float:
        """Frames per CPU-second of one turn."""
        frames = EVENTS.get(order, 1)
        began_s, cpu_s, rounds = time.monotonic(), self.stand.cpu_s(), 0
        while time.monotonic() - began_s < TURN_S:
            self.round(order, frames)
            rounds += 1
            if acks and rounds % ACK_ROUNDS == 0:
                self.crowd.acknowledge()
        speed = rounds * frames * self.size / (self.stand.cpu_s() - cpu_s)
        self.per_cpu_s.setdefault(order, []).append(speed)
        if acks:
            self.crowd.acknowledge()
        return speed

    def round(self, order: str = ANEW, frames: int = 1) -> None:
        self.stand.tell(order)
        got = self.crowd.count(self.size * frames)
        if got != self.size * frames:
            raise RuntimeError(f"{self.name}: {got} of {self.size * frames} frames came")


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


def contenders(stack: ExitStack, size: int) -> tuple[Contender, dict[str, Contender], int]:
    """The hub and its peers, each with its crowd; bytes of a frame."""
    server = stack.enter_context(stand("bench.live_server", "rounds", str(RIDERS)))
    hub = gather("hub", server, lambda count: join(server, count), size)
    stack.callback(hub.crowd.close)
    frame_bytes = settled(server, hub.crowd)
    peers = {}
    for name in PEERS[size]:
        peers[name] = peer(stack, name, size, frame_bytes)
        stack.callback(peers[name].crowd.close)
    return hub, peers, frame_bytes


def peer(stack: ExitStack, name: str, size: int, frame_bytes: int) -> Contender:
    match name:
        case "raw":
            server = stack.enter_context(stand("bench.peers", "raw", str(frame_bytes)))
            return Contender(name, server, Crowd(to_raw(server, size)))
        case "ws" | "socket.io":
            server = stack.enter_context(node_peer(name, frame_bytes))
        case "websockets":
            server = stack.enter_context(stand("bench.peers", "broadcast", str(frame_bytes)))
        case _:
            server = stack.enter_context(stand("bench.peers", "naive", str(frame_bytes)))
    enter = to_socket_io if name == SOCKET_IO else connect
    return gather(name, server, lambda n: Crowd([enter(server.port) for _ in range(n)]), size)


def to_raw(server: Stand, size: int) -> list[socket.socket]:
    """It accepts when it is told to, and no listener's queue holds all of them."""
    sockets = []
    for _ in range(0, size, ACCEPTED_AT_ONCE):
        sockets += [plain(server.port) for _ in range(min(ACCEPTED_AT_ONCE, size))]
        server.tell("a")
    return sockets


def to_socket_io(port: int) -> socket.socket:
    """Engine.IO 4 without its polling, and the namespace `/` of socket.io 5's protocol."""
    sock = connect(port, path="/socket.io/?EIO=4&transport=websocket")
    sock.sendall(masked_text(b"40"))
    return sock


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
        hub, peers, frame_bytes = contenders(stack, size)
        orders = [AGAIN, ANEW, *(EVENTS if size == 1000 else ())]
        for turn in range(TURNS):
            for order in orders:
                hub.turn(order, acks=True)
            names = PEERS[size] if turn % 2 else PEERS[size][::-1]
            for name in names:
                peers[name].turn()
        found = [*told(hub, peers, size, frame_bytes)]
        if size == 100:
            found.append(told_of_stalling(hub, size))
        return found


def ratio(hub: Contender, order: str, other: Contender) -> float:
    return median([h / o for h, o in zip(hub.per_cpu_s[order], other.per_cpu_s[ANEW], strict=True)])


def told(hub: Contender, peers: dict[str, Contender], size: int, frame_bytes: int) -> Iterator[Row]:
    raw = peers[RAW]
    speed, raw_speed = median(hub.per_cpu_s[AGAIN]), median(raw.per_cpu_s[ANEW])
    share, language = ratio(hub, AGAIN, raw), raw.stand.said["loop"]
    yield Row(
        f"frames per CPU-s ÷ raw send() in {language}, {size} clients, {frame_bytes} B",
        f"{share:.2f} ({speed / 1000:.0f} k / {raw_speed / 1000:.0f} k)",
        f"≥ {TARGETS[size]:.2f}",
        share >= TARGETS[size],
        "; ".join(
            f"{name}: {median(one.per_cpu_s[ANEW]) / raw_speed:.2f}"
            for name, one in peers.items()
            if name != RAW
        ),
    )
    yield Row(
        f"the same, {RIDERS} readings fused and their rows made for each frame",
        f"{ratio(hub, ANEW, raw):.2f}",
    )
    for name, least in TIMES_MIN.items():
        if name in peers and size == 1000:
            times = ratio(hub, AGAIN, peers[name])
            yield Row(
                f"frames per CPU-s ÷ {TITLES[name]}, {size} clients",
                f"{times:.2f}",
                f"≥ {least:.1f}",
                times >= least,
            )
    for order, events in EVENTS.items():
        if order in hub.per_cpu_s:
            times = ratio(hub, order, raw)
            yield Row(
                f"{events} events of one turn to each of {size}, per CPU-s ÷ raw send() of each",
                f"{times:.1f}",
                f"≥ {EVENTS_MIN[events]:g}",
                times >= EVENTS_MIN[events],
            )
    if size == 1000:
        yield Row(
            "memory per idle client (RSS, no TLS)",
            f"{hub.idle_kb:.1f} KB",
            f"≤ {CLIENT_KB_MAX} KB",
            hub.idle_kb <= CLIENT_KB_MAX,
            "; ".join(f"{name}: {one.idle_kb:.1f}" for name, one in peers.items() if name != RAW),
        )


def told_of_stalling(hub: Contender, size: int) -> Row:
    kept, cost_kb = stalled_reader(hub)
    return Row(
        f"one stalled reader among {size}: speed of the others; its memory",
        f"{kept:.2f} × without; {cost_kb} KB",
        f"1.00 ± noise; ≤ {STALLED_KB_MAX} KB",
        abs(1 - kept) <= NOISE and cost_kb <= STALLED_KB_MAX,
    )


def rows() -> list[Row]:
    allow_many_files()
    keep_to_one_core()
    try:
        return [row for size in SIZES for row in rows_of(size)]
    finally:
        keep_to_all()
