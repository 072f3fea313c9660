"""How much a trainer may ask of a rider right now: caps, guard, ramp-in, rest.

What makes ERG safe. In this order, each may only lower what the one before it left:

- rest: who does not pedal is not steered (a brake that builds up while coasting is a wall);
- low cadence: at a fixed power, slower pedalling means more torque, which means slower pedalling
  (the spiral of death). Below `LOW_CADENCE_RPM` the torque is held at what the target asks at that
  cadence, so the target only falls; once the cadence recovers it ramps back;
- ramp-in: after a start, a pause or a rest the target rises at `RISE_W_PER_S`, not at once;
- the athlete's cap, and the trainer's own range and increment.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.gatt.fitness_machine_control import PowerRange

# MaximumTrainer guards at 50 rpm too; a standing climb is ridden at 55 to 60.
LOW_CADENCE_RPM = 50
RECOVERED_CADENCE_RPM = 55
LOW_CADENCE_AFTER_MS = 3000
# 100 to 250 W in 7.5 s; peers offer 2, 5 and 10 s.
RISE_W_PER_S = 20
RISE_EVERY_MS = 500
# Where a ramp-in begins when the rider's own power is not known.
START_W = 50
COASTING_W = 10  # a trainer's offset while nobody pedals
REST_AFTER_MS = 3000
PAUSE_MS = 2000  # pedalling with a longer hole has begun anew
PEDALLING_AFTER_MS = 1000


class Allowed(NamedTuple):
    """What may be asked now. `power_w` None: nothing. `reason`: what holds back, "" if nothing."""

    power_w: int | None
    reason: str


class Governor:
    """The limits on one rider's target. Times are any steady ms."""

    def __init__(self, power_range: PowerRange | None, cap_w: int | None) -> None:
        self._range = power_range
        self._cap_w = cap_w
        self._wanted_w: int | None = None
        self._pedalling = _Pedalling()
        self._ramp: tuple[int, int] | None = None  # (from W, since ms)

    def want(self, power_w: int | None) -> None:
        self._wanted_w = power_w

    def limit(self, cap_w: int | None) -> None:
        self._cap_w = cap_w

    def ranged(self, power_range: PowerRange) -> None:
        self._range = power_range

    def measurement(self, power_w: float | None, cadence_rpm: float | None, now_ms: int) -> None:
        was_low = self._pedalling.low_limit_w
        asked_w = self.allowed(now_ms).power_w
        self._pedalling.feed(power_w, cadence_rpm, now_ms, asked_w)
        if was_low is not None and self._pedalling.low_limit_w is None:
            self._ramp = (was_low, now_ms)

    def forget(self) -> None:
        """After a lost link: whether the rider pedals is not known."""
        self._pedalling = _Pedalling()
        self._ramp = None

    def begin(self, now_ms: int) -> None:
        """Steering starts: ramp in from what the rider does anyway."""
        self._ramp = (max(START_W, round(self._pedalling.power_w or 0)), now_ms)

    def allowed(self, now_ms: int) -> Allowed:
        if self._wanted_w is None:
            return Allowed(None, "")
        if self._pedalling.resting:
            return Allowed(None, "not_pedalling")
        power_w, reason = self._wanted_w, ""
        limits = (
            ("low_cadence", self._pedalling.low_limit_w),
            ("ramp_in", self._ramp_limit_w(now_ms)),
            ("cap", self._cap_w),
        )
        for why, limit_w in limits:
            if limit_w is not None and limit_w < power_w:
                power_w, reason = limit_w, reason or why
        return self._in_range(power_w, reason)

    def deadline(self, now_ms: int) -> int | None:
        """When `allowed` may next rise by itself; falls come with a measurement."""
        if self._wanted_w is None or self._ramp_limit_w(now_ms) is None or self._ramp is None:
            return None
        since_ms = self._ramp[1]
        return since_ms + ((now_ms - since_ms) // RISE_EVERY_MS + 1) * RISE_EVERY_MS

    def _ramp_limit_w(self, now_ms: int) -> int | None:
        """The ramp's height; None, for good, once it has reached what is wanted."""
        if self._ramp is None or self._wanted_w is None:
            return None
        from_w, since_ms = self._ramp
        risen_ms = max(0, now_ms - since_ms) // RISE_EVERY_MS * RISE_EVERY_MS
        height_w = from_w + RISE_W_PER_S * risen_ms // 1000
        if height_w >= self._wanted_w:
            self._ramp = None
            return None
        return height_w

    def _in_range(self, power_w: int, reason: str) -> Allowed:
        """Into the trainer's range, on its grid, downwards: it rejects what is outside."""
        if self._range is None:
            return Allowed(max(0, power_w), reason)
        low, high, step = self._range.min_w, self._range.max_w, self._range.increment_w
        if self._cap_w is not None and self._cap_w < low:
            # The least it can ask is more than this athlete may be asked.
            return Allowed(None, "cap")
        if not low <= power_w <= high:
            reason = reason or "range"
        power_w = min(max(power_w, low), high)
        return Allowed(low + (power_w - low) // step * step, reason)


class _Pedalling:
    """Does the rider pedal, and fast enough?

    Cadence and power may come from different sensors, and a trainer without a cadence sensor
    sends 0 for ever (JetBlack Volt). So either of the two, above nothing, is pedalling, and a
    cadence of 0 is left to the rest rule. With neither, the rider is taken to pedal.
    """

    def __init__(self) -> None:
        self.resting = False
        self.low_limit_w: int | None = None
        self.power_w: float | None = None
        self._seen_ms: int | None = None
        self._since_ms = 0
        self._low_since_ms: int | None = None
        self._before_low_w = 0

    def feed(
        self,
        power_w: float | None,
        cadence_rpm: float | None,
        now_ms: int,
        asked_w: int | None,
    ) -> None:
        if power_w is None and cadence_rpm is None:
            return
        if power_w is not None:
            self.power_w = power_w
        self._rest(bool(cadence_rpm) or (power_w or 0) > COASTING_W, now_ms)
        if cadence_rpm:
            self._guard(cadence_rpm, now_ms, asked_w)

    def _rest(self, pedalling: bool, now_ms: int) -> None:
        still_ms = None if self._seen_ms is None else now_ms - self._seen_ms
        if not pedalling:
            if still_ms is None or still_ms >= REST_AFTER_MS:
                self.resting, self.low_limit_w, self._low_since_ms = True, None, None
            return
        if still_ms is None or still_ms >= PAUSE_MS:
            self._since_ms = now_ms
        self._seen_ms = now_ms
        if now_ms - self._since_ms >= PEDALLING_AFTER_MS:
            self.resting = False

    def _guard(self, cadence_rpm: float, now_ms: int, asked_w: int | None) -> None:
        if cadence_rpm >= RECOVERED_CADENCE_RPM or asked_w is None:
            self._low_since_ms = self.low_limit_w = None
            return
        if cadence_rpm >= LOW_CADENCE_RPM:
            if self.low_limit_w is None:
                self._low_since_ms = None
            return
        if self._low_since_ms is None:
            self._low_since_ms = now_ms
        if now_ms - self._low_since_ms < LOW_CADENCE_AFTER_MS:
            return
        if self.low_limit_w is None:
            self.low_limit_w = self._before_low_w = asked_w
        same_torque_w = int(self._before_low_w * cadence_rpm / LOW_CADENCE_RPM)
        self.low_limit_w = min(self.low_limit_w, same_torque_w)
