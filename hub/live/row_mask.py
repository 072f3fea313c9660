"""What of an athlete's row others may see: by metric, and by what follows from each. Pure."""

from __future__ import annotations

from hub.wire.live_rows import DERIVED_FIELDS, QUALITIES
from hub.wire.values import Metric, Quality

Cell = str | float | int | None

METRICS = tuple(Metric)
FULL_MASK = (1 << len(METRICS)) - 1
FIRST_DERIVED = 1 + 3 * len(METRICS)
QUALITY_INDEX = {quality: i for i, quality in enumerate(QUALITIES)}
_DENIED = (None, 0, QUALITY_INDEX[Quality.DENIED])

# Which metric a derived column gives away: without a grant for it the column is empty.
DERIVED_FROM: dict[str, Metric] = {
    "power_3s_w": Metric.POWER_W,
    "power_zone": Metric.POWER_W,
    "heart_rate_zone": Metric.HEART_RATE_BPM,
    "target_w": Metric.POWER_W,
    "phase": Metric.POWER_W,
    "target_dimension": Metric.POWER_W,
    "target_low": Metric.POWER_W,  # and their dimension: the heart's gives away its maximum
    "target_high": Metric.POWER_W,
    "next_dimension": Metric.POWER_W,
    "next_low": Metric.POWER_W,
    "next_high": Metric.POWER_W,
    "until_left": Metric.POWER_W,  # and what it counts: bpm to a known bound are the heart rate
    "interval_average_w": Metric.POWER_W,
    "weighted_power_w": Metric.POWER_W,
    "on_target_pct": Metric.POWER_W,  # and the one that is held against the target
    "held_w": Metric.POWER_W,
    "held_why": Metric.HEART_RATE_BPM,  # and power, of which it says the change
    "held_brief": Metric.HEART_RATE_BPM,
    "work_kj": Metric.POWER_W,
    "distance_m": Metric.SPEED_KMH,
}
_DERIVED_BITS = tuple(1 << METRICS.index(DERIVED_FROM[name]) for name in DERIVED_FIELDS)
_BITS_BY_NAME: dict[Cell, int] = {metric.value: 1 << i for i, metric in enumerate(METRICS)}


def _columns(*names: str) -> tuple[int, ...]:
    return tuple(FIRST_DERIVED + DERIVED_FIELDS.index(name) for name in names)


# Columns that give away a second metric, which is not always the same.
_TARGET = _columns("target_dimension", "target_low", "target_high")
_NEXT = _columns("next_dimension", "next_low", "next_high")
_HELD = _columns("held_why", "held_brief")
_ON_TARGET = _columns("on_target_pct")
_LEFT = _columns("until_left")


def masked(row: list[Cell], mask: int, judged_by: Metric, left_of: Metric) -> list[Cell]:
    """The row without what is not granted: its quality is `denied`, what follows from it empty.

    `judged_by`: the metric that is held against the target; `left_of`: that `until_left` counts.
    """
    shown = list(row)
    for i in range(len(METRICS)):
        if not mask >> i & 1:
            shown[1 + 3 * i : 4 + 3 * i] = _DENIED
    for i, bit in enumerate(_DERIVED_BITS):
        if not mask & bit:
            shown[FIRST_DERIVED + i] = None
    rests_on = (
        (_TARGET, row[_TARGET[0]]),
        (_NEXT, row[_NEXT[0]]),
        (_HELD, Metric.POWER_W.value),
        (_ON_TARGET, judged_by.value),
        (_LEFT, left_of.value),
    )
    for columns, name in rests_on:
        if _BITS_BY_NAME.get(name, 0) & ~mask:  # 0: by feel, or a grade, which nobody measures
            for column in columns:
                shown[column] = None
    return shown
