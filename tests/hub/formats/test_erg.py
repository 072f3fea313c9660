"""ERG and MRC: what real files do, and what is written is read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from random_workouts import DURATIONS, NAMES, WORDS, aims, workouts

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
    total_ms,
)
from hub.formats.erg import parse_erg
from hub.formats.erg_writer import write_erg, write_mrc
from hub.formats.written import Written

HEAD = "[COURSE HEADER]\nVERSION = 2\nFILE NAME = w.mrc\nMINUTES PERCENT\n[END COURSE HEADER]\n"


def course(rows: str, head: str = HEAD, tail: str = "") -> bytes:
    return f"{head}[COURSE DATA]\n{rows}\n[END COURSE DATA]\n{tail}".encode()


def parsed(data: bytes, ftp_w: float | None = None) -> tuple[Workout, list[str]]:
    imported = parse_erg(data, ftp_w)
    return imported.workout, [w.text for w in imported.warnings]


def rows(workout: Workout) -> list[tuple[float, float, float]]:
    """(length in s, first value, last value) of each step."""
    return [
        (s.until.duration_ms / 1000, s.target.low, s.target.ranges[1][0])
        for s in workout.steps
        if isinstance(s.until, ForDuration) and isinstance(s.target, Aim)
    ]


def test_a_time_that_stands_twice_is_a_step_else_it_is_a_ramp():
    workout, warnings = parsed(course("0 40\n10 75\n10 95\n15.5 95\n15.5\t50\n20.00 30.0\n20 0"))
    assert rows(workout) == [(600, 0.4, 0.75), (330, 0.95, 0.95), (270, 0.5, 0.3)]
    assert [s.kind for s in workout.steps] == [StepKind.WORK, StepKind.WORK, StepKind.COOLDOWN]
    assert workout.name == "w"
    assert warnings == []


def test_points_on_one_line_are_one_step_and_laps_divide_it():
    dense = "\n".join(f"{minute} {50 + minute}" for minute in range(0, 11))
    assert rows(parsed(course(dense))[0]) == [(600, 0.5, 0.6)]
    workout, _ = parsed(course(dense + "\n2.5 LAP Half way"))
    assert rows(workout) == [(150, 0.5, 0.525), (450, 0.525, 0.6)]
    assert workout.steps[1].name == "Half way"
    twice = parsed(course("0 80\n5 80\n5 80\n10 80"))[0]
    assert rows(twice) == [(300, 0.8, 0.8)] * 2


def test_minutes_with_two_decimals_mean_whole_seconds_and_a_slope_of_one_second_is_a_step():
    assert rows(parsed(course("0 50\n5.33 50\n5.35 90\n10.67 90"))[0]) == [
        (320, 0.5, 0.5),
        (320, 0.9, 0.9),
    ]


ERG_HEAD = "[COURSE HEADER]\nFTP = 250\nMINUTES WATTS\n[END COURSE HEADER]\n"
NO_FTP = ERG_HEAD.replace("FTP = 250\n", "")


def test_watts_are_shares_of_the_ftp_that_is_known():
    data = course("0 200\n5 200\n5 100\n10 100", ERG_HEAD)
    assert rows(parsed(data)[0]) == [(300, 0.8, 0.8), (300, 0.4, 0.4)]
    assert rows(parsed(data, 100.0)[0]) == [(300, 0.8, 0.8), (300, 0.4, 0.4)]
    without = course("0 200\n5 200\n5 90\n10 90", NO_FTP)
    assert rows(parsed(without, 400.0)[0])[0] == (300, 0.5, 0.5)
    workout, warnings = parsed(without)
    assert [s.target for s in workout.steps] == [aim(Unit.WATT, 200), aim(Unit.WATT, 90)]
    assert [s.kind for s in workout.steps] == [StepKind.WORK, StepKind.COOLDOWN]
    assert warnings == ["the file says no FTP; its watts stay watts for everybody"]


TEXTS = "[COURSE TEXT]\n{}\n[END COURSE TEXT]\n"


@pytest.mark.parametrize(
    ("texts", "offsets", "doubtful"),
    [
        ("0.25\tGo\t0.25\n4.75\tHold\t0.15", [15_000, 285_000], False),
        ("0\tGo\t10\n90\tHold\t10", [0, 90_000], False),
        ("0\tGo\t10\n5\tHold\t10", [0, 300_000], True),
        ("90 Go\n120 Hold", [90_000, 120_000], False),
    ],
)
def test_texts_come_in_minutes_or_in_seconds(texts: str, offsets: list[int], doubtful: bool):
    workout, warnings = parsed(course("0 50\n60 50", tail=TEXTS.format(texts)))
    assert workout.steps[0].texts == tuple(
        StepText(offset, words) for offset, words in zip(offsets, ("Go", "Hold"), strict=True)
    )
    assert (warnings == ["the times of the texts are read as minutes, not seconds"]) is doubtful


def test_intervals_give_names_and_unknown_sections_are_passed_over():
    tail = (
        "[INTERVAL DATA]\n0.00\t5.00\tFirst climb\n[END INTERVAL DATA]\n"
        "[PERFPRO DATA]\n1 2 3\n5 99\n[END PERFPRO DATA]\n"
    )
    workout, warnings = parsed(course("0 90\n5 90\n5 50\n10 50", tail=tail))
    assert [s.name for s in workout.steps] == ["First climb", "Cool-down"]
    assert warnings == []


@pytest.mark.parametrize(
    "data",
    [
        course("0 50\n5 50").replace(b"\n", b"\r\n"),
        course("0 50\n5 50").replace(b"\n", b"\r"),
        course("0,00 50,0\n5,00 50,0"),
        course("0;50\n5;50"),
        course("0.0, 50\n5.0, 50"),
        course("0\t50\t\n5   50"),
        course("; a comment\n0 50\n\n5 50"),
        b"\xef\xbb\xbf" + course("0 50\n5 50"),
        course("0 50%\n5 50%", ERG_HEAD),
        course("0 50\n5 50", HEAD.replace("PERCENT", "FTP")),
        course("0 50\n5 50", HEAD.lower()),
        course("0 50\n5 50").replace(b"[END COURSE DATA]", b""),
    ],
    ids=["CRLF", "CR", "comma", "semicolon", "csv", "blanks", "comment", "BOM", "%", "FTP", "case",
         "no end"],
)  # fmt: skip
def test_any_way_of_writing_it(data: bytes):
    workout, warnings = parsed(data)
    assert rows(workout) == [(300, 0.5, 0.5)]
    assert warnings == []


@pytest.mark.parametrize(
    ("data", "row", "warning"),
    [
        (course("0 50\n5 50\n4 90\n6 50"), (360, 0.5, 0.5), "goes back"),
        (course("1 50\n5 50"), (300, 0.5, 0.5), "does not begin at 0"),
        (course("0 50\n5 50\n5 -5"), (300, 0.5, 0.5), "negative"),
        (course("0 9999\n5 9999"), (300, 3, 3), "more than anybody"),
        (course("0 .5\n5 .5"), (300, 0.5, 0.5), "read as shares"),
        (course("0 50\nfive 50\n5 50"), (300, 0.5, 0.5), "'five 50' is left out"),
        (course("0 50\n5 50", "[COURSE HEADER]\n"), (300, 0.5, 0.5), "read as % FTP"),
        (course("0 200\n5 200", "[COURSE HEADER]\nFTP = 250\n"), (300, 0.8, 0.8), "as watts"),
        (
            course("0 50\n5 50", tail=TEXTS.format("Go at once")),
            (300, 0.5, 0.5),
            "'Go at once' has no time",
        ),
        (course("0 50\n5 50").replace(b"w.mrc", b"\xdcbung.mrc"), (300, 0.5, 0.5), "Windows-1252"),
    ],
)
def test_what_is_doubtful_is_imported_and_warned_of(data: bytes, row: object, warning: str):
    workout, warnings = parsed(data)
    assert rows(workout) == [row]
    assert len([w for w in warnings if warning in w]) == 1


def test_the_name_is_the_file_name_without_its_folder_or_the_description():
    named = HEAD.replace("w.mrc", r"C:\courses\Hill 2.0.MRC")
    assert parsed(course("0 50\n5 50", named))[0].name == "Hill 2.0"
    described = HEAD.replace("FILE NAME = w.mrc", "DESCRIPTION=Two = one")
    workout, _ = parsed(course("0 50\n5 50", described))
    assert (workout.name, workout.description) == ("Two = one", "Two = one")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello", "no steps"),
        (HEAD.encode(), "no steps"),
        (course("0 50"), "no steps"),
        (course("0 1 0\n5 2 0", "[COURSE HEADER]\nDISTANCE GRADE WIND\n"), "distances and grades"),
        (course("\n".join(f"{n} {50 + n % 2}" for n in range(1100))), "more than 1000 steps"),
    ],
)
def test_what_is_no_workout_is_one_clear_error(data: bytes, message: str):
    with pytest.raises(UserError, match=message):
        parse_erg(data)


def single(aim_: Aim) -> Aim:
    """The formats know no ranges."""
    (low, _), (end, _) = aim_.ranges
    return aim(aim_.unit, low, end)


def plain(units: tuple[Unit, ...]) -> st.SearchStrategy[Workout]:
    steps = st.builds(
        Step, NAMES, st.sampled_from(StepKind),
        DURATIONS.filter(lambda until: until.duration_ms > 1000), aims(units).map(single),
        texts=st.lists(st.builds(StepText, st.integers(0, 1).map(lambda s: s * 1000), NAMES),
                       max_size=2).map(lambda ts: tuple(sorted(ts, key=lambda t: t.offset_ms))),
    )  # fmt: skip
    return workouts(steps)


def curve(workout: Workout, tolerance: float = 1e-4) -> list[object]:
    """What both formats can say of a step."""
    return [
        (
            s.until,
            [pytest.approx(v, abs=tolerance) for ends in s.target.ranges for v in ends],
            s.texts,
        )
        for s in workout.steps
        if isinstance(s.target, Aim)
    ]


HALF = Step("Half", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 0.5))


@given(plain((Unit.FTP,)), st.integers(80, 500))
@example(Workout("w", (replace(HALF, target=aim(Unit.FTP, 0.005)),)), 81)
def test_shares_are_read_as_they_were_written(workout: Workout, ftp_w: int):
    # Per cent that are all below 3 would be taken for shares.
    workout = replace(workout, steps=(HALF, *workout.steps))
    of_watts = 0.005 / ftp_w + 0.00005 + 1e-9  # half of the last digit written, and of that read
    for written, tolerance in ((write_mrc(workout), 1e-4), (write_erg(workout, ftp_w), of_watts)):
        again = parse_erg(written.data).workout
        assert curve(again, tolerance) == curve(workout, tolerance)
        assert [s.name for s in again.steps] == [s.name for s in workout.steps]
        assert again.description == workout.description


@given(plain((Unit.WATT,)))
def test_watts_are_read_as_they_were_written(workout: Workout):
    assert curve(parse_erg(write_erg(workout).data).workout, 0.006) == curve(workout, 0.006)


@given(workouts(), WORDS)
def test_anything_is_written_and_read_with_its_length(workout: Workout, title: str):
    def is_timed(step: Step) -> bool:
        return isinstance(step.until, ForDuration) and step.until.duration_ms > 1000

    steps = tuple(step for step in workout.steps if is_timed(step)) or workout.steps
    workout = replace(workout, name=title, steps=steps)
    for written in (write_mrc(workout, 200), write_erg(workout, 200)):
        again = parse_erg(written.data).workout
        if total_ms(workout) is not None and all(map(is_timed, steps)):
            assert total_ms(again) == total_ms(workout)


def one(target: StepTarget, **changes: object) -> Workout:
    step = Step("s", StepKind.WORK, ForDuration(60_000), target)
    return Workout("w", (replace(step, **changes),))


def values(written: Written) -> list[str]:
    lines = written.data.decode().splitlines()
    return lines[lines.index("[COURSE DATA]") + 1 : lines.index("[END COURSE DATA]")]


@pytest.mark.parametrize(
    ("workout", "rows_", "loss"),
    [
        (one(FreeRide()), ["0.00\t50", "1.00\t50"], "step 1 is a free ride; written as 50% of FTP"),
        (one(MaxEffort()), ["0.00\t150", "1.00\t150"], "step 1 is max; written as 150% of FTP"),
        (one(aim(Unit.RPE, 7)), ["0.00\t50", "1.00\t50"], "step 1 is RPE 7; written as 50% of FTP"),
        (one(Aim(Unit.FTP, 0.8, 0.9)), ["0.00\t85", "1.00\t85"], "ranges; their middle is written"),
        (one(aim(Unit.WATT, 240)), ["0.00\t120", "1.00\t120"], ""),
        (one(aim(Unit.POWER_ZONE, 2)), ["0.00\t65", "1.00\t65"], "ranges; their middle is written"),
        (
            one(aim(Unit.FTP, 0.5), until=ForDistance(5000)),
            ["0.00\t50", "10.00\t50"],
            "step 1 ends by 5 km; written as 10:00",
        ),
        (
            one(aim(Unit.FTP, 0.5), until=ForWork(60)),
            ["0.00\t50", "10.00\t50"],
            "step 1 ends by 60 kJ; written as 10:00",
        ),
        (
            one(aim(Unit.FTP, 0.5), until=UntilLap(), at_most_ms=120_000),
            ["0.00\t50", "2.00\t50"],
            "step 1 ends by lap; written as 2:00",
        ),
        (one(aim(Unit.FTP, 0.5), cadence=CadenceRange(90, 90)), ["0.00\t50", "1.00\t50"],
         "cadences"),
    ],
)  # fmt: skip
def test_what_a_course_cannot_say_is_told(workout: Workout, rows_: list[str], loss: str):
    written = write_mrc(workout, 200)
    assert values(written) == rows_
    assert written.warnings == ((loss,) if loss else ())


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("5\tRide on\t10", "Ride on"),
        ("5 Ride on 10", "Ride on 10"),
        ("5\t10", "10"),
        ("5\t\t10", ""),
        ("5\t \t10", ""),
        ("5", ""),
    ],
)
def test_the_time_for_which_a_text_is_shown_is_no_text(line: str, text: str):
    data = course("0 50\n5 50").decode() + f"[COURSE TEXT]\n{line}\n[END COURSE TEXT]\n"
    texts = parse_erg(data.encode()).workout.steps[0].texts
    assert [each.text for each in texts] == ([text] if text else [])


@pytest.mark.parametrize("points", ["0 50\n2000 50", "0 50\n5 50\n5.00001 90\n1445.00002 90"])
def test_a_step_of_more_than_a_day_is_cut_to_one(points: str):
    """Also one that takes over a jump of a millisecond before it."""
    workout, warnings = parsed(course(points))
    assert workout.steps[-1].until == ForDuration(86_400_000)
    assert warnings == ["a step of more than a day; cut to one"]


def test_a_text_after_the_end_of_time_is_one_at_the_end():
    tail = f"[COURSE TEXT]\n{'9' * 400}\tLate\t10\n[END COURSE TEXT]\n"
    (step,) = parse_erg(course("0 50\n5 50", tail=tail)).workout.steps
    assert [text.text for text in step.texts] == ["Late"]


def test_a_text_without_words_is_not_written():
    workout = one(aim(Unit.FTP, 0.5), texts=(StepText(0, " "), StepText(10_000, "Go")))
    assert parse_erg(write_mrc(workout).data).workout.steps[0].texts == (StepText(10_000, "Go"),)


def test_a_course_in_the_other_unit_needs_an_ftp():
    with pytest.raises(UserError, match="give an FTP"):
        write_mrc(one(aim(Unit.WATT, 200)))
    with pytest.raises(UserError, match="give an FTP"):
        write_erg(one(aim(Unit.FTP, 1.0)))


@given(
    st.binary(max_size=200)
    | st.text("[]COURSEDATHMINUTSWP= \t0159.,-%;\n", max_size=120).map(str.encode)
    | st.tuples(st.integers(0, 160), st.binary(max_size=3)).map(
        lambda cut: course("0 50\n5 50")[: cut[0]] + cut[1] + course("0 50\n5 50")[cut[0] + 1 :]
    )
)
def test_rubbish_is_a_workout_or_an_error(data: bytes):
    try:
        imported = parse_erg(data)
    except UserError:
        return
    assert imported.workout.steps
