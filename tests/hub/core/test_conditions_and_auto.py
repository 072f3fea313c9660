"""What an athlete's numbers say: a step is over, and the legs started, stopped or went on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import auto
from hub.core.auto import Legs, Said
from hub.core.conditions import HEART_HELD_S, Ridden, Verdict, is_beyond, judge
from hub.core.lanes import Status
from hub.core.target import Thresholds, Unit, aim
from hub.core.workout import ForDistance, ForDuration, ForWork, UntilHeartRate, UntilLap

ANN = Thresholds(max_hr_bpm=200)
ABOVE = UntilHeartRate(aim(Unit.MAX_HR, 0.8), above=True)
BELOW = UntilHeartRate(aim(Unit.BPM, 120), above=False)


def test_distance_and_work_are_met_when_nothing_is_left() -> None:
    assert judge(ForDistance(500), Ridden(distance_m=499.5), ANN) == Verdict(False, 0.5)
    assert judge(ForDistance(500), Ridden(distance_m=503), ANN) == Verdict(True, 0)
    assert judge(ForWork(12.5), Ridden(work_kj=10), ANN) == Verdict(False, 2.5)
    assert judge(ForWork(12.5), Ridden(work_kj=12.5), ANN).met


def test_heart_rate_has_to_stay_there() -> None:
    held = HEART_HELD_S
    assert judge(ABOVE, Ridden(heart_rate_bpm=165, heart_s=held - 1), ANN) == Verdict(False, 0)
    assert judge(ABOVE, Ridden(heart_rate_bpm=160, heart_s=held), ANN) == Verdict(True, 0)
    assert judge(ABOVE, Ridden(heart_rate_bpm=150, heart_s=held), ANN) == Verdict(False, 10)
    assert judge(BELOW, Ridden(heart_rate_bpm=120, heart_s=held), ANN).met
    assert judge(BELOW, Ridden(heart_rate_bpm=131, heart_s=0), ANN) == Verdict(False, 11)


def test_a_heart_rate_that_is_not_heard_or_not_known_ends_nothing() -> None:
    assert judge(BELOW, Ridden(heart_rate_bpm=None, heart_s=99), ANN) == Verdict(False, None)
    assert judge(ABOVE, Ridden(heart_rate_bpm=199, heart_s=99), Thresholds()) == Verdict(
        False, None
    )
    assert not is_beyond(BELOW, None, ANN)
    assert is_beyond(BELOW, 119, ANN) and not is_beyond(BELOW, 121, ANN)
    assert not is_beyond(UntilLap(), 119, ANN)


@pytest.mark.parametrize("until", [ForDuration(1), UntilLap()])
def test_the_clock_and_the_lap_button_are_no_condition(until: ForDuration | UntilLap) -> None:
    everything = Ridden(1e6, 1e6, 200, 1000)
    assert judge(until, everything, ANN) == Verdict(False, None)


Look = tuple[int, float | None, float | None]  # seconds, watts, cadence


def legs_say(
    status: Status,
    *looks: Look,
    paused_by_itself: bool = False,
    moved_at_ms: int = 0,
    step_ms: int = 250,
) -> list[tuple[int, Said]]:
    """(ms, what was said), without anything being done about it."""
    legs, now, said = Legs(), 0, []
    for seconds, power_w, cadence_rpm in looks:
        for _ in range(seconds * 1000 // step_ms):
            legs = auto.watched(legs, now, power_w, cadence_rpm)
            one = auto.says(
                legs, status, paused_by_itself=paused_by_itself, moved_at_ms=moved_at_ms, now=now
            )
            if one is not None:
                said.append((now, one))
            now += step_ms
    return said


def test_a_sum_of_many_seconds_reaches_its_round_number() -> None:
    metres = 0.0
    for _ in range(720):
        metres += 25 / 3.6
    assert metres < 5_000
    assert judge(ForDistance(5_000), Ridden(distance_m=metres), ANN).met
    assert not judge(ForDistance(500), Ridden(distance_m=499.9), ANN).met


def test_three_seconds_of_pedalling_start_a_ride() -> None:
    assert legs_say(Status.READY, (1, 0, 0), (3, 150, 80)) == []
    assert legs_say(Status.READY, (1, 0, 0), (4, 150, 80))[0] == (4_000, Said.START)
    assert legs_say(Status.READY, (2, 150, 80), (1, 0, 0), (2, 150, 80)) == []


def test_four_seconds_of_standing_pause_it() -> None:
    assert legs_say(Status.RUNNING, (5, 200, 90), (4, 0, 0)) == []
    assert legs_say(Status.RUNNING, (5, 200, 90), (5, 0, 0))[0] == (9_000, Said.PAUSE)


def test_who_starts_from_a_standstill_has_time_to_clip_in() -> None:
    standing = (9, 0, 0)
    assert legs_say(Status.RUNNING, standing, moved_at_ms=3_000)[0] == (7_000, Said.PAUSE)
    assert legs_say(Status.RUNNING, standing, moved_at_ms=6_000) == []


def test_a_sensor_that_falls_silent_pauses_nobody() -> None:
    assert legs_say(Status.RUNNING, (5, 200, 90), (60, None, None)) == []
    # Standing for three seconds, then unheard, then standing: nobody knows what was between.
    assert legs_say(Status.RUNNING, (3, 0, 0), (1, None, None), (3, 0, 0)) == []


def test_it_goes_on_only_where_legs_had_paused_it() -> None:
    pedals = (2, 180.0, 85.0)
    assert legs_say(Status.PAUSED, pedals, paused_by_itself=True)[0] == (1_000, Said.RESUME)
    assert legs_say(Status.PAUSED, pedals) == []
    assert legs_say(Status.FINISHED, pedals) == []


def test_cadence_tells_more_than_the_watts_of_a_flywheel() -> None:
    assert auto.pedals(60, 0) is False
    assert auto.pedals(0, 60) is True
    assert auto.pedals(60, None) is True
    assert auto.pedals(12, None) is False
    assert auto.pedals(None, None) is None


@given(st.lists(st.tuples(st.none() | st.integers(0, 300), st.none() | st.integers(0, 120))))
def test_legs_either_pedal_or_stand(looks: list[tuple[float | None, float | None]]) -> None:
    legs = Legs()
    for second, (power_w, cadence_rpm) in enumerate(looks):
        legs = auto.watched(legs, second * 1000, power_w, cadence_rpm)
        assert legs.pedals_since_ms is None or legs.stands_since_ms is None
