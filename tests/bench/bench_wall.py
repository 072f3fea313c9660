"""A TV wall of 200 athletes at 4 Hz: frames and bytes a second, beside one JSON object per row."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack

from bench.crowd import Crowd, connect, masked
from bench.stand import stand
from bench.table import Row
from hub.wire.live_rows import ROW_FIELDS

ATHLETES = 200
WARM_S = 1.5
MEASURE_S = 3.0
FEWER_BYTES_MIN = 3.0


def object_bytes(row: list[object]) -> int:
    """The same row as `send_json` sends a record."""
    named = dict(zip(ROW_FIELDS, row, strict=True))
    return len(json.dumps({"type": "state", **named}, separators=(",", ":")))


def rows() -> list[Row]:
    heard: list[bytes] = []

    def hear(sock: socket.socket, payload: bytes) -> None:
        heard.append(payload)
        message = json.loads(payload)
        if message["t"] == "state":
            sock.send(masked({"t": "ack", "n": message["n"]}))

    with ExitStack() as stack:
        hub = stack.enter_context(stand("bench.live_server", "clocked", str(ATHLETES)))
        crowd = Crowd([connect(hub.port)])
        stack.callback(crowd.close)
        crowd.say({"t": "hello", "v": 1, "client": "wall"})
        channel = f"session:{hub.said['session']}"
        crowd.say({"t": "subscribe", "channel": channel, "rate_hz": 4})
        hub.tell("f")
        crowd.listen(hear, time.monotonic() + WARM_S)
        heard.clear()
        crowd.listen(hear, time.monotonic() + MEASURE_S)
        hub.tell("e")
    frames = [json.loads(payload) for payload in heard]
    states = [frame for frame in frames if frame["t"] == "state"]
    sent = [row for frame in states for row in frame["rows"]]
    wire_bytes = sum(map(len, heard))
    naive_bytes = sum(map(object_bytes, sent))
    per_s, fewer = len(states) / MEASURE_S, naive_bytes / wire_bytes
    return [
        Row(
            f"wall of {ATHLETES} athletes at 4 Hz, no compression",
            f"{per_s:.1f} frames/s, {wire_bytes / MEASURE_S / 1000:.0f} kB/s",
            "4 frames/s",
            3.5 <= per_s <= 4.5,
            f"a frame a row: {len(sent) / MEASURE_S:.0f} frames/s",
        ),
        Row(
            "bytes of one JSON object per row ÷ ours",
            f"{fewer:.1f} ×",
            f"≥ {FEWER_BYTES_MIN:.0f} ×",
            fewer >= FEWER_BYTES_MIN,
        ),
    ]
