"""What a workout trains."""

from __future__ import annotations

import pytest

from hub.core.target import FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.core.workout_focus import Focus, focus

WARM = Step("", StepKind.WARMUP, ForDuration(600_000), aim(Unit.FTP, 0.5, 1.3))


def sets(target: StepTarget, seconds: int, times: int = 1, name: str = "w") -> Workout:
    work = Step("", StepKind.WORK, ForDuration(seconds * 1000), target)
    easy = Step("", StepKind.RECOVERY, ForDuration(180_000), aim(Unit.FTP, 0.5))
    return Workout(name, (WARM, *(work, easy) * times))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.5, Focus.RECOVERY),
        (0.65, Focus.ENDURANCE),
        (0.8, Focus.TEMPO),
        (0.88, Focus.SWEET_SPOT),
        (0.94, Focus.THRESHOLD),
        (1.05, Focus.VO2MAX),
        (1.2, Focus.ANAEROBIC),
    ],
)
def test_by_where_most_of_the_effort_lies(share: float, expected: Focus) -> None:
    assert focus(sets(aim(Unit.FTP, share), 300, times=4)) is expected


def test_bursts_within_do_not_change_it_and_many_short_ones_do() -> None:
    sweet = Step("", StepKind.WORK, ForDuration(600_000), aim(Unit.FTP, 0.9))
    burst = Step("", StepKind.WORK, ForDuration(10_000), aim(Unit.FTP, 1.6))
    assert focus(Workout("w", (WARM, *(sweet, burst) * 4))) is Focus.SWEET_SPOT
    assert focus(sets(aim(Unit.FTP, 1.2), 30, times=20)) is Focus.ANAEROBIC


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (aim(Unit.POWER_ZONE, 4), Focus.THRESHOLD),
        (aim(Unit.THRESHOLD_SPEED, 0.8), Focus.TEMPO),
        (aim(Unit.LTHR, 0.7), Focus.ENDURANCE),
        (aim(Unit.RPE, 8), Focus.VO2MAX),
        (MaxEffort(), Focus.ANAEROBIC),
    ],
)
def test_in_every_unit(target: StepTarget, expected: Focus) -> None:
    step = Step("", StepKind.WORK, ForDuration(600_000), target)
    assert focus(Workout("w", (step,))) is expected


def test_what_says_nothing_is_free_and_what_says_test_is_one() -> None:
    free = Step("", StepKind.FREE, ForDuration(600_000), FreeRide())
    watts = Step("", StepKind.WORK, ForDuration(600_000), aim(Unit.WATT, 200))
    assert focus(Workout("w", (free, watts))) is Focus.FREE
    assert focus(Workout("w", (WARM, free))) is Focus.FREE
    assert focus(Workout("w", (watts, free), test="20min")) is Focus.TEST
    assert focus(sets(aim(Unit.FTP, 0.9), 300, name="FTP-test")) is Focus.TEST
    assert focus(sets(aim(Unit.FTP, 0.9), 300, name="Latest")) is Focus.SWEET_SPOT
