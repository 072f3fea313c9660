"""Does the rider pedal, and fast enough? The rest rule and the spiral guard. Pure."""

from __future__ import annotations

# MaximumTrainer guards at 50 rpm too; a standing climb is ridden at 55 to 60.
LOW_CADENCE_RPM = 50
RECOVERED_CADENCE_RPM = 55
LOW_CADENCE_AFTER_MS = 3000
COASTING_W = 10  # a trainer's offset while nobody pedals
REST_AFTER_MS = 3000
PAUSE_MS = 2000  # pedalling with a longer hole has begun anew
PEDALLING_AFTER_MS = 1000


class Pedalling:
    """Cadence and power may come from different sensors, and a trainer without a cadence sensor
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
