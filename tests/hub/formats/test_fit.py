"""FIT export, read back by three independent readers."""

import io
from datetime import UTC, datetime
from typing import Any

import fitdecode
import fitparse
import numpy as np
import pytest
from garmin_fit_sdk import Decoder, Profile, Stream
from hypothesis import given
from hypothesis import strategies as st

from hub.core.target import Aim, FreeRide, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.formats.activity import ActivityFile, Device, Lap, Pause
from hub.formats.fit import write_activity
from hub.formats.fit_messages import RANGES, FitWriter, fit_time
from hub.wire.uplink import SensorKind

NAN = float("nan")
START = datetime(2026, 5, 17, 18, 30, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)

Messages = dict[str, list[dict[str, Any]]]


def read_garmin(data: bytes) -> Messages:
    assert Decoder(Stream.from_byte_array(bytearray(data))).check_integrity()
    decoder = Decoder(Stream.from_byte_array(bytearray(data)))
    messages, errors = decoder.read(convert_types_to_strings=True)
    assert errors == []
    return {
        name.removesuffix("_mesgs"): [{str(k): v for k, v in m.items()} for m in rows]
        for name, rows in messages.items()
    }


def read_fitdecode(data: bytes) -> Messages:
    found: Messages = {}
    with fitdecode.FitReader(
        io.BytesIO(data),
        check_crc=fitdecode.CrcCheck.RAISE,
        error_handling=fitdecode.ErrorHandling.RAISE,
    ) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage):
                row = {field.name: field.value for field in frame.fields}
                found.setdefault(frame.name, []).append(row)
    return found


def read_fitparse(data: bytes) -> Messages:
    found: Messages = {}
    for message in fitparse.FitFile(io.BytesIO(data), check_crc=True).get_messages():
        found.setdefault(message.name, []).append(message.get_values())
    return found


READERS = [read_garmin, read_fitdecode, read_fitparse]


def steady(share: float) -> Aim:
    return aim(Unit.FTP, share)


WORKOUT = Workout(
    "Zwei mal eins",
    (
        Step("Warm-up", StepKind.WARMUP, ForDuration(60_000), aim(Unit.FTP, 0.4, 0.7)),
        Step("Threshold", StepKind.WORK, ForDuration(60_000), steady(1.0)),
        Step("Recovery", StepKind.RECOVERY, ForDuration(60_000), FreeRide()),
    ),
    description="Short.",
)


def ride(seconds: int = 240, **changes: Any) -> ActivityFile:
    """Four minutes with a pause from 130 to 190, at 200 W with a peak, 36 km/h."""
    power = np.full(seconds, 200.0)
    power[70] = 812
    fields: dict[str, Any] = {
        "started_at_unix_ms": START_MS,
        "name": "Evening ride",
        "power_w": power,
        "heart_rate_bpm": np.full(seconds, 140.4),
        "cadence_rpm": np.full(seconds, 90.0),
        "speed_kmh": np.full(seconds, 36.0),
        "laps": (
            Lap(0, 60, StepKind.WARMUP, step=0),
            Lap(60, 120, StepKind.WORK, step=1),
            Lap(120, seconds, StepKind.RECOVERY, step=2, by_hand=True),
        ),
        "pauses": (Pause(130, 190),),
        "devices": (
            Device("KICKR 1234", SensorKind.TRAINER, "Wahoo Fitness", "KICKR", 80),
            Device("H10", SensorKind.HEART_RATE, battery_pct=18),
        ),
        "workout": WORKOUT,
        "ftp_w": 250,
        "rpe": 7,
    }
    return ActivityFile(**{**fields, **changes})


def without_zone(value: datetime) -> datetime:
    return value.replace(tzinfo=None)


@pytest.mark.parametrize("read", READERS)
def test_every_reader_finds_the_whole_ride(read):
    messages = read(write_activity(ride()))
    counts = {name: len(rows) for name, rows in messages.items()}
    assert counts == {
        "file_id": 1,
        "file_creator": 1,
        "sport": 1,
        "zones_target": 1,
        "workout": 1,
        "workout_step": 3,
        "device_info": 3,
        "event": 4,
        "record": 180,
        "lap": 3,
        "session": 1,
        "activity": 1,
    }
    assert messages["file_id"][0]["type"] == "activity"
    times = [without_zone(r["timestamp"]) for r in messages["record"]]
    seconds = [(t - without_zone(START)).total_seconds() for t in times]
    assert seconds == [*range(130), *range(190, 240)]
    record = messages["record"][70]
    assert (record["power"], record["heart_rate"], record["cadence"]) == (812, 140, 90)
    assert record["enhanced_speed"] == 10
    assert messages["record"][-1]["distance"] == 1800


@pytest.mark.parametrize("read", READERS)
def test_totals_tell_elapsed_from_ridden_time(read):
    messages = read(write_activity(ride()))
    session = messages["session"][0]
    assert (session["total_elapsed_time"], session["total_timer_time"]) == (240, 180)
    assert messages["activity"][0]["total_timer_time"] == 180
    assert (session["avg_power"], session["max_power"]) == (203, 812)
    assert session["threshold_power"] == 250
    assert session["sport"] == "cycling"
    assert session["sub_sport"] == "indoor_cycling"
    assert session["total_distance"] == 1800
    assert session["num_laps"] == 3
    assert session["normalized_power"] > 200
    assert 0.8 < session["intensity_factor"] < 1
    assert session["training_stress_score"] > 0
    assert session["total_work"] == 36_612


@pytest.mark.parametrize("read", READERS)
def test_a_lap_for_each_phase_without_its_pause(read):
    laps = read(write_activity(ride()))["lap"]
    assert [lap["total_timer_time"] for lap in laps] == [60, 60, 60]
    assert [lap["total_elapsed_time"] for lap in laps] == [60, 60, 120]
    assert [lap["max_power"] for lap in laps] == [200, 812, 200]
    assert [lap["intensity"] for lap in laps] == ["warmup", "active", "rest"]
    assert [lap["lap_trigger"] for lap in laps] == ["time", "time", "manual"]
    begins = [(without_zone(lap["start_time"]) - without_zone(START)).seconds for lap in laps]
    assert begins == [0, 60, 120]


@pytest.mark.parametrize("read", READERS)
def test_the_timer_stops_and_starts_around_a_pause(read):
    events = read(write_activity(ride()))["event"]
    assert [
        (e["event_type"], (without_zone(e["timestamp"]) - without_zone(START)).seconds)
        for e in events
    ] == [("start", 0), ("stop_all", 130), ("start", 190), ("stop_all", 240)]


@pytest.mark.parametrize("read", READERS)
def test_the_workout_and_the_sensors_are_named(read):
    messages = read(write_activity(ride()))
    assert messages["workout"][0]["wkt_name"] == "Zwei mal eins"
    assert [s["wkt_step_name"] for s in messages["workout_step"]] == [
        "Warm-up",
        "Threshold",
        "Recovery",
    ]
    assert [d.get("descriptor") for d in messages["device_info"][1:]] == ["KICKR 1234", "H10"]
    strap = messages["device_info"][2]
    assert strap.get("battery_level", strap.get("unknown_32")) == 18  # fitparse's profile is older


def test_steps_carry_their_targets():
    steps = read_garmin(write_activity(ride()))["workout_step"]
    assert [(s["target_type"], s.get("custom_target_power_low")) for s in steps] == [
        ("power", 40),
        ("power", 100),
        ("open", None),
    ]
    assert [s["duration_time"] for s in steps] == [60, 60, 60]
    assert read_garmin(write_activity(ride()))["session"][0]["workout_rpe"] == 70


@pytest.mark.parametrize("read", READERS)
def test_beat_intervals_are_kept(read):
    rr = ((3, (650.4, 700.0)), (5, (1.0, 2, 3, 4, 5, 6)), (6, (NAN,)), (140, (800.0,)))
    messages = read(write_activity(ride(rr_ms=rr)))
    times = [m["time"] for m in messages["hrv"]]
    flat = [[t] if isinstance(t, float) else [x for x in t if x is not None] for t in times]
    assert flat == [
        pytest.approx([0.65, 0.7]),
        pytest.approx([0.001, 0.002, 0.003, 0.004, 0.005]),
        pytest.approx([0.006]),
    ]


@pytest.mark.parametrize("read", READERS)
def test_what_was_not_measured_is_absent_and_a_gap_stays_a_gap(read):
    nothing = np.full(240, NAN)
    heart = np.full(240, 120.0)
    heart[100:120] = NAN
    messages = read(
        write_activity(
            ride(heart_rate_bpm=heart, power_w=nothing, cadence_rpm=nothing, speed_kmh=nothing)
        )
    )
    assert len(messages["record"]) == 160
    for row in (*messages["record"], *messages["session"], *messages["lap"]):
        assert all(row.get(name) is None for name in ("power", "avg_power", "distance"))
    assert messages["session"][0]["avg_heart_rate"] == 120


def test_a_ride_without_laps_is_one_lap():
    messages = read_garmin(write_activity(ride(laps=(), pauses=(), workout=None)))
    assert [lap["total_timer_time"] for lap in messages["lap"]] == [240]
    assert messages["lap"][0]["lap_trigger"] == "session_end"
    assert "workout" not in messages


def test_a_ride_that_ends_in_a_pause_stops_once():
    messages = read_garmin(write_activity(ride(pauses=(Pause(200, 220), Pause(220, 240)))))
    assert [e["event_type"] for e in messages["event"]] == ["start", "stop_all"]


@pytest.mark.parametrize(
    "changes",
    [
        {"power_w": np.zeros(0)},
        {"cadence_rpm": np.zeros(239)},
        {"pauses": (Pause(10, 20), Pause(15, 30))},
        {"laps": (Lap(0, 241),)},
        {"power_w": np.full(240, np.inf)},
        {"laps": (Lap(20, 10),)},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, Any]):
    with pytest.raises(ValueError, match="a ride"):
        ride(**changes)


wild = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**12), 10**12)


measured = st.just(NAN) | st.floats(-1e9, 1e9) | st.integers(-1000, 70_000)


@given(st.lists(st.tuples(measured, measured, measured, measured), min_size=1, max_size=5))
def test_what_is_out_of_range_is_clamped_and_never_wraps(rows):
    power, heart, cadence, speed = (np.array(c, dtype=np.float64) for c in zip(*rows, strict=True))
    activity = ActivityFile(
        started_at_unix_ms=START_MS,
        name="x",
        power_w=power,
        heart_rate_bpm=heart,
        cadence_rpm=cadence,
        speed_kmh=speed,
    )
    for activity_row, record in zip(
        zip(power, heart, cadence, strict=True),
        _rows_by_second(activity),
        strict=True,
    ):
        for value, name, top in zip(
            activity_row, ("power", "heart_rate", "cadence"), (65534, 254, 254), strict=True
        ):
            if np.isnan(value):
                assert record.get(name) is None
            else:
                assert abs(record[name] - min(max(value, 0), top)) <= 0.5


def _rows_by_second(activity: ActivityFile) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{} for _ in range(activity.elapsed_s)]
    for record in read_garmin(write_activity(activity)).get("record", ()):
        rows[round((record["timestamp"] - START).total_seconds())] = record
    return rows


@given(wild, st.sampled_from(["avg_heart_rate", "avg_power", "total_elapsed_time", "avg_speed"]))
def test_every_field_of_a_lap_keeps_to_its_range(value: float, name: str):
    writer = FitWriter()
    writer.message("FILE_ID", type="activity", time_created=1)
    writer.message("LAP", message_index=0, **{name: value})
    lap = read_garmin(writer.close())["lap"][0]
    field = next(
        f
        for f in Profile["messages"][Profile["mesg_num"]["LAP"]]["fields"].values()
        if f["name"] == name
    )
    scale = field["scale"][0]
    low, high = (bound / scale for bound in RANGES[field["base_type"]])
    if np.isnan(value):
        assert name not in lap
    else:
        assert abs(lap[name] - min(max(value, low), high)) <= 0.5 / scale + 1e-6


def test_a_misspelled_field_is_an_error_and_not_dropped():
    with pytest.raises(KeyError):
        FitWriter().message("RECORD", powr=1)
    with pytest.raises(ValueError, match="could not be mapped"):
        FitWriter().message("FILE_ID", type="activitee")


def test_long_and_odd_names_are_cut_between_characters():
    messages = read_garmin(write_activity(ride(name="ü" * 300 + "\n\0")))
    assert messages["session"][0]["sport_profile_name"] == "ü" * 100


def test_times_before_the_fit_epoch_do_not_wrap():
    assert fit_time(0) == 0
    assert fit_time(START_MS) == int(START.timestamp()) - 631_065_600
