"""A full room: 1000 athletes at 4 Hz, 3000 clients, alarms beside them.

From the audience's tick to the frame at the client, and from the reading; how late alarms ring.
"""

from __future__ import annotations

import gc
import json
import socket
import time
from contextlib import ExitStack

from bench.crowd import Crowd, boot_ms, connect, hub_offset_ms, masked
from bench.figures import p50_p99, quantile, waited_s
from bench.stand import allow_many_files, stand
from bench.table import Row
from hub.wire.live_rows import ROW_FIELDS

ATHLETES = 1_000
CLIENTS_EACH = 3
WARM_S = 2.0
MEASURE_S = 8.0
FRAMES_PER_ACK = 4  # of a client at 4 Hz: one a second
PUSH_MS_MAX = 2.0
ALARM_MS_MAX = 1.0
POWER_AT = ROW_FIELDS.index("power_w.at_ms")


class Ears:
    """What all clients hear: when, and the frame itself; read once it is quiet again."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._counts: dict[socket.socket, int] = {}

    def hear(self, sock: socket.socket, payload: bytes) -> None:
        self.heard.append((boot_ms(), payload))
        count = self._counts[sock] = self._counts.get(sock, len(self._counts)) + 1
        if count % FRAMES_PER_ACK == 0:
            at = payload.find(b'"n":') + 4
            n = int(payload[at : payload.find(b",", at)]) if at >= 4 else 0
            sock.send(masked({"t": "ack", "n": n}))


def enter(port: int) -> Crowd:
    sockets = []
    for i in range(ATHLETES * CLIENTS_EACH):
        name = "ann" if i % ATHLETES == 0 else f"a{i % ATHLETES:04}"
        sock = connect(port)
        sock.sendall(
            masked({"t": "hello", "v": 1, "client": "bench"})
            + masked({"t": "subscribe", "channel": f"athlete:{name}", "rate_hz": 4})
        )
        sockets.append(sock)
    return Crowd(sockets)


def latencies_ms(ears: Ears, offset_ms: int) -> tuple[list[float], list[float]]:
    """From the tick and from the reading to the client, of every frame that was not a whole one."""
    from_tick: list[float] = []
    from_reading: list[float] = []
    for received_ms, payload in ears.heard:
        frame = json.loads(payload)
        if frame["t"] == "state" and not frame["whole"]:
            now_ms = received_ms + offset_ms
            from_tick.append(now_ms - frame["at_ms"])
            from_reading += (now_ms - row[POWER_AT] for row in frame["rows"])
    return from_tick, from_reading


def rows() -> list[Row]:
    allow_many_files()
    with ExitStack() as stack:
        hub = stack.enter_context(stand("bench.live_server", "clocked", str(ATHLETES)))
        clock = stack.enter_context(connect(hub.port))
        offset_ms = hub_offset_ms(clock)
        crowd = enter(hub.port)
        stack.callback(crowd.close)
        crowd.drain(0.1)
        crowd.acknowledge()
        hub.tell("f")
        crowd.listen(Ears().hear, time.monotonic() + WARM_S)
        hub.tell("a")
        ears, cpu_s, stolen_s = Ears(), hub.cpu_s(), waited_s(hub.pid)
        gc.disable()  # ours: a pause of the listener would look like a late frame
        crowd.listen(ears.hear, time.monotonic() + MEASURE_S)
        gc.enable()
        cpu_share = (hub.cpu_s() - cpu_s) / MEASURE_S
        waited = (waited_s(hub.pid) - stolen_s) / MEASURE_S
        hub.tell("e")
        late = hub.hear()
    from_tick, from_reading = latencies_ms(ears, offset_ms)
    alarm, call_later = late["alarm"], late["call_later"]
    push_ms, alarm_ms = quantile(from_tick, 0.99), quantile(alarm, 0.99)
    room = f"{ATHLETES} athletes × 4 Hz, {ATHLETES * CLIENTS_EACH} clients"
    return [
        Row(
            f"tick → client frame, p50 / p99; {room}",
            p50_p99(from_tick),
            f"p99 ≤ {PUSH_MS_MAX:.0f} ms",
            push_ms <= PUSH_MS_MAX,
        ),
        Row("reading → client frame under that load, p50 / p99", p50_p99(from_reading, digits=0)),
        Row(
            "frames delivered; the hub's CPU for all of it; time it waited for a core",
            f"{len(from_tick) / MEASURE_S / 1000:.1f} k/s; {cpu_share:.0%}; {waited:.1%}",
        ),
        Row(
            "the hub's GC under that load, passes; longest pause",
            f"{len(late['gc'])}; {max(late['gc'], default=0.0):.1f} ms",
        ),
        Row(
            "alarm lateness under that load, p50 / p99 (earliest)",
            f"{p50_p99(alarm)} ({min(alarm):.2f})",
            f"p99 ≤ {ALARM_MS_MAX:.0f} ms, never early",
            alarm_ms <= ALARM_MS_MAX and min(alarm) >= 0,
            f"call_later: {p50_p99(call_later)} ({min(call_later):.2f})",
        ),
    ]
