"""ZWO import: the quirks of real files, and clear errors for the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDuration,
    StepText,
    Workout,
    duration_ms,
)
from hub.formats.imported import BYTES_MAX, TEXTS_MAX
from hub.formats.zwo import parse_zwo

OURS = sorted((Path(__file__).parents[3] / "config" / "workouts").glob("*.zwo"))


def zwo(body: str, head: str = "<name>w</name>") -> bytes:
    return f"<workout_file>{head}<workout>{body}</workout></workout_file>".encode()


def parsed(body: str, head: str = "<name>w</name>") -> tuple[Workout, list[str]]:
    imported = parse_zwo(zwo(body, head))
    return imported.workout, [w.text for w in imported.warnings]


def rows(workout: Workout) -> list[tuple[str, float, float | None, float | None]]:
    return [
        (s.kind.value, (duration_ms(s) or 0) / 1000, s.target.low, s.target.ranges[1][0])
        if isinstance(s.target, Aim)
        else (s.kind.value, (duration_ms(s) or 0) / 1000, None, None)
        for s in workout.steps
    ]


def test_every_kind_of_segment():
    workout, warnings = parsed(
        '<Warmup Duration="600" PowerLow="0.4" PowerHigh="0.75"/>'
        '<SteadyState Duration="300" Power="0.9" Cadence="95"/>'
        '<IntervalsT Repeat="2" OnDuration="60" OffDuration="30" OnPower="1.2" OffPower="0.5"/>'
        '<Ramp Duration="120" PowerLow="0.8" PowerHigh="1.1"/>'
        '<FreeRide Duration="60" FlatRoad="1"/>'
        '<MaxEffort Duration="10"/>'
        '<Cooldown Duration="240" PowerLow="0.6" PowerHigh="0.4"/>'
    )
    assert rows(workout) == [
        ("warmup", 600, 0.4, 0.75),
        ("work", 300, 0.9, 0.9),
        ("work", 60, 1.2, 1.2),
        ("recovery", 30, 0.5, 0.5),
        ("work", 60, 1.2, 1.2),
        ("recovery", 30, 0.5, 0.5),
        ("work", 120, 0.8, 1.1),
        ("free", 60, None, None),
        ("work", 10, None, None),
        ("cooldown", 240, 0.6, 0.4),
    ]
    assert [s.name for s in workout.steps] == [
        "Warm-up", "Threshold", "Anaerobic", "Recovery", "Anaerobic", "Recovery", "Ramp",
        "Free ride", "Max effort", "Cool-down",
    ]  # fmt: skip
    assert workout.steps[1].cadence == CadenceRange(95, 95)
    assert warnings == []


@pytest.mark.parametrize(
    ("written", "share", "doubt"),
    [
        ("0.9", 0.9, ""),
        ("90", 0.9, "read as per cent"),
        ("10.5", 0.105, "read as per cent"),
        ("3.4", 3.0, "power 3.4 is more than anybody rides; cut to 3"),  # a sprint, not 3.4 %
        ("9", 3.0, "cut to 3"),
        ("-0.5", 0.0, "negative"),
    ],
)
def test_a_power_is_a_share_a_per_cent_or_more_than_anybody_rides(
    written: str, share: float, doubt: str
):
    workout, warnings = parsed(f'<SteadyState Duration="60" Power="{written}"/>')
    assert workout.steps[0].target == aim(Unit.FTP, share)
    assert [doubt in text for text in warnings] == [True] * bool(doubt)


def test_what_stands_around_a_marked_ramp_is_no_part_of_it():
    """A free ride before it is the warm-up; in a ramp all that is neither end counts."""
    rung = '<SteadyState Duration="60" Power="{}" ramptest="1"/>'
    free = '<FreeRide Duration="300"/>'
    workout, warnings = parsed(free + "".join(map(rung.format, ("0.5", "1.0", "1.3"))) + free)
    kinds = [(s.kind.value, s.name) for s in workout.steps]
    assert (workout.test, kinds[0], kinds[-1]) == (
        "ramp",
        ("warmup", "Warm-up"),
        ("cooldown", "Cool-down"),
    )
    assert [kind for kind, _ in kinds[1:-1]] == ["recovery", "work", "work"]
    assert warnings == []


def test_tags_and_attributes_come_in_any_case_and_lengths_with_decimals():
    workout, warnings = parsed(
        '<STEADYSTATE duration="60.000004" POWER="0.8"><TextEvent TimeOffset="1.5" MESSAGE="x"/>'
        '</STEADYSTATE><freeride Duration="13.2"/>'
    )
    assert [s.until for s in workout.steps] == [ForDuration(60_000), ForDuration(13_200)]
    assert workout.steps[0].texts == (StepText(1500, "x"),)
    assert warnings == []


def test_a_range_stays_a_range_whichever_bound_comes_first():
    workout, warnings = parsed(
        '<SteadyState Duration="60" PowerLow="0.8" PowerHigh="0.9"/>'
        '<SteadyState Duration="60" PowerLow="0.9" PowerHigh="0.8"/>'
    )
    assert [s.target for s in workout.steps] == [Aim(Unit.FTP, 0.8, 0.9)] * 2
    assert warnings == []


def test_interval_powers_in_their_other_spelling_and_both_cadences():
    workout, _ = parsed(
        '<IntervalsT Repeat="1" OnDuration="60" OffDuration="60" PowerOnLow="1" PowerOnHigh="1"'
        ' PowerOffLow="0.5" PowerOffHigh="0.5" Cadence="100" CadenceResting="80"/>'
    )
    assert rows(workout) == [("work", 60, 1, 1), ("cooldown", 60, 0.5, 0.5)]
    assert [s.cadence for s in workout.steps] == [CadenceRange(100, 100), CadenceRange(80, 80)]


def test_texts_land_in_the_step_that_is_under_way():
    workout, _ = parsed(
        '<textevent timeoffset="70" message="sibling"/>'
        '<SteadyState Duration="60" Power="0.8"/>'
        '<IntervalsT Repeat="2" OnDuration="30" OffDuration="30" OnPower="1" OffPower="0.5">'
        '<textevent timeoffset="65" message="second on"/>'
        '<textevent timeoffset="999" message="end"/>'
        "</IntervalsT>"
    )
    assert [s.texts for s in workout.steps] == [
        (),
        (StepText(10_000, "sibling"),),
        (),
        (StepText(5_000, "second on"),),
        (StepText(909_000, "end"),),
    ]


STEADY = '<SteadyState Duration="60" Power="1"{}/>'


@pytest.mark.parametrize(
    ("body", "test", "warned"),
    [
        (STEADY.format(""), "", False),
        (STEADY.format(' ftptest="0"'), "", False),
        (STEADY.format(' RampTest="1"') * 3, "ramp", False),
        ('<FreeRide Duration="300"/><FreeRide Duration="1200" ftptest="1"/>', "20min", False),
        ('<MaxEffort Duration="480" ftptest="1"/>' * 2, "2x8", False),
        (STEADY.format(' ftptest="1"'), "", True),
    ],
)
def test_zwifts_marks_say_which_ftp_test_it_is(body: str, test: str, warned: bool):
    workout, warnings = parsed(body)
    assert workout.test == test
    assert [w for w in warnings if "FTP test" in w] == warnings
    assert bool(warnings) is warned


@pytest.mark.parametrize(
    ("body", "row", "warning"),
    [
        ('<SteadyState Duration="60" Power="85"/>', ("work", 60, 0.85, 0.85), "as per cent"),
        ('<SteadyState Duration="60" Power="9999"/>', ("work", 60, 3, 3), "as per cent"),
        ('<SteadyState Duration="60" Power="-1"/>', ("recovery", 60, 0, 0), "negative"),
        ('<SteadyState Duration="60" Power="nan"/>', ("free", 60, None, None), "no power"),
        ('<SteadyState Duration="60" Power="x"/>', ("free", 60, None, None), "'x' is no number"),
        ('<SteadyState Duration="60"/>', ("free", 60, None, None), "no power"),
        ('<Run/><FreeRide Duration="9"/>', ("free", 9, None, None), "unknown; left out"),
        ('<Sprint Duration="60"/>', ("free", 60, None, None), "unknown"),
        ('<FreeRide Duration="1e12"/>', ("free", 86_400, None, None), "more than a day"),
        (
            '<FreeRide Duration="9"/><SteadyState Duration="0" Power="1"/>',
            ("free", 9, None, None),
            "no duration",
        ),
        ('<RestDay/><FreeRide Duration="9"/>', ("free", 9, None, None), "rest day"),
    ],
)
def test_what_is_doubtful_is_imported_and_warned_of(body: str, row: object, warning: str):
    workout, warnings = parsed(body)
    assert rows(workout) == [row]
    assert len([w for w in warnings if warning in w]) == 1


def test_warnings_carry_their_line():
    data = b"<workout_file>\n<workout>\n\n<Sprint Duration='9'/></workout></workout_file>"
    assert [w.line for w in parse_zwo(data).warnings] == [4]
    with_declaration = b"<?xml version='1.0'\n?>" + data
    assert [w.line for w in parse_zwo(with_declaration).warnings] == [5]


def test_broken_xml_gives_what_is_there_and_a_warning():
    data = (
        b"<workout_file><name>Tom & Jerry</name><workout>"
        b'<SteadyState Duration="60" Power="0.8">'
        b'<SteadyState Duration="30" Power="0.9"/>'
        b'<Warmup Duration="20" PowerLow="0.5" PowerHigh="0.6"'
    )
    imported = parse_zwo(data)
    assert rows(imported.workout)[:2] == [("work", 60, 0.8, 0.8), ("work", 30, 0.9, 0.9)]
    assert any("broken XML" in w.text for w in imported.warnings)


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.encode("cp1252"),
        lambda t: t.encode("utf-8-sig"),
        lambda t: t.encode("utf-16"),
        lambda t: ('<?xml version="1.0" encoding="iso-8859-1"?>' + t).encode(),
    ],
    ids=["cp1252", "bom", "utf-16", "false declaration"],
)
def test_any_encoding(encode):
    text = zwo('<FreeRide Duration="9"/>', "<name>Übung</name>").decode()
    assert parse_zwo(encode(text)).workout.name == "Übung"


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<workout_file><name>&b;</name><workout><FreeRide Duration="9"/></workout></workout_file>"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"../other/file.zwo", "not XML"),
        (b"<", "not XML"),
        (b"\x00" * 100, "not XML"),
        (b"<html><body/></html>", "no <workout>"),
        (zwo(""), "no steps"),
        (zwo("<RestDay/>"), "no steps"),
        (
            zwo('<IntervalsT Repeat="999" OnDuration="1" OnPower="1" OffPower="1"'
                ' OffDuration="1"/>'),
            "more than 1000 steps",
        ),
        (BOMB, "entities"),
        (b"<" * (BYTES_MAX + 1), "larger than 1 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_workout_is_one_clear_error(data: bytes, message: str):
    with pytest.raises(UserError, match=message):
        parse_zwo(data)


def test_texts_are_bounded():
    texts = '<textevent timeoffset="1" message="x"/>' * (TEXTS_MAX + 5)
    workout, warnings = parsed(f'<FreeRide Duration="9">{texts}</FreeRide>')
    assert len(workout.steps[0].texts) == TEXTS_MAX
    assert 1 <= len(warnings) <= 100
    assert isinstance(workout.steps[0].target, FreeRide)


@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, 400), st.integers(0, 255)).map(
        lambda cut: OURS[0].read_bytes()[: cut[0] * 5] + bytes([cut[1]])
    )
    | st.text('<>/="workutSDPae 0123456789.-&;', max_size=80).map(lambda t: zwo(t))
)
def test_rubbish_is_a_workout_or_an_error_and_never_a_traceback(data: bytes):
    try:
        imported = parse_zwo(data)
    except UserError:
        return
    assert imported.workout.steps
