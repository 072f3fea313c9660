"""From a notification's bytes to a measurement: one sensor's frames in order, as captured."""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench.table import Row
from gateway.gatt.decoder import Decoder

GOLDEN = Path(__file__).parents[1] / "golden" / "sensors"
FILES = {
    "2a37": "heart_rate_2a37",
    "2a63": "cps_2a63",
    "2a5b": "csc_2a5b",
    "2ad2": "ftms_indoor_bike_2ad2",
    "2a53": "rsc_2a53",
}
FRAMES = 4_000
ROUNDS = 5
TARGET_US = 5.0


def frames(name: str) -> list[bytes]:
    vectors = json.loads((GOLDEN / f"{name}.json").read_text())["vectors"]
    return [bytes.fromhex(vector["hex"]) for vector in vectors]


def decode_us(char: str, captured: list[bytes]) -> float:
    decoder = Decoder()
    feed = [captured[i % len(captured)] for i in range(FRAMES)]
    began_ns = time.process_time_ns()
    for i, data in enumerate(feed):
        decoder.feed(char, data, i * 250)
    return (time.process_time_ns() - began_ns) / 1e3 / FRAMES


def rows() -> list[Row]:
    found = []
    for char, name in FILES.items():
        captured = frames(name)
        best_us = min(decode_us(char, captured) for _ in range(ROUNDS))
        what = f"decode a {char} frame ({len(captured)} captured ones)"
        met = best_us < TARGET_US
        found.append(Row(what, f"{best_us:.2f} µs", f"< {TARGET_US:.0f} µs", met))
    return found
