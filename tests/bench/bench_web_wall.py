"""The web client with a hundred tiles at 4 Hz on a slow machine: frames drawn a second.

The hub, its riders and the browser are real; the tiles are those of the start page's demo class.
"""

from __future__ import annotations

import json
import subprocess
import sys

from needs import chromium_path

from bench.bench_stress import bring, loaded_house
from bench.table import Row
from bench.wall_page import HZ, SLOWER
from firmware_sim.crowd import Load

TILES = 100
LOAD = Load(athletes=TILES, hz=4.0, gateways=1, seconds=30.0)
FPS_MIN = 57.0
WHAT = f"web wall, {TILES} tiles at {HZ} Hz, {SLOWER}× CPU throttle"


def rows() -> list[Row]:
    target = f"≥ {FPS_MIN:.0f} fps"
    if chromium_path() is None:
        return [Row(WHAT, "not measured: no chromium", target)]
    with loaded_house(LOAD.gateways) as (home, keys):
        page = subprocess.Popen(
            [sys.executable, "-m", "bench.wall_page", home.base, home.cookie, str(TILES)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            bring(home, LOAD, keys, assign=True)
            said, _ = page.communicate(timeout=60)
        finally:
            page.kill()
            page.wait()
    if page.returncode:
        raise RuntimeError("the page could not be measured: see above")
    seen = json.loads(said)
    return [
        Row(
            WHAT,
            f"{seen['fps']:.1f} fps, p99 between two frames {seen['gap_p99_ms']:.0f} ms; "
            f"{seen['states_per_s']:.1f} state frames/s",
            target,
            seen["fps"] >= FPS_MIN,
        )
    ]
