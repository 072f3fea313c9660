"""What a machine's console counts: way, time and energy, and the averages of them."""

from __future__ import annotations

# Gross efficiency of a body at work: a quarter of what it spends arrives at the machine.
EFFICIENCY = 0.25
J_PER_KCAL = 4184.0


class Workload:
    """Sums since the machine was switched on; time runs while somebody moves."""

    def __init__(self) -> None:
        self._at_ms: int | None = None
        self._moved_ms = 0.0
        self._work_j = 0.0
        self.distance_m = 0.0

    @property
    def elapsed_s(self) -> int:
        return int(self._moved_ms / 1000)

    @property
    def energy_kcal(self) -> float:
        return self._work_j / EFFICIENCY / J_PER_KCAL

    @property
    def average_power_w(self) -> float:
        return self._work_j * 1000 / self._moved_ms if self._moved_ms else 0.0

    @property
    def average_mps(self) -> float:
        return self.distance_m * 1000 / self._moved_ms if self._moved_ms else 0.0

    def advance(self, speed_mps: float, power_w: float, moving: bool, now_ms: int) -> None:
        if self._at_ms is not None:
            passed_ms = now_ms - self._at_ms
            self.distance_m += speed_mps * passed_ms / 1000
            self._work_j += power_w * passed_ms / 1000
            self._moved_ms += passed_ms if moving else 0
        self._at_ms = now_ms


def kcal_per_hour(power_w: float) -> float:
    return power_w * 3600 / EFFICIENCY / J_PER_KCAL
