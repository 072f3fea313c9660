"""The workouts that come with Derny: no doubt in any, and each is what its name says."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from hub.core.target import Aim, MaxEffort, Thresholds, Unit, resolve
from hub.core.workout import (
    ForDuration,
    IntervalCount,
    StepKind,
    UntilLap,
    Workout,
    interval_counts,
    total_ms,
)
from hub.formats.imported import Imported
from hub.formats.workout_file import FORMATS, read_workout, write_workout
from hub.formats.workout_json import planned

FOLDER = Path(__file__).parents[3] / "config" / "workouts"
OURS = sorted(FOLDER.iterdir())
ATHLETE = Thresholds(
    ftp_w=250, max_hr_bpm=185, lthr_bpm=168, rest_hr_bpm=50, weight_kg=75, threshold_kmh=13
)
MINUTES_IN_NAME = re.compile(r"(?:^|-)(\d{2,3})(?:-|$)")


@cache
def imported(path: Path) -> Imported:
    return read_workout(path.read_bytes(), path.name)


def named(stem: str) -> Workout:
    (path,) = (path for path in OURS if path.stem == stem)
    return imported(path).workout


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
def test_each_imports_without_a_doubt_and_says_what_it_is_for(path: Path):
    workout = imported(path).workout
    assert imported(path).warnings == ()
    assert len(workout.description) > 80
    assert workout.author == "Derny"
    assert workout.steps[0].kind is StepKind.WARMUP
    assert workout.steps[-1].kind is StepKind.COOLDOWN
    assert any(step.texts for step in workout.steps) or workout.sport == "bike"


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
def test_each_can_be_ridden(path: Path):
    """Every step ends by itself or by lap, and every target can be reached by a human."""
    workout = imported(path).workout
    for step in workout.steps:
        by_itself = isinstance(step.until, ForDuration | UntilLap) or step.at_most_ms is not None
        assert by_itself or workout.sport != "bike"
        for text in step.texts:
            assert not isinstance(step.until, ForDuration) or (
                text.offset_ms < step.until.duration_ms
            )
        if isinstance(step.target, Aim):
            assert resolve(step.target, ATHLETE) is not None
            assert step.target.unit is not Unit.FTP or step.target.high <= 1.8
    whole = planned(workout, 250)
    assert whole.training_load is None or whole.training_load < 120


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
def test_each_can_be_given_away_in_every_format_that_holds_it(path: Path):
    workout = imported(path).workout
    for row in FORMATS:
        if row.write is None or row.name in ("erg", "mrc"):
            continue
        back = read_workout(row.write(workout, 250).data, f"x.{row.extension}").workout
        assert len(back.steps) == len(workout.steps)
        if row.name == "toml":
            assert back == workout
        if row.name == "intervals" and total_ms(workout) is not None:
            assert total_ms(back) == total_ms(workout)


def test_there_is_one_for_every_day():
    assert len(OURS) >= 30
    assert len({path.stem for path in OURS}) == len({imported(p).workout.name for p in OURS})
    assert {imported(path).workout.sport for path in OURS} == {"bike", "run", "row"}
    tests = {imported(path).workout.test for path in OURS}
    assert tests == {"", "ramp", "20min", "2x8"}


def test_they_are_as_long_as_they_say():
    for path in OURS:
        minutes = MINUTES_IN_NAME.search(path.stem)
        told = path.stem.startswith(("recovery", "endurance", "row-steady"))
        if told and minutes is not None:
            assert total_ms(imported(path).workout) == int(minutes[1]) * 60_000, path.stem
    assert total_ms(named("first-ride")) == 600_000
    counts = [c for c in interval_counts(named("threshold-4x8")) if c is not None and c.of == 4]
    assert counts == [IntervalCount(n, 4) for n in (1, 2, 3, 4)]


def test_in_the_efforts_of_a_test_nothing_is_steered():
    for stem, seconds in (("ftp-20min", [300, 1200]), ("ftp-2x8", [480, 480])):
        efforts = [step for step in named(stem).steps if isinstance(step.target, MaxEffort)]
        assert [step.until for step in efforts] == [ForDuration(s * 1000) for s in seconds]


def test_written_as_a_course_for_a_trainer_it_says_what_is_lost():
    written = write_workout(named("first-ride"), "erg", 250)
    assert any("free" in text.lower() for text in written.warnings)
