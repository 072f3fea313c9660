"""Every captured or published frame that we hold, against what its source says it means.

The sources name and scale fields in their own ways; NAMES is the one place that translates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.gatt import fitness_machine_control as control
from gateway.gatt.decoder import Decoder
from gateway.gatt.layout import Nonsense
from hub.wire.values import Measurement

GOLDEN = Path(__file__).parents[2] / "golden" / "sensors"


def load(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def same(value: Any) -> Any:
    return value


def over(counts: float) -> Callable[[float], float]:
    return lambda value: value / counts


def machine_heart_rate(value: int) -> int | None:
    """Sources pass on a machine's 0 bpm; to us it is "no strap", so no number."""
    return value or None


def intervals(per_second: float) -> Callable[[list[float]], tuple[float, ...] | None]:
    return lambda values: tuple(value * 1000 / per_second for value in values) or None


# source's name: (ours, the source's value in our unit)
NAMES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "hr": ("heart_rate_bpm", machine_heart_rate),
    "contact": ("contact", same),
    "contact_supported": ("contact_supported", same),
    "energy_kj": ("energy_kj", same),
    "rr_1024": ("rr_ms", intervals(1024)),
    "rr_s": ("rr_ms", intervals(1)),
    "power": ("power_w", same),
    "avg_power": ("average_power_w", same),
    "balance_half_pct": ("balance_pct", over(2)),
    "acc_torque_32": ("accumulated_torque_nm", over(32)),
    "torque_src": ("torque_source", same),
    "crank_revs": ("crank_revs", same),
    "crank_time_1024": ("crank_time_s", over(1024)),
    "wheel_revs": ("wheel_revs", same),
    "wheel_time_1024": ("wheel_time_s", over(1024)),
    "wheel_time_2048": ("wheel_time_s", over(2048)),
    "speed": ("speed_kmh", same),
    "avg_speed": ("average_speed_kmh", same),
    "cadence": ("cadence_rpm", same),
    "avg_cadence": ("average_cadence_rpm", same),
    "distance": ("distance_m", same),
    "resistance": ("resistance", same),
    "energy_total": ("energy_kcal", same),
    "energy_hour": ("energy_per_hour_kcal", same),
    "energy_min": ("energy_per_minute_kcal", same),
    "elapsed": ("elapsed_s", same),
    "speed_ms": ("speed_mps", same),
    "stride_cm": ("stride_length_m", over(100)),
    "distance_m": ("distance_m", same),
    "pace": ("pace_s_per_500m", same),
    "stroke_count": ("stroke_count", same),
    "step_per_min": ("step_rate_spm", same),
    "stride_count": ("stride_count", same),
}
# What a source calls its own way, or scales, in one characteristic only.
NAMES_OF = {
    "2a53": NAMES | {"cadence": ("step_rate_spm", same)},
    # The source divides by ten; we pass on the integer as sent.
    "2ace": NAMES | {"resistance": ("resistance", lambda level: level * 10)},
}
# Sources that cut to whole numbers.
CUT = {"cadence_int": "cadence_rpm", "stroke_rate_int": "stroke_rate_spm"}

FILES = (
    "heart_rate_2a37",
    "csc_2a5b",
    "cps_2a63",
    "rsc_2a53",
    "ftms_indoor_bike_2ad2",
    "ftms_indoor_bike_2ad2_quirky",
    "ftms_treadmill_2acd",
    "ftms_rower_2ad1",
    "ftms_cross_trainer_2ace",
)
VECTORS = [
    pytest.param(document["characteristic"].lower(), vector, id=vector["id"])
    for document in map(load, FILES)
    for vector in document["vectors"]
]


def measure(char: str, text: str, model: str | None = None) -> Measurement:
    measurement = Decoder(model).feed(char, bytes.fromhex(text), 0)
    assert isinstance(measurement, Measurement)
    return measurement


def check(char: str, measurement: Measurement, expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if name in CUT:
            exact = getattr(measurement, CUT[name])
            assert exact is not None and int(exact) == value
            continue
        ours, convert = NAMES_OF.get(char, NAMES)[name]
        wanted = None if value is None else convert(value)
        assert getattr(measurement, ours) == wanted, (ours, wanted, measurement)


@pytest.mark.parametrize("char, vector", VECTORS)
def test_frame_means_what_its_source_says(char: str, vector: dict[str, Any]) -> None:
    check(char, measure(char, vector["hex"], vector.get("device")), vector["expected"])


@pytest.mark.parametrize("vector", load("ftms_indoor_bike_2ad2_quirky")["vectors"])
def test_length_alone_proves_the_quirk(vector: dict[str, Any]) -> None:
    check("2ad2", measure("2ad2", vector["hex"]), vector["expected"])


def test_only_cut_frames_are_partial() -> None:
    cut = {
        vector["id"]
        for document in map(load, FILES)
        for vector in document["vectors"]
        if measure(document["characteristic"].lower(), vector["hex"]).partial
    }
    assert cut == {
        "heart_rate_2a37-035",
        "heart_rate_2a37-036",
        "ftms_indoor_bike_2ad2_quirky-007",
        "ftms_treadmill_2acd-006",
        "ftms_treadmill_2acd-008",
        "ftms_treadmill_2acd-009",
        "ftms_rower_2ad1-002",
        "ftms_rower_2ad1-004",
        "ftms_rower_2ad1-005",
        "ftms_rower_2ad1-006",
        "ftms_rower_2ad1-007",
        "ftms_cross_trainer_2ace-009",
    }


@pytest.mark.parametrize("record", load("ftms_split_frames"), ids=lambda record: record["id"])
def test_frames_of_one_record_do_not_wipe_each_other(record: dict[str, Any]) -> None:
    """Each frame holds its own fields and no others, so the newest per field is the record."""
    decoder = Decoder(record["device"])
    merged: dict[str, Any] = {}
    for i, frame in enumerate(record["frames"]):
        merged |= msgspec.to_builtins(decoder.feed("2ad2", bytes.fromhex(frame), i))
    check("2ad2", msgspec.convert(merged, Measurement), record["merged"])


def test_a_cross_trainers_record_in_two_frames_is_whole() -> None:
    """The first says More Data, so the speed is in the second; nothing is in both."""
    (record,) = load("ftms_cross_trainer_split")
    first, second = (msgspec.to_builtins(measure("2ace", frame)) for frame in record["frames"])
    assert not first.keys() & second.keys()
    assert first | second == {
        "average_speed_kmh": 2.83,
        "distance_m": 33,
        "step_rate_spm": 0,
        "stride_count": 32.0,
        "resistance": 10,
        "power_w": 0,
        "average_power_w": 13,
        "speed_kmh": 0.0,
        "energy_kcal": 2,
        "energy_per_hour_kcal": 0,
        "energy_per_minute_kcal": 0,
        "met": 1.0,
        "elapsed_s": 43,
        "remaining_s": 1757,
    }


def test_the_fields_that_the_sources_left_out() -> None:
    """Read by hand from the captured bytes: incline, times and averages."""
    slow = load("ftms_treadmill_2acd")["vectors"][3]
    assert msgspec.to_builtins(measure("2acd", slow["hex"])) == {
        "speed_kmh": 0.8,
        "average_speed_kmh": 7.01,
        "distance_m": 339,
        "incline_pct": 0.0,
        "energy_kcal": 35,
        "elapsed_s": 173,
        "remaining_s": 59,
    }
    steep = load("ftms_treadmill_2acd")["vectors"][1]
    assert measure("2acd", steep["hex"]).incline_pct == 13.0
    rowed = load("ftms_rower_2ad1")["vectors"][6]
    assert msgspec.to_builtins(measure("2ad1", rowed["hex"])) == {
        "distance_m": 128,
        "pace_s_per_500m": 164,
        "power_w": 79,
        "average_power_w": 70,
        "resistance": 7,
        "met": 5.1,
        "elapsed_s": 45,
    }


# Control point, status, features and ranges.

CONTROL = load("control_and_status")


@pytest.mark.parametrize(
    "char, text, meaning",
    [
        ("2ad9", row["hex"], row["meaning"])
        for row in CONTROL["control_point"]
        if row["dir"] == "indicate"
    ]
    + [
        (
            "2ad9",
            row["response"],
            {"request": int(row["write"][:2], 16), "result": int(row["response"][4:], 16)},
        )
        for row in CONTROL["control_point"]
        if row["dir"] == "exchange"
    ],
)
def test_control_response(char: str, text: str, meaning: dict[str, int]) -> None:
    assert control.control_response(bytes.fromhex(text)) == control.ControlResponse(
        meaning["request"], meaning["result"]
    )


COMMANDS: dict[str, Callable[[], bytes]] = {
    "request control": control.request_control,
    "reset": control.reset,
    "start or resume": control.start_or_resume,
}


def test_commands_are_the_captured_bytes() -> None:
    sent = {
        str(row["meaning"]): row["hex"] for row in CONTROL["control_point"] if row["dir"] == "write"
    }
    for meaning, command in COMMANDS.items():
        assert command().hex() == sent[meaning]
    assert control.set_target_power(300).hex() == sent["{'set_target_power': 300}"]
    # openrowingmonitor's exchanges: 0801 is the stop that the machine accepts.
    assert control.stop().hex() == "0801"


STATUS_VALUES = {
    "target_power": ("target_power", 1),
    "target_resistance": ("target_resistance", 1),
    "circumference_mm": ("wheel_circumference", 1),
}


@pytest.mark.parametrize("row", CONTROL["status"], ids=lambda row: row["hex"])
def test_machine_status(row: dict[str, Any]) -> None:
    status = control.machine_status(bytes.fromhex(row["hex"]))
    assert isinstance(status, control.MachineStatus)
    if isinstance(row["meaning"], str):  # "TOO SHORT", from a Think XX01
        assert (status.name, status.value, status.partial) == ("target_power", None, True)
        return
    ((meaning, value),) = row["meaning"].items()
    assert (status.name, status.value) == (STATUS_VALUES[meaning][0], value)


def test_machine_features() -> None:
    first, second = (
        control.features(bytes.fromhex(row["hex"]))
        for row in CONTROL["features_ranges"]
        if row["char"] == "2ACC"
    )
    assert first == control.MachineFeatures(
        ("average_speed", "cadence", "power"),
        ("resistance", "power", "simulation", "wheel_circumference"),
    )
    assert isinstance(second, control.MachineFeatures)
    assert second.features == ("cadence", "power")  # "only_these"
    assert second.targets == ("power", "simulation")


def test_ranges() -> None:
    (power,) = (row for row in CONTROL["features_ranges"] if row["char"] == "2AD8")
    assert control.power_range(bytes.fromhex(power["hex"])) == control.PowerRange(0, 800, 1)
    for row in CONTROL["features_ranges"]:
        if row["char"] != "2AD6":
            continue
        meaning = row["meaning"]
        # The sources give either the raw counts or the levels, ten to one.
        levels = [meaning.get(k, meaning.get(f"{k}_raw", 0) / 10) for k in ("min", "max", "inc")]
        assert control.resistance_range(bytes.fromhex(row["hex"])) == control.ResistanceRange(
            *levels
        )


@pytest.mark.parametrize(
    "read, data",
    [
        (control.control_response, b"\x80\x05"),
        (control.control_response, b"\x05\x2c\x01"),
        (control.features, b""),
        (control.power_range, b"\x00\x00\x20"),
        (control.power_range, bytes.fromhex("200300000100")),
        (control.resistance_range, b""),
        (control.resistance_range, bytes.fromhex("e80300000100")),
        (control.machine_status, b""),
        (control.machine_status, b"\x77"),
        (control.training_status, b"\x00"),
        (control.training_status, b"\x00\x10"),
    ],
)
def test_control_nonsense_is_an_answer(read: Callable[[bytes], Any], data: bytes) -> None:
    assert isinstance(read(data), Nonsense)


def test_training_status_with_the_machines_words() -> None:
    assert control.training_status(b"\x00\x0c") == control.TrainingStatus("watt_control")
    assert control.training_status(b"\x01\x02Aufw\xc3\xa4rmen\0") == control.TrainingStatus(
        "warm_up", "Aufwärmen"
    )


def test_power_range_with_increment_zero_counts_in_watts() -> None:
    assert control.power_range(bytes.fromhex("0000d0070000")) == control.PowerRange(0, 2000, 1)


def test_codes_that_the_spec_does_not_have_keep_a_name() -> None:
    odd = control.ControlResponse(0x77, 0x09)
    assert (odd.op_name, odd.result_name) == ("op_77", "result_09")
