"""Devices: state and time in, GATT bytes out; the trainer's control point keeps the rules."""

from __future__ import annotations

import struct

import pytest

from firmware_sim.devices import fitness_machine as ftms
from firmware_sim.devices.body import Body
from firmware_sim.devices.broadcast_watch import BroadcastWatch
from firmware_sim.devices.cadence_pod import CadencePod
from firmware_sim.devices.cross_trainer import CrossTrainer
from firmware_sim.devices.gatt import AttError, Emission, Property, Refused
from firmware_sim.devices.heart_rate_strap import HeartRateStrap
from firmware_sim.devices.power_meter import PowerMeter
from firmware_sim.devices.rower import Rower
from firmware_sim.devices.sensor import BATTERY_LEVEL, Battery, Identity, Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.devices.treadmill import Treadmill

IDENTITY = Identity("Test 1A2B", manufacturer="Maker", model="Model", serial="1A2B", firmware="2.1")
RIDING = Body(power_w=200.0, cadence_rpm=90.0, heart_rate_bpm=140.0)


def emitted(sensor: Sensor, body: Body, until_ms: int, step_ms: int = 250) -> list[Emission]:
    sent: list[Emission] = []
    for now_ms in range(0, until_ms + 1, step_ms):
        sent += sensor.advance(body, now_ms)
    return sent


def values(emissions: list[Emission], uuid: int) -> list[bytes]:
    return [emission.value for emission in emissions if emission.uuid == uuid]


# All of them

MACHINES = [Treadmill, Rower, CrossTrainer]
ALL = [HeartRateStrap, BroadcastWatch, PowerMeter, CadencePod, SmartTrainer, *MACHINES]


@pytest.mark.parametrize("kind", ALL)
def test_every_readable_characteristic_can_be_read(kind: type[Sensor]) -> None:
    sensor = kind(IDENTITY)
    for service in sensor.services:
        for characteristic in service.characteristics:
            if characteristic.properties & Property.READ:
                assert sensor.read(characteristic.uuid)
            else:
                with pytest.raises(Refused):
                    sensor.read(characteristic.uuid)


@pytest.mark.parametrize("kind", ALL)
def test_everything_sent_has_a_characteristic_that_can_send(kind: type[Sensor]) -> None:
    sensor = kind(IDENTITY, battery_pct=1.4)
    can_send = {
        characteristic.uuid
        for service in sensor.services
        for characteristic in service.characteristics
        if characteristic.properties & (Property.NOTIFY | Property.INDICATE)
    }
    sent = emitted(sensor, RIDING, 60_000)
    assert sent
    assert {emission.uuid for emission in sent} <= can_send


@pytest.mark.parametrize("kind", ALL)
def test_the_rhythm_survives_a_late_caller(kind: type[Sensor]) -> None:
    sensor = kind(IDENTITY, phase_ms=100)
    sensor.advance(RIDING, 0)
    late = 10 * kind.period_ms + 170
    sensor.advance(RIDING, late)
    due = 11 * kind.period_ms + 100
    assert sensor.advance(RIDING, due - 1) == []
    assert sensor.advance(RIDING, due)


def test_device_information_and_battery() -> None:
    strap = HeartRateStrap(IDENTITY, battery_pct=73.4)
    assert strap.read(0x2A29) == b"Maker"
    assert strap.read(0x2A24) == b"Model"
    assert strap.read(0x2A25) == b"1A2B"
    assert strap.read(0x2A26) == b"2.1"
    assert strap.read(BATTERY_LEVEL) == bytes([73])


def test_a_battery_drains_evenly_and_tells_each_percent_once() -> None:
    watch = BroadcastWatch(IDENTITY, battery_pct=50.0)
    sent = emitted(watch, RIDING, 3_600_000, step_ms=1000)
    told = [value[0] for value in values(sent, BATTERY_LEVEL)]
    assert told == [49, 48, 47, 46, 45, 44, 43, 42]
    battery = Battery(1.0, life_h=1.0)
    battery.advance(0)
    battery.advance(3_600_000)
    assert battery.level_pct == 0


# Strap


def test_a_strap_sends_each_interval_once_and_none_is_lost_to_rounding() -> None:
    strap = HeartRateStrap(IDENTITY)
    intervals = [430.3, 428.9, 431.7] * 40
    sent: list[int] = []
    for number, interval in enumerate(intervals):
        body = Body(150, 90, 140, (interval,))
        for emission in strap.advance(body, number * 500):
            if emission.uuid == 0x2A37 and emission.value[0] & 0x10:
                energy = 2 if emission.value[0] & 0x08 else 0
                tail = emission.value[2 + energy :]
                sent += struct.unpack(f"<{len(tail) // 2}H", tail)
    assert len(sent) >= len(intervals) - 1
    assert sum(sent) / 1.024 == pytest.approx(sum(intervals[: len(sent)]), abs=1)


def test_a_strap_shows_the_rate_of_its_beats() -> None:
    strap = HeartRateStrap(IDENTITY)
    body = Body(150, 90, 140, (400.0,) * 8)
    assert strap.advance(body, 0)[0].value[1] == 150


def test_a_strap_never_exceeds_the_smallest_mtu() -> None:
    strap = HeartRateStrap(IDENTITY)
    sent = emitted(strap, Body(300, 90, 220, (270.0,) * 30), 30_000)
    assert max(len(value) for value in values(sent, 0x2A37)) == 20


def test_energy_counts_up_and_is_reset_by_the_control_point() -> None:
    strap = HeartRateStrap(IDENTITY)
    energies = [
        int.from_bytes(value[2:4], "little")
        for value in values(emitted(strap, RIDING, 120_000), 0x2A37)
        if value[0] & 0x08
    ]
    assert energies == sorted(energies)
    assert energies[-1] == pytest.approx(200 * 119 * 4.3 / 1000, rel=0.02)
    with pytest.raises(Refused) as refusal:
        strap.write(0x2A39, b"\x02", 0)
    assert refusal.value.code == AttError.CONTROL_POINT_NOT_SUPPORTED
    strap.write(0x2A39, b"\x01", 0)
    later = [v for v in values(emitted(strap, RIDING, 10_000), 0x2A37) if v[0] & 0x08]
    assert all(int.from_bytes(value[2:4], "little") < 10 for value in later)


# Power meter


def test_a_power_meter_reads_by_its_bias() -> None:
    meter = PowerMeter(IDENTITY, bias=1.02)
    last = values(emitted(meter, RIDING, 20_000), 0x2A63)[-1]
    assert struct.unpack_from("<h", last, 2)[0] == 204


def test_coasting_gives_zero_power_and_a_crank_that_repeats() -> None:
    meter = PowerMeter(IDENTITY)
    emitted(meter, RIDING, 10_000)
    first, second = (meter.advance(Body(), at)[0].value for at in (11_000, 12_000))
    assert struct.unpack_from("<h", second, 2)[0] == 0
    assert first == second


def test_offset_compensation_is_answered_and_other_procedures_are_not_supported() -> None:
    meter = PowerMeter(IDENTITY)
    assert meter.write(0x2A66, b"\x0c", 0) == [Emission(0x2A66, bytes.fromhex("200c010500"))]
    assert meter.write(0x2A66, b"\x04\x5a\x01", 0) == [Emission(0x2A66, bytes.fromhex("200402"))]


# Cadence pod


def test_a_pod_counts_what_was_ridden() -> None:
    pod = CadencePod(IDENTITY)
    frames = values(emitted(pod, RIDING, 120_000), 0x2A5B)
    _, wheel, wheel_at, crank, crank_at = struct.unpack("<BIHHH", frames[60])
    _, wheel2, wheel_at2, crank2, crank_at2 = struct.unpack("<BIHHH", frames[70])
    rpm = (crank2 - crank) * 60 * 1024 / ((crank_at2 - crank_at) % 65536)
    assert rpm == pytest.approx(90, abs=0.5)
    kmh = (wheel2 - wheel) * 2.105 * 3.6 * 1024 / ((wheel_at2 - wheel_at) % 65536)
    assert 30 < kmh < 37  # 200 W on the flat


# Trainer


def control(trainer: SmartTrainer, hexes: str, now_ms: int = 0) -> str:
    """The indication that a write is answered with."""
    return trainer.write(ftms.CONTROL_POINT, bytes.fromhex(hexes), now_ms)[0].value.hex()


@pytest.mark.parametrize(
    ("write", "answer"),
    [
        # Captured from a fitness machine, control requested before.
        ("01", "800101"),
        ("07", "800701"),
        ("0801", "800801"),
        ("0802", "800801"),
        ("0805", "800803"),
        ("08", "800803"),
        # Section 4.16.2
        ("05c800", "800501"),
        ("05c8", "800503"),
        ("05ffff", "800503"),
        ("05d107", "800503"),  # 2001 W: beyond the supported range
        ("04e803", "800401"),
        ("0464", "800401"),
        ("04e903", "800403"),
        ("1100006fff2833", "801101"),
        ("1100006fff283300", "801101"),
        ("110000", "801103"),
        ("99", "809902"),
        ("0200", "800202"),
    ],
)
def test_control_point_with_control(write: str, answer: str) -> None:
    trainer = SmartTrainer(IDENTITY)
    assert control(trainer, "00") == "800001"
    assert control(trainer, write) == answer


@pytest.mark.parametrize(
    ("write", "answer"), [("05c800", "800505"), ("01", "800105"), ("99", "809902")]
)
def test_control_point_without_control(write: str, answer: str) -> None:
    assert control(SmartTrainer(IDENTITY), write) == answer


def test_an_empty_write_and_a_write_elsewhere_are_refused() -> None:
    trainer = SmartTrainer(IDENTITY)
    with pytest.raises(Refused):
        trainer.write(ftms.CONTROL_POINT, b"", 0)
    with pytest.raises(Refused):
        trainer.write(ftms.INDOOR_BIKE_DATA, b"\x00", 0)


def test_a_new_target_is_told_to_everybody() -> None:
    trainer = SmartTrainer(IDENTITY)
    control(trainer, "00")
    sent = trainer.write(ftms.CONTROL_POINT, bytes.fromhex("052c01"), 0)
    assert [(emission.uuid, emission.value.hex()) for emission in sent] == [
        (ftms.CONTROL_POINT, "800501"),
        (ftms.MACHINE_STATUS, "082c01"),
        (ftms.TRAINING_STATUS, "000c"),
    ]
    assert trainer.read(ftms.TRAINING_STATUS).hex() == "000c"
    stopped = trainer.write(ftms.CONTROL_POINT, b"\x08\x01", 0)
    assert [emission.value.hex() for emission in stopped] == ["800801", "0201", "0001"]


def test_erg_comes_with_the_lag_of_a_flywheel() -> None:
    trainer = SmartTrainer(IDENTITY)
    emitted(trainer, Body(100, 90), 10_000)
    control(trainer, "00")
    control(trainer, "052c01")
    demands = []
    for now_ms in range(10_250, 20_001, 250):
        trainer.advance(Body(100, 90), now_ms)
        demand = trainer.demand_w(Body(100, 90))
        assert demand is not None
        demands.append(demand)
    assert demands == sorted(demands)
    assert 100 < demands[0] < 150
    assert demands[-1] == pytest.approx(300, abs=1)


def test_without_a_target_the_rider_decides() -> None:
    trainer = SmartTrainer(IDENTITY)
    assert trainer.demand_w(RIDING) is None
    control(trainer, "00")
    control(trainer, "1100002c012833")
    assert trainer.demand_w(RIDING) is None


def test_a_level_brakes_with_cadence() -> None:
    trainer = SmartTrainer(IDENTITY)
    control(trainer, "00")
    control(trainer, "04f401")
    assert trainer.demand_w(Body(0, 90)) == pytest.approx(300)
    assert trainer.demand_w(Body(0, 45)) == pytest.approx(150)


def test_a_slope_slows_the_wheel() -> None:
    flat, steep = SmartTrainer(IDENTITY), SmartTrainer(IDENTITY)
    control(steep, "00")
    control(steep, "110000bc022833")  # 7 %
    speeds = [
        struct.unpack_from("<H", values(emitted(each, RIDING, 60_000), 0x2AD2)[-1], 2)[0] / 100
        for each in (flat, steep)
    ]
    assert speeds[0] > 25
    assert speeds[1] < 13


def test_control_ends_with_the_connection_and_the_brake_lets_go() -> None:
    trainer = SmartTrainer(IDENTITY)
    control(trainer, "00")
    control(trainer, "05c800")
    trainer.disconnected()
    assert trainer.demand_w(RIDING) is None
    assert control(trainer, "05c800") == "800505"


def test_another_application_takes_control_and_gives_it_back() -> None:
    trainer = SmartTrainer(IDENTITY)
    control(trainer, "00")
    control(trainer, "05c800")
    told = trainer.seize(until_ms=5000)
    assert [emission.value.hex() for emission in told] == ["ff", "0001"]
    assert trainer.demand_w(RIDING) is None
    assert control(trainer, "00", now_ms=4999) == "800005"
    assert control(trainer, "00", now_ms=5000) == "800001"


def test_the_trainer_speaks_ftms_at_four_hertz_and_power_at_one() -> None:
    sent = emitted(SmartTrainer(IDENTITY), RIDING, 9_999, step_ms=50)
    assert len(values(sent, ftms.INDOOR_BIKE_DATA)) == 40
    assert len(values(sent, 0x2A63)) == 10
    assert SmartTrainer(IDENTITY).service_data == {0x1826: bytes.fromhex("012000")}


# Treadmill, rower, cross trainer


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machines_records_fit_the_smallest_mtu_for_hours(kind: type[Sensor]) -> None:
    sent = emitted(kind(IDENTITY), Body(900.0, 180.0, 190.0), 4 * 3_600_000, step_ms=10_000)
    assert max(len(emission.value) for emission in sent) <= 20


def test_a_belt_follows_its_runner_and_stops_with_them() -> None:
    treadmill = Treadmill(IDENTITY, runner_kg=75.0, incline_pct=0.0)
    # ACSM: 261 W at a quarter of efficiency are 12 km/h for 75 kg.
    frames = values(emitted(treadmill, Body(261.25, 170), 60_000), 0x2ACD)
    assert struct.unpack_from("<H", frames[-1], 2)[0] / 100 == pytest.approx(12.0, abs=0.05)
    assert struct.unpack_from("<H", frames[1], 2)[0] / 100 < 4  # a motor has its time
    for now_ms in range(60_250, 90_000, 250):
        rest = treadmill.advance(Body(), now_ms)
    assert [emission.value[2:4] for emission in rest] in ([], [b"\0\0"])
    assert treadmill.speed_mps == 0.0


def test_an_incline_makes_the_same_power_slower() -> None:
    flat, steep = Treadmill(IDENTITY, incline_pct=0.0), Treadmill(IDENTITY, incline_pct=10.0)
    for treadmill in (flat, steep):
        emitted(treadmill, Body(250, 170), 60_000)
    assert flat.speed_mps / steep.speed_mps == pytest.approx(1.45, rel=0.01)


def test_a_rower_says_its_work_first_and_then_its_strokes() -> None:
    sent = values(emitted(Rower(IDENTITY), Body(203.0, 24.0), 61_000), 0x2AD1)
    work, strokes = sent[-2:]
    flags, distance, _, pace = struct.unpack_from("<HHBH", work)
    # Concept2: 203 W are 2:00 a 500 m.
    assert (flags & 1, pace) == (1, 120)
    assert 235 < distance < 255
    assert struct.unpack_from("<HBH", strokes) == (0x0100, 48, 24)


def test_nobody_rows_at_no_pace() -> None:
    rower = Rower(IDENTITY)
    emitted(rower, Body(203.0, 24.0), 30_000)
    work, strokes = rower.advance(Body(), 31_000)
    assert struct.unpack_from("<H", work.value, 5)[0] == 0
    assert struct.unpack_from("<h", work.value, 9)[0] == 0
    assert strokes.value[2] == 0


def test_a_cross_trainer_splits_its_record_and_counts_steps() -> None:
    sent = values(emitted(CrossTrainer(IDENTITY), Body(150.0, 96.0), 60_000), 0x2ACE)
    first, second = sent[-2:]
    assert (first[0] & 1, second[0] & 1) == (1, 0)
    steps, average = struct.unpack_from("<HH", first, 8)
    assert steps == 96 and average == pytest.approx(96, abs=2)
    assert struct.unpack_from("<H", first, 12)[0] / 10 == 96
    assert struct.unpack_from("<H", second, 3)[0] / 100 == pytest.approx(6.28, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "type_"), [(Treadmill, "0100"), (Rower, "1000"), (CrossTrainer, "0200")]
)
def test_an_advertisement_tells_the_machine(kind: type[Sensor], type_: str) -> None:
    assert kind(IDENTITY).service_data == {0x1826: bytes.fromhex("01" + type_)}
