"""FIT workouts: the profile's types, files that lie, and what is written is read by everybody."""

import io
import struct
from typing import Any

import fitdecode
import fitparse
import pytest
from fitdecode.utils import compute_crc
from garmin_fit_sdk import Decoder, Stream
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from random_workouts import aims, workouts

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import (
    STEPS_MAX,
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
from hub.formats.fit_messages import FitWriter
from hub.formats.fit_workout import parse_fit_workout
from hub.formats.fit_workout_writer import write_fit_workout

TIME = {"duration_type": "time", "duration_value": 60_000}
OPEN = {"target_type": "open", "target_value": 0}


def fit_file(*rows: dict[str, Any], head: dict[str, Any] | None = None, kind: str = "workout"):
    fit = FitWriter()
    fit.message("FILE_ID", type=kind, manufacturer="development")
    fit.message("WORKOUT", **{"wkt_name": "w", "sport": "cycling", **(head or {})})
    for index, row in enumerate(rows):
        fit.message("WORKOUT_STEP", **{"message_index": index, **TIME, **OPEN, **row})
    return fit.close()


def parsed(*rows: dict[str, Any], head: dict[str, Any] | None = None) -> tuple[Workout, list[str]]:
    imported = parse_fit_workout(fit_file(*rows, head=head))
    return imported.workout, [w.text for w in imported.warnings]


def power(low: int, high: int) -> dict[str, Any]:
    return {
        "target_type": "power",
        "target_value": 0,
        "custom_target_value_low": low,
        "custom_target_value_high": high,
    }


def of(kind: str, low: int, high: int) -> dict[str, Any]:
    return {**power(low, high), "target_type": kind}


def again(first: int, times: int) -> dict[str, Any]:
    return {
        "duration_type": "repeat_until_steps_cmplt",
        "duration_value": first,
        "target_value": times,
    }


@pytest.mark.parametrize(
    ("row", "until", "warning"),
    [
        ({"duration_type": "time", "duration_value": 90_500}, ForDuration(90_500), ""),
        ({"duration_type": "distance", "duration_value": 40_000}, ForDistance(400), ""),
        ({"duration_type": "open", "duration_value": None}, UntilLap(), ""),
        (
            {"duration_type": "hr_less_than", "duration_value": 220},
            UntilHeartRate(aim(Unit.BPM, 120), above=False),
            "",
        ),
        (
            {"duration_type": "hr_greater_than", "duration_value": 85},
            UntilHeartRate(aim(Unit.MAX_HR, 0.85), above=True),
            "",
        ),
        ({"duration_type": "calories", "duration_value": 100}, ForWork(100.4), "100 kcal"),
        ({"duration_type": "power_less_than", "duration_value": 90}, UntilLap(), "lap button"),
        ({"duration_type": "reps", "duration_value": 9}, UntilLap(), "lap button"),
        ({"duration_type": "time", "duration_value": None}, UntilLap(), "no length"),
        ({"duration_type": "time", "duration_value": 90_000_000}, ForDuration(86_400_000), "a day"),
    ],
)
def test_every_kind_of_length(row: dict[str, Any], until: Until, warning: str):
    workout, warnings = parsed(row)
    assert workout.steps[0].until == until
    assert len(warnings) == bool(warning)
    assert all(warning in text for text in warnings)


@pytest.mark.parametrize(
    ("row", "target", "warning"),
    [
        (OPEN, FreeRide(), ""),
        (power(90, 95), Aim(Unit.FTP, 0.9, 0.95), ""),
        (power(95, 90), Aim(Unit.FTP, 0.9, 0.95), ""),
        (power(1200, 1240), Aim(Unit.WATT, 200, 240), ""),
        (power(0, 1240), Aim(Unit.WATT, 0, 240), ""),
        ({"target_type": "power", "target_value": 4}, aim(Unit.POWER_ZONE, 4), ""),
        ({**power(0, 0), "target_value": 4}, aim(Unit.POWER_ZONE, 4), ""),
        ({"target_type": "power_3s", "target_value": 2}, aim(Unit.POWER_ZONE, 2), ""),
        (of("heart_rate", 70, 80), Aim(Unit.MAX_HR, 0.7, 0.8), ""),
        (of("heart_rate", 240, 250), Aim(Unit.BPM, 140, 150), ""),
        ({"target_type": "heart_rate", "target_value": 3}, aim(Unit.HEART_ZONE, 3), ""),
        (of("cadence", 85, 95), Aim(Unit.RPM, 85, 95), ""),
        (of("speed", 8333, 9722), Aim(Unit.KMH, 30.0, 35.0), ""),
        (of("grade", 4, 6), Aim(Unit.GRADE_PCT, 4, 6), "no unit"),
        (of("resistance", 40, 40), aim(Unit.RESISTANCE_PCT, 40), "no unit"),
        ({"target_type": "resistance", "target_value": 30}, aim(Unit.RESISTANCE_PCT, 30), "unit"),
        ({"target_type": "swim_stroke", "target_value": 1}, FreeRide(), "cannot be told"),
        ({"target_type": "power", "target_value": 0}, FreeRide(), "no values"),
        ({"target_type": "power", "target_value": 9}, FreeRide(), "out of bounds"),
    ],
)
def test_every_kind_of_target(row: dict[str, Any], target: StepTarget, warning: str):
    workout, warnings = parsed(row)
    assert workout.steps[0].target == target
    assert any(warning in text for text in warnings) is bool(warning)


SECOND = {
    "secondary_target_type": "cadence",
    "secondary_target_value": 0,
    "secondary_custom_target_value_low": 85,
    "secondary_custom_target_value_high": 95,
}


def test_a_cadence_stands_beside_another_target_in_either_order():
    workout, warnings = parsed({**power(90, 95), **SECOND}, {**OPEN, **SECOND})
    assert workout.steps[0].cadence == CadenceRange(85, 95)
    assert workout.steps[0].target == Aim(Unit.FTP, 0.9, 0.95)
    assert workout.steps[1].target == Aim(Unit.RPM, 85, 95)
    assert warnings == []


def test_a_cadence_beside_a_cadence_stays_beside_it():
    both = step(aim(Unit.RPM, 90), cadence=CadenceRange(80, 80))
    assert parse_fit_workout(write_fit_workout(Workout("w", (both,))).data).workout.steps == (both,)


def names(*rows: dict[str, Any]) -> str:
    workout, _ = parsed(*rows)
    return "".join(step.name for step in workout.steps)


def named(name: str) -> dict[str, Any]:
    return {"wkt_step_name": name}


def test_repeats_say_their_total_and_stand_within_repeats():
    a, b, c, d = map(named, "abcd")
    assert names(a, b, c, again(1, 3), d) == "abcbcbcd"
    assert names(a, b, again(1, 2), c, again(1, 2), d) == "abbcbbcd"
    assert names(a, again(0, 1), b) == "ab"


def test_repeats_that_make_no_sense_are_told_and_the_rest_is_ridden():
    workout, warnings = parsed(named("a"), again(7, 3), again(0, 0), named("b"))
    assert [s.name for s in workout.steps] == ["a", "b"]
    assert warnings[-2:] == [
        "step 2 repeats nothing that can be told; left out",
        "step 3 repeats nothing that can be told; left out",
    ]
    until = {"duration_type": "repeat_until_time", "duration_value": 0, "target_value": 600_000}
    assert "repeats until a time; ridden once" in parsed(named("a"), until)[1][-1]
    with pytest.raises(UserError, match=f"more than {STEPS_MAX}"):
        parsed(named("a"), again(0, 4_000_000_000))


@pytest.mark.parametrize(
    ("intensity", "target", "kind"),
    [
        ("active", power(50, 50), StepKind.WORK),
        ("active", OPEN, StepKind.FREE),
        ("interval", power(90, 90), StepKind.WORK),
        ("rest", OPEN, StepKind.RECOVERY),
        ("recovery", OPEN, StepKind.RECOVERY),
        ("warmup", OPEN, StepKind.WARMUP),
        ("cooldown", OPEN, StepKind.COOLDOWN),
        (None, power(50, 50), StepKind.RECOVERY),
    ],
)
def test_kinds(intensity: str | None, target: dict[str, Any], kind: StepKind):
    assert parsed({**target, "intensity": intensity})[0].steps[0].kind is kind


def test_the_head_may_lie_and_notes_are_texts():
    head = {"num_valid_steps": 4, "sport": "rowing", "wkt_description": "d"}
    workout, warnings = parsed({"notes": "Relax", "wkt_step_name": None}, head=head)
    assert warnings == ["the file says 4 steps and holds 1"]
    assert (workout.sport, workout.description) == ("row", "d")
    assert workout.steps[0].name == "Free ride"
    assert workout.steps[0].texts == (StepText(0, "Relax"),)
    assert "sport 5" in parsed({}, head={"sport": "swimming"})[1][0]


def message(local: int, number: int, fields: list[tuple[int, int, int]], values: bytes) -> bytes:
    """Definition and data; a field is (number, size, base type)."""
    head = bytes([0x40 | local, 0, 0]) + struct.pack("<HB", number, len(fields))
    return head + b"".join(map(bytes, fields)) + bytes([local]) + values


def test_a_field_of_another_app_is_none_of_the_profile_s():
    """Developer fields count from 0 as well: this one is no name of the step but its number 1."""
    u8, u32, string = 0x02, 0x86, 0x07
    body = (
        message(0, 0, [(0, 1, 0x00)], b"\x05")
        + message(1, 207, [(3, 1, u8)], b"\x00")  # developer data 0
        + message(2, 206, [(0, 1, u8), (1, 1, u8), (2, 1, u8), (3, 4, string)], b"\0\1\x02abc\0")
        + bytes([0x60 | 3, 0, 0]) + struct.pack("<HB", 27, 3)
        + bytes([1, 1, 0x00, 2, 4, u32, 3, 1, 0x00])  # duration type, duration, target type
        + bytes([1, 1, 1, 0])  # one developer field: number 1, a byte, of developer data 0
        + bytes([3, 0]) + struct.pack("<I", 60_000) + b"\x02" + b"\x05"
    )  # fmt: skip
    data = struct.pack("<BBHI4s", 12, 0x20, 2132, len(body), b".FIT") + body
    data += struct.pack("<H", compute_crc(data))
    imported = parse_fit_workout(data)
    assert imported.workout.steps[0].until == ForDuration(60_000)
    assert imported.warnings == ()


def test_a_damaged_file_gives_what_stands_before():
    data = fit_file(*[{"wkt_step_name": f"step {n}"} for n in range(20)])
    imported = parse_fit_workout(data[: len(data) * 2 // 3])
    assert 3 < len(imported.workout.steps) < 20
    assert imported.warnings[0].text == "the file is damaged; what stands before is read"
    wrong = data[:-1] + bytes([data[-1] ^ 1])
    assert [w.text for w in parse_fit_workout(wrong).warnings] == [
        "the checksum of the file is wrong"
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"<workout_file>", "no FIT file"),
        (b"\x0e\x20\x00\x00\xff\xff\x00\x00.FIT\x00\x00", "holds no workout"),
        (fit_file(kind="activity"), "holds no workout - it is an activity"),
        (fit_file({"duration_value": 0}), "no steps"),
    ],
)
def test_what_is_no_workout_is_one_clear_error(data: bytes, message: str):
    with pytest.raises(UserError, match=message):
        parse_fit_workout(data)


WHOLE = (Unit.FTP, Unit.WATT, Unit.MAX_HR, Unit.BPM, Unit.RPM, Unit.RESISTANCE_PCT)


@st.composite
def said_steps(draw: st.DrawFn) -> Step:
    """Steps of which FIT says everything, in its whole numbers."""
    unit = draw(st.sampled_from((*WHOLE, Unit.POWER_ZONE, Unit.HEART_ZONE)))
    target = draw(st.just(FreeRide()) | aims((unit,), ramps=False).map(whole))
    ends = draw(
        st.integers(1, 86_400_000).map(ForDuration)
        | st.integers(1, 1_000_000).map(ForDistance)
        | st.just(UntilLap())
        | st.builds(
            UntilHeartRate,
            st.integers(30, 99).map(lambda n: aim(Unit.MAX_HR, n / 100))
            | st.integers(1, 250).map(lambda n: aim(Unit.BPM, n)),
            st.booleans(),
        )
    )
    kinds = set(StepKind) - {StepKind.WORK if target == FreeRide() else StepKind.FREE}
    cadence = st.none() | st.integers(1, 200).map(lambda n: CadenceRange(n, n + 5))
    of_other = isinstance(target, Aim) and target.unit is not Unit.RPM
    name = draw(st.text("abc", min_size=1, max_size=8))
    return Step(
        name,
        draw(st.sampled_from(sorted(kinds))),
        ends,
        target,
        draw(cadence) if of_other else None,
        draw(st.sampled_from([(), (StepText(0, "Go"),)])),
    )


def whole(target: Aim) -> Aim:
    if target.unit in (Unit.POWER_ZONE, Unit.HEART_ZONE):
        return aim(target.unit, target.low)
    per = 100 if target.unit in (Unit.FTP, Unit.MAX_HR) else 1
    most = 1.0 if target.unit is Unit.MAX_HR else 2500
    low, high = (max(min(round(v * per) / per, most), 1 / per) for v in target.ranges[0])
    return Aim(target.unit, low, high)


@given(workouts(said_steps()))
def test_what_is_written_is_read(workout: Workout):
    workout = replace(workout, author="")
    written = write_fit_workout(workout)
    assert parse_fit_workout(written.data).workout == workout


@given(workouts())
def test_anything_is_written_and_read_by_all(workout: Workout):
    written = write_fit_workout(workout)
    imported = parse_fit_workout(written.data)
    assert len(imported.workout.steps) == len(workout.steps)
    stream = Stream.from_byte_array(bytearray(written.data))
    assert Decoder(stream).check_integrity()
    messages, errors = Decoder(Stream.from_byte_array(bytearray(written.data))).read()
    assert errors == []
    steps = messages["workout_step_mesgs"]
    assert messages["workout_mesgs"][0]["num_valid_steps"] == len(steps)
    assert [step["message_index"] for step in steps] == list(range(len(steps)))


def test_a_repeat_is_written_once_as_other_readers_know_it():
    on = step(aim(Unit.FTP, 1.0), name="on")
    off = step(aim(Unit.FTP, 0.5), name="off")
    data = write_fit_workout(Workout("w", (step(), *[on, off] * 4))).data
    rows = []
    with fitdecode.FitReader(io.BytesIO(data), check_crc=fitdecode.CrcCheck.RAISE) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "workout_step":
                rows.append({field.name: field.value for field in frame.fields})
    assert len(rows) == 4
    assert rows[3]["duration_step"] == 1
    assert rows[3]["repeat_steps"] == 4
    assert rows[1]["custom_target_power_low"] == 100
    head = next(iter(fitparse.FitFile(io.BytesIO(data)).get_messages("workout"))).get_values()
    assert head["wkt_name"] == "w"


def step(target: StepTarget | None = None, **changes: object) -> Step:
    kind = StepKind.FREE if target is None else StepKind.WORK
    made = Step("s", kind, ForDuration(60_000), target or FreeRide())
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("step_", "loss"),
    [
        (step(aim(Unit.FTP, 0.5, 0.9)), "'s': a ramp is written as the range that it goes through"),
        (step(MaxEffort()), "'s': a max effort is written as words"),
        (step(aim(Unit.RPE, 7)), "'s': RPE 7 is written as words"),
        (step(aim(Unit.GRADE_PCT, -3)), "'s': -3 % grade is written as words"),
        (step(until=ForWork(100)), "'s': 100 kJ are written as 100 kcal"),
        (step(until=UntilLap(), at_most_ms=5), "'s': its ceiling is left out"),
        (step(texts=(StepText(5, "x"),)), "'s': texts after its beginning are left out"),
        (
            step(until=UntilHeartRate(aim(Unit.LTHR, 0.8), above=True)),
            "'s': it ends by heart rate above 80 % LTHR; written as by the lap button",
        ),
    ],
)
def test_what_fit_cannot_say_is_told(step_: Step, loss: str):
    assert write_fit_workout(Workout("w", (step_,))).warnings == (loss,)


@pytest.mark.parametrize(
    ("step_", "losses"),
    [
        (step(kind=StepKind.WORK), ("'s': its kind, work",)),
        (step(aim(Unit.FTP, 0.5), kind=StepKind.FREE), ("'s': its kind, free",)),
        (step(kind=StepKind.FREE, cadence=CadenceRange(90, 90)), ("'s': its kind, free",)),
        (step(kind=StepKind.WORK, cadence=CadenceRange(90, 90)), ()),
        (step(kind=StepKind.COOLDOWN), ()),
    ],
)
def test_work_and_free_riding_are_told_apart_by_the_target(step_: Step, losses: tuple[str, ...]):
    written = write_fit_workout(Workout("w", (step_,)))
    again = parse_fit_workout(written.data).workout.steps[0]
    assert written.warnings == losses
    assert (again.kind is step_.kind) is not bool(losses)


LONG = "é" * 101  # 202 bytes


@pytest.mark.parametrize(
    ("workout", "losses"),
    [
        (Workout(LONG, (step(),)), ("what its name says beyond 200 bytes",)),
        (Workout("w", (step(),), LONG), ("what its description says beyond 200 bytes",)),
        (
            Workout("w", (step(name=LONG),)),
            (f"'{LONG[:40]}': what its name says beyond 200 bytes",),
        ),
        (
            Workout("w", (step(texts=(StepText(0, LONG),)),)),
            ("'s': what its text says beyond 200 bytes",),
        ),
        (Workout("w", (step(aim(Unit.FTP, 0.885)),)), ("'s': 88.5 % FTP is rounded",)),
        (Workout("w", (step(aim(Unit.WATT, 200.4)),)), ("'s': 200.4 W is rounded",)),
        (Workout("w", (step(Aim(Unit.MAX_HR, 0.9, 1.05)),)), ("'s': 90-105 % HRmax is cut",)),
        (
            Workout("w", (step(until=UntilHeartRate(aim(Unit.MAX_HR, 1.05), above=True)),)),
            ("'s': heart rate above 105 % HRmax is cut",),
        ),
        (Workout("w", (step(aim(Unit.KMH, 12.34)),)), ()),
        (Workout("w", (step(aim(Unit.FTP, 0.55)),)), ()),
        (Workout("w", (step(Aim(Unit.HEART_ZONE, 4, 5)),)), ()),
    ],
)
def test_what_is_cut_or_rounded_is_told(workout: Workout, losses: tuple[str, ...]):
    assert write_fit_workout(workout).warnings == losses


def test_lines_of_a_description_do_not_run_into_each_other():
    workout = Workout("w", (step(),), "Warm up.\nThen go.\x00")
    again = parse_fit_workout(write_fit_workout(workout).data).workout
    assert again.description == "Warm up. Then go."


def test_a_watch_is_told_what_it_cannot_hold():
    many = tuple(step(name=str(n)) for n in range(60))
    assert "60 steps" in write_fit_workout(Workout("w", many)).warnings[0]
    unsaid = parse_fit_workout(write_fit_workout(Workout("w", (step(aim(Unit.RPE, 7)),))).data)
    assert unsaid.workout.steps[0].texts == (StepText(0, "RPE 7"),)


def test_equal_workouts_are_equal_files():
    workout = Workout("w", (step(),))
    assert write_fit_workout(workout).data == write_fit_workout(workout).data
    other = Workout("v", (step(),))
    assert write_fit_workout(workout).data != write_fit_workout(other).data


GOOD = fit_file(named("a"), power(90, 95), again(0, 3))


def mutated(changes: list[tuple[int, int]]) -> bytes:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    return bytes(data)


PLACES = st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255))


@given(
    st.binary(max_size=200).map(lambda data: GOOD[:12] + data)
    | st.lists(PLACES, min_size=1, max_size=5).map(mutated)
)
def test_rubbish_is_a_workout_or_an_error(data: bytes):
    try:
        imported = parse_fit_workout(data)
    except UserError:
        return
    assert imported.workout.steps
