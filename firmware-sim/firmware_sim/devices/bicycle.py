"""How fast a bicycle goes for a power: the speed that trainers and pods report."""

from __future__ import annotations

# Martin et al. 1998, "Validation of a mathematical model for road cycling power", with the usual
# values for hands on the hoods on tarmac at sea level.
GRAVITY = 9.81
ROLLING = 0.004
DRAG_AREA_M2 = 0.32
AIR_KG_M3 = 1.2
DRIVETRAIN = 0.975
BICYCLE_KG = 9.0
STANDSTILL_MPS = 0.3


class Bicycle:
    """A rider of a mass on a road of a grade; inertia gives the speed its lag."""

    def __init__(self, rider_kg: float) -> None:
        self._mass_kg = rider_kg + BICYCLE_KG
        self._at_ms: int | None = None
        self.speed_mps = 0.0
        self.distance_m = 0.0
        self.grade_pct = 0.0

    @property
    def speed_kmh(self) -> float:
        return self.speed_mps * 3.6

    def advance(self, power_w: float, now_ms: int) -> None:
        if self._at_ms is not None:
            self._roll(power_w, (now_ms - self._at_ms) / 1000)
        self._at_ms = now_ms

    def _roll(self, power_w: float, seconds: float) -> None:
        speed = max(self.speed_mps, STANDSTILL_MPS)
        drive_n = DRIVETRAIN * power_w / speed
        slope_n = self._mass_kg * GRAVITY * (self.grade_pct / 100 + ROLLING)
        drag_n = 0.5 * AIR_KG_M3 * DRAG_AREA_M2 * speed * speed
        speed += (drive_n - slope_n - drag_n) / self._mass_kg * seconds
        # A trainer's wheel does not roll backwards down a hill.
        self.speed_mps = speed if speed > STANDSTILL_MPS else 0.0
        self.distance_m += self.speed_mps * seconds
