"""Thousands of simulated hearts at once, in arrays: on these the peer's gains are tuned.

The same equations as firmware_sim.athlete.Heart, in steps of a second, without legs and beats; a
test holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.heart_riders import Group, Watts
from firmware_sim.athlete import DRIFT_RECOVERY_S

Column = NDArray[np.float64]

POWER_LAG_S = 2.0
STRAP_NOISE_BPM = 1.0


class Fleet:
    """`copies` of every rider of a group; columns are rider by rider within each copy."""

    def __init__(self, riders: Group, copies: int, seed: int) -> None:
        def column(values: list[float]) -> Column:
            return np.tile(np.array(values), copies)

        bodies = riders.physiques
        self._chance = np.random.default_rng(seed)
        self._ftp_w = column([each.ftp_w for each in bodies])
        self._max_bpm = column([each.max_hr_bpm for each in bodies])
        self._base = column([each.rest_hr_bpm + each.kinetics.on_bike_bpm for each in bodies])
        at_ftp = column([each.kinetics.share_at_ftp * each.max_hr_bpm for each in bodies])
        self._gain = (at_ftp - self._base) / self._ftp_w
        self._fast_share = column([each.kinetics.fast_share for each in bodies])
        self._up_s = column([each.kinetics.fast_up_s for each in bodies])
        self._down_s = column([each.kinetics.fast_down_s for each in bodies])
        self._slow_s = column([each.kinetics.slow_s for each in bodies])
        self._max_drift = column([each.kinetics.max_drift for each in bodies])
        self._drift_s = column([each.kinetics.drift_s for each in bodies])
        self._fast = np.zeros_like(self._base)
        self._slow = np.zeros_like(self._base)
        self._drift = np.zeros_like(self._base)
        self._noise = np.zeros_like(self._base)
        self.power_w: Watts = np.zeros_like(self._base)

    @property
    def true_bpm(self) -> Column:
        rise = (self._fast + self._slow) * (1 + self._drift)
        return np.minimum(self._base + rise, self._max_bpm)

    def second(self, asked_w: Watts) -> Column:
        """A second at `asked_w`; what the straps then say."""
        self.power_w = self.power_w + (asked_w - self.power_w) / POWER_LAG_S
        rise = self._gain * self.power_w
        fast_goal, slow_goal = rise * self._fast_share, rise * (1 - self._fast_share)
        fast_s = np.where(fast_goal > self._fast, self._up_s, self._down_s)
        self._fast += (fast_goal - self._fast) / fast_s
        self._slow += (slow_goal - self._slow) / self._slow_s
        intensity = self.power_w / self._ftp_w
        drift_goal = self._max_drift * np.minimum(intensity / 0.8, 1)
        self._drift += np.where(
            intensity > 0.5,
            (drift_goal - self._drift) / self._drift_s,
            -self._drift / DRIFT_RECOVERY_S,
        )
        drawn = self._chance.normal(0, STRAP_NOISE_BPM, len(self._noise))
        self._noise += (drawn - self._noise) / 3
        return np.round(self.true_bpm + self._noise)
