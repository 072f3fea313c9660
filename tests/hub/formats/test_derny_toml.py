"""Our own format: everything it can say, and errors that a person can act on."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from random_workouts import workouts

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, MaxEffort, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDistance,
    ForDuration,
    ForWork,
    FtpTest,
    Step,
    StepKind,
    StepText,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.formats.derny_toml import parse_derny_toml, write_derny_toml

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "workout-format.md"


def parsed(text: str) -> Workout:
    imported = parse_derny_toml(text.encode())
    assert imported.warnings == ()
    return imported.workout


def steps(text: str) -> tuple[Step, ...]:
    return parsed(f"steps = [{text}]").steps


@given(workouts())
def test_what_is_written_is_read(workout: Workout):
    assert parse_derny_toml(write_derny_toml(workout).data).workout == workout


def examples() -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_example_of_the_page_is_what_the_page_says():
    workout = parsed(examples()[0])
    minutes = [s.until.duration_ms / 60_000 for s in workout.steps if type(s.until) is ForDuration]
    assert minutes == [10, 8, 4, 8, 4, 8, 4, 5, 5]
    assert workout.sport == "bike"
    assert workout.steps[1] == Step(
        "Threshold",
        StepKind.WORK,
        ForDuration(480_000),
        Aim(Unit.FTP, 0.95, 1.0),
        CadenceRange(85, 95),
        (StepText(0, "Settle in"), StepText(420_000, "Last minute")),
    )
    assert workout.steps[0].target == aim(Unit.FTP, 0.4, 0.75)


@pytest.mark.parametrize("example", examples()[1:])
def test_every_other_example_of_the_page_is_read(example: str):
    assert parsed(example).steps


def test_every_kind_of_length_and_target():
    assert steps(
        '{ warmup = "5 km", target = "heart zone 2" },'
        '{ work = "250 kJ", target = "max", at_most = "20 min" },'
        '{ recovery = "heart rate below 120 bpm" },'
        '{ cooldown = "lap", target = "RPE 2-3", name = "Home" },'
        '{ free = "1:30", cadence = 90, text = "0:30 up" }'
    ) == (
        Step("Warm-up", StepKind.WARMUP, ForDistance(5000), aim(Unit.HEART_ZONE, 2)),
        Step("Max effort", StepKind.WORK, ForWork(250), MaxEffort(), at_most_ms=1_200_000),
        Step(
            "Recovery",
            StepKind.RECOVERY,
            UntilHeartRate(aim(Unit.BPM, 120), above=False),
            FreeRide(),
        ),
        Step("Home", StepKind.COOLDOWN, UntilLap(), Aim(Unit.RPE, 2, 3)),
        Step(
            "Free ride",
            StepKind.FREE,
            ForDuration(90_000),
            FreeRide(),
            CadenceRange(90, 90),
            (StepText(30_000, "up"),),
        ),
    )


def test_a_text_may_be_spoken():
    (step,) = steps('{ work = "9 min", text = ["Sit", { say = "7:00 Last minute" }] }')
    assert step.texts == (StepText(0, "Sit"), StepText(420_000, "Last minute", say=True))
    (alone,) = steps('{ work = "9 min", text = { say = "Go" } }')
    assert alone.texts == (StepText(0, "Go", say=True),)


LONGEST = 24 * 3_600_000


@pytest.mark.parametrize(
    ("step", "back"),
    [
        # By the API a step may hold what nobody writes by hand.
        (HARD := Step("Hard", StepKind.WORK, UntilLap(), MaxEffort(), texts=(StepText(0, " "),)),
         replace(HARD, texts=())),
        (replace(HARD, texts=(StepText(10**15, "late"),)),
         replace(HARD, texts=(StepText(LONGEST, "late"),))),
        (replace(HARD, texts=(StepText(0, "7:00"),)), replace(HARD, texts=(StepText(0, "7:00"),))),
        (replace(HARD, texts=(), until=UntilHeartRate(aim(Unit.BPM, 140, 150), above=True)),
         replace(HARD, texts=(), until=UntilHeartRate(aim(Unit.BPM, 140), above=True))),
        (replace(HARD, texts=(), until=ForWork(1e-12)),
         replace(HARD, texts=(), until=ForWork(1e-8))),
    ],
)  # fmt: skip
def test_whatever_is_written_is_read(step: Step, back: Step):
    written = write_derny_toml(Workout("w", (step,))).data
    assert parse_derny_toml(written).workout == Workout("w", (back,))


def test_repeats_stand_within_repeats_and_tables_may_be_written_long():
    short = (
        'steps = [{ repeat = 2, steps = [{ repeat = 3, steps = [\n{ work = "30 s" },'
        '{ recovery = "30 s" }] }, { recovery = "5 min" }] }]'
    )
    long = """
        [[steps]]
        repeat = 2
        [[steps.steps]]
        repeat = 3
        [[steps.steps.steps]]
        work = "30 s"
        [[steps.steps.steps]]
        recovery = "30 s"
        [[steps.steps]]
        recovery = "5 min"
        """
    assert len(parsed(short).steps) == 14
    assert parsed(long) == parsed(short)


def test_it_is_written_as_one_would_by_hand():
    text = 'name = "w"\n\nsteps = [\n  { repeat = 2, steps = [\n    { work = "0:30" },\n  ] },\n]\n'
    assert write_derny_toml(parsed(text)).data.decode() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = \nsteps = []", "^line 1: invalid value"),
        ("name = 'x'\nsteps = [", "^line 2: "),
        ("name = 'x'", "the workout has no steps - write steps"),
        ("steps = []", "no steps"),
        ("steps = 5", "no steps"),
        ("steps = [5]", "step 1 is no table"),
        ("titel = 'x'\nsteps = [{ work = '9 s' }]", "^line 1: 'titel' is unknown; known are name"),
        ("name = 5\nsteps = [{ work = '9 s' }]", "name is text in quotes"),
        ("steps = [\n{ work = '9 s' },\n{ work = 'long' }]", "^line 3: step 2: work: 'long' is no"),
        ("steps = [{ work = '9 s', target = '90' }]", "^line 1: step 1: target: '90' has no unit"),
        ("steps = [{ work = '9 s', target = 90 }]", "step 1: target: '90' has no unit"),
        ("steps = [{ work = '9 s', target = [90] }]", "no text in quotes"),
        ("steps = [{ work = '9 s', power = '90 %' }]", "^line 1: step 1: 'power' is unknown"),
        ("steps = [{ target = '90 %' }]", "step 1 says one of warmup, work, .* not none"),
        ("steps = [{ work = '1 s', free = '2 s' }]", "not work and free"),
        ("steps = [{ work = '9 s', cadence = 'fast' }]", "no cadence, such as 90"),
        ("steps = [{ work = '9 s', cadence = '95-90' }]", "low before high"),
        ("steps = [{ work = '9 s', at_most = '5 km' }]", "is no time"),
        ("steps = [{ work = '9 s', text = 5 }]", "text is words in quotes"),
        ("steps = [{ work = '9 s', text = '0:05' }]", "a time and no words"),
        ("steps = [{ work = '9 s', text = ' ' }]", "step 1: text ' ' has no words"),
        ("steps = [{ work = '9 s', text = { speak = 'x' } }]", "'speak' is unknown; known are say"),
        ("name = 'a\u2028b\x85c'\nsteps = [{ work = 'x' }]", "^line 2: step 1: work"),
        ("steps = [{ repeat = 0, steps = [{ work = '9 s' }] }]", "repeat is 1 to 1000, not 0"),
        ("steps = [{ repeat = 2 }]", "step 1 has no steps"),
        ("steps = [{ repeat = 2, work = '9 s' }]", "'work' is unknown; known are repeat, steps"),
        ("steps = [{ repeat = 2, steps = [{ work = 'x' }] }]", "step 1, its step 1: work"),
        ("sport = 'swim'\nsteps = [{ work = '9 s' }]", "^line 1: sport is bike, run, row"),
        (
            "steps = [{ repeat = 999, steps = [{ work = '9 s' }, { free = '9 s' }] }]",
            "more than 1000 steps",
        ),
        ("steps = [" + "{ repeat = 2, steps = [" * 12 + "]}" * 12 + "]", "within each other"),
        ("x = " + "[" * 100_000, "no TOML"),
        ("steps = 1\n" + "a." * 40 + "a = 1", "^line 2: a key of more than 32 parts"),
        ("steps = 1\n\n[" + "a . 'b'." * 40 + "a]", "^line 3: a key of more than 32 parts"),
        ("steps = [{ " + '"".' * 40 + "a = 1 }]", "^line 1: a key of more than 32 parts"),
        ("x = " + "9" * 100_000, "no TOML"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=message) as caught:
        parse_derny_toml(text.encode())
    assert "\n" not in str(caught.value)


def test_many_repeats_within_repeats_are_refused_without_unrolling_them():
    text = "steps = [" + "{ repeat = 1000, steps = [" * 9 + "{ work = '1 s' }" + "]}" * 9 + "]"
    with pytest.raises(UserError, match="more than 1000 steps"):
        parse_derny_toml(text.encode())


@given(
    st.text("steps=[]{}\"'work12 min,%-> targe\n", max_size=60)
    | st.tuples(st.integers(0, 400), st.text(max_size=3)).map(
        lambda cut: examples()[0][: cut[0]] + cut[1] + examples()[0][cut[0] + 2 :]
    )
)
def test_rubbish_is_a_workout_or_an_error(text: str):
    try:
        imported = parse_derny_toml(text.encode(errors="replace"))
    except UserError:
        return
    assert imported.workout.steps


@pytest.mark.parametrize("test", ["", "ramp", "20min", "2x8"])
def test_an_ftp_test_is_marked(test: FtpTest):
    workout = Workout("x", steps('{ work = "20 min" }'), test=test)
    assert parse_derny_toml(write_derny_toml(workout).data).workout == workout


def test_an_unknown_ftp_test_is_an_error_with_its_line():
    with pytest.raises(UserError, match="line 1: test is ramp, 20min, 2x8, not '5min'"):
        parsed('test = "5min"\nsteps = [{ work = "5 min" }]')
