"""Workouts of Garmin Connect and of TrainingPeaks: their tables, and what is doubtful, by path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, StepTarget, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    StepText,
    Until,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.formats.garmin_json import holds_garmin_json, parse_garmin_json
from hub.formats.trainingpeaks_json import holds_trainingpeaks_json, parse_trainingpeaks_json


def garmin_step(**changed: Any) -> dict[str, Any]:
    return {
        "type": "ExecutableStepDTO",
        "stepType": {"stepTypeId": 3, "stepTypeKey": "interval"},
        "endCondition": {"conditionTypeId": 2, "conditionTypeKey": "time"},
        "endConditionValue": 60.0,
        **changed,
    }


def repeat(times: Any, *steps: Any, **changed: Any) -> dict[str, Any]:
    return {
        "type": "RepeatGroupDTO",
        "stepType": {"stepTypeId": 6, "stepTypeKey": "repeat"},
        "numberOfIterations": times,
        "workoutSteps": list(steps),
        **changed,
    }


def garmin(*steps: Any, **head: Any) -> bytes:
    whole = {
        "workoutName": "w",
        "sportType": {"sportTypeId": 2, "sportTypeKey": "cycling"},
        "workoutSegments": [{"segmentOrder": 1, "workoutSteps": list(steps)}],
        **head,
    }
    return json.dumps(whole).encode()


def read(data: bytes) -> tuple[Workout, list[str]]:
    parse = parse_garmin_json if holds_garmin_json(data.decode()) else parse_trainingpeaks_json
    imported = parse(data)
    return imported.workout, [w.text for w in imported.warnings]


def only(data: bytes) -> Step:
    workout, warnings = read(data)
    assert warnings == []
    (step,) = workout.steps
    return step


def power(low: Any, high: Any) -> dict[str, Any]:
    kind = {"workoutTargetTypeId": 2, "workoutTargetTypeKey": "power.zone"}
    return {"targetType": kind, "targetValueOne": low, "targetValueTwo": high}


@pytest.mark.parametrize(
    ("key", "value", "until"),
    [
        ("time", 90.5, ForDuration(90_500)),
        ("time", "90", ForDuration(90_000)),
        ("distance", 1000.0, ForDistance(1000)),
        ("lap.button", None, UntilLap()),
    ],
)
def test_ends_of_garmins_steps(key: str, value: Any, until: Until):
    condition = {"conditionTypeKey": key}
    assert only(garmin(garmin_step(endCondition=condition, endConditionValue=value))).until == until


@pytest.mark.parametrize(("compare", "above"), [("gt", True), ("lt", False)])
def test_garmins_ends_by_heart_rate(compare: str, above: bool):
    step = garmin_step(
        endCondition={"conditionTypeId": 5}, endConditionValue=120, endConditionCompare=compare
    )
    assert only(garmin(step)).until == UntilHeartRate(aim(Unit.BPM, 120), above)


def test_garmins_calories_become_work():
    step = garmin_step(endCondition={"conditionTypeKey": "calories"}, endConditionValue=100)
    workout, warnings = read(garmin(step))
    assert workout.steps[0].until == ForWork(100.4)  # 100 kcal x 4.184 kJ x 24 %
    assert "24 % efficiency" in warnings[0]


@pytest.mark.parametrize(
    ("key", "values", "target"),
    [
        ("power.zone", {"targetValueOne": 200, "targetValueTwo": 220}, Aim(Unit.WATT, 200, 220)),
        ("power.zone", {"targetValueOne": 220, "targetValueTwo": 200}, Aim(Unit.WATT, 200, 220)),
        ("power.zone", {"zoneNumber": 3}, aim(Unit.POWER_ZONE, 3)),
        ("heart.rate.zone", {"targetValueOne": 140}, aim(Unit.BPM, 140)),
        ("heart.rate.zone", {"zoneNumber": "2"}, aim(Unit.HEART_ZONE, 2)),
        ("pace.zone", {"targetValueOne": 3.0, "targetValueTwo": 3.5}, Aim(Unit.KMH, 10.8, 12.6)),
        ("speed.zone", {"targetValueOne": 10}, aim(Unit.KMH, 36)),
        ("cadence.zone", {"targetValueOne": 85, "targetValueTwo": 95}, Aim(Unit.RPM, 85, 95)),
        ("no.target", {}, FreeRide()),
    ],
)  # fmt: skip
def test_garmins_targets(key: str, values: dict[str, Any], target: StepTarget):
    step = garmin_step(targetType={"workoutTargetTypeKey": key}, **values)
    assert only(garmin(step)).target == target


def test_cadence_stands_beside_the_other_target_in_either_place():
    beside = {
        "secondaryTargetType": {"workoutTargetTypeId": 3},
        "secondaryTargetValueOne": 85,
        "secondaryTargetValueTwo": "95",
    }
    step = only(garmin(garmin_step(**power(200, 220), **beside)))
    assert (step.target, step.cadence) == (Aim(Unit.WATT, 200, 220), CadenceRange(85, 95))
    swapped = garmin_step(
        targetType={"workoutTargetTypeKey": "cadence.zone"}, targetValueOne=90, targetValueTwo=90,
        secondaryTargetType={"workoutTargetTypeKey": "power.zone"}, secondaryTargetValueOne=200,
        secondaryTargetValueTwo=200,
    )  # fmt: skip
    step = only(garmin(swapped))
    assert (step.target, step.cadence) == (aim(Unit.WATT, 200), CadenceRange(90, 90))


def test_garmins_repeats_within_repeats_in_their_order():
    rest = garmin_step(stepType={"stepTypeId": 5}, endConditionValue=30, stepOrder=4)
    work = garmin_step(**power(300, 300), description="Hard", stepOrder=3)
    once = repeat("2", rest, work, stepOrder=2, skipLastRestStep=True)
    warm = garmin_step(stepType={"stepTypeKey": "warmup"}, endConditionValue=600, stepOrder=1)
    workout, warnings = read(garmin(repeat(2, once, warm, stepOrder=5)))
    assert warnings == []
    kinds = [step.kind.value for step in workout.steps]
    assert kinds == ["warmup", "work", "recovery", "work"] * 2
    assert workout.steps[1].texts == (StepText(0, "Hard"),)


def test_the_head_of_a_garmin_workout():
    workout, warnings = read(
        garmin(garmin_step(), workoutName="Run\n it", description="why",
               sportType={"sportTypeId": 1}, author={"fullName": "Ann"})
    )  # fmt: skip
    assert (workout.name, workout.description) == ("Run it", "why")
    assert (workout.sport, workout.author, warnings) == ("run", "Ann", [])


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (garmin(garmin_step(stepType={"stepTypeKey": "hop"})), "workoutSteps[0]: step type 'hop'"),
        (garmin(garmin_step(targetType={"workoutTargetTypeId": 99})), "target 99 is not known"),
        (
            garmin(garmin_step(targetType={"workoutTargetTypeKey": "grade"})),
            "workoutSegments[0].workoutSteps[0]: target 'grade' is not known",
        ),
        (garmin(garmin_step(**power(200, "x"))), "targetValueTwo 'x' is no number"),
        (garmin(garmin_step(**power(9000, 9000))), "out of bounds"),
        (garmin(garmin_step(**power(None, None))), "without values"),
        (garmin(garmin_step(endCondition={"conditionTypeKey": "reps"})), "the end 'reps'"),
        (garmin(garmin_step(endConditionValue=None)), "no endConditionValue"),
        (garmin(garmin_step(), garmin_step(endConditionValue=0)), "without length"),
        (garmin(garmin_step(), "text"), "workoutSteps[1]: is no object"),
        (garmin(garmin_step(), repeat(3)), "without steps"),
        (garmin(repeat("many", garmin_step())), "no sensible number"),
        (garmin(garmin_step(), sportType={"sportTypeKey": "yoga"}), "sport 'yoga'"),
        (b"[" + garmin(garmin_step()) + b"," + garmin(garmin_step()) + b"]", "holds 2 workouts"),
    ],
)
def test_what_is_doubtful_at_garmin_is_told_with_its_path(data: bytes, doubt: str):
    workout, warnings = read(data)
    assert workout.steps
    assert any(doubt in told for told in warnings), warnings


def tp_step(seconds: Any, *targets: Any, **changed: Any) -> dict[str, Any]:
    return {
        "type": "step",
        "length": {"value": seconds, "unit": "second"},
        "targets": list(targets),
        "intensityClass": "active",
        "openDuration": False,
        **changed,
    }


def single(step: Any) -> dict[str, Any]:
    return {"type": "step", "length": {"value": 1, "unit": "repetition"}, "steps": [step]}


def structure(*elements: Any, metric: str = "percentOfFtp") -> dict[str, Any]:
    return {
        "structure": list(elements), "polyline": [[0, 0], [1, 1]],
        "primaryLengthMetric": "duration", "primaryIntensityMetric": metric,
    }  # fmt: skip


def tp(*elements: Any, metric: str = "percentOfFtp", **head: Any) -> bytes:
    return json.dumps(
        {"title": "w", "structure": structure(*elements, metric=metric), **head}
    ).encode()


def at(low: float, high: float | None = None, unit: str | None = None) -> dict[str, Any]:
    ends: dict[str, Any] = (
        {"minValue": low} if high is None else {"minValue": low, "maxValue": high}
    )
    return ends if unit is None else {**ends, "unit": unit}


@pytest.mark.parametrize(
    ("metric", "values", "target"),
    [
        ("percentOfFtp", (90, 95), Aim(Unit.FTP, 0.9, 0.95)),
        ("percentOfFtp", (84,), aim(Unit.FTP, 0.84)),
        ("percentOfThresholdHr", (80, 85), Aim(Unit.LTHR, 0.8, 0.85)),
        ("percentOfMaxHr", (70, 75), Aim(Unit.MAX_HR, 0.7, 0.75)),
        ("percentOfThresholdPace", (107,), aim(Unit.THRESHOLD_SPEED, 1.07)),
        ("rpe", (7, 8), Aim(Unit.RPE, 7, 8)),
        ("power", (200, 220), Aim(Unit.WATT, 200, 220)),
        ("secondsPerKilometer", (300, 360), Aim(Unit.KMH, 10, 12)),
    ],
)
def test_targets_of_trainingpeaks(metric: str, values: tuple[float, ...], target: StepTarget):
    assert only(tp(single(tp_step(60, at(*values))), metric=metric)).target == target


def test_repeats_cadence_notes_and_open_steps_of_trainingpeaks():
    work = tp_step(
        "480", at(95, 100), at(85, 95, "roundOrStridePerMinute"), name="Threshold", notes="Sit up"
    )
    rest = tp_step(120, at(50), intensityClass="rest")
    block = {"type": "repetition", "length": {"value": 3, "unit": "repetition"},
             "steps": [work, rest]}  # fmt: skip
    warm = tp_step(600, at(40, 75), intensityClass="warmUp")
    end = tp_step(0, at(40), intensityClass="coolDown", openDuration=True)
    ramp = {**single(warm), "type": "rampUp"}
    workout, warnings = read(tp(ramp, block, single(end)))
    assert warnings == []
    kinds = [step.kind.value for step in workout.steps]
    assert kinds == ["warmup", *["work", "recovery"] * 3, "cooldown"]
    assert workout.steps[0].target == aim(Unit.FTP, 0.4, 0.75)
    assert workout.steps[1] == Step(
        "Threshold", StepKind.WORK, ForDuration(480_000), Aim(Unit.FTP, 0.95, 1.0),
        CadenceRange(85, 95), (StepText(0, "Sit up"),),
    )  # fmt: skip
    assert workout.steps[-1].until == UntilLap()


def test_the_three_places_of_a_structure():
    element = single(tp_step(60, at(90)))
    as_string = json.dumps({"title": "w", "structure": json.dumps(structure(element))}).encode()
    bare = json.dumps(structure(element)).encode()
    partner = {"Title": "w", "WorkoutType": "Bike", "Structure": [
        {"Type": "Step", "IntensityClass": "Active", "Name": "Go", "Length":
            {"Unit": "Second", "Value": 60}, "IntensityTarget":
            {"Unit": "PercentOfFtp", "Value": 90, "MinValue": 85, "MaxValue": 95}}]}  # fmt: skip
    for data in (tp(element), as_string, bare):
        assert holds_trainingpeaks_json(data.decode())
        assert only(data).target == aim(Unit.FTP, 0.9)
    step = only(json.dumps(partner).encode())
    assert (step.name, step.target) == ("Go", Aim(Unit.FTP, 0.85, 0.95))


@pytest.mark.parametrize(
    ("head", "metric", "sport"),
    [
        ({"workoutTypeValueId": 3}, "percentOfThresholdHr", "run"),
        ({"workoutTypeValueId": 12}, "rpe", "row"),
        ({}, "percentOfThresholdPace", "run"),
        ({}, "percentOfFtp", "bike"),
    ],
)
def test_the_sport_of_trainingpeaks(head: dict[str, Any], metric: str, sport: str):
    assert read(tp(single(tp_step(60, at(5))), metric=metric, **head))[0].sport == sport


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (tp(single(tp_step(60, at(90))), metric="percentOfLuck"), "intensity 'percentofluck'"),
        (tp(single(tp_step(60, at(90, 90, "moons")))), "targets[0]: unit 'moons'"),
        (tp(single(tp_step(60, at(90), at(91)))), "targets[1]: one more target"),
        (tp(single(tp_step("long", at(90)))), "value 'long' is no number"),
        (tp(single({"targets": [at(90)]})), "without length"),
        (tp(single(tp_step(60, at(900)))), "out of bounds"),
        (tp({**single(tp_step(60, at(9))), "type": "spiral"}), "type 'spiral'"),
        (tp(single(tp_step(60, intensityClass="hop"))), "intensity class 'hop'"),
        (tp(single(tp_step(60)), {"type": "repetition", "steps": []}), "nothing to ride"),
        (tp(single(tp_step(60)), workoutTypeValueId=1), "workout type 1"),
    ],
)
def test_what_is_doubtful_at_trainingpeaks_is_told_with_its_path(data: bytes, doubt: str):
    workout, warnings = read(data)
    assert workout.steps
    assert any(doubt in told for told in warnings), warnings


def nested(depth: int) -> dict[str, Any]:
    node = garmin_step()
    for _ in range(depth):
        node = repeat(1, node)
    return node


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "broken JSON in line 1"),
        (b'{"workoutSegments": [\n {"workoutSteps": [}]}', "line 2"),
        (b'{"workoutSegments": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"workoutSegments": 1' + b"0" * 9_000 + b"}", "too long|no steps"),
        (garmin(), "no steps"),
        (garmin(workoutSegments=None), "no steps"),
        (garmin(nested(30)), "no steps"),
        (garmin(repeat(900, repeat(900, garmin_step()))), "more than 1000 steps"),
        (garmin(repeat(900, repeat(2, garmin_step()))), "more than 1000 steps"),
        (b"[]", "no object"),
    ],
)
def test_what_is_no_workout_is_an_error(data: bytes, problem: str):
    with pytest.raises(UserError, match=problem):
        parse_garmin_json(data)


@pytest.mark.parametrize(
    "data", [b"{}", tp(), tp(single({})), tp(single({"type": "step"})), b"[1]"]
)
def test_what_is_no_workout_of_trainingpeaks_is_an_error(data: bytes):
    with pytest.raises(UserError, match="no steps|no object"):
        parse_trainingpeaks_json(data)


keys = st.sampled_from(
    ("workoutSegments", "workoutSteps", "stepType", "stepTypeKey", "endCondition", "time", "type",
     "endConditionValue", "conditionTypeId", "targetType", "structure", "steps", "length", "value",
     "unit", "targets", "minValue", "maxValue", "numberOfIterations", "stepOrder", "targetValueOne",
     "intensityClass", "sportType", "openDuration", "zoneNumber", "workoutTargetTypeId")
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | keys | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


@given(values)
def test_any_json_is_a_workout_or_an_error_and_never_a_traceback(value: Any):
    for key, parse in (
        ("workoutSegments", parse_garmin_json), ("structure", parse_trainingpeaks_json)
    ):  # fmt: skip
        try:
            imported = parse(json.dumps({key: value}).encode())
        except UserError:
            continue
        assert imported.workout.steps
