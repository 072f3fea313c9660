"""How much may be asked: rest, guard, ramp-in, cap, range, each alone."""

from __future__ import annotations

import pytest

from gateway.gatt.fitness_machine_control import PowerRange
from gateway.governor import RISE_EVERY_MS, RISE_W_PER_S, START_W, Allowed, Governor
from gateway.pedalling import LOW_CADENCE_AFTER_MS, PEDALLING_AFTER_MS, REST_AFTER_MS
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target


def governor(
    wanted_w: int | None = 200, power_range: PowerRange | None = None, cap_w: int | None = None
) -> Governor:
    made = Governor(power_range, cap_w)
    made.want(None if wanted_w is None else PowerTarget(wanted_w))
    return made


def watts(power_w: int, reason: str = "") -> Allowed:
    return Allowed(PowerTarget(power_w), reason)


def allowed_w(made: Governor, now_ms: int) -> int | None:
    target = made.allowed(now_ms).target
    assert target is None or isinstance(target, PowerTarget)
    return None if target is None else target.power_w


def test_nothing_wanted_nothing_allowed() -> None:
    assert governor(None).allowed(0) == Allowed(None, "")
    assert governor(None).deadline(0) is None


def test_nothing_in_the_way() -> None:
    assert governor().allowed(0) == watts(200, "")
    assert governor().deadline(0) is None


def test_ramp_rises_in_steps_announced_by_the_deadline() -> None:
    made = governor()
    made.begin(1000)
    now: int | None = 1000
    seen = []
    while now is not None:
        allowed = made.allowed(now)
        seen.append(allowed_w(made, now))
        before = now
        now = made.deadline(now)
        if now is not None:
            assert now - before == RISE_EVERY_MS
            assert made.allowed(now - 1) == allowed
    step = RISE_W_PER_S * RISE_EVERY_MS // 1000
    assert seen == list(range(START_W, 201, step))
    assert made.allowed(10**6) == watts(200, "")


def test_ramp_never_holds_a_lower_target_up() -> None:
    made = governor(30)
    made.begin(0)
    assert made.allowed(0) == watts(30, "")


def test_cap_and_range_and_grid() -> None:
    assert governor(cap_w=150).allowed(0) == watts(150, "cap")
    made = governor(power_range=PowerRange(10, 180, 25))
    assert made.allowed(0) == watts(160, "range")  # 10, 35, ... 160
    made.want(PowerTarget(5))
    assert made.allowed(0) == watts(10, "range")
    assert governor(power_range=PowerRange(100, 400, 1), cap_w=90).allowed(0) == Allowed(
        None, "cap"
    )


def test_rest_takes_a_while_and_so_does_coming_back() -> None:
    made = governor()
    made.measurement(200, 90, 0)
    made.measurement(0, 0, REST_AFTER_MS - 1)
    assert allowed_w(made, REST_AFTER_MS - 1) == 200
    made.measurement(0, 0, REST_AFTER_MS)
    assert made.allowed(REST_AFTER_MS) == Allowed(None, "not_pedalling")
    back = 10_000
    made.measurement(50, 60, back)
    assert allowed_w(made, back) is None
    made.measurement(50, 60, back + PEDALLING_AFTER_MS)
    assert allowed_w(made, back + PEDALLING_AFTER_MS) == 200


def test_a_trainer_that_sends_no_cadence_beside_a_pod_that_does() -> None:
    """JetBlack Volt: cadence 0 for ever; a pod on the crank tells the truth once a second."""
    made = governor()
    for at_ms in range(0, 60_000, 250):
        pod_rpm = 0 if at_ms < 10_000 else 45 if at_ms >= 40_000 else 80
        power_w = 150 if at_ms >= 20_000 else 0
        made.measurement(power_w, 0, at_ms)
        if at_ms % 1000 == 0:
            made.measurement(None, pod_rpm, at_ms)
        if at_ms == 9000:
            assert made.allowed(at_ms).reason == "not_pedalling"
        if at_ms in (15_000, 30_000):
            assert made.allowed(at_ms) == watts(200, "")
    assert made.allowed(60_000) == watts(180, "low_cadence")


def test_an_offset_is_not_pedalling() -> None:
    made = governor()
    made.measurement(3, 0, 0)
    assert made.allowed(0).reason == "not_pedalling"


def test_no_measurement_is_no_verdict() -> None:
    made = governor()
    made.measurement(None, None, 0)
    assert allowed_w(made, 0) == 200


@pytest.mark.parametrize("cadence_rpm, left_w", [(49, 196), (40, 160), (25, 100)])
def test_guard_keeps_the_torque_of_the_least_cadence(cadence_rpm: int, left_w: int) -> None:
    made = governor()
    made.measurement(200, cadence_rpm, 0)
    made.measurement(200, cadence_rpm, LOW_CADENCE_AFTER_MS - 1)
    assert made.allowed(LOW_CADENCE_AFTER_MS - 1).reason == ""
    made.measurement(200, cadence_rpm, LOW_CADENCE_AFTER_MS)
    assert made.allowed(LOW_CADENCE_AFTER_MS) == watts(left_w, "low_cadence")


def test_guard_holds_between_low_and_recovered_then_ramps() -> None:
    made = governor()
    for at_ms in (0, LOW_CADENCE_AFTER_MS):
        made.measurement(200, 40, at_ms)
    made.measurement(200, 52, 5000)
    assert made.allowed(5000) == watts(160, "low_cadence")
    made.measurement(200, 55, 6000)
    assert made.allowed(6000) == watts(160, "ramp_in")
    assert made.allowed(6000 + 2000) == watts(200, "")


def test_guard_begins_from_what_is_asked_not_from_what_is_wanted() -> None:
    made = governor(300)
    made.begin(0)
    for at_ms in range(0, LOW_CADENCE_AFTER_MS + 1, 1000):
        made.measurement(100, 45, at_ms)
    risen_w = START_W + RISE_W_PER_S * LOW_CADENCE_AFTER_MS // 1000
    assert allowed_w(made, LOW_CADENCE_AFTER_MS) == int(risen_w * 45 / 50)


def test_forgetting_forgets_rest_and_ramp() -> None:
    made = governor()
    made.measurement(0, 0, 0)
    assert allowed_w(made, 0) is None
    made.forget()
    assert made.allowed(0) == watts(200, "")


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        (GradeTarget(grade_pct=4.5, crr=0.008), GradeTarget(grade_pct=0, crr=0.008)),
        (ResistanceTarget(45), ResistanceTarget(0)),
    ],
)
def test_a_grade_and_a_resistance_ramp_in_from_nothing(wanted: Target, first: Target) -> None:
    made = Governor(None, 100)
    made.want(wanted)
    made.begin(1000)
    assert made.allowed(1000) == Allowed(first, "ramp_in")
    assert made.deadline(1000) == 1000 + RISE_EVERY_MS
    assert made.allowed(5000).reason == "ramp_in"
    assert made.allowed(5500) == Allowed(wanted, "")
    assert made.deadline(5500) is None


def test_downhill_needs_no_ramp() -> None:
    made = Governor(None, None)
    made.want(GradeTarget(grade_pct=-3))
    made.begin(0)
    assert made.allowed(0) == Allowed(GradeTarget(grade_pct=-3), "")


def test_rest_guard_and_cap_are_about_power_alone() -> None:
    made = Governor(None, 100)
    made.want(ResistanceTarget(60))
    for at_ms in (0, LOW_CADENCE_AFTER_MS, 2 * LOW_CADENCE_AFTER_MS):
        made.measurement(300, 35, at_ms)
        assert made.allowed(at_ms) == Allowed(ResistanceTarget(60), "")
    made.measurement(0, 0, 60_000)
    assert made.allowed(60_000) == Allowed(ResistanceTarget(60), "")


def test_a_ramp_of_watts_is_none_of_grade() -> None:
    made = governor(300)
    made.begin(0)
    made.want(GradeTarget(grade_pct=12))
    assert made.allowed(100) == Allowed(GradeTarget(grade_pct=12), "")
