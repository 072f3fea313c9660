"""How one athlete's heart rate answers power, learned while they ride. Pure.

    bpm = base + gain * (fast + slow)

`fast` and `slow` are power behind two lags (the two components of Engelen et al. 1996); the time
constants are those of most people, and what differs from person to person and from day to day is
in two numbers: `gain`, bpm per watt, the athlete's own, which a ride hardly changes; and `base`,
which takes up drift, heat, coffee and whatever else the model does not know. Both are estimated by
a Kalman filter of two states, so each comes with its variance.
"""

from __future__ import annotations

from math import exp

import msgspec
from msgspec.structs import replace

from hub.core.target import Thresholds

FAST_SHARE = 0.7
FAST_UP_S, FAST_DOWN_S = 25.0, 38.0
SLOW_S = 180.0

# Priors. Threshold is ridden at the lactate threshold heart rate, about 0.89 of the maximum, and a
# rider who sits on the bicycle is some beats above rest. The spread is that of trained adults.
SHARE_AT_FTP = 0.89
ON_BIKE_BPM = 12.0
REST_BPM = 60.0
GAIN_SD_SHARE = 0.15
BASE_SD_BPM = 10.0
DAY_SD_SHARE = 0.05  # how far a gain may move between two rides: heat, altitude, form

# Noise of the filter, per s. A base that may wander by 1.3 bpm in a minute follows drift; a gain
# that may wander by 3 % in an hour is the athlete's own.
BASE_WALK_BPM2 = 0.03
GAIN_WALK_SHARE2 = 2.5e-7
# One second's number of a strap is within 2 bpm; what the model leaves out lasts for many of them.
READING_BPM2 = 16.0
# A number further from the forecast than this is more often the strap's fault than the heart's.
SURPRISE_BPM_MAX = 12.0
STEP_S_MAX = 600.0  # after a longer break in the calls the lags are as good as settled


class Gain(msgspec.Struct, frozen=True):
    """What is kept of an athlete from ride to ride: bpm per watt, and its variance."""

    bpm_per_w: float
    variance: float


class HeartModel(msgspec.Struct, frozen=True):
    """`fast_w`, `slow_w`: each component's share of the power, lagged. Variances in bpm and W."""

    at_ms: int
    fast_w: float
    slow_w: float
    base_bpm: float
    gain: float
    base_var: float
    cross_var: float
    gain_var: float

    @property
    def bpm(self) -> float:
        """The heart rate that the model holds to be true now."""
        return self.base_bpm + self.moved_bpm

    @property
    def moved_bpm(self) -> float:
        """The part of it that power has moved."""
        return self.gain * (self.fast_w + self.slow_w)

    @property
    def learned(self) -> Gain:
        return Gain(self.gain, self.gain_var)


def usual_gain(athlete: Thresholds) -> Gain | None:
    """Of somebody of whom nothing but the thresholds is known; None: not even those."""
    at_ftp_bpm: float | None = athlete.lthr_bpm
    if at_ftp_bpm is None and athlete.max_hr_bpm is not None:
        at_ftp_bpm = SHARE_AT_FTP * athlete.max_hr_bpm
    if not athlete.ftp_w or at_ftp_bpm is None:
        return None
    base_bpm = (athlete.rest_hr_bpm or REST_BPM) + ON_BIKE_BPM
    gain = max(at_ftp_bpm - base_bpm, 20.0) / athlete.ftp_w
    return Gain(gain, (GAIN_SD_SHARE * gain) ** 2)


def kept_gain(gain: Gain) -> Gain:
    """A gain of an earlier ride, as it counts at the begin of the next one."""
    return Gain(gain.bpm_per_w, gain.variance + (DAY_SD_SHARE * gain.bpm_per_w) ** 2)


def begun(now_ms: int, gain: Gain, power_w: float, bpm: float | None) -> HeartModel:
    """A model of somebody who rides at `power_w`; `bpm` None: not known.

    For how long, nobody says: for as long as a usual heart needs to be where this one is.
    """
    base_bpm = REST_BPM + ON_BIKE_BPM
    lagged_w = max(power_w, 0.0)
    if bpm is not None:
        lagged_w = min(max((bpm - base_bpm) / gain.bpm_per_w, 0.0), lagged_w)
        base_bpm = bpm - gain.bpm_per_w * lagged_w
    return HeartModel(
        at_ms=now_ms,
        fast_w=FAST_SHARE * lagged_w,
        slow_w=(1 - FAST_SHARE) * lagged_w,
        base_bpm=base_bpm,
        gain=gain.bpm_per_w,
        base_var=BASE_SD_BPM**2,
        cross_var=0.0,
        gain_var=gain.variance,
    )


def passed(model: HeartModel, now_ms: int, power_w: float) -> HeartModel:
    """The model after riding at `power_w` up to `now_ms`; earlier than its own time: as it is."""
    seconds = min((now_ms - model.at_ms) / 1000, STEP_S_MAX)
    if seconds <= 0:
        return model
    fast_w, slow_w = _lagged(model, power_w, seconds)
    return replace(
        model,
        at_ms=now_ms,
        fast_w=fast_w,
        slow_w=slow_w,
        base_var=min(model.base_var + BASE_WALK_BPM2 * seconds, BASE_SD_BPM**2),
        gain_var=model.gain_var + GAIN_WALK_SHARE2 * model.gain**2 * seconds,
    )


def heard(model: HeartModel, bpm: float) -> HeartModel:
    """The model after a heart rate that was measured at its time."""
    lagged_w = model.fast_w + model.slow_w
    base_part = model.base_var + model.cross_var * lagged_w
    gain_part = model.cross_var + model.gain_var * lagged_w
    spread = base_part + gain_part * lagged_w + READING_BPM2
    surprise = min(max(bpm - model.bpm, -SURPRISE_BPM_MAX), SURPRISE_BPM_MAX)
    to_base, to_gain = base_part / spread, gain_part / spread
    return replace(
        model,
        base_bpm=model.base_bpm + to_base * surprise,
        # A heart that power does not move is no heart that power can steer.
        gain=max(model.gain + to_gain * surprise, 0.02),
        base_var=model.base_var - to_base * base_part,
        cross_var=model.cross_var - to_base * gain_part,
        gain_var=model.gain_var - to_gain * gain_part,
    )


def power_for(model: HeartModel, bpm: float, ahead_s: float) -> float:
    """The steady power that brings the heart rate to `bpm` in `ahead_s`; may be below 0."""
    wanted_w = (bpm - model.base_bpm) / model.gain
    power_w = _held_for(model, wanted_w, ahead_s, FAST_UP_S)
    if power_w * FAST_SHARE >= model.fast_w:
        return power_w
    return _held_for(model, wanted_w, ahead_s, FAST_DOWN_S)


def _held_for(model: HeartModel, wanted_w: float, ahead_s: float, fast_s: float) -> float:
    fast_left, slow_left = exp(-ahead_s / fast_s), exp(-ahead_s / SLOW_S)
    left_w = model.fast_w * fast_left + model.slow_w * slow_left
    taken = FAST_SHARE * (1 - fast_left) + (1 - FAST_SHARE) * (1 - slow_left)
    return (wanted_w - left_w) / taken


def _lagged(model: HeartModel, power_w: float, seconds: float) -> tuple[float, float]:
    fast_goal, slow_goal = FAST_SHARE * power_w, (1 - FAST_SHARE) * power_w
    fast_s = FAST_UP_S if fast_goal > model.fast_w else FAST_DOWN_S
    return (
        fast_goal + (model.fast_w - fast_goal) * exp(-seconds / fast_s),
        slow_goal + (model.slow_w - slow_goal) * exp(-seconds / SLOW_S),
    )
