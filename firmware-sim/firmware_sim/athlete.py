"""A rider who does not exist: a target or their own will goes in, a body comes out. Pure.

The models are deliberately small, and each is one that the literature knows:

- Fatigue: W'bal in its differential form (Skiba et al. 2015, after Froncioni). Above critical
  power the rider spends W', below it W' comes back the more slowly the fuller it is. Nobody can
  ride above critical power on an empty W'.
- Heart rate follows power with a fast and a slow exponential component (the shape reported by
  Engelen et al. 1996), falls more slowly than it rises, and drifts upwards while the effort lasts
  (cardiovascular drift: Coyle and Gonzalez-Alonso 2001).
- Beats: the interval swings with breathing, and with a slower wave of about 0.1 Hz; both shrink
  as the effort grows, so that RMSSD is tens of milliseconds at rest and a few at threshold (Task
  Force of the ESC 1996 for the bands; Tulppo et al. 1996 for the fall with exercise).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from firmware_sim.chance import Chance
from firmware_sim.devices.body import Body
from firmware_sim.discipline import CYCLING, Discipline

STEP_MS = 250
_STEP_S = STEP_MS / 1000

# Fatigue. 20 kJ is a usual W' of a trained cyclist; an hour's power is close to critical power.
W_PRIME_J = 20_000.0
# The last of W' cannot be spent at once: what is left limits the surplus over critical power.
SPRINT_S = 12.0

# Heart rate at FTP as a share of the maximum, and what sitting on the bicycle adds to rest.
HR_SHARE_AT_FTP = 0.9
HR_ON_BIKE_BPM = 12.0
FAST_SHARE = 0.7
FAST_UP_S = 25.0
FAST_DOWN_S = 40.0
SLOW_S = 200.0
# Drift approaches this share of the rise above rest within about an hour of steady riding.
MAX_DRIFT = 0.10
DRIFT_S = 2400.0
DRIFT_RECOVERY_S = 900.0

# Beats: amplitudes at rest as a share of the interval.
BREATH_SHARE = 0.045
WAVE_SHARE = 0.03
JITTER_SHARE = 0.008
WAVE_HZ = 0.1
BREATHS_AT_REST_HZ = 0.23
BREATHS_AT_MAX_HZ = 0.75
MIN_RR_MS = 260.0

# Legs
POWER_NOISE = 0.03
CADENCE_LAG_S = 2.0
POWER_LAG_S = 1.5
# Legs that have failed push with the torque of this share of FTP at this cadence, and no more:
# at 40 rpm they have 0.83 of FTP, so a fixed power of 0.9 keeps them down.
SPINNING_RPM = 60.0
TORQUE_SHARE = 1.25
# A rider who cannot turn the brake any more stops well above standstill.
STALL_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class Kinetics:
    """How a heart answers power: what of it differs from person to person.

    The fast time constant upwards is 15-40 s among healthy adults; falling is slower.
    """

    share_at_ftp: float = HR_SHARE_AT_FTP  # of the maximum
    on_bike_bpm: float = HR_ON_BIKE_BPM
    fast_share: float = FAST_SHARE
    fast_up_s: float = FAST_UP_S
    fast_down_s: float = FAST_DOWN_S
    slow_s: float = SLOW_S
    max_drift: float = MAX_DRIFT
    drift_s: float = DRIFT_S


USUAL = Kinetics()


@dataclass(frozen=True, slots=True)
class Physique:
    """Who rides, or rows, or runs. `cadence_rpm` is the habit; None draws one from chance."""

    ftp_w: float
    max_hr_bpm: float
    rest_hr_bpm: float = 55.0
    weight_kg: float = 75.0
    cadence_rpm: float | None = None
    discipline: Discipline = CYCLING
    kinetics: Kinetics = USUAL
    w_prime_j: float = W_PRIME_J


class Athlete:
    """One rider. Call `advance` as often as liked: the body lives in steps of `STEP_MS`.

    Args:
        chance: the rider's own source of chance; the same seed rides the same ride.
        start_ms: simulated time of the first step.
    """

    def __init__(self, physique: Physique, chance: Chance, start_ms: int = 0) -> None:
        self.physique = physique
        self._chance = chance
        self._at_ms = start_ms
        self._moves = physique.discipline
        self._habit_rpm = (
            physique.cadence_rpm or self._moves.low + self._moves.spread * chance.random()
        )
        self._will = Will(chance)
        self._heart = Heart(physique, chance, start_ms)
        self._noise = 0.0
        self._power_w = 0.0
        self._cadence_rpm = 0.0
        self._beats: list[float] = []
        self._bogged = False  # the legs have failed, and turn too slowly to be strong again
        self._spare = 1.0  # what such legs have, as a share of what is wanted
        self.w_balance_j = physique.w_prime_j

    def advance(
        self,
        now_ms: int,
        target_w: float | None = None,
        *,
        resting: bool = False,
        legs: float = 1.0,
    ) -> Body:
        """Ride until `now_ms`.

        Args:
            target_w: what the trainer's brake asks for; None leaves it to the rider's will.
            resting: the rider does not pedal, whatever is asked.
            legs: the share of their power that the legs have. Once they fail against a fixed
                power they turn slowly, and slow legs have less power still, until they spin again.
        """
        while self._at_ms + STEP_MS <= now_ms:
            self._at_ms += STEP_MS
            self._step(target_w, resting, legs)
        beats, self._beats = tuple(self._beats), []
        return Body(self._power_w, self._cadence_rpm, self._heart.rate_bpm, beats)

    def _step(self, target_w: float | None, resting: bool, legs: float) -> None:
        intent_w = self._will.intent(self._at_ms) * self.physique.ftp_w
        wanted_w = intent_w if target_w is None else target_w
        if resting:
            target_w = None
            wanted_w = 0.0
        able_w = self._able_w(wanted_w, legs)
        self._pedal(able_w, wanted_w, erg=target_w is not None)
        self._tire()
        self._beats += self._heart.advance(self._at_ms, self._power_w)

    def _able_w(self, wanted_w: float, legs: float) -> float:
        able_w = min(wanted_w, self._limit_w())
        if legs < 1.0 or self._bogged:
            turning = min(1.0, self._cadence_rpm / SPINNING_RPM)
            most_w = TORQUE_SHARE * legs * self.physique.ftp_w * turning
            self._spare = most_w / max(wanted_w, 1.0)
            self._bogged = self._spare < 1.0 or self._cadence_rpm < SPINNING_RPM
            able_w = min(able_w, most_w)
        return able_w

    def _limit_w(self) -> float:
        return self.physique.ftp_w + max(self.w_balance_j, 0.0) / SPRINT_S

    def _pedal(self, able_w: float, wanted_w: float, erg: bool) -> None:
        # Red noise: the power of a stroke resembles that of the one before.
        self._noise += -self._noise * _STEP_S / 3.0 + self._chance.gauss(0.0, 1.0) * 0.4 * _STEP_S
        resting = wanted_w < 1.0 and not erg
        self._cadence_rpm += (self._goal_rpm(able_w, wanted_w, resting) - self._cadence_rpm) * (
            _STEP_S / CADENCE_LAG_S
        )
        if self._cadence_rpm < self._moves.stall and resting:
            self._cadence_rpm = self._power_w = 0.0
            return
        goal_w = 0.0 if resting else able_w * (1.0 + POWER_NOISE * self._noise * 3.0)
        self._power_w += (goal_w - self._power_w) * _STEP_S / POWER_LAG_S
        self._power_w = max(self._power_w, 0.0)

    def _goal_rpm(self, able_w: float, wanted_w: float, resting: bool) -> float:
        if resting:
            return 0.0
        if self._bogged:  # what the legs have over the brake speeds them up, from where they are
            slow = max(self._cadence_rpm * self._spare, self._moves.stall + STALL_MARGIN)
            return min(slow, self._habit_rpm)
        relative = wanted_w / self.physique.ftp_w
        goal = self._habit_rpm + self._moves.rise * (min(relative, 1.3) - 0.8)
        # A brake that asks for more than the legs have slows them down.
        if wanted_w > able_w > 0:
            goal = max(goal * able_w / wanted_w, self._moves.stall + STALL_MARGIN)
        return goal + self._chance.gauss(0.0, self._moves.noise)

    def _tire(self) -> None:
        surplus_w = self._power_w - self.physique.ftp_w
        if surplus_w > 0:
            self.w_balance_j -= surplus_w * _STEP_S
        else:
            full_j = self.physique.w_prime_j
            missing = (full_j - self.w_balance_j) / full_j
            self.w_balance_j += -surplus_w * missing * _STEP_S


class Will:
    """How hard somebody rides whom nobody tells: warming up, then in waves, with short rests."""

    WARM_UP_MS = 180_000
    WAVES_MS = (47_000, 173_000, 611_000)
    REST_EVERY_MS = 240_000
    REST_MS = 5_000

    def __init__(self, chance: Chance) -> None:
        self._level = 0.62 + 0.14 * chance.random()
        self._swing = 0.05 + 0.05 * chance.random()
        self._phases = tuple(math.tau * chance.random() for _ in self.WAVES_MS)
        self._rest_phase_ms = int(chance.random() * self.REST_EVERY_MS)

    def intent(self, at_ms: int) -> float:
        """Power wanted, as a share of FTP."""
        since_rest_ms = (at_ms + self._rest_phase_ms) % self.REST_EVERY_MS
        if at_ms > self.WARM_UP_MS and since_rest_ms < self.REST_MS:
            return 0.0
        warm = min(at_ms / self.WARM_UP_MS, 1.0)
        waves = sum(
            math.sin(math.tau * at_ms / period_ms + phase)
            for period_ms, phase in zip(self.WAVES_MS, self._phases, strict=True)
        )
        return self._level * (0.6 + 0.4 * warm) + self._swing * warm * waves / 1.5


class Heart:
    """Heart rate from power, and the beats that make it."""

    def __init__(self, physique: Physique, chance: Chance, start_ms: int = 0) -> None:
        self._physique = physique
        self._chance = chance
        self._kinetics = physique.kinetics
        self._base_bpm = physique.rest_hr_bpm + self._kinetics.on_bike_bpm
        self._fast = 0.0
        self._slow = 0.0
        self._drift = 0.0
        self._breath_phase = math.tau * chance.random()
        self._wave_phase = math.tau * chance.random()
        self._next_beat_ms = float(start_ms)
        self._interval_ms = 0.0
        self._at_ms = start_ms

    @property
    def rate_bpm(self) -> float:
        rise = (self._fast + self._slow) * (1.0 + self._drift)
        return min(self._base_bpm + rise, self._physique.max_hr_bpm)

    def steady_bpm(self, power_w: float) -> float:
        """Where the rate settles at a power, before drift."""
        at_ftp = self._kinetics.share_at_ftp * self._physique.max_hr_bpm
        return self._base_bpm + (at_ftp - self._base_bpm) * power_w / self._physique.ftp_w

    def advance(self, now_ms: int, power_w: float) -> list[float]:
        """Beat until `now_ms`; returns the intervals in ms that ended, oldest first."""
        seconds = (now_ms - self._at_ms) / 1000
        self._at_ms = now_ms
        self._follow(power_w, seconds)
        return self._beat_until(now_ms, seconds)

    def _follow(self, power_w: float, seconds: float) -> None:
        by = self._kinetics
        rise = self.steady_bpm(power_w) - self._base_bpm
        fast_goal, slow_goal = rise * by.fast_share, rise * (1.0 - by.fast_share)
        fast_s = by.fast_up_s if fast_goal > self._fast else by.fast_down_s
        self._fast += (fast_goal - self._fast) * seconds / fast_s
        self._slow += (slow_goal - self._slow) * seconds / by.slow_s
        intensity = power_w / self._physique.ftp_w
        if intensity > 0.5:
            goal = by.max_drift * min(intensity / 0.8, 1.0)
            self._drift += (goal - self._drift) * seconds / by.drift_s
        else:
            self._drift -= self._drift * seconds / DRIFT_RECOVERY_S

    def _effort(self) -> float:
        """0 at rest, 1 at the maximum: the share of the heart-rate reserve in use."""
        reserve = self._physique.max_hr_bpm - self._base_bpm
        return min(max((self.rate_bpm - self._base_bpm) / reserve, 0.0), 1.0)

    def _beat_until(self, now_ms: int, seconds: float) -> list[float]:
        effort = self._effort()
        breaths_hz = BREATHS_AT_REST_HZ + (BREATHS_AT_MAX_HZ - BREATHS_AT_REST_HZ) * effort
        self._breath_phase += math.tau * breaths_hz * seconds
        self._wave_phase += math.tau * WAVE_HZ * seconds
        ended = []
        while self._next_beat_ms <= now_ms:
            if self._interval_ms:
                ended.append(self._interval_ms)
            self._interval_ms = self._draw_interval_ms(effort)
            self._next_beat_ms += self._interval_ms
        return ended

    def _draw_interval_ms(self, effort: float) -> float:
        # Vagal tone is nearly gone at 70 % of the reserve.
        tone = math.exp(-3.5 * effort)
        swing = tone * (
            BREATH_SHARE * math.sin(self._breath_phase) + WAVE_SHARE * math.sin(self._wave_phase)
        )
        jitter = JITTER_SHARE * (0.6 + tone) * self._chance.gauss(0.0, 1.0)
        return max(60_000 / self.rate_bpm * (1.0 + swing + jitter), MIN_RR_MS)
