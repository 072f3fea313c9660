"""intervals.icu's workout text: its grammar, what people make of it, and there and back again."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

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
    Until,
    UntilLap,
    Workout,
)
from hub.formats.intervals_icu import holds_intervals_text, parse_intervals_icu
from hub.formats.intervals_writer import write_intervals_icu
from hub.formats.step_kinds import name_of


def parsed(text: str) -> tuple[Workout, list[tuple[int, str]]]:
    imported = parse_intervals_icu(text.encode())
    return imported.workout, [(w.line, w.text) for w in imported.warnings]


def only(line: str) -> Step:
    """The step of one line that leaves no doubt."""
    workout, warnings = parsed(line)
    assert warnings == []
    (step,) = workout.steps
    return step


def minutes(number: float) -> ForDuration:
    return ForDuration(round(number * 60_000))


LENGTHS: list[tuple[str, Until]] = [
    ("10m", minutes(10)),
    ("30s", minutes(0.5)),
    ("90s", minutes(1.5)),
    ("1h", minutes(60)),
    ("1h2m30s", minutes(62.5)),
    ("1m30", minutes(1.5)),
    ("1.5m", minutes(1.5)),
    ("13.2s", ForDuration(13_200)),
    ("5'", minutes(5)),
    ('30"', minutes(0.5)),
    ("1'30\"", minutes(1.5)),
    ("1’30”", minutes(1.5)),
    ("1h30", minutes(90)),
    ("2h05", minutes(125)),
    ("10 m", minutes(10)),
    ("30 s", minutes(0.5)),
    ("1 h 30 m", minutes(90)),
    ("10 min", minutes(10)),
    ("30 sec", minutes(0.5)),
    ("500mtr", ForDistance(500)),
    ("2km", ForDistance(2000)),
    ("0,4km", ForDistance(400)),
    ("1mi", ForDistance(1609)),
    ("press lap", UntilLap()),
]


@pytest.mark.parametrize(("written", "until"), LENGTHS)
def test_lengths(written: str, until: Until):
    assert only(f"- {written} 75%").until == until


TARGETS: list[tuple[str, StepTarget]] = [
    ("75%", aim(Unit.FTP, 0.75)),
    ("95-105%", Aim(Unit.FTP, 0.95, 1.05)),
    ("50%-40%", Aim(Unit.FTP, 0.4, 0.5)),
    ("95–105 %", Aim(Unit.FTP, 0.95, 1.05)),
    ("ramp 50-75%", aim(Unit.FTP, 0.5, 0.75)),
    ("Ramp 60%-40%", aim(Unit.FTP, 0.6, 0.4)),
    ("ramp 60-80% Pace", aim(Unit.THRESHOLD_SPEED, 0.6, 0.8)),
    ("220w", aim(Unit.WATT, 220)),
    ("200-240w", Aim(Unit.WATT, 200, 240)),
    ("315w - 330w", Aim(Unit.WATT, 315, 330)),
    ("3-3.5w/kg", Aim(Unit.WATT_PER_KG, 3, 3.5)),
    ("Z2", aim(Unit.POWER_ZONE, 2)),
    ("Z3-Z4", Aim(Unit.POWER_ZONE, 3, 4)),
    ("Z2 HR", aim(Unit.HEART_ZONE, 2)),
    ("Z2-Z3 HR", Aim(Unit.HEART_ZONE, 2, 3)),
    ("70% HR", aim(Unit.MAX_HR, 0.7)),
    ("90-95% LTHR", Aim(Unit.LTHR, 0.9, 0.95)),
    ("140-150bpm", Aim(Unit.BPM, 140, 150)),
    ("78-82% Pace", Aim(Unit.THRESHOLD_SPEED, 0.78, 0.82)),
    ("5:00/km Pace", aim(Unit.KMH, 12)),
    ("6:00-5:00/km pace", Aim(Unit.KMH, 10, 12)),
    ("2:00/500m", aim(Unit.KMH, 15)),
    ("RPE 7", aim(Unit.RPE, 7)),
    ("freeride", FreeRide()),
    ("max", MaxEffort()),
]


@pytest.mark.parametrize(("written", "target"), TARGETS)
def test_targets(written: str, target: StepTarget):
    assert only(f"- 10m {written} 85-95rpm") == Step(
        only(f"- 10m {written}").name,
        only(f"- 10m {written}").kind,
        minutes(10),
        target,
        CadenceRange(85, 95),
    )


def test_a_repeat_of_one_line_needs_no_blank():
    for written in ("2x30s 120%", "2x 30s 120%", "2 x 30s 120%", "2×30s 120%"):
        assert [s.until for s in parsed(f"- {written}")[0].steps] == [minutes(0.5)] * 2


def test_a_target_may_stand_before_the_length():
    assert only("- 75% 10m").target == aim(Unit.FTP, 0.75)
    assert only("- 95% press lap").target == aim(Unit.FTP, 0.95)


def test_what_stands_before_the_length_is_a_cue():
    step = only("- High cadence! 4m 75% 100rpm")
    assert (step.name, step.texts) == ("High cadence!", (StepText(0, "High cadence!"),))
    assert only("- Recover 2m 70%").kind is StepKind.RECOVERY
    step = only("- RPE9 - not quite all out 2m 315w - 330w press lap")
    assert step.texts == (StepText(0, "RPE9 - not quite all out"),)
    assert (step.until, step.target) == (UntilLap(), Aim(Unit.WATT, 315, 330))
    assert only("- easy going Z2 press lap").target == aim(Unit.POWER_ZONE, 2)


def test_cues_at_times():
    step = only("- Sit up 33^Stand 120^Last metres <!> 10m ramp 25-75%")
    assert step.texts == (
        StepText(0, "Sit up"), StepText(33_000, "Stand"), StepText(120_000, "Last metres"),
    )  # fmt: skip
    assert step.target == aim(Unit.FTP, 0.25, 0.75)


def test_a_whole_workout():
    workout, warnings = parsed(
        "# Sweet spot\nAuthor: Ann\n\nThree by ten.\nSecond line.\n\n"
        "Warmup\n- 10m ramp 50-75% 90rpm\n\n"
        "Main set 3x\n- 10m 88-92%\n- 2m 50%\n\n2x\n\n- 1m 120%\n- 3m freeride\n\n"
        "- 4x 30s 110%\n\n## Cooldown\n- 10m ramp 60-40%\n"
    )
    assert warnings == []
    assert (workout.name, workout.author, workout.sport) == ("Sweet spot", "Ann", "bike")
    assert workout.description == "Three by ten. Second line."
    kinds = [step.kind.value for step in workout.steps]
    assert kinds == [
        "warmup", *["work", "recovery"] * 3, *["work", "free"] * 2, *["work"] * 4, "cooldown",
    ]  # fmt: skip


def test_a_note_is_part_of_the_description_whatever_it_looks_like():
    workout, warnings = parsed("Note: ride this 3x\n\n- 1m 90%\n- 1m 50%")
    assert (len(workout.steps), workout.description, warnings) == (2, "ride this 3x", [])


def test_a_pace_makes_it_a_run_or_a_row_and_a_word_beats_it():
    assert parsed("- 1km 5:00/km Pace")[0].sport == "run"
    assert parsed("- 1km 2:00/500m Pace")[0].sport == "row"
    assert parsed("Sport: row\n\n- 10m 80% Pace")[0].sport == "row"


@pytest.mark.parametrize(
    ("text", "line", "doubt"),
    [
        ("- 10m 75%\nand so on\n", 2, "'and so on' is no step"),
        ("- 10m 75%\n- nothing to see\n", 2, "has no length"),
        ("- 10m 75% quickly", 1, "'quickly' is not understood"),
        ("4x\n10m 70%", 2, "no dash"),
        ("- 10m 75% 200w", 1, "one more target"),
        ("- 5m 60% MMP 5m", 1, "records"),
        ("- 5m CZ2", 1, "own zones"),
        ("- 5m Z2 Pace", 1, "zones of pace"),
        ("- 5m 400%", 1, "out of bounds"),
        ("- 5m 75% 900rpm", 1, "cadence of 900"),
        ("- 800m 3:20/km Pace", 1, "metres are written mtr"),
        ("- 1:30 75%", 1, "minutes:seconds"),
        ("- 1km 5:00 Pace", 1, "minutes per km"),
        ("3x\n4x\n- 30s 120%", 2, "repeats within repeats"),
        ("0x\n- 30s 120%", 1, "no sensible number"),
        ("Sport: chess\n- 30s 120%", 1, "sport 'chess'"),
    ],
)
def test_what_is_doubtful_is_told_with_its_line(text: str, line: int, doubt: str):
    workout, warnings = parsed(text)
    assert workout.steps
    assert any(at == line and doubt in told for at, told in warnings), warnings


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("just prose", "no step"),
        ("- nothing\n- at all", "no step"),
        ("1000x\n- 30s 120%\n- 30s 50%", "more than 1000 steps"),
    ],
)
def test_what_is_no_workout_is_an_error(text: str, problem: str):
    with pytest.raises(UserError, match=problem):
        parsed(text)


def test_a_shopping_list_is_not_recognised():
    assert holds_intervals_text("Warmup\n- 10m 75%")
    assert not holds_intervals_text("- milk\n- 2 eggs\n- bread 500 g")
    assert not holds_intervals_text("minutes of the meeting: 10m 75%")


def test_what_the_text_cannot_say_is_told():
    steps = (
        Step("x", StepKind.WORK, ForWork(100), aim(Unit.GRADE_PCT, 4), at_most_ms=60_000),
        Step("x", StepKind.WORK, UntilLap(), MaxEffort()),
        Step("x", StepKind.WORK, UntilLap(), Aim(Unit.FTP, 0.5, 0.6, 0.8, 0.9)),
    )
    lost = "; ".join(write_intervals_icu(Workout("w", steps, test="ramp")).warnings)
    for word in ("by work", "4 % grade", "max efforts", "between ranges", "FTP test", "latest end"):
        assert word in lost, lost


REST = Step("Recovery", StepKind.RECOVERY, minutes(1), aim(Unit.FTP, 0.5))
HARD = Step("Threshold", StepKind.WORK, minutes(1), aim(Unit.FTP, 1.0))


@pytest.mark.parametrize("steps", [(HARD, REST), (REST, HARD), (REST,), (REST, HARD, REST)])
def test_recovery_at_the_end_of_a_repeat_stays_recovery(steps: tuple[Step, ...]):
    workout = Workout("w", steps * 2)
    assert parse_intervals_icu(write_intervals_icu(workout).data).workout == workout


def test_a_kind_told_at_one_end_leaves_the_other_end_to_guess():
    workout, _ = parsed("- 5m 50% intensity=recovery\n- 5m 90%\n- 5m 50%\n")
    assert [s.kind.value for s in workout.steps] == ["recovery", "work", "cooldown"]
    assert parsed("- 1m 90%\n- 2x 1m 50% intensity=rest")[0].steps[-1].kind is StepKind.RECOVERY


def test_a_name_that_is_the_first_of_several_texts_is_kept():
    told = (StepText(0, "Hop"), StepText(30_000, "Stand"))
    step = Step("Hop", HARD.kind, HARD.until, HARD.target, texts=told)
    back = parse_intervals_icu(write_intervals_icu(Workout("w", (step,))).data).workout
    assert back.steps == (step,)


def test_a_long_description_is_whole_and_a_long_name_is_told():
    long = Step("A name of more than thirty characters", HARD.kind, HARD.until, HARD.target)
    description = " ".join(["Sit up and 10m 75% of it."] * 150)
    written = write_intervals_icu(Workout("w", (long,), description))
    back = parse_intervals_icu(written.data).workout
    assert back.description == description
    assert back.steps[0].texts == (StepText(0, long.name),)
    assert written.warnings == ("names of more than 30 characters; texts instead",)


# There and back again: what the text has words for comes back as it was.

shares = st.integers(1, 150).map(lambda pct: pct / 100)
aims = st.one_of(
    st.tuples(st.sampled_from((Unit.FTP, Unit.LTHR, Unit.THRESHOLD_SPEED)), shares, shares),
    st.tuples(st.just(Unit.MAX_HR), *[st.integers(40, 100).map(lambda pct: pct / 100)] * 2),
    st.tuples(st.sampled_from((Unit.WATT,)), st.integers(0, 900), st.integers(0, 900)),
    st.tuples(st.just(Unit.WATT_PER_KG), *[st.integers(1, 80).map(lambda tenth: tenth / 10)] * 2),
    st.tuples(st.just(Unit.POWER_ZONE), st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.just(Unit.HEART_ZONE), st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.just(Unit.BPM), st.integers(60, 200), st.integers(60, 200)),
    st.tuples(st.just(Unit.RPE), st.integers(1, 10), st.integers(1, 10)),
)
targets = st.one_of(
    st.just(FreeRide()),
    aims.map(lambda a: Aim(a[0], min(a[1:]), max(a[1:]))),
    aims.map(lambda a: aim(*a)),
)
untils = st.one_of(
    st.integers(1, 20_000).map(lambda s: ForDuration(s * 1000)),
    st.integers(1, 50_000).map(ForDistance),
    st.just(UntilLap()),
)
words = st.text("abcdexyz 0123456789x%'-.!?", max_size=40).map(lambda t: " ".join(t.split()))
lines = words.map(lambda text: text.strip("-:, "))
texts = st.lists(st.tuples(st.integers(0, 600), lines.filter(bool)), max_size=3).map(
    lambda told: tuple(StepText(at * 1000, text) for at, text in sorted(told))
)
cadences = st.none() | st.tuples(st.integers(1, 250), st.integers(1, 250)).map(
    lambda ends: CadenceRange(min(ends), max(ends))
)


@st.composite
def steps_(draw: st.DrawFn) -> Step:
    kind, target = draw(st.sampled_from(StepKind)), draw(targets)
    return Step(
        name_of(kind, target), kind, draw(untils), target, draw(cadences), draw(texts)
    )  # fmt: skip


@given(
    st.lists(steps_(), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from(("bike", "run", "row")),
    words,
)
@example([HARD], 1, "bike", "0x")
@example([HARD], 1, "bike", "Note: 3x")
def test_there_and_back_again(once: list[Step], times: int, sport: str, description: str):
    workout = Workout("A name", tuple(once * times), description, "Ann", sport)
    written = write_intervals_icu(workout)
    imported = parse_intervals_icu(written.data)
    assert imported.warnings == (), written.data.decode()
    back = imported.workout
    assert (back.name, back.author, back.sport) == (workout.name, workout.author, workout.sport)
    assert back.description == description
    assert [replace(s, name="") for s in back.steps] == [replace(s, name="") for s in workout.steps]


@given(
    st.binary(max_size=200).filter(bool)
    | st.text("-0123456789xmskh%wZ:/'\"<!>^ \n#rampfeid", max_size=120).map(str.encode)
)
def test_rubbish_is_a_workout_or_an_error_and_never_a_traceback(data: bytes):
    try:
        imported = parse_intervals_icu(data)
    except UserError:
        return
    assert imported.workout.steps
    write_intervals_icu(imported.workout)
