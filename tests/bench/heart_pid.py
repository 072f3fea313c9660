"""The peer: a PID on heart rate, with its gains tuned on a grid over riders of other seeds.

It gets everything that a good PID gets: the feed-forward of the thresholds, gains in units of each
rider's usual watts per beat, a filtered derivative on the measurement, no integration while its
output is limited, and the same cap and slew as Derny's. Without a new heart rate it holds.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.heart_fleet import Fleet
from bench.heart_riders import (
    BAND_BPM,
    RIDE_S,
    STEPS,
    WARM_UP_S,
    WARM_UP_SHARE,
    Bpm,
    Felt,
    Group,
    Watts,
    goals_bpm,
)
from hub.core.heart_control import CAP_SHARE, FALL_PER_S, RISE_PER_S
from hub.core.heart_model import ON_BIKE_BPM, REST_BPM, SHARE_AT_FTP

FRESH_S = 3
FILTER_S = 8.0


class Gains(NamedTuple):
    """In units of the rider's usual watts per bpm: 1, 1/s, s."""

    p: float
    i: float
    d: float


GRID = tuple(
    Gains(*gains)
    for gains in product(
        (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
        (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06),
        (0.0, 5.0, 10.0, 20.0, 40.0, 80.0),
    )
)


class Pid:
    """For many riders at once; each column of the gains is one rider's."""

    def __init__(self, ftp_w: Watts, max_hr_bpm: Bpm, gains: NDArray[np.float64]) -> None:
        self._p, self._i, self._d = gains
        self._ftp_w = ftp_w
        self._w_per_bpm = ftp_w / (SHARE_AT_FTP * max_hr_bpm - REST_BPM - ON_BIKE_BPM)
        self._smooth: Bpm | None = None
        self._slope = np.zeros_like(ftp_w)
        self._sum = np.zeros_like(ftp_w)
        self._asked_w = WARM_UP_SHARE * ftp_w

    def observe(self, felt: Felt) -> None:
        self._feel(felt.bpm, np.ones(len(felt.bpm), bool))

    def ask(self, felt: Felt) -> Watts:
        fresh = felt.at_s - felt.heard_s <= FRESH_S
        smooth = self._feel(felt.bpm, fresh)
        error = felt.goal_bpm - smooth
        ahead_w = (felt.goal_bpm - REST_BPM - ON_BIKE_BPM) * self._w_per_bpm
        parts = self._p * error + self._i * self._sum - self._d * self._slope
        wanted_w = ahead_w + self._w_per_bpm * parts
        most_w = np.minimum(CAP_SHARE * self._ftp_w, self._asked_w + RISE_PER_S * self._ftp_w)
        least_w = np.maximum(0, self._asked_w - FALL_PER_S * self._ftp_w)
        asked_w = np.clip(wanted_w, least_w, most_w)
        winds = ((wanted_w > most_w) & (error > 0)) | ((wanted_w < least_w) & (error < 0))
        self._sum += np.where(fresh & ~winds, error, 0)
        self._asked_w = np.where(fresh, asked_w, self._asked_w)
        return self._asked_w

    def _feel(self, bpm: Bpm, fresh: NDArray[np.bool_]) -> Bpm:
        before = bpm if self._smooth is None else self._smooth
        smooth = np.where(fresh, before + (bpm - before) / FILTER_S, before)
        self._slope = np.where(fresh, smooth - before, self._slope)
        self._smooth = smooth
        return smooth


class Tuned(NamedTuple):
    """`fast`: by heart rate alone. `calm`: the watts it moves count too."""

    fast: Gains
    calm: Gains


def tune(riders: Group, seed: int) -> Tuned:
    """The gains of least cost: % of time out of the band, 5 for each bpm of the overshoot's 90th
    percentile above 3, and, calm, 1 for each 5 W a minute. Straps are good here: what a strap does
    wrong cannot be tuned away.
    """
    count = len(riders.seeds)
    gains = np.repeat(np.array(GRID), count, axis=0).T
    fleet = Fleet(riders, len(GRID), seed)
    ftp_w, max_hr_bpm = (np.tile(one, len(GRID)) for one in (riders.ftp_w, riders.max_hr_bpm))
    pid = Pid(ftp_w, max_hr_bpm, gains)
    asked_w, bpm = WARM_UP_SHARE * ftp_w, fleet.true_bpm
    off = np.empty((RIDE_S - WARM_UP_S, len(ftp_w)))
    moved_w = np.zeros_like(ftp_w)
    for at_s in range(RIDE_S):
        goal_bpm = goals_bpm(max_hr_bpm, at_s)
        now = np.full(len(bpm), at_s)
        if goal_bpm is None:
            pid.observe(Felt(at_s, bpm, now, fleet.power_w, bpm))
        else:
            before_w, asked_w = asked_w, pid.ask(Felt(at_s, bpm, now, fleet.power_w, goal_bpm))
            moved_w += np.abs(asked_w - before_w)
        bpm = fleet.second(asked_w)
        if goal_bpm is not None:
            off[at_s - WARM_UP_S] = fleet.true_bpm - goal_bpm
    costs = _costs(off, count)
    w_per_min = 60 / len(off) * moved_w.reshape(-1, count).mean(axis=1)
    return Tuned(GRID[int(costs.argmin())], GRID[int((costs + w_per_min / 5).argmin())])


def _costs(off: NDArray[np.float64], riders: int) -> NDArray[np.float64]:
    """By gains; `off` is by second and column."""
    out_pct = 100 * (np.abs(off) > BAND_BPM).mean(axis=0).reshape(-1, riders).mean(axis=1)
    overshoots, begins = [], 0
    for _, length in STEPS:
        part = off[begins : begins + length]
        beyond = np.where(part[0] < 0, part, -part).max(axis=0)
        overshoots.append(np.maximum(beyond, 0).reshape(-1, riders))
        begins += length
    p90_bpm = np.quantile(np.concatenate(overshoots, axis=1), 0.9, axis=1)
    return out_pct + 5 * np.maximum(p90_bpm - 3, 0)
