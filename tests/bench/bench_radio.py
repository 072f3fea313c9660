"""CPU of the gateway with 20 and 100 sensors on the air: all of them live, or only heard.

`derny up --demo` as real processes; half of the sensors are straps, half trainers. Heard only: the
gateway connects what is assigned, and nothing is.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from house import House, house, wait_until

from bench.figures import cpu_s, rss_kb, waited_s
from bench.table import Row

ROOMS = (20, 100)
LIVE_S_MAX = 180.0
SETTLED_S = 3.0
MEASURE_S = 20.0
SHARE_MAX = 0.10  # of a core, with 100 sensors live


def scenario(sensors: int) -> str:
    riders = [
        f"""[[riders]]
name = "Rider {i}"
ftp_w = 230
max_hr_bpm = 186
rest_hr_bpm = 54
weight_kg = 64
seed = {i}
sensors = [
  {{ kind = "heart_rate_strap", name = "Strap {i}" }},
  {{ kind = "smart_trainer", name = "Trainer {i}" }},
]
"""
        for i in range(1, sensors // 2 + 1)
    ]
    return "\n".join([f'description = "{sensors} sensors"', "seed = 1", *riders])


def counted(home: House, link: str) -> int:
    sensors: list[dict[str, Any]] = home.call("GET", "/api/sensors")["sensors"]
    return sum(sensor["link"] == link for sensor in sensors)


def measured(sensors: int, connect: str, link: str) -> tuple[float, float, int, float]:
    """Of a core: used and waited for; memory, KB; s until every sensor was `link`."""
    with tempfile.TemporaryDirectory(prefix="derny-bench-") as name:
        folder = Path(name)
        (folder / "gateway.toml").write_text(f'[radio]\nconnect = "{connect}"\n')
        file = folder / "room.toml"
        file.write_text(scenario(sensors))
        with house(folder, "--demo", "--scenario", str(file)) as home:
            began_s = time.monotonic()
            wait_until(
                lambda: counted(home, link) >= sensors, LIVE_S_MAX, f"{sensors} sensors {link}"
            )
            ready_s = time.monotonic() - began_s
            time.sleep(SETTLED_S)
            pid = home.children()["gateway"]
            before = cpu_s(pid), waited_s(pid)
            began_s = time.monotonic()
            time.sleep(MEASURE_S)
            spent_s = time.monotonic() - began_s
            used, waited = cpu_s(pid) - before[0], waited_s(pid) - before[1]
            return used / spent_s, waited / spent_s, rss_kb(pid), ready_s


def rows() -> list[Row]:
    found = []
    for sensors in ROOMS:
        used, waited, memory_kb, ready_s = measured(sensors, "all", "live")
        target = f"≤ {SHARE_MAX:.0%} of a core" if sensors == max(ROOMS) else ""
        found.append(
            Row(
                f"{sensors} simulated sensors live, whole gateway; time it waited for a core",
                f"{used:.1%}; {waited:.1%}; {memory_kb >> 10} MB; all live in {ready_s:.0f} s",
                target,
                used <= SHARE_MAX if target else None,
            )
        )
        used, waited, *_ = measured(sensors, "assigned", "seen")
        found.append(
            Row(
                f"{sensors} simulated sensors advertising, none connected",
                f"{used:.1%}; {waited:.1%}",
            )
        )
    return found
