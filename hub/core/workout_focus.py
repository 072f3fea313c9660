"""What a workout trains, told from its hardest sustained part: a list is searched by it. Pure."""

from __future__ import annotations

from enum import StrEnum

from hub.core.target import UNITS, Aim, Dimension, MaxEffort, Thresholds, middle_at, resolve
from hub.core.workout import Step, StepKind, Workout, duration_ms


class Focus(StrEnum):
    RECOVERY = "recovery"
    ENDURANCE = "endurance"
    TEMPO = "tempo"
    SWEET_SPOT = "sweet_spot"
    THRESHOLD = "threshold"
    VO2MAX = "vo2max"
    ANAEROBIC = "anaerobic"
    TEST = "test"
    FREE = "free"  # nothing is asked for that could be told apart


# The hardest share of FTP that is held for SUSTAINED_MS in all, warm-up and cool-down aside.
# Coggan's bounds, with sweet spot as 0.88 to 0.94 between tempo and threshold.
LOWEST: tuple[tuple[float, Focus], ...] = (
    (1.20, Focus.ANAEROBIC),
    (1.05, Focus.VO2MAX),
    (0.94, Focus.THRESHOLD),
    (0.88, Focus.SWEET_SPOT),
    (0.76, Focus.TEMPO),
    (0.56, Focus.ENDURANCE),
    (0.0, Focus.RECOVERY),
)
SUSTAINED_MS = 120_000
# By heart rate or feel, where no step asks for power: share of maximum heart rate, and RPE 1-10.
BY_HEART = (
    (0.92, Focus.VO2MAX), (0.85, Focus.THRESHOLD), (0.78, Focus.TEMPO), (0.60, Focus.ENDURANCE),
    (0.0, Focus.RECOVERY),
)  # fmt: skip
BY_RPE = (
    (9.0, Focus.ANAEROBIC), (8.0, Focus.VO2MAX), (7.0, Focus.THRESHOLD), (5.0, Focus.TEMPO),
    (3.0, Focus.ENDURANCE), (0.0, Focus.RECOVERY),
)  # fmt: skip

# Shares, of somebody for whom every unit means something.
UNIT_ATHLETE = Thresholds(
    ftp_w=100, max_hr_bpm=100, lthr_bpm=90, rest_hr_bpm=30, weight_kg=30.0, threshold_kmh=100.0
)
SCALES: tuple[tuple[Dimension, float, tuple[tuple[float, Focus], ...]], ...] = (
    (Dimension.POWER_W, 100.0, LOWEST),
    (Dimension.SPEED_KMH, 100.0, LOWEST),
    (Dimension.HEART_RATE_BPM, 100.0, BY_HEART),
    (Dimension.RPE, 1.0, BY_RPE),
)
ABSOLUTE = frozenset({"w", "bpm", "kmh"})  # mean nothing without an athlete


def focus(workout: Workout) -> Focus:
    if any(isinstance(step.target, MaxEffort) for step in workout.steps) or _is_test(workout):
        return Focus.TEST
    for dimension, whole, lowest in SCALES:
        held = _held(workout, dimension)
        if held:
            share = _sustained(held) / whole
            return next(kind for low, kind in lowest if share >= low - 1e-9)
    return Focus.FREE


def _is_test(workout: Workout) -> bool:
    return bool(workout.test) or "test" in workout.name.lower().replace("-", " ").split()


def _held(workout: Workout, dimension: Dimension) -> list[tuple[float, int]]:
    """(the middle of its target, ms) of each step that counts."""
    main = [
        step
        for step in workout.steps
        if step.kind not in (StepKind.WARMUP, StepKind.COOLDOWN) and _is_of(step, dimension)
    ]
    steps = main or [step for step in workout.steps if _is_of(step, dimension)]
    return [(_middle(step), duration_ms(step) or SUSTAINED_MS) for step in steps]


def _is_of(step: Step, dimension: Dimension) -> bool:
    if not isinstance(step.target, Aim) or step.target.unit in ABSOLUTE:
        return False
    return UNITS[step.target.unit].dimension is dimension


def _middle(step: Step) -> float:
    resolved = resolve(step.target, UNIT_ATHLETE)
    return 0.0 if resolved is None else middle_at(resolved, 1, 2)


def _sustained(held: list[tuple[float, int]]) -> float:
    """The highest value at or above which SUSTAINED_MS are spent; the lowest of all if none."""
    spent_ms = 0
    ordered = sorted(held, reverse=True)
    for value, length_ms in ordered:
        spent_ms += length_ms
        if spent_ms >= SUSTAINED_MS:
            return value
    return ordered[-1][0]
