"""Which device gets which repair."""

from __future__ import annotations

import pytest

from gateway.gatt import quirks
from gateway.gatt.decoder import Decoder
from gateway.gatt.fitness_machine import INDOOR_BIKE
from gateway.gatt.layout import Field, Layout
from hub.wire.values import Measurement


def drop_average_speed(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    return tuple(field for field in fields if field.name != "average_speed_kmh")


ROW = quirks.Quirk("2ad2", "mrcaptain", drop_average_speed, "a machine that flags and omits")


@pytest.mark.parametrize(
    "model, found",
    [
        ("mr_captain", True),
        ("Mr. Captain R1-0042", True),
        ("MR CAPTAIN", True),
        ("Captain Mr", False),
        ("", False),
        (None, False),
    ],
)
def test_models_are_matched_loosely(
    model: str | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quirks, "QUIRKS", (ROW,))
    assert (drop_average_speed in quirks.repairs("2ad2", model)) is found
    assert quirks.repairs("2a37", model) == ()


def test_a_repair_can_leave_out_a_field_that_is_flagged_and_not_sent() -> None:
    layout = Layout(2, INDOOR_BIKE).repaired([drop_average_speed])
    # speed and average speed flagged, cadence too; only speed and cadence sent
    assert layout.read(bytes.fromhex("0600" + "e803" + "b400")) == {
        "speed_kmh": 10.0,
        "cadence_rpm": 90.0,
    }


def test_cadence_is_only_put_in_where_the_length_asks_for_it() -> None:
    speed, average_cadence = INDOOR_BIKE[0], INDOOR_BIKE[3]
    sent = quirks.unannounced_cadence((speed, average_cadence), 2)
    assert [field.name for field in sent] == ["speed_kmh", "cadence_rpm", "average_cadence_rpm"]
    for fields, left_over in [
        ((speed, average_cadence), 1),
        ((speed, average_cadence), 0),
        ((speed,), 2),
        (INDOOR_BIKE, 2),
    ]:
        assert quirks.unannounced_cadence(tuple(fields), left_over) == tuple(fields)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # pace and average pace of one byte each, as FTMS 1.0 4.4 has them: no use beside the speed
        ("6001" + "e803" + "02" + "02" + "78", {"speed_kmh": 10.0, "heart_rate_bpm": 120}),
        # of two bytes each, as the present supplement has them
        (
            "6001" + "e803" + "b400" + "be00" + "78",
            {"speed_kmh": 10.0, "pace_s_per_500m": 180, "heart_rate_bpm": 120},
        ),
        # only the average
        ("4001" + "e803" + "be00" + "78", {"speed_kmh": 10.0, "heart_rate_bpm": 120}),
    ],
)
def test_the_length_tells_how_a_treadmill_sends_its_pace(
    frame: str, expected: dict[str, float]
) -> None:
    assert Decoder().feed("2acd", bytes.fromhex(frame), 0) == Measurement(**expected)


@pytest.mark.parametrize(
    ("char", "frame"),
    [
        ("2ad1", "a100" + "5000" + "07"),  # rower: power and resistance
        ("2ace", "810100" + "07" + "5000"),  # cross trainer: resistance and power
    ],
)
def test_one_byte_of_resistance_is_read_where_the_length_asks_for_it(char: str, frame: str) -> None:
    expected = Measurement(power_w=80, resistance=7)
    assert Decoder().feed(char, bytes.fromhex(frame), 0) == expected


def test_only_a_mr_captain_has_power_for_average_pace() -> None:
    frame = bytes.fromhex("3c0b2203000a0000270158020f0001002c010500")
    for model, power_w in ((None, 15), ("Mr. Captain R1", 600), ("Concept2 PM5", 15)):
        read = Decoder(model).feed("2ad1", frame, 0)
        assert isinstance(read, Measurement) and read.power_w == power_w
        assert (read.energy_kcal, read.energy_per_hour_kcal) == (1, 300)
