"""Draws a ride held by heart rate: Derny, and the calm one of the tuned PIDs, with a faulty strap.

    cd tests && ../.venv/bin/python -m journeys.heart_rate_plot ../docs/img

The same riders, straps and controllers as `make bench`'s `heart-rate`; the rider drawn is the one
whose worst overshoot with Derny is the median. Needs Chromium, which turns the drawing into pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from bench.bench_heart_control import compare
from bench.heart_riders import RIDE_S, STEPS, WARM_UP_S, Bpm, Ride, Worn, faults, outcome
from journeys.trainer_plot import Line, draw, lane, picture, shaded

DERNY, PID, GOAL = "#1f6feb", "#d1242f", "#57606a"
BLIND = ("dropout", "freeze")
SPAN_BPM = 80


def median_rider(ride: Ride) -> int:
    worst_bpm = outcome(ride).overshoot_bpm.reshape(len(STEPS), -1).max(axis=0)
    return int(np.argsort(worst_bpm)[len(worst_bpm) // 2])


def svg() -> str:
    compared = compare(Worn.FAULTY)
    derny, pid = compared.derny, compared.calm
    i = median_rider(derny)
    seed, ftp_w = derny.group.seeds[i], float(derny.group.ftp_w[i])

    def line(
        name: str, colour: str, seconds: list[Bpm], dashes: str = "", begin_s: int = 0
    ) -> Line:
        points = [(float(at_s), float(one[i])) for at_s, one in enumerate(seconds)]
        return name, colour, dashes, [*points[begin_s:]]

    hearts = [
        line("goal", GOAL, derny.goal_bpm, "6 5", WARM_UP_S),
        line("the heart with Derny", DERNY, derny.true_bpm),
        line("with the PID", PID, pid.true_bpm),
    ]
    watts = [
        line("asked by Derny", DERNY, derny.asked_w),
        line("asked by the PID", PID, pid.asked_w),
    ]
    blind = [fault for fault in faults(seed) if fault.kind in BLIND]
    body = "".join(shaded((fault.begins, fault.ends), RIDE_S, 2) for fault in blind)
    top_bpm = 10 * float(np.ceil(max(second[i] for second in pid.true_bpm) / 10))
    low_bpm = top_bpm - SPAN_BPM
    body += lane(0, "Heart rate, bpm", top_bpm, RIDE_S, hearts, low=low_bpm, every_s=300)
    body += lane(1, "Power, W", round(1.1 * ftp_w), RIDE_S, watts, every_s=300)
    note = f"simulated rider {seed}, FTP {ftp_w:.0f} W; shaded: the strap is silent or frozen"
    return picture("A ride held by heart rate", note, body, 2, hearts)


def main() -> None:
    draw(Path(sys.argv[1]), {"heart-rate-control": svg()})


if __name__ == "__main__":
    main()
