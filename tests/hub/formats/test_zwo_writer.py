"""What is written as ZWO is read as it was, up to what ZWO can say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace
from random_workouts import CADENCES, NAMES, aims, workouts

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    StepText,
    UntilLap,
    Workout,
)
from hub.formats.step_kinds import kind_of, middle, name_of
from hub.formats.zwo import parse_zwo
from hub.formats.zwo_writer import write_zwo

EASY = {StepKind.RECOVERY, StepKind.WARMUP, StepKind.COOLDOWN}


def one_range(target: Aim) -> Aim:
    """A ramp of ranges is more than ZWO can say."""
    if not target.is_ramp:
        return target
    (low, _), (end, _) = target.ranges
    return aim(target.unit, low, end)


@st.composite
def said_steps(draw: st.DrawFn, unit: Unit, metres: bool) -> Step:
    """Steps of which ZWO says everything."""
    powers = aims((unit,)).map(one_range)
    target = draw(powers | st.just(FreeRide()) | st.just(MaxEffort()))
    kind = kind_of(target)
    if isinstance(target, Aim) and (target.is_ramp or target.low == target.high):
        kind = draw(st.sampled_from([kind, StepKind.WARMUP, StepKind.COOLDOWN]))
    until = ForDistance if metres else ForDuration
    length = draw(st.integers(1, 7_200_000))
    offsets = st.integers(0, 3_600_000 if metres else length - 1)
    texts = draw(st.lists(st.builds(StepText, offsets, NAMES), max_size=2))
    return Step(
        name_of(kind, target),
        kind,
        until(min(length, 1_000_000) if metres else length),
        target,
        draw(st.none() | CADENCES),
        tuple(sorted(texts, key=lambda text: text.offset_ms)),
    )


def said_workouts(unit: Unit, sport: str) -> st.SearchStrategy[Workout]:
    return st.booleans().flatmap(lambda metres: workouts(said_steps(unit, metres), st.just(sport)))


def with_plain_ends(workout: Workout) -> Workout:
    """The reader takes easy steps at the ends for the warm-up and the cool-down."""
    steps = list(workout.steps)
    for index, kind in ((0, StepKind.WARMUP), (-1, StepKind.COOLDOWN)):
        if len(steps) > 1 and steps[index].kind in EASY - {StepKind.WARMUP, StepKind.COOLDOWN}:
            steps[index] = replace(steps[index], kind=kind, name=name_of(kind, FreeRide()))
    return replace(workout, steps=tuple(steps))


@pytest.mark.parametrize(
    ("unit", "sport"), [(Unit.FTP, "bike"), (Unit.FTP, "row"), (Unit.THRESHOLD_SPEED, "run")]
)
def test_what_is_written_is_read(unit: Unit, sport: str):
    @given(said_workouts(unit, sport))
    def check(workout: Workout) -> None:
        assert parse_zwo(write_zwo(workout).data).workout == with_plain_ends(workout)

    check()


@given(said_workouts(Unit.FTP, "bike"))
def test_it_says_when_nothing_is_lost(workout: Workout):
    assert write_zwo(workout).warnings == ()


SPRINT = Step("s", StepKind.WORK, ForDuration(1), aim(Unit.WATT, 0, 2500))


@given(workouts(said_steps(Unit.WATT, metres=False), st.just("bike")))
@example(Workout("The most that can be said", (SPRINT,)))
def test_watts_are_fixed_power(workout: Workout):
    again = parse_zwo(write_zwo(workout).data).workout
    assert [s.target for s in again.steps] == [s.target for s in workout.steps]
    assert [s.until for s in again.steps] == [s.until for s in workout.steps]


@given(workouts(), st.booleans())
def test_anything_is_written_and_read(workout: Workout, short: bool):
    written = write_zwo(workout, 250)
    again = parse_zwo(written.data).workout
    assert len(again.steps) == len(workout.steps)
    assert again.sport == workout.sport


FREE = FreeRide()


def step(target: StepTarget = FREE, **changes: object) -> Step:
    kind = kind_of(target)
    return replace(Step(name_of(kind, target), kind, ForDuration(60_000), target), **changes)


def segments(workout: Workout, ftp_w: float | None = None) -> list[tuple[str, dict[str, str]]]:
    root = etree.fromstring(write_zwo(workout, ftp_w).data)
    body = root.find("workout")
    assert body is not None
    return [(str(e.tag), {str(k): str(v) for k, v in e.attrib.items()}) for e in body]


def test_repeats_of_on_and_off_are_intervals_with_their_texts():
    on = step(Aim(Unit.FTP, 1.0, 1.1), cadence=CadenceRange(95, 95), texts=(StepText(5000, "Up"),))
    off = step(aim(Unit.FTP, 0.5), cadence=CadenceRange(80, 80))
    workout = Workout("w", (step(), on, off, on, off, on, off, step()))
    assert segments(workout)[1] == (
        "IntervalsT",
        {
            "Repeat": "3", "OnDuration": "60", "OffDuration": "60", "PowerOnLow": "1",
            "PowerOnHigh": "1.1", "OffPower": "0.5", "Cadence": "95", "CadenceResting": "80",
        },
    )  # fmt: skip
    assert [tag for tag, _ in segments(workout)] == ["FreeRide", "IntervalsT", "FreeRide"]
    after_rest = Workout("w", (off, on, off, on, off, step()))
    tags = [tag for tag, _ in segments(after_rest)]
    assert tags == ["SteadyState", "IntervalsT", "FreeRide"]
    offsets = etree.fromstring(write_zwo(workout).data).xpath("//textevent/@timeoffset")
    assert offsets == ["5", "125", "245"]


def test_a_zone_is_its_range_and_watts_beside_shares_need_an_ftp():
    zone = step(aim(Unit.POWER_ZONE, 2))
    assert segments(Workout("w", (zone,)))[0][1]["PowerHigh"] == "0.75"
    mixed = Workout("w", (zone, step(aim(Unit.WATT, 200))))
    assert segments(mixed, 250)[1][1]["Power"] == "0.8"
    with pytest.raises(UserError, match="give an FTP"):
        write_zwo(mixed)


@pytest.mark.parametrize(
    ("step_", "loss"),
    [
        (step(aim(Unit.BPM, 150)), "step 1 asks for 150 bpm; written as a text on a free ride"),
        (step(until=UntilLap()), "step 1 ends by lap; written as 5:00"),
        (step(until=ForWork(100)), "step 1 ends by 100 kJ; written as 5:00"),
        (step(aim(Unit.FTP, 1.0), until=ForWork(60)), "step 1 ends by 60 kJ; written as 4:00"),
        (step(name="Hill"), "step 1: its name 'Hill'"),
        (step(at_most_ms=5000), "step 1: its ceiling is left out"),
        (
            step(Aim(Unit.FTP, 0.5, 0.6, 0.9, 1.0)),
            "step 1: a ramp of ranges; its middle is written",
        ),
        (step(texts=(StepText(60_000, "late"),)), "step 1: texts after its end"),
        (step(aim(Unit.WATT, 900)), "powers above 3 of FTP"),
        (step(aim(Unit.FTP, 0.9), kind=StepKind.RECOVERY), "step 1: its kind, recovery"),
        (step(aim(Unit.FTP, 0.3), kind=StepKind.WORK), "step 1: its kind, work"),
        (step(kind=StepKind.COOLDOWN), "step 1: its kind, cooldown"),
        (step(MaxEffort(), kind=StepKind.FREE), "step 1: its kind, free"),
        (step(Aim(Unit.FTP, 0.7, 0.8), kind=StepKind.WARMUP), "step 1: its kind, warmup"),
        (step(aim(Unit.FTP, 0.5, 0.9), kind=StepKind.FREE), "step 1: its kind, free"),
    ],
)
def test_what_zwo_cannot_say_is_told(step_: Step, loss: str):
    written = write_zwo(Workout("w", (step_, step())), 250)
    assert written.warnings == (loss,)


def test_what_is_no_power_becomes_a_text():
    again = parse_zwo(write_zwo(Workout("w", (step(aim(Unit.RPE, 7)),))).data).workout
    assert again.steps[0].texts == (StepText(0, "RPE 7"),)
    assert middle(aim(Unit.RPE, 7)) == 7


def test_which_ftp_test_it_is_is_said():
    twenty = step(until=ForDuration(1_200_000))
    for test, steps in (
        ("ramp", (step(aim(Unit.FTP, 0.5)),)),
        ("ramp", (step(aim(Unit.FTP, 1.0)), step(aim(Unit.FTP, 0.5))) * 3),
        ("ramp", (step(aim(Unit.BPM, 120)), step())),
        ("20min", (twenty,)),
        ("2x8", (step(until=ForDuration(480_000)), step(MaxEffort(), until=ForDuration(480_000)))),
        ("", (twenty,)),
    ):
        workout = Workout("w", steps, test=test)
        written = write_zwo(workout)
        assert parse_zwo(written.data).workout.test == test
        assert not any("test" in loss for loss in written.warnings)


def test_names_that_xml_cannot_hold_are_cleaned():
    workout = Workout("a\x00b\x0bc & <d>", (step(texts=(StepText(0, 'say "x\x01"'),)),))
    again = parse_zwo(write_zwo(workout).data).workout
    assert again.name == "abc & <d>"
    assert again.steps[0].texts[0].text == 'say "x"'
