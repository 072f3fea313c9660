"""Draws the recording of a ride through ten kills, with its gaps and their reasons.

    cd tests && ../.venv/bin/python -m journeys.kills_plot ../docs/img/ten-kills.png

Needs Chromium, which turns the drawing into pixels.
"""

from __future__ import annotations

import html
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from house import PATIENCE_S, wait_until
from journeys.kills import KINDS, Kill, Report, Run
from journeys.kills_house import KillHouse, Wishes, kill_house
from needs import chromium_path
from playwright.sync_api import sync_playwright

SEED = 10
BETWEEN_S = 8.0
TEN = (
    "gateway", "hub", "gateway_unacked", "cut", "both", "gateway_stop", "hub", "reset", "gateway",
    "hub_stop",
)  # fmt: skip

WIDTH, LANE_PX, LEFT, RIGHT, TOP, SPACE = 1280, 150, 76, 16, 150, 26
LANES = (
    ("power_w", "Power", "W", "#1f6feb"),
    ("heart_rate_bpm", "Heart rate", "bpm", "#d1242f"),
    ("cadence_rpm", "Cadence", "rpm", "#1a7f37"),
)
INK, FAINT, GAP, KILL = "#1f2328", "#d0d7de", "#fff1d6", "#8250df"


@dataclass(frozen=True)
class Recording:
    """`kills`: (second of the ride, what). `gaps`: as the hub tells them."""

    streams: dict[str, Any]
    gaps: list[dict[str, Any]]
    kills: list[tuple[float, str]]
    seconds: int


def ridden(house: KillHouse) -> Recording:
    report = Report(SEED)
    run = Run(house, random.Random(SEED), report)
    house.ride()
    house.watch()
    time.sleep(BETWEEN_S)
    for kind in TEN:
        run.strike(kind)
        time.sleep(BETWEEN_S)
    house.http.call("POST", f"/api/sessions/{house.session}/stop", {"key": "stop"})
    session = f"/api/sessions/{house.session}"
    activity = wait_until(
        lambda: house.http.call("GET", session).get("activity"), PATIENCE_S, "recorded"
    )
    ride = house.http.call("GET", f"/api/activities/{activity}")
    streams = house.http.call("GET", f"/api/activities/{activity}/streams")
    begin_ms = house.boot_ms_of(ride["started_at_ms"])
    return Recording(
        streams, ride["gaps"], [_mark(kill, begin_ms) for kill in report.kills], ride["elapsed_s"]
    )


def _mark(kill: Kill, begin_ms: int) -> tuple[float, str]:
    return (kill.began_ms - begin_ms) / 1000, KINDS[kill.kind].what


def drawn(ride: Recording) -> str:
    """SVG."""
    height = TOP + len(LANES) * (LANE_PX + SPACE) + 20
    scale = (WIDTH - LEFT - RIGHT) / max(1, ride.seconds)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="Inter, sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for at, lane in enumerate(LANES):
        parts += _lane(ride, lane, TOP + at * (LANE_PX + SPACE), scale)
    for second, what in ride.kills:
        x = LEFT + second * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 40}" stroke="{KILL}" '
            f'stroke-dasharray="3 3"/><text x="{x:.1f}" y="{TOP - 12}" fill="{KILL}" '
            f'transform="rotate(-28 {x:.1f} {TOP - 12})">{html.escape(what)}</text>'
        )
    for second in range(0, ride.seconds + 1, 10):
        parts.append(
            f'<text x="{LEFT + second * scale:.1f}" y="{height - 14}" text-anchor="middle">'
            f"{second // 60}:{second % 60:02}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def _lane(
    ride: Recording, lane: tuple[str, str, str, str], top: float, scale: float
) -> Iterator[str]:
    metric, title, unit, colour = lane
    column: Sequence[float | None] = ride.streams[metric]
    known = [value for value in column if value is not None]
    most = max(known, default=1) * 1.1 or 1
    for gap in ride.gaps:
        begin, seconds = gap["begins_s"], gap["duration_s"]
        if gap.get("metric") in (None, metric) and None in column[begin : begin + seconds]:
            x, wide = LEFT + begin * scale, seconds * scale
            reason = html.escape(f"{gap['reason']}, {seconds} s")
            yield f'<rect x="{x:.1f}" y="{top}" width="{wide:.1f}" '
            yield f'height="{LANE_PX}" fill="{GAP}"/>'
            yield (
                f'<text x="{x + 4:.1f}" y="{top + LANE_PX - 6}" font-size="11" '
                f'transform="rotate(-90 {x + 4:.1f} {top + LANE_PX - 6})" dy="8">{reason}</text>'
            )
    yield f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{LANE_PX}" '
    yield f'fill="none" stroke="{FAINT}"/>'
    yield f'<text x="8" y="{top + 16}" font-weight="600">{title}</text>'
    yield f'<text x="8" y="{top + 34}">{max(known, default=0):.0f} {unit}</text>'
    yield f'<text x="8" y="{top + LANE_PX - 4}">0</text>'
    for run in _runs(column):
        points = [
            f"{LEFT + (second + 0.5) * scale:.1f},{top + LANE_PX * (1 - value / most):.1f}"
            for second, value in run
        ]
        yield f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
        yield 'stroke-width="2" stroke-linecap="round"/>'


def _runs(column: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """The seconds in a row that have a number."""
    run: list[tuple[int, float]] = []
    for second, value in enumerate(column):
        if value is not None:
            run.append((second, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def pixels(svg: str, path: Path) -> None:
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=1.5)
        page.set_content(f"<style>body{{margin:0}}</style>{svg}")
        page.locator("svg").screenshot(path=path)
        browser.close()


def main(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder, kill_house(Path(folder), Wishes(SEED)) as house:
        ride = ridden(house)
    for metric, title, _, _ in LANES:
        missing = sum(value is None for value in ride.streams[metric])
        print(f"{title}: {len(ride.streams[metric])} seconds, {missing} without a number")
    print("\n".join(str(gap) for gap in ride.gaps))
    pixels(drawn(ride), Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
