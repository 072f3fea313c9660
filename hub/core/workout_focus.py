"""What a workout trains, told from where most of its effort lies. Pure."""

from __future__ import annotations

from enum import StrEnum

from hub.core.target import Aim, Dimension, MaxEffort, Thresholds, middle_at, resolve
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


# Which band of effort takes most out of one, warm-up and cool-down aside: the time in it, times the
# fourth power of how hard it is, as weighted power has it. A burst in every sweet-spot interval
# does not make it anaerobic, and twenty half minutes do.
# By share of FTP: Coggan's bounds, with sweet spot as 0.88 to 0.94 between tempo and threshold.
LOWEST: tuple[tuple[float, Focus], ...] = (
    (1.20, Focus.ANAEROBIC),
    (1.05, Focus.VO2MAX),
    (0.94, Focus.THRESHOLD),
    (0.88, Focus.SWEET_SPOT),
    (0.76, Focus.TEMPO),
    (0.56, Focus.ENDURANCE),
    (0.0, Focus.RECOVERY),
)
UNTIMED_MS = 120_000  # what a step without a length in time counts as
COST_POWER = 4
MAX_SHARE = 1.5  # of FTP, that a maximum effort counts as
# By heart rate or feel, where no step asks for power: share of maximum heart rate, and RPE 1-10.
BY_HEART = (
    (0.92, Focus.VO2MAX), (0.85, Focus.THRESHOLD), (0.78, Focus.TEMPO), (0.60, Focus.ENDURANCE),
    (0.0, Focus.RECOVERY),
)  # fmt: skip
BY_RPE = (
    (9.0, Focus.ANAEROBIC), (8.0, Focus.VO2MAX), (7.0, Focus.THRESHOLD), (5.0, Focus.TEMPO),
    (3.5, Focus.ENDURANCE), (0.0, Focus.RECOVERY),
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
    if workout.test or "test" in workout.name.lower().replace("-", " ").split():
        return Focus.TEST
    main = [step for step in workout.steps if step.kind not in (StepKind.WARMUP, StepKind.COOLDOWN)]
    for dimension, whole, lowest in SCALES:
        efforts = [
            (effort / whole, duration_ms(step) or UNTIMED_MS)
            for step in main or workout.steps
            if (effort := _effort(step, dimension)) is not None
        ]
        if efforts:
            return _costliest(efforts, lowest)
    return Focus.FREE


def _effort(step: Step, dimension: Dimension) -> float | None:
    """The middle of the step's target, None where it asks for something else."""
    target = step.target
    if isinstance(target, MaxEffort):
        return MAX_SHARE * 100 if dimension is Dimension.POWER_W else None
    if not isinstance(target, Aim) or target.unit in ABSOLUTE:
        return None
    resolved = resolve(target, UNIT_ATHLETE)
    if resolved is None or resolved.dimension is not dimension:
        return None
    return middle_at(resolved, 1, 2)


def _costliest(efforts: list[tuple[float, int]], lowest: tuple[tuple[float, Focus], ...]) -> Focus:
    cost: dict[Focus, float] = {}
    for share, length_ms in efforts:
        band = next(kind for low, kind in lowest if share >= low - 1e-9)
        cost[band] = cost.get(band, 0.0) + length_ms * share**COST_POWER
    return max(cost, key=lambda kind: cost[kind])
