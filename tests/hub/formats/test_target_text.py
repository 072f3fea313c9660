"""Targets and lengths as people write them."""

import pytest
from hypothesis import given
from random_workouts import TARGETS, UNTILS

from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import ForDistance, ForDuration, ForWork, Until, UntilHeartRate, UntilLap
from hub.formats.target_text import SPELLINGS, parse_target, target_text
from hub.formats.until_text import parse_until, until_text


@given(TARGETS)
def test_what_is_written_is_read(target: StepTarget):
    assert parse_target(target_text(target)) == target


@given(UNTILS)
def test_what_ends_a_step_is_read_as_written(until: Until):
    assert parse_until(until_text(until)) == until


def test_every_unit_has_a_spelling():
    assert set(SPELLINGS) == set(Unit)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("90%", aim(Unit.FTP, 0.9)),
        ("95-100 % FTP", Aim(Unit.FTP, 0.95, 1.0)),
        ("95 to 100%ftp", Aim(Unit.FTP, 0.95, 1.0)),
        ("40 -> 75 %", aim(Unit.FTP, 0.4, 0.75)),
        ("40 % → 75 %", aim(Unit.FTP, 0.4, 0.75)),
        ("40-45 -> 70-75 %", Aim(Unit.FTP, 0.4, 0.45, 0.7, 0.75)),
        ("200–240W", Aim(Unit.WATT, 200, 240)),
        ("3,5 W/kg", aim(Unit.WATT_PER_KG, 3.5)),
        ("Z3", aim(Unit.POWER_ZONE, 3)),
        ("heart zone 2-3", Aim(Unit.HEART_ZONE, 2, 3)),
        ("rpe 7", aim(Unit.RPE, 7)),
        ("-4 - -2 % grade", Aim(Unit.GRADE_PCT, -4, -2)),
        ("-2 -> 6 % grade", aim(Unit.GRADE_PCT, -2, 6)),
        ("free", FreeRide()),
        ("Max", MaxEffort()),
    ],
)
def test_targets_by_hand(text: str, target: StepTarget):
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("90", "has no unit; write 90 % FTP"),
        ("90 furlongs", "'furlongs' is no unit"),
        ("fast", "is no target"),
        ("", "is no target"),
        ("40 -> 50 -> 60 %", "is no ramp"),
        ("200 W -> 90 %", "of the same unit"),
        ("400 %", "low before high"),
        ("95-90 %", "low before high"),
        ("zone 9", "power_zone is 1 to 7"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("8 min", ForDuration(480_000)),
        ("1:30", ForDuration(90_000)),
        ("1:02:03", ForDuration(3_723_000)),
        ("90s", ForDuration(90_000)),
        ("1 h 30 min", ForDuration(5_400_000)),
        ("0:00.5", ForDuration(500)),
        ("5 km", ForDistance(5000)),
        ("400m", ForDistance(400)),
        ("250 kJ", ForWork(250)),
        ("lap", UntilLap()),
        ("heart rate below 120 bpm", UntilHeartRate(aim(Unit.BPM, 120), above=False)),
        ("above 85 % LTHR", UntilHeartRate(aim(Unit.LTHR, 0.85), above=True)),
    ],
)
def test_lengths_by_hand(text: str, until: Until):
    assert parse_until(text) == until


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10", "is no length"),
        ("10 parsecs", "is no length"),
        ("0 s", "too short"),
        ("25 h", "too long"),
        ("0 kJ", "more than 0"),
        ("below 90 %", "not given in ftp"),
        ("below max", "is no heart rate"),
    ],
)
def test_a_wrong_length_is_said(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        parse_until(text)
