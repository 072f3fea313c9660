"""Metrics that grow with each second, O(1) in time and bounded in memory.

The figures of a finished ride come from `metrics.py`; both give the same number for the same
stream, which the tests hold them to.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from hub.core.metrics import DROPOUT_S_MAX, WINDOW_S
from hub.core.target import Dimension

# On target is the asked range, and no finer than so: a share of its middle, and at least so much.
# 5 % of 100 W is what a power meter reads to, and a heart steers itself no closer than 3 bpm.
TOLERANCES: dict[Dimension, tuple[float, float]] = {
    Dimension.POWER_W: (0.05, 5.0),
    Dimension.HEART_RATE_BPM: (0.0, 3.0),
    Dimension.CADENCE_RPM: (0.0, 5.0),
    Dimension.SPEED_KMH: (0.05, 0.3),
}
PHASES_KEPT = 32  # an undo comes back to a phase that was left 10 s ago
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


def is_on_target(dimension: Dimension, value: float, low: float, high: float) -> bool:
    """Within the range, or near its middle where it is narrower than anybody can ride.

    Raises KeyError for a dimension that is not in TOLERANCES: nobody measures it.
    """
    share, least = TOLERANCES[dimension]
    middle = (low + high) / 2
    tolerance = max(share * middle, least)
    return min(low, middle - tolerance) <= value <= max(high, middle + tolerance)


class Second(NamedTuple):
    """What was measured in a second of riding; None: nothing. Fields are named as metrics are."""

    power_w: float | None = None
    speed_kmh: float | None = None
    heart_rate_bpm: float | None = None
    cadence_rpm: float | None = None


class Sums(NamedTuple):
    """Of a ride so far; a phase's are the difference to those at its beginning. Seconds count."""

    work_kj: float = 0.0
    distance_m: float = 0.0
    powered_s: int = 0
    judged_s: int = 0
    on_target_s: int = 0


class RideMetrics:
    """What a ride's screen shows besides the sensors' own numbers, second by second.

    Call `second` once for each second of riding time and `phase_began` at each new phase.
    """

    def __init__(self) -> None:
        self._weighted = WeightedPower()
        self._sums = self._began = Sums()
        self._begun: OrderedDict[tuple[int, int], Sums] = OrderedDict()
        self.heart_s = 0  # seconds of heart rate beyond the bound of the phase under way

    def phase_began(self, phase: tuple[int, int]) -> None:
        """`phase`: its number, and when it began; one that was left and is undone goes on."""
        self._began = self._begun.setdefault(phase, self._sums)
        if len(self._begun) > PHASES_KEPT:
            self._begun.popitem(last=False)
        self.heart_s = 0

    def judged_anew(self) -> None:
        """Another metric is held against the target: what the one before it was does not count."""
        sums = self._sums
        self._began = self._began._replace(judged_s=sums.judged_s, on_target_s=sums.on_target_s)

    @property
    def work_kj(self) -> float:
        return self._sums.work_kj

    @property
    def distance_m(self) -> float:
        return self._sums.distance_m

    @property
    def phase_work_kj(self) -> float:
        return self._sums.work_kj - self._began.work_kj

    @property
    def phase_distance_m(self) -> float:
        return self._sums.distance_m - self._began.distance_m

    def second(
        self, power_w: float | None, speed_kmh: float | None, on_target: bool | None
    ) -> None:
        """None: not measured, or nothing to hold against a target."""
        self._weighted.push(power_w)
        sums = self._sums
        self._sums = Sums(
            sums.work_kj + (power_w or 0.0) / 1000,
            sums.distance_m + (speed_kmh or 0.0) / 3.6,
            sums.powered_s + (power_w is not None),
            sums.judged_s + (on_target is not None),
            sums.on_target_s + (on_target is True),
        )

    @property
    def interval_average_w(self) -> float | None:
        seconds = self._sums.powered_s - self._began.powered_s
        return self.phase_work_kj * 1000 / seconds if seconds else None

    @property
    def weighted_power_w(self) -> float | None:
        return self._weighted.value

    @property
    def on_target_pct(self) -> float | None:
        seconds = self._sums.judged_s - self._began.judged_s
        return (
            (self._sums.on_target_s - self._began.on_target_s) / seconds * 100 if seconds else None
        )
