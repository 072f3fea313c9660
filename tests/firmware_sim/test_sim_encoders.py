"""The encoders write the bytes that real devices were captured with, and those of the specs."""

from __future__ import annotations

import pytest

from firmware_sim.devices import cadence_pod, fitness_machine, heart_rate_strap, power_meter, wire
from firmware_sim.devices.cross_trainer import CrossTrainerData
from firmware_sim.devices.fitness_machine import Feature, IndoorBikeData, TargetFeature
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.rower import RowerData
from firmware_sim.devices.treadmill import TreadmillData


@pytest.mark.parametrize(
    ("rate_bpm", "fields", "frame"),
    [
        # Captured from straps; the same frames are golden in the gateway's tests.
        (84, {"contact": False}, "0454"),
        (89, {"contact": True, "rr_1024": [674]}, "1659a202"),
        (115, {"contact": True, "rr_1024": [527, 529]}, "16730f021102"),
        # Written for other people's decoders.
        (81, {}, "0051"),
        (67, {"rr_1024": [882]}, "10437203"),
        (67, {"energy_kj": 2000}, "0843d007"),
        (300, {"energy_kj": 2000}, "092c01d007"),
        # Section 3.1: the order is rate, energy, intervals.
        (70, {"contact": True, "energy_kj": 1, "rr_1024": [1024]}, "1e4601000004"),
    ],
)
def test_heart_rate_measurement(rate_bpm: int, fields: dict[str, object], frame: str) -> None:
    assert heart_rate_strap.encode_measurement(rate_bpm, **fields).hex() == frame  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("power_w", "fields", "frame"),
    [
        # Stages SC3: flags 0x002C.
        (136, {"crank_torque_32": 27774, "crank": (3080, 21211)}, "2c0088007e6c080cdb52"),
        (148, {"crank_torque_32": 28508, "crank": (3081, 22209)}, "2c0094005c6f090cc156"),
        # Section 3.2: balance in halves of a percent, left leg as the reference; signed power.
        (-3, {}, "0000fdff"),
        (200, {"balance_left_pct": 48.5, "crank": (65536 + 2, 65536 + 1024)}, "2300c8006102000004"),
    ],
)
def test_cycling_power_measurement(power_w: int, fields: dict[str, object], frame: str) -> None:
    assert power_meter.encode_measurement(power_w, **fields).hex() == frame  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "frame"),
    [
        ({"wheel": (12, 6724), "crank": (2, 7577)}, "030c000000441a0200991d"),
        ({"crank": (47088, 11111)}, "02f0b7672b"),
        ({"crank": (47089, 12566)}, "02f1b71631"),
        ({"wheel": ((1 << 32) + 1, 5)}, "01010000000500"),
    ],
)
def test_csc_measurement(fields: dict[str, tuple[int, int]], frame: str) -> None:
    assert cadence_pod.encode_measurement(**fields).hex() == frame


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        # Elite Suito
        (
            IndoorBikeData(
                speed_kmh=17.21, cadence_rpm=88, distance_m=3462, power_w=69, elapsed_s=288
            ),
            "5408b906b000860d0045002001",
        ),
        # Schwinn IC4
        (
            IndoorBikeData(speed_kmh=29.1, cadence_rpm=120, power_w=122, heart_rate_bpm=84),
            "44025e0bf0007a0054",
        ),
        # JetBlack Volt: resistance in two bytes
        (
            IndoorBikeData(
                speed_kmh=22.41, cadence_rpm=0, resistance=20, power_w=28, heart_rate_bpm=0
            ),
            "6402c108000014001c0000",
        ),
        # Zwift Hub among others
        (IndoorBikeData(speed_kmh=32.74, cadence_rpm=80, power_w=300), "4400ca0ca0002c01"),
        # Section 4.9.1.1: bit 0 says that speed is absent
        (IndoorBikeData(cadence_rpm=72.5), "05009100"),
        (IndoorBikeData(), "0100"),
    ],
)
def test_indoor_bike_data(data: IndoorBikeData, frame: str) -> None:
    assert data.encode().hex() == frame


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        # Life Fitness treadmill; it does not know how far it went down
        (
            TreadmillData(
                speed_kmh=6.27,
                average_speed_kmh=5.63,
                distance_m=37,
                incline_pct=6.0,
                elevation_m=(0.0, 3276.7),
                energy_kcal=(2, None),
                elapsed_s=31,
            ),
            "9e04730233022500003c00ff7f0000ff7f0200ffffff1f00",
        ),
        # Matrix: More Data, so no speed
        (
            TreadmillData(
                average_speed_kmh=0.97,
                distance_m=54,
                incline_pct=0.0,
                elevation_m=(0.0, 6553.5),
                energy_kcal=(5, 110 + 10 / 60),
            ),
            "9f0061003600000000ff7f0000ffff05006e0001",
        ),
        # Technogym Skillrow: strokes in one record, work in the other
        (
            RowerData(
                distance_m=128,
                pace_s=164,
                average_pace_s=175,
                power_w=79,
                average_power_w=70,
                resistance=7,
                met=5.1,
                elapsed_s=45,
            ),
            "fd0c800000a400af004f0046000700332d00",
        ),
        (
            RowerData(strokes=(26, 19), average_rate_spm=24.5, energy_kcal=(4, None)),
            "0201341300310400ffffff",
        ),
        # Life Fitness elliptical: three bytes of flags
        (
            CrossTrainerData(
                speed_kmh=6.27,
                average_speed_kmh=5.57,
                distance_m=69,
                steps_per_minute=(96, 86),
                stride_count=66.4,
                elevation_m=(14, None),
                resistance=60,
                power_w=80,
                average_power_w=61,
                energy_kcal=(6, None),
                heart_rate_bpm=76,
                elapsed_s=46,
            ),
            "be2f0073022d024500006000560098020e00ffff3c0050003d000600ffffff4c2e00",
        ),
        # LifePro FlexStride
        (
            CrossTrainerData(
                speed_kmh=1.16, distance_m=4, steps_per_minute=(100, 0), power_w=90, elapsed_s=56
            ),
            "0c21007400040000640000005a003800",
        ),
        # The first of two records, with More Data
        (
            CrossTrainerData(
                average_speed_kmh=2.83,
                distance_m=33,
                steps_per_minute=(0, 44),
                stride_count=32.0,
                resistance=10,
                power_w=0,
                average_power_w=13,
            ),
            "9f03001b0121000000002c0040010a0000000d00",
        ),
    ],
)
def test_machine_data(data: TreadmillData | RowerData | CrossTrainerData, frame: str) -> None:
    assert data.encode().hex() == frame


def test_fitness_machine_feature_and_ranges() -> None:
    features = fitness_machine.encode_features(
        {Feature.CADENCE, Feature.POWER}, {TargetFeature.POWER, TargetFeature.SIMULATION}
    )
    assert features.hex() == "0240000008200000"
    assert fitness_machine.encode_range(0, 800, 1).hex() == "000020030100"
    assert fitness_machine.encode_range(10, 240, 10).hex() == "0a00f0000a00"


def test_integers_saturate_and_counters_wrap() -> None:
    assert wire.u8(256) == b"\xff"
    assert wire.u16(-1) == b"\0\0"
    assert wire.u24(1 << 24) == b"\xff\xff\xff"
    assert wire.s16(40_000) == b"\xff\x7f"
    assert wire.s16(-40_000) == b"\x00\x80"
    assert wire.wrap16(65_537) == b"\x01\x00"
    assert wire.wrap32((1 << 32) + 2) == b"\x02\0\0\0"


def test_revolutions_time_the_last_whole_turn_not_the_message() -> None:
    crank = Revolutions(1024)
    crank.advance(60, 0)
    crank.advance(60, 1500)
    assert (crank.count, crank.event_ticks) == (1, 1024)
    crank.advance(60, 1900)
    assert (crank.count, crank.event_ticks) == (1, 1024)
    crank.advance(60, 2250)
    assert (crank.count, crank.event_ticks) == (2, 2048)


def test_cadence_from_counters_is_the_cadence_that_was_ridden() -> None:
    crank = Revolutions(1024, count=65_530)
    crank.advance(93, 0)
    seen = []
    for now_ms in range(250, 30_000, 250):
        crank.advance(93, now_ms)
        seen.append((crank.count, crank.event_ticks))
    (first, began), (last, ended) = seen[10], seen[-1]
    assert (last - first) * 60 * 1024 / (ended - began) == pytest.approx(93, abs=0.1)
