"""How much a trainer may ask of a rider right now: caps, guard, ramp-in, rest.

What makes ERG safe. In this order, each may only lower what the one before it left:

- rest: who does not pedal is not steered (a brake that builds up while coasting is a wall);
- low cadence: at a fixed power, slower pedalling means more torque, which means slower pedalling
  (the spiral of death). Below `LOW_CADENCE_RPM` the torque is held at what the target asks at that
  cadence, so the target only falls; once the cadence recovers it ramps back;
- ramp-in: after a start, a pause or a rest the target rises at `RISE_PER_S`, not at once;
- the athlete's cap, and the trainer's own range and increment.

A grade and a resistance ask for no power: the rider's legs decide, pedalling slower is easier and
coasting meets no wall. Of the rules only the ramp-in means something there.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from gateway.dialects.port import mode_of, value_of
from gateway.gatt.fitness_machine_control import PowerRange
from gateway.pedalling import Pedalling
from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target

# 100 to 250 W in 7.5 s; peers offer 2, 5 and 10 s. A wall of 10 % and a dial at 100 % take 10 s.
RISE_PER_S: dict[Mode, int] = {Mode.POWER: 20, Mode.GRADE: 1, Mode.RESISTANCE: 10}
RISE_W_PER_S = RISE_PER_S[Mode.POWER]
RISE_EVERY_MS = 500
# Where a ramp-in begins when the rider's own power is not known.
START_W = 50


class Allowed(NamedTuple):
    """What may be asked now. `target` None: nothing. `reason`: what holds back, "" if nothing."""

    target: Target | None
    reason: str


class Governor:
    """The limits on one rider's target. Times are any steady ms."""

    def __init__(self, power_range: PowerRange | None, cap_w: int | None) -> None:
        self._range = power_range
        self._cap_w = cap_w
        self._wanted: Target | None = None
        self._pedalling = Pedalling()
        self._ramp: tuple[float, int] | None = None  # (from, in the mode's unit; since ms)

    def want(self, target: Target | None) -> None:
        if mode_of(target) is not mode_of(self._wanted):
            self._ramp = None  # its height is in the other mode's unit
        self._wanted = target

    def limit(self, cap_w: int | None) -> None:
        self._cap_w = cap_w

    def ranged(self, power_range: PowerRange) -> None:
        self._range = power_range

    def measurement(self, power_w: float | None, cadence_rpm: float | None, now_ms: int) -> None:
        was_low = self._pedalling.low_limit_w
        asked = self.allowed(now_ms).target
        asked_w = asked.power_w if isinstance(asked, PowerTarget) else None
        self._pedalling.feed(power_w, cadence_rpm, now_ms, asked_w)
        recovered = self._pedalling.low_limit_w is None and isinstance(self._wanted, PowerTarget)
        if was_low is not None and recovered:
            self._ramp = (was_low, now_ms)

    def forget(self) -> None:
        """After a lost link: whether the rider pedals is not known."""
        self._pedalling = Pedalling()
        self._ramp = None

    def begin(self, now_ms: int) -> None:
        """Steering starts: ramp in from what the rider does anyway, on the flat, from no brake."""
        own_w = max(START_W, round(self._pedalling.power_w or 0))
        self._ramp = (own_w if isinstance(self._wanted, PowerTarget) else 0, now_ms)

    def allowed(self, now_ms: int) -> Allowed:
        match self._wanted:
            case PowerTarget(power_w=power_w):
                return self._power(power_w, now_ms)
            case GradeTarget() | ResistanceTarget() as wanted:
                limit = self._ramp_limit(now_ms)
                if limit is None:
                    return Allowed(wanted, "")
                return Allowed(_at(wanted, limit), "ramp_in")
        return Allowed(None, "")

    def deadline(self, now_ms: int) -> int | None:
        """When `allowed` may next rise by itself; falls come with a measurement."""
        if self._ramp_limit(now_ms) is None or self._ramp is None:
            return None
        since_ms = self._ramp[1]
        return since_ms + ((now_ms - since_ms) // RISE_EVERY_MS + 1) * RISE_EVERY_MS

    def _power(self, power_w: int, now_ms: int) -> Allowed:
        if self._pedalling.resting:
            return Allowed(None, "not_pedalling")
        reason = ""
        limits = (
            ("low_cadence", self._pedalling.low_limit_w),
            ("ramp_in", self._ramp_limit(now_ms)),
            ("cap", self._cap_w),
        )
        for why, limit_w in limits:
            if limit_w is not None and limit_w < power_w:
                power_w, reason = int(limit_w), reason or why
        return self._in_range(power_w, reason)

    def _ramp_limit(self, now_ms: int) -> float | None:
        """The ramp's height; None, for good, once it has reached what is wanted."""
        mode, wanted = mode_of(self._wanted), value_of(self._wanted)
        if self._ramp is None or mode is None or wanted is None:
            return None
        begun, since_ms = self._ramp
        risen_ms = max(0, now_ms - since_ms) // RISE_EVERY_MS * RISE_EVERY_MS
        height = begun + RISE_PER_S[mode] * risen_ms / 1000
        if height >= wanted:
            self._ramp = None
            return None
        return height

    def _in_range(self, power_w: int, reason: str) -> Allowed:
        """Into the trainer's range, on its grid, downwards: it rejects what is outside."""
        if self._range is None:
            return Allowed(PowerTarget(max(0, power_w)), reason)
        low, high, step = self._range.min_w, self._range.max_w, self._range.increment_w
        if self._cap_w is not None and self._cap_w < low:
            # The least it can ask is more than this athlete may be asked.
            return Allowed(None, "cap")
        if not low <= power_w <= high:
            reason = reason or "range"
        power_w = min(max(power_w, low), high)
        return Allowed(PowerTarget(low + (power_w - low) // step * step), reason)


def _at(target: GradeTarget | ResistanceTarget, value: float) -> Target:
    if isinstance(target, GradeTarget):
        return replace(target, grade_pct=value)
    return replace(target, level_pct=value)
