"""The end of a ramp test: found when the legs fail, at no other time, and alike live and after."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.metrics import Column
from hub.core.ramp_end import FAILED_S, FIRST_S, GRACE_S, RampEnd, RampWatch, ramp_end


def steps(minutes: int) -> Column:
    return np.repeat(100.0 + 20 * np.arange(minutes), 60)


def ridden(fails_at_s: int, minutes: int = 12, rest_w: float = 90.0) -> tuple[Column, ...]:
    """On target with cadence 90 until `fails_at_s`, then at `rest_w` and 60."""
    target_w = steps(minutes)
    failed = np.arange(len(target_w)) >= fails_at_s
    return np.where(failed, rest_w, target_w), np.where(failed, 60.0, 90.0), target_w


def test_the_second_in_which_the_legs_failed():
    assert ramp_end(*ridden(460)) == RampEnd(460, 460 + FAILED_S)


def test_a_ramp_that_is_held_has_no_end():
    assert ramp_end(*ridden(10_000)) is None


@pytest.mark.parametrize("share", [0.86, 1.0, 1.3])
def test_near_the_target_is_riding(share: float):
    target_w = steps(12)
    assert ramp_end(target_w * share, np.full(len(target_w), 90.0), target_w) is None


def test_cadence_that_collapses_while_the_trainer_still_claims_its_watts():
    power_w, cadence_rpm, target_w = ridden(460)
    assert ramp_end(target_w, np.where(cadence_rpm == 60, 30.0, 90.0), target_w) == RampEnd(
        460, 460 + FAILED_S
    )


def test_a_lost_power_meter_ends_no_test():
    power_w, cadence_rpm, target_w = ridden(10_000)
    power_w[400:500] = np.nan
    assert ramp_end(power_w, cadence_rpm, target_w) is None


def test_a_bottle_is_no_end():
    power_w, cadence_rpm, target_w = ridden(10_000)
    power_w[400 : 400 + FAILED_S - 1] = 0
    assert ramp_end(power_w, cadence_rpm, target_w) is None


def test_at_the_beginning_nobody_is_at_the_end():
    power_w, cadence_rpm, target_w = ridden(10_000)
    power_w[100 : FIRST_S - 1] = 0
    assert ramp_end(power_w, cadence_rpm, target_w) is None


def test_after_a_pause_the_trainer_has_time_to_come_back():
    power_w, cadence_rpm, target_w = ridden(10_000)
    power_w[400 : 400 + GRACE_S - 4] = 0
    assert ramp_end(power_w, cadence_rpm, target_w) == RampEnd(400, 400 + FAILED_S)
    assert ramp_end(power_w, cadence_rpm, target_w, {400}) is None


def test_without_a_target_nothing_can_be_failed():
    power_w, cadence_rpm, target_w = ridden(300)
    assert ramp_end(power_w, cadence_rpm, np.full(len(target_w), np.nan)) is None


SECONDS = st.tuples(
    st.none() | st.floats(0, 600), st.none() | st.floats(0, 130), st.none() | st.floats(50, 500)
)


@given(st.lists(SECONDS, max_size=40), st.integers(1, 30), st.sets(st.integers(0, 600)))
def test_live_and_afterwards_are_one(
    some: list[tuple[float | None, ...]], times: int, resumed_s: set[int]
):
    """Each second is pushed into a copy, as after a restart that kept the watch."""
    seconds = [second for second in some for _ in range(times)]
    watch = RampWatch()
    live = None
    for index, second in enumerate(seconds):
        watch = copy.deepcopy(watch)
        if index in resumed_s:
            watch.resumed()
        live = watch.second(*second)
        if live is not None:
            break
    columns = np.array(seconds, dtype=np.float64).reshape(-1, 3).T
    assert ramp_end(*columns, resumed_s) == live


@given(st.integers(FIRST_S, 700), st.floats(0.2, 5))
def test_a_stronger_rider_fails_at_the_same_second(fails_at_s: int, k: float):
    power_w, cadence_rpm, target_w = ridden(fails_at_s)
    assert ramp_end(power_w * k, cadence_rpm, target_w * k) == ramp_end(
        power_w, cadence_rpm, target_w
    )
