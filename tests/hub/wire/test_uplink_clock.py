"""The offset of two clocks from exchanges with unequal ways, drift and steps."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from hub.wire.uplink_clock import DRIFT_PPM, OffsetWindow

TRUE_US = 5_000_000_000


def exchange(window: OffsetWindow, sent_us: int, there_us: int, back_us: int, true_us: int) -> int:
    """One exchange with the given ways; returns when its answer came."""
    received_us = sent_us + there_us + true_us
    came_us = sent_us + there_us + back_us
    assert window.add(sent_us, received_us, received_us, came_us)
    return came_us


@given(ways=st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 50_000)), min_size=1))
def test_the_error_is_within_the_bound_that_is_told(ways: list[tuple[int, int]]) -> None:
    window = OffsetWindow()
    now_us = 0
    for there_us, back_us in ways:
        now_us = exchange(window, now_us + 1_000_000, there_us, back_us, TRUE_US)
    best = window.best(now_us)
    assert best is not None
    assert abs(best.offset_us - TRUE_US) <= best.bound_us(now_us) + 1


def test_the_shortest_round_trip_wins_until_drift_makes_it_old() -> None:
    window = OffsetWindow()
    exchange(window, 0, 100, 100, TRUE_US)
    came_us = exchange(window, 1_000_000, 5_000, 0, TRUE_US)
    best = window.best(came_us)
    assert best is not None and best.offset_us == TRUE_US
    came_us = exchange(window, 60_000_000, 1_000, 0, TRUE_US)  # drift since the first: 6 ms
    best = window.best(came_us)
    assert best is not None and best.round_trip_us == 1_000


def test_a_drifting_clock_is_followed_within_a_millisecond() -> None:
    rng = random.Random(7)
    window = OffsetWindow()
    for at_us in range(0, 3_600_000_000, 15_000_000):
        true_us = TRUE_US + at_us * DRIFT_PPM // 2_000_000
        there_us, back_us = rng.randint(200, 2_000), rng.randint(200, 2_000)
        now_us = exchange(window, at_us, there_us, back_us, true_us)
        best = window.best(now_us)
        assert best is not None and abs(best.offset_us - true_us) <= 1_500


def test_a_step_of_the_hubs_clock_voids_what_was_measured_before() -> None:
    window = OffsetWindow()
    exchange(window, 0, 100, 100, TRUE_US)
    came_us = exchange(window, 1_000_000, 20_000, 20_000, TRUE_US + 3_600_000_000)
    best = window.best(came_us)
    assert best is not None and best.offset_us == TRUE_US + 3_600_000_000


def test_times_that_make_no_sense_are_refused() -> None:
    window = OffsetWindow()
    assert not window.add(1_000, 0, 0, 500)  # the answer before the question
    assert not window.add(0, 0, 5_000, 1_000)  # the hub held it longer than it was away
    assert not window.add(0, 0, 0, 60_000_000)
    assert window.best(0) is None
