"""What the pictures in docs/explanation/trainers.md show, as numbers."""

from __future__ import annotations

from itertools import pairwise

from journeys.trainer_plot import FADES_S, HARD_W, SPIRAL_S, STOPS_S, ramp, spiral

from gateway.governor import RISE_W_PER_S


def test_the_guard_brings_a_rider_back_whom_a_fixed_power_keeps_down() -> None:
    without, guarded = spiral()
    assert all(point.cadence_rpm > 80 for point in guarded if 20 < point.at_s < FADES_S[0])
    assert all(point.cadence_rpm < 50 for point in without if point.at_s > FADES_S[1])
    back = [point for point in guarded if point.at_s > FADES_S[1] + 15]
    assert all(point.cadence_rpm > 80 and point.asked_w == HARD_W for point in back)
    assert back[-1].at_s > SPIRAL_S - 1
    eased = [point.asked_w or 0 for point in guarded if FADES_S[0] + 8 < point.at_s < FADES_S[1]]
    assert max(eased) < HARD_W and eased == sorted(eased, reverse=True)


def test_starts_ramp_in_and_steps_are_at_once() -> None:
    points = ramp()
    stopped = [point for point in points if STOPS_S[0] + 8 < point.at_s < STOPS_S[1]]
    assert stopped and all(point.asked_w is None for point in stopped)
    for earlier, later in pairwise(points):
        if earlier.asked_w is not None and later.asked_w is not None and later.at_s < 90:
            assert later.asked_w - earlier.asked_w <= RISE_W_PER_S
    assert {point.asked_w for point in points if point.at_s >= 90} == {280}
