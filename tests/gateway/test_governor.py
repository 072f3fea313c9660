"""How much may be asked: rest, guard, ramp-in, cap, range, each alone."""

from __future__ import annotations

import pytest

from gateway.gatt.fitness_machine_control import PowerRange
from gateway.governor import (
    LOW_CADENCE_AFTER_MS,
    PEDALLING_AFTER_MS,
    REST_AFTER_MS,
    RISE_EVERY_MS,
    RISE_W_PER_S,
    START_W,
    Allowed,
    Governor,
)


def governor(
    wanted_w: int | None = 200, power_range: PowerRange | None = None, cap_w: int | None = None
) -> Governor:
    made = Governor(power_range, cap_w)
    made.want(wanted_w)
    return made


def test_nothing_wanted_nothing_allowed() -> None:
    assert governor(None).allowed(0) == Allowed(None, "")
    assert governor(None).deadline(0) is None


def test_nothing_in_the_way() -> None:
    assert governor().allowed(0) == Allowed(200, "")
    assert governor().deadline(0) is None


def test_ramp_rises_in_steps_announced_by_the_deadline() -> None:
    made = governor()
    made.begin(1000)
    now: int | None = 1000
    seen = []
    while now is not None:
        allowed = made.allowed(now)
        seen.append(allowed.power_w)
        before = now
        now = made.deadline(now)
        if now is not None:
            assert now - before == RISE_EVERY_MS
            assert made.allowed(now - 1) == allowed
    step = RISE_W_PER_S * RISE_EVERY_MS // 1000
    assert seen == list(range(START_W, 201, step))
    assert made.allowed(10**6) == Allowed(200, "")


def test_ramp_never_holds_a_lower_target_up() -> None:
    made = governor(30)
    made.begin(0)
    assert made.allowed(0) == Allowed(30, "")


def test_cap_and_range_and_grid() -> None:
    assert governor(cap_w=150).allowed(0) == Allowed(150, "cap")
    made = governor(power_range=PowerRange(10, 180, 25))
    assert made.allowed(0) == Allowed(160, "range")  # 10, 35, ... 160
    made.want(5)
    assert made.allowed(0) == Allowed(10, "range")
    assert governor(power_range=PowerRange(100, 400, 1), cap_w=90).allowed(0) == Allowed(
        None, "cap"
    )


def test_rest_takes_a_while_and_so_does_coming_back() -> None:
    made = governor()
    made.measurement(200, 90, 0)
    made.measurement(0, 0, REST_AFTER_MS - 1)
    assert made.allowed(REST_AFTER_MS - 1).power_w == 200
    made.measurement(0, 0, REST_AFTER_MS)
    assert made.allowed(REST_AFTER_MS) == Allowed(None, "not_pedalling")
    back = 10_000
    made.measurement(50, 60, back)
    assert made.allowed(back).power_w is None
    made.measurement(50, 60, back + PEDALLING_AFTER_MS)
    assert made.allowed(back + PEDALLING_AFTER_MS).power_w == 200


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
            assert made.allowed(at_ms) == Allowed(200, "")
    assert made.allowed(60_000) == Allowed(180, "low_cadence")


def test_an_offset_is_not_pedalling() -> None:
    made = governor()
    made.measurement(3, 0, 0)
    assert made.allowed(0).reason == "not_pedalling"


def test_no_measurement_is_no_verdict() -> None:
    made = governor()
    made.measurement(None, None, 0)
    assert made.allowed(0).power_w == 200


@pytest.mark.parametrize("cadence_rpm, allowed_w", [(49, 196), (40, 160), (25, 100)])
def test_guard_keeps_the_torque_of_the_least_cadence(cadence_rpm: int, allowed_w: int) -> None:
    made = governor()
    made.measurement(200, cadence_rpm, 0)
    made.measurement(200, cadence_rpm, LOW_CADENCE_AFTER_MS - 1)
    assert made.allowed(LOW_CADENCE_AFTER_MS - 1).reason == ""
    made.measurement(200, cadence_rpm, LOW_CADENCE_AFTER_MS)
    assert made.allowed(LOW_CADENCE_AFTER_MS) == Allowed(allowed_w, "low_cadence")


def test_guard_holds_between_low_and_recovered_then_ramps() -> None:
    made = governor()
    for at_ms in (0, LOW_CADENCE_AFTER_MS):
        made.measurement(200, 40, at_ms)
    made.measurement(200, 52, 5000)
    assert made.allowed(5000) == Allowed(160, "low_cadence")
    made.measurement(200, 55, 6000)
    assert made.allowed(6000) == Allowed(160, "ramp_in")
    assert made.allowed(6000 + 2000) == Allowed(200, "")


def test_guard_begins_from_what_is_asked_not_from_what_is_wanted() -> None:
    made = governor(300)
    made.begin(0)
    for at_ms in range(0, LOW_CADENCE_AFTER_MS + 1, 1000):
        made.measurement(100, 45, at_ms)
    risen_w = START_W + RISE_W_PER_S * LOW_CADENCE_AFTER_MS // 1000
    assert made.allowed(LOW_CADENCE_AFTER_MS).power_w == int(risen_w * 45 / 50)


def test_forgetting_forgets_rest_and_ramp() -> None:
    made = governor()
    made.measurement(0, 0, 0)
    assert made.allowed(0).power_w is None
    made.forget()
    assert made.allowed(0) == Allowed(200, "")
