"""What a planned workout amounts to."""

import pytest

from hub.core.summary import summary
from hub.core.target import FreeRide, StepTarget, Thresholds, Unit, aim
from hub.core.workout import ForDistance, ForDuration, Step, StepKind, Until, UntilLap, Workout

RIDER = Thresholds(ftp_w=250)


def workout(*parts: tuple[Until, StepTarget]) -> Workout:
    return Workout("w", tuple(Step("", StepKind.WORK, until, target) for until, target in parts))


HOUR = ForDuration(3_600_000)


def test_an_hour_at_threshold_is_a_load_of_100():
    told = summary(workout((HOUR, aim(Unit.FTP, 1.0))), RIDER)
    assert told.duration_s == 3600
    assert told.training_load == pytest.approx(100)
    assert told.intensity_factor == pytest.approx(1.0)
    assert told.work_kj == pytest.approx(900)
    assert not told.partial


def test_a_ramp_counts_with_its_middle():
    told = summary(workout((HOUR, aim(Unit.FTP, 0.4, 0.8))), RIDER)
    assert told.work_kj == pytest.approx(540)
    assert told.intensity_factor is not None
    assert 0.6 < told.intensity_factor < 0.65


def test_what_says_nothing_about_power_is_left_out_and_said_so():
    told = summary(
        workout(
            (HOUR, aim(Unit.FTP, 1.0)),
            (HOUR, FreeRide()),
            (HOUR, aim(Unit.LTHR, 0.9)),
            (ForDistance(1500), aim(Unit.FTP, 1.0)),
            (UntilLap(), aim(Unit.FTP, 1.0)),
        ),
        RIDER,
    )
    assert (told.duration_s, told.distance_m) == (3 * 3600, 1500)
    assert told.training_load == pytest.approx(100)
    assert told.partial


def test_without_a_threshold_only_watts_have_work():
    assert summary(workout((HOUR, aim(Unit.FTP, 1.0))), Thresholds()).work_kj is None
    told = summary(workout((HOUR, aim(Unit.WATT, 200))), Thresholds())
    assert told.work_kj == pytest.approx(720)
    assert told.training_load is None


def test_ten_seconds_are_shorter_than_a_window_and_have_an_intensity():
    told = summary(workout((ForDuration(10_000), aim(Unit.FTP, 1.5))), RIDER)
    assert told.intensity_factor == pytest.approx(1.5)


def test_an_endless_plan_costs_no_endless_memory():
    day = (ForDuration(24 * 3_600_000), aim(Unit.FTP, 0.5))
    told = summary(workout(*[day] * 1000), RIDER)
    assert told.duration_s == 1000 * 24 * 3600
    assert told.partial
    assert told.work_kj == pytest.approx(125 * 4 * 24 * 3.6)


def test_the_intensity_of_the_athlete_scales_it():
    plan = workout((HOUR, aim(Unit.FTP, 0.8)), (HOUR, aim(Unit.MAX_HR, 0.8)))
    assert summary(plan, RIDER, 110).work_kj == pytest.approx(792)
