"""Workouts: counting, lengths and what a target means to one athlete."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.workout import (
    ForDuration,
    FreeRide,
    Ftp,
    FtpShare,
    IntervalCount,
    ResolvedPower,
    Step,
    StepKind,
    StepTarget,
    StepText,
    UntilLap,
    Workout,
    interval_counts,
    power_at,
    resolve,
    steering,
    total_ms,
)
from hub.wire.values import FreeTarget, PowerTarget


def step(kind: StepKind, seconds: int | None, target: StepTarget) -> Step:
    return Step("", kind, UntilLap() if seconds is None else ForDuration(seconds * 1000), target)


def steady(share: float) -> FtpShare:
    return FtpShare(share, share)


HARD = step(StepKind.WORK, 480, steady(1.0))
EASY = step(StepKind.RECOVERY, 120, steady(0.5))
WARM = step(StepKind.WARMUP, 600, FtpShare(0.4, 0.75))


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


@pytest.mark.parametrize(
    ("share", "ftp_w", "trim_pct", "watts"),
    [(0.55, 100, 100, 55), (1.15, 100, 100, 115), (0.75, 250, 100, 188), (1.0, 250, 97, 243)],
)
def test_watts_are_whole_and_half_rounds_up(share: float, ftp_w: int, trim_pct: int, watts: int):
    assert resolve(steady(share), Ftp(ftp_w), trim_pct) == ResolvedPower(watts, watts, True)


@given(st.floats(0, 3), st.integers(1, 2000), st.integers(50, 150))
def test_a_target_is_within_half_a_watt(share: float, ftp_w: int, trim_pct: int):
    resolved = resolve(steady(share), Ftp(ftp_w), trim_pct)
    assert resolved is not None
    assert abs(resolved.begin_w - share * ftp_w * trim_pct / 100) <= 0.5 + 1e-6


def test_a_target_from_an_assumed_ftp_never_steers():
    guess = resolve(steady(1.0), Ftp(200, assumed=True))
    assert guess == ResolvedPower(200, 200, steers=False)
    assert steering(guess) == (FreeTarget(), None)
    assert steering(resolve(FtpShare(0.5, 1.0), Ftp(200))) == (PowerTarget(100), PowerTarget(200))
    assert steering(resolve(steady(0.5), Ftp(200))) == (PowerTarget(100), None)
    assert steering(resolve(steady(0.5), None)) == (FreeTarget(), None)
    assert resolve(FreeRide(), Ftp(200)) is None


@pytest.mark.parametrize("trim_pct", [49, 151])
def test_a_trim_out_of_bounds_is_refused(trim_pct: int):
    with pytest.raises(ValueError, match="trim is 50 to 150"):
        resolve(steady(1.0), Ftp(200), trim_pct)


def test_a_ramp_is_linear_and_stays_within_its_step():
    ramp = ResolvedPower(100, 200, True)
    assert [power_at(ramp, t, 1000) for t in (-5, 0, 250, 1000, 2000)] == [100, 100, 125, 200, 200]
    assert power_at(ramp, 500, None) == 100


def test_json_keeps_everything_and_checks_bounds():
    workout = Workout("w", (msgspec.structs.replace(WARM, texts=(StepText(0, "Go"),)), HARD))
    data = msgspec.json.encode(workout)
    assert msgspec.json.decode(data, type=Workout) == workout
    for bad in (
        b'{"name":"w","steps":[]}',
        data.replace(b'"end":0.75', b'"end":3.5'),
        data.replace(b'"duration_ms":600000', b'"duration_ms":0'),
    ):
        assert bad != data
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(bad, type=Workout)
