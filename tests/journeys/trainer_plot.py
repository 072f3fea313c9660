"""Draws what the governor makes of targets: the spiral guard, and the ramp-in.

    cd tests && ../.venv/bin/python -m journeys.trainer_plot ../docs/img

The real governor against the simulated athlete on the simulated brake, in virtual time; one seed,
so the same picture each time. Needs Chromium, which turns the drawings into pixels.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from needs import chromium_path

from firmware_sim.athlete import STEP_MS, Athlete, Physique
from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import Brake, Erg
from gateway.governor import Governor
from hub.wire.values import PowerTarget

SEED = 3
FTP_W, HABIT_RPM = 250, 88.0
MEASURED_EVERY_MS = 1000
HARD_W = 225
FADES_S, FADED_LEGS = (40, 55), 0.45
SPIRAL_S, RAMP_S = 120, 110
STOPS_S = (50, 60)

WIDTH, LANE_PX, LEFT, RIGHT, TOP, SPACE = 1280, 200, 76, 32, 100, 60
INK, FAINT, SHADE = "#1f2328", "#d0d7de", "#fff1d6"


@dataclass(frozen=True)
class Point:
    """`asked_w` None: the brake is free."""

    at_s: float
    power_w: float
    cadence_rpm: float
    asked_w: int | None


def ride(
    seconds: int,
    wanted_w: Callable[[float], int],
    *,
    guarded: bool = True,
    legs: Callable[[float], float] = lambda at_s: 1.0,
    rests: Callable[[float], bool] = lambda at_s: False,
) -> Iterator[Point]:
    """One rider under ERG. Without `guarded` the brake holds what is wanted, as it is."""
    physique = Physique(FTP_W, 190, cadence_rpm=HABIT_RPM)
    athlete, brake = Athlete(physique, random.Random(SEED)), Brake(1.0, 75.0)
    governor, body = Governor(None, None), Body()
    begun = False
    for now_ms in range(0, seconds * 1000, STEP_MS):
        at_s = now_ms / 1000
        governor.want(PowerTarget(wanted_w(at_s)))
        target = governor.allowed(now_ms).target
        if target is not None and not begun:
            governor.begin(now_ms)
            target = governor.allowed(now_ms).target
        begun = target is not None
        asked_w = target.power_w if isinstance(target, PowerTarget) else None
        if not guarded:
            asked_w = wanted_w(at_s)
        brake.held = None if asked_w is None else Erg(asked_w)
        demand_w = brake.demand_w(body)
        body = athlete.advance(now_ms, demand_w, resting=rests(at_s), legs=legs(at_s))
        brake.feel(body, now_ms)
        if now_ms % MEASURED_EVERY_MS == 0:
            governor.measurement(brake.power_w, body.cadence_rpm, now_ms)
        yield Point(at_s, brake.power_w, body.cadence_rpm, asked_w)


def spiral() -> tuple[list[Point], list[Point]]:
    """Legs fail for a while in an interval: without the guard, and with it."""

    def legs(at_s: float) -> float:
        return FADED_LEGS if FADES_S[0] <= at_s < FADES_S[1] else 1.0

    without = list(ride(SPIRAL_S, lambda at_s: HARD_W, guarded=False, legs=legs))
    return without, list(ride(SPIRAL_S, lambda at_s: HARD_W, legs=legs))


def ramp() -> list[Point]:
    """A start, a stop at the traffic light, and a step under way, which is at once."""

    def wanted_w(at_s: float) -> int:
        return 280 if at_s >= 90 else 220

    return list(ride(RAMP_S, wanted_w, rests=lambda at_s: STOPS_S[0] <= at_s < STOPS_S[1]))


# Drawing

Line = tuple[str, str, str, list[tuple[float, float | None]]]  # name, colour, dashes, points


def lane(
    i: int,
    title: str,
    top: float,
    seconds: int,
    lines: list[Line],
    *,
    low: float = 0,
    every_s: int = 10,
) -> str:
    """One strip, from `low` to `top`. From a minute on, `every_s` is told in minutes."""
    y0 = TOP + i * (LANE_PX + SPACE)

    def x(at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at_s / seconds

    def y(value: float) -> float:
        return y0 + LANE_PX * (1 - (value - low) / (top - low))

    parts = [_title(title, y0)]
    for value in (low, (low + top) / 2, top):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}" stroke="{FAINT}"/>'
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" '
            f'class="m">{value:.0f}</text>'
        )
    for at_s in range(0, seconds + 1, every_s):
        told = f"{at_s} s" if every_s < 60 else f"{at_s // 60} min"
        parts.append(
            f'<text x="{x(at_s):.1f}" y="{y0 + LANE_PX + 18}" text-anchor="middle" '
            f'class="m">{told}</text>'
        )
    for _, colour, dashes, points in lines:
        run: list[str] = []
        for at_s, value in [*points, (0.0, None)]:
            if value is not None:
                run.append(f"{x(at_s):.1f},{y(min(max(value, low), top)):.1f}")
            elif run:
                parts.append(
                    f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" '
                    f'stroke-width="2.5" stroke-dasharray="{dashes}"/>'
                )
                run = []
    return "".join(parts)


def _title(text: str, y0: float) -> str:
    return f'<text x="{LEFT}" y="{y0 - 12}" class="t">{text}</text>'


def shaded(span_s: tuple[int, int], seconds: int, lanes: int) -> str:
    left, right = (LEFT + (WIDTH - LEFT - RIGHT) * at_s / seconds for at_s in span_s)
    height = lanes * LANE_PX + (lanes - 1) * SPACE
    return (
        f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{height}" '
        f'fill="{SHADE}"/>'
    )


def picture(title: str, note: str, body: str, lanes: int, lines: list[Line]) -> str:
    height = TOP + lanes * (LANE_PX + SPACE)
    legend, x = "", LEFT
    for name, colour, dashes, _ in lines:
        legend += (
            f'<line x1="{x}" x2="{x + 28}" y1="58" y2="58" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{dashes}"/><text x="{x + 36}" y="62" class="m">{name}</text>'
        )
        x += 60 + 8 * len(name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}"><style>text{{font-family:system-ui,sans-serif;'
        f"fill:{INK}}} .t{{font-size:15px;font-weight:600}} .m{{font-size:13px}}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="{LEFT}" y="34" style="font-size:20px;font-weight:650">{title}</text>'
        f'<text x="{WIDTH - RIGHT}" y="34" text-anchor="end" class="m">{note}</text>'
        f"{legend}{body}</svg>"
    )


def _line(
    name: str,
    colour: str,
    points: list[Point],
    value: Callable[[Point], float | None],
    dashes: str = "",
) -> Line:
    return name, colour, dashes, [(point.at_s, value(point)) for point in points]


def spiral_svg() -> str:
    without, guarded = spiral()
    cadence = [
        _line("without the guard", "#d1242f", without, lambda p: p.cadence_rpm),
        _line("with it", "#1f6feb", guarded, lambda p: p.cadence_rpm),
    ]
    target = [
        _line("asked without the guard", "#d1242f", without, lambda p: p.asked_w, "6 5"),
        _line("asked with it", "#1f6feb", guarded, lambda p: p.asked_w, "6 5"),
        _line("ridden", "#57606a", guarded, lambda p: p.power_w),
    ]
    body = shaded(FADES_S, SPIRAL_S, 2)
    body += lane(0, "Cadence, rpm", 100, SPIRAL_S, cadence)
    body += lane(1, "Power, W", 300, SPIRAL_S, target)
    title = f"{HARD_W} W, and legs that fail for {FADES_S[1] - FADES_S[0]} s"
    return picture(title, "simulated rider, real governor", body, 2, [*cadence, *target])


def ramp_svg() -> str:
    points = ramp()
    lines = [
        _line("asked", "#1f6feb", points, lambda p: p.asked_w, "6 5"),
        _line("ridden", "#57606a", points, lambda p: p.power_w),
    ]
    body = shaded(STOPS_S, RAMP_S, 1) + lane(0, "Power, W", 300, RAMP_S, lines)
    title = "220 W: a start, a stop of 10 s, then a step to 280 W"
    return picture(title, "simulated rider, real governor", body, 1, lines)


def main() -> None:
    draw(Path(sys.argv[1]), {"spiral-guard": spiral_svg(), "ramp-in": ramp_svg()})


def draw(folder: Path, pictures: dict[str, str]) -> None:
    """Each SVG becomes `folder`/name.png."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, svg in pictures.items():
            drawing = Path(scratch) / f"{name}.html"
            drawing.write_text(f"<body style='margin:0'>{svg}</body>", encoding="utf-8")
            page = browser.new_page(viewport={"width": WIDTH, "height": 100})
            page.goto(drawing.as_uri())
            page.locator("svg").screenshot(path=folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
