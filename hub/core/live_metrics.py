"""Metrics that grow with each second, O(1) in time and bounded in memory.

The figures of a finished ride come from `metrics.py`; both give the same number for the same
stream, which the tests hold them to.
"""

from __future__ import annotations

from collections import deque

from hub.core.metrics import DROPOUT_S_MAX, WINDOW_S

ON_TARGET_SHARE = 0.05
ON_TARGET_W_MIN = 5.0
MEAN_VALUES_MAX = 64  # 3 s at 20 Hz: faster than any sensor notifies


class MeanWindow:
    """Mean of the values of the last `window_ms`; of too many, the oldest drop out."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._values: deque[tuple[int, float]] = deque(maxlen=MEAN_VALUES_MAX)

    def push(self, at_ms: int, value: float) -> None:
        self._values.append((at_ms, value))

    def clear(self) -> None:
        self._values.clear()

    def mean(self, now: int) -> float | None:
        """None when there is no value in the window."""
        while self._values and self._values[0][0] <= now - self._window_ms:
            self._values.popleft()
        if not self._values:
            return None
        return sum(value for _, value in self._values) / len(self._values)


class Average:
    """Mean of what was pushed; None before the first value."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def push(self, value: float | None) -> None:
        if value is not None:
            self._sum += value
            self._count += 1

    @property
    def value(self) -> float | None:
        return self._sum / self._count if self._count else None


class WeightedPower:
    """Weighted power of a stream of seconds, as `metrics.weighted_power` defines it.

    Push one value for each second of riding time, None for a second without power.
    """

    def __init__(self) -> None:
        self._window: deque[float] = deque(maxlen=WINDOW_S)
        self._sum = 0.0
        self._fourth_sum = 0.0
        self._count = 0
        self._last = 0.0
        self._missing = DROPOUT_S_MAX  # before the first value there is nothing to hold

    def push(self, power_w: float | None) -> None:
        if power_w is not None:
            self._missing = 0
            self._last = power_w
            self._add(power_w)
            return
        self._missing += 1
        if self._missing > DROPOUT_S_MAX:
            self._break()
            return
        self._add(self._last)

    @property
    def value(self) -> float | None:
        """Watts; None before the first full window."""
        return (self._fourth_sum / self._count) ** 0.25 if self._count else None

    def _add(self, power_w: float) -> None:
        if len(self._window) == WINDOW_S:
            self._sum -= self._window[0]
        self._window.append(power_w)
        self._sum += power_w
        if len(self._window) == WINDOW_S:
            self._fourth_sum += (self._sum / WINDOW_S) ** 4
            self._count += 1

    def _break(self) -> None:
        self._window.clear()
        self._sum = 0.0


def is_on_target(power_w: float, target_w: float) -> bool:
    """Within 5 % of the target; within 5 W below 100 W, where 5 % is finer than a meter reads."""
    return abs(power_w - target_w) <= max(ON_TARGET_SHARE * target_w, ON_TARGET_W_MIN)


class RideMetrics:
    """What a ride's screen shows besides the sensors' own numbers, second by second.

    Call `second` once for each second of riding time and `phase_began` at each new phase.
    """

    def __init__(self) -> None:
        self._weighted = WeightedPower()
        self._average = Average()
        self._on_target = Average()
        self.work_kj = 0.0
        self.distance_m = 0.0
        self.heart_s = 0  # seconds of heart rate beyond the bound of the phase under way
        self._began = (0.0, 0.0)

    def phase_began(self) -> None:
        self._average = Average()
        self._on_target = Average()
        self._began = (self.work_kj, self.distance_m)
        self.heart_s = 0

    @property
    def phase_work_kj(self) -> float:
        return self.work_kj - self._began[0]

    @property
    def phase_distance_m(self) -> float:
        return self.distance_m - self._began[1]

    def second(
        self, power_w: float | None, speed_kmh: float | None, target_w: float | None
    ) -> None:
        """None: not measured, or no target. A second without power is neither on target nor off."""
        self._weighted.push(power_w)
        self._average.push(power_w)
        if power_w is not None:
            self.work_kj += power_w / 1000
            if target_w is not None:
                self._on_target.push(is_on_target(power_w, target_w))
        if speed_kmh is not None:
            self.distance_m += speed_kmh / 3.6

    @property
    def interval_average_w(self) -> float | None:
        return self._average.value

    @property
    def weighted_power_w(self) -> float | None:
        return self._weighted.value

    @property
    def on_target_pct(self) -> float | None:
        share = self._on_target.value
        return None if share is None else share * 100
