"""A file is recognised by what is in it; every format that is written is read again."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from random_workouts import workouts

from hub.core.errors import UserError
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, StepText, Workout
from hub.formats.imported import BYTES_MAX
from hub.formats.workout_file import FORMATS, read_workout, write_workout

WRITTEN = [row.name for row in FORMATS if row.write is not None]
WORKOUT = Workout(
    "Two steps",
    (
        Step("Warm-up", StepKind.WARMUP, ForDuration(300_000), aim(Unit.FTP, 0.5)),
        Step("Threshold", StepKind.WORK, ForDuration(600_000), aim(Unit.FTP, 0.95)),
    ),
)
SAMPLES = {name: write_workout(WORKOUT, name, 250).data for name in WRITTEN}


def stored(workout: Workout) -> Workout:
    """As the library has it again. Raises when it keeps to no bound of the core."""
    return msgspec.json.decode(msgspec.json.encode(workout), type=Workout)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_in_it_says_what_it_is(name: str):
    for file_name in ("", "workout", "workout.dat", f"a/b/workout.{name}"):
        imported = read_workout(SAMPLES[name], file_name)
        assert [step.until for step in imported.workout.steps] == [
            step.until for step in WORKOUT.steps
        ]


def test_a_wrong_extension_is_told():
    warnings = read_workout(SAMPLES["zwo"], "workout.ERG").warnings
    assert [w.text for w in warnings] == ["named .erg, but it holds a Zwift workout"]
    assert read_workout(SAMPLES["mrc"], "workout.mrc").warnings == ()


def test_a_workout_without_a_name_gets_the_file_s():
    nameless = write_workout(replace(WORKOUT, name=""), "zwo").data
    assert read_workout(nameless, r"C:\rides\Hill 2.0.zwo").workout.name == "Hill 2.0"
    assert read_workout(nameless, "").workout.name == "Workout"
    no_text = "h\udcffill.zwo"
    assert read_workout(nameless, no_text).workout.name == "h?ill"


@pytest.mark.parametrize(
    ("data", "file_name", "message"),
    [
        (b"", "a.zwo", "the file is empty"),
        (b"x" * (BYTES_MAX + 1), "a.zwo", "larger than 1 MiB"),
        (b"../shared/workout.zwo\n", "a.zwo", "the name of another one: ../shared/workout.zwo"),
        (b"hello", "a.zwo", "this is not XML"),
        (b"hello", "a.erg", "the course has no steps"),
        (b"hello = 5", "a.toml", "'hello' is unknown"),
        (b"hello", "a.fit", "this is no FIT file"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "this is no workout file"),
    ],
)
def test_what_is_no_workout_is_one_clear_error(data: bytes, file_name: str, message: str):
    with pytest.raises(UserError, match=message):
        read_workout(data, file_name)


def test_a_format_that_cannot_be_written_is_told_with_those_that_can():
    with pytest.raises(UserError, match="no workout can be written as 'pdf' - one of: .*zwo"):
        write_workout(WORKOUT, "pdf")
    assert write_workout(WORKOUT, ".ZWO").data == SAMPLES["zwo"]


@pytest.mark.parametrize("name", WRITTEN)
def test_anything_is_written_and_read_again(name: str):
    @given(workouts())
    def check(workout: Workout) -> None:
        written = write_workout(workout, name, 250)
        again = read_workout(written.data, f"x.{name}")
        assert stored(again.workout) == again.workout
        assert not any("named" in warning.text for warning in again.warnings)

    check()


TEST = "that it is an FTP test"
SPOKEN = "that texts are spoken"
LOST = {
    "fit": ("its author", TEST, SPOKEN),
    "zwo": (TEST, SPOKEN),  # two minutes of power are no test of twenty
    "mrc": ("its author", TEST, SPOKEN),
    "erg": ("its author", TEST, SPOKEN),
    "toml": (),
    "intervals": (TEST, SPOKEN),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_head_and_its_texts_lose_is_told(name: str):
    spoken = replace(WORKOUT.steps[0], texts=(StepText(0, "Go", say=True),))
    workout = replace(WORKOUT, author="Ann", test="20min", steps=(spoken, WORKOUT.steps[1]))
    written = write_workout(workout, name, 250)
    assert sorted(written.warnings) == sorted(LOST[name])
    again = read_workout(written.data, f"x.{name}").workout
    assert (again.author == "Ann") is ("its author" not in LOST[name])
    assert (again.test == "20min") is (TEST not in LOST[name])
    assert again.steps[0].texts[0].say is (SPOKEN not in LOST[name])


PIECES = st.sampled_from(
    [b"", b"\0", b"<", b"[", b'"', b"\n", b"\xff", b"9" * 40, b"-", b"{", b"="]
)


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9), PIECES), min_size=1, max_size=4),
    st.sampled_from(["", "a.zwo", "a.erg", "a.fit", "a.toml", "a.txt", "a.json"]),
)
def test_files_with_pieces_missing_and_added_never_raise_another_error(
    name: str, cuts: list[tuple[int, int, bytes]], file_name: str
):
    data = SAMPLES[name]
    for place, length, piece in cuts:
        at = place % (len(data) or 1)
        data = data[:at] + piece + data[at + length :]
    try:
        imported = read_workout(data, file_name)
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert stored(imported.workout) == imported.workout


HOSTILE = {
    "deep XML": b"<workout>" + b"<a>" * 100_000,
    "wide XML": b"<workout>" + b"<FreeRide Duration='1'/>" * 40_000,
    "attributes": b"<workout><FreeRide " + b" ".join(b"a%d='1'" % n for n in range(90_000)),
    "blanks": b"[COURSE DATA]\n5" + b" \t" * 500_000 + b"x",
    "no lines": b"- 1m 50%" + b"\n" * 1_000_000,
    "one blank line": b" " * 1_000_000 + b"- 1m 50%",
    "press lap": b"- 1m\n" + (b"- " + b"a " * 990 + b"press lap\n") * 500,
    "colons": b"- 1m\n" + (b":" * 1990 + b"4x\n") * 500,
    "numbers": b"- 1m\n" + (b"- 10m " + b"9 " * 990 + b"\n") * 500,
    "repeats of repeats": b'{"workoutSegments": [{"workoutSteps": ['
    + b",".join([b'{"numberOfIterations": 999, "workoutSteps": [{"numberOfIterations": 999, '
                 b'"workoutSteps": [{"endConditionValue": 1}]}]}'] * 6000) + b"]}]}",
    "lines": b"[COURSE DATA]\n" + b"1 1\n" * 250_000,
    "points": b"[COURSE DATA]\n" + b"".join(b"%d %d\n" % (n, n % 7) for n in range(90_000)),
    "laps": b"[COURSE DATA]\n0 1\n9 2\n" + b"".join(b"%d LAP x\n" % n for n in range(90_000)),
    "digits": b"[COURSE DATA]\n" + b"1" * 1_000_000,
    "equals": b"[COURSE HEADER]\n" + b"a =" * 300_000,
    "deep TOML": b"steps = " + b"[" * 900_000,
    "long TOML": b"steps = [{ work = '" + b"1 " * 500_000 + b"' }]",
    "blank TOML": b"steps = [{ work = '1:00', target = '" + b" " * 1_000_000 + b"x' }]",
    "dotted TOML": b"steps = 1\n" + b"a." * 500_000 + b"a = 1",
    "dotted again": b"steps = 1\n" + (b"a." * 31 + b"=\n") * 16_000,
    "long keys": b"steps = 1\n" + b"a" * 1_000_000,
    "deep JSON": b'{"workoutSegments":' + b"[" * 900_000,
    "dashes": b"- " * 500_000,
    "step lines": b"- 10m 75%\n" * 100_000,
    "FIT": b"\x0e\x20\0\0\xf0\xff\x0f\0.FIT\0\0" + b"\x40\0\0\x1b\0\0" + b"\0" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_ends_in_time(data: bytes):
    """In CPU seconds, which a busy machine does not take away: a bound, not a measure."""
    before_s = time.process_time()
    try:
        read_workout(data[:BYTES_MAX], "a.txt")
    except UserError as error:
        assert "\n" not in str(error)
    assert time.process_time() - before_s < 30
