"""Workouts: counting, lengths and what a target means to one athlete."""

import msgspec
import pytest

from hub.core.target import Aim, FreeRide, StepTarget, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDuration,
    IntervalCount,
    Step,
    StepKind,
    StepText,
    UntilHeartRate,
    UntilLap,
    Workout,
    interval_counts,
    total_ms,
)


def step(kind: StepKind, seconds: int | None, target: StepTarget) -> Step:
    return Step("", kind, UntilLap() if seconds is None else ForDuration(seconds * 1000), target)


def steady(share: float) -> Aim:
    return aim(Unit.FTP, share)


HARD = step(StepKind.WORK, 480, steady(1.0))
EASY = step(StepKind.RECOVERY, 120, steady(0.5))
WARM = step(StepKind.WARMUP, 600, aim(Unit.FTP, 0.4, 0.75))


def test_like_intervals_are_counted_and_others_are_not():
    odd = step(StepKind.WORK, 60, steady(1.2))
    workout = Workout("4x8", (WARM, HARD, EASY, HARD, odd, HARD))
    assert interval_counts(workout) == (
        None,
        IntervalCount(1, 3),
        None,
        IntervalCount(2, 3),
        None,
        IntervalCount(3, 3),
    )


def test_a_total_exists_only_without_open_ends():
    assert total_ms(Workout("a", (WARM, HARD))) == 1_080_000
    assert total_ms(Workout("b", (WARM, step(StepKind.FREE, None, FreeRide())))) is None


def test_json_keeps_everything_and_checks_bounds():
    workout = Workout("w", (msgspec.structs.replace(WARM, texts=(StepText(0, "Go"),)), HARD))
    data = msgspec.json.encode(workout)
    assert msgspec.json.decode(data, type=Workout) == workout
    for bad in (
        b'{"name":"w","steps":[]}',
        data.replace(b'"end_high":0.75', b'"end_high":3.5'),
        data.replace(b'"duration_ms":600000', b'"duration_ms":0'),
    ):
        assert bad != data
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(bad, type=Workout)


def test_a_heart_rate_condition_is_about_heart_rate():
    UntilHeartRate(aim(Unit.MAX_HR, 0.7), above=False)
    with pytest.raises(ValueError, match="not given in w"):
        UntilHeartRate(aim(Unit.WATT, 200), above=True)


def test_a_cadence_is_low_before_high():
    assert msgspec.json.decode(b'{"low_rpm":85,"high_rpm":85}', type=CadenceRange).low_rpm == 85
    with pytest.raises(msgspec.ValidationError, match="low before high, not 95 to 85"):
        msgspec.json.decode(b'{"low_rpm":95,"high_rpm":85}', type=CadenceRange)
