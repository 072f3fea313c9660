"""Scenarios: the ones that come along are sound, and a broken one is told what to correct."""

from __future__ import annotations

import random

import pytest

from firmware_sim import floor, places, scenario, transport
from firmware_sim.devices.sensor import Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.discipline import ROWING
from firmware_sim.rider import Rider
from firmware_sim.scenario import MACHINES, ScenarioError

SOUND = """
description = "one"
[[riders]]
name = "Mara"
ftp_w = 230
max_hr_bpm = 186
rest_hr_bpm = 54
weight_kg = 64
seed = 1
sensors = [
  { kind = "heart_rate_strap", name = "Strap 1" },
  { kind = "smart_trainer", name = "Trainer 1" },
  { kind = "power_meter", name = "Pedals 1" },
  { kind = "cadence_pod", name = "Pod 1" },
  { kind = "broadcast_watch", name = "Watch 1" },
]
"""


@pytest.mark.parametrize("name", sorted(places.scenarios()))
def test_the_scenarios_that_come_along(name: str) -> None:
    loaded = scenario.parse(places.scenarios()[name].read_text())
    assert loaded.description
    assert len({each.name for each in loaded.sensors}) == len(loaded.sensors)


def test_six_riders_are_six_different_people() -> None:
    riders = scenario.parse(places.scenarios()["studio-6"].read_text()).riders
    assert len(riders) == 6
    assert len({rider.ftp_w for rider in riders}) == 6
    assert len({tuple(sorted(s.kind for s in rider.sensors)) for rider in riders}) >= 4


def test_a_studio_of_twenty_on_mixed_equipment() -> None:
    loaded = scenario.parse(places.scenarios()["studio-20"].read_text())
    assert len(loaded.riders) == 20
    on = [next((s.kind for s in r.sensors if s.kind in MACHINES), "bike") for r in loaded.riders]
    assert {kind: on.count(kind) for kind in set(on)} == {
        "bike": 10, "rower": 4, "treadmill": 3, "cross_trainer": 3,
    }  # fmt: skip


def test_two_rowers_and_a_rower_with_a_pedalling_habit_are_refused() -> None:
    alone = SOUND.split("sensors = [")[0] + 'sensors = [{ kind = "rower", name = "PM5 1" }]'
    assert scenario.parse(alone).riders[0].discipline is ROWING
    with pytest.raises(ScenarioError, match=r"^riders\[0\].cadence_rpm: a rower has no pedals"):
        scenario.parse(alone.replace("seed = 1", "seed = 1\ncadence_rpm = 90"))
    twice = alone.replace(" }]", ' }, { kind = "rower", name = "PM5 2" }]')
    with pytest.raises(ScenarioError, match="a rower and a rower at once"):
        scenario.parse(twice)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ftp_w = 230", "ftp_w = 23", "riders[0].ftp_w: expected `int` >= 50; correct the value"),
        ("ftp_w = 230", "", "riders[0].ftp_w: missing; add it"),
        ("ftp_w = 230", "ftp = 230", "riders[0].ftp: unknown key"),
        ("ftp_w = 230", "ftp_w =", "not valid TOML: Invalid value (at line 5, column 8)"),
        ("max_hr_bpm = 186", "max_hr_bpm = 90", "riders[0].max_hr_bpm: expected `int` >= 120"),
        ("rest_hr_bpm = 54", "rest_hr_bpm = 29", "riders[0].rest_hr_bpm: expected `int` >= 30"),
        (
            "max_hr_bpm = 186\nrest_hr_bpm = 54",
            "max_hr_bpm = 140\nrest_hr_bpm = 101",
            "riders[0].max_hr_bpm: 140 is too near to the resting rate of 101; give at least 40",
        ),
        ('"cadence_pod"', '"tandem"', "riders[0].sensors[3].kind: invalid enum value 'tandem'"),
        (
            '"cadence_pod"',
            '"rower"',
            "riders[0].sensors: Mara cannot use a rower and a power_meter at once; give one",
        ),
        (
            'kind = "smart_trainer"',
            'kind = "treadmill", name = "T5" },\n  { kind = "rower"',
            "riders[0].sensors: Mara cannot use a rower and a treadmill at once",
        ),
        ('"Pod 1"', '"Strap 1"', "riders[0].sensors[3].name: 'Strap 1' is taken by"),
        ('"Pod 1"', f'"{"x" * 30}"', "riders[0].sensors[3].name: longer than 29 bytes"),
        ("seed = 1", "seed = -1", "riders[0].seed: expected `int` >= 0"),
    ],
)
def test_a_broken_scenario_names_the_key_and_the_remedy(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(SOUND.replace(old, new))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[[faults]]\nkind = "mute"\nsensor = "Nobody"\nat_s = 1', "faults[0].sensor: no sensor"),
        ('[[faults]]\nkind = "burn"\nsensor = "Pod 1"\nat_s = 1', "faults[0]: no fault is called"),
        (
            '[[faults]]\nkind = "control_lost"\nsensor = "Pod 1"\nat_s = 1',
            "faults[0].sensor: it has no control point; name a smart_trainer",
        ),
        ('[chaos]\nevery_s = 20\nkinds = ["rain"]', "chaos.kinds[0]: no fault is called 'rain'"),
        ("[chaos]\nevery_s = 0\nkinds = ['mute']", "chaos.every_s: expected `float` >= 1"),
        ("[chaos]\nevery_s = 9\nquiet_s = inf\nkinds = ['mute']", "chaos.quiet_s: expected"),
        ("[chaos]\nevery_s = 9\nkinds = ['unplug']", "chaos.kinds[0]: there is no radio; add a"),
        (
            '[[faults]]\nkind = "unplug"\nsensor = "left/0"\nat_s = 1',
            "faults[0].sensor: no radio is called 'left/0'; name one: SPOT/NUMBER",
        ),
        ("[[spots]]\nname = 'far away'\nat_m = [0, 0]", "spots[0].name: expected"),
        ('[[faults]]\nkind = "mute"\nsensor = "Pod 1"\nat_s = inf', "faults[0].at_s: expected"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(extra: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(SOUND + extra)
    assert str(caught.value).startswith(message)


def test_nobody_takes_a_trainer_that_is_not_there() -> None:
    text = (
        SOUND.replace('"smart_trainer"', '"power_meter"')
        + "[chaos]\nevery_s = 9\nkinds = ['mute', 'control_lost']"
    )
    with pytest.raises(ScenarioError, match=r"^chaos.kinds\[1\]: no sensor has a control point"):
        scenario.parse(text)


def test_an_address_belongs_to_a_name() -> None:
    assert scenario.address("Strap 1") == scenario.address("Strap 1")
    assert scenario.address("Strap 1") != scenario.address("Strap 2")
    assert int(scenario.address("Strap 1")[:2], 16) >> 6 == 0b11
    private = [scenario.address("Watch", epoch, private=True) for epoch in (0, 1)]
    assert private[0] != private[1]
    assert {int(each[:2], 16) >> 6 for each in private} == {0b01}


# Rider: one body under several sensors


def rider(seed: int = 1, text: str = SOUND) -> Rider:
    plan = scenario.parse(text).riders[0]
    return Rider(plan, lambda purpose: random.Random(f"{seed}/{purpose}"))


def sent(one: Rider, until_ms: int) -> dict[str, list[tuple[int, bytes]]]:
    frames: dict[str, list[tuple[int, bytes]]] = {name: [] for name in one.sensors}
    for now_ms in range(0, until_ms, 250):
        for name, emissions in one.advance(now_ms).items():
            frames[name] += [(emission.uuid, emission.value) for emission in emissions]
    return frames


def test_the_same_seed_sends_the_same_bytes() -> None:
    assert sent(rider(), 120_000) == sent(rider(), 120_000)
    assert sent(rider(), 120_000) != sent(rider(2), 120_000)


def powers(frames: list[tuple[int, bytes]], uuid: int, at: int) -> list[int]:
    return [int.from_bytes(v[at : at + 2], "little", signed=True) for u, v in frames if u == uuid]


def test_sensors_of_one_rider_agree() -> None:
    one = rider()
    frames = sent(one, 300_000)
    trainer = powers(frames["Trainer 1"], 0x2AD2, 9)[-400:]
    pedals = powers(frames["Pedals 1"], 0x2A63, 2)[-100:]
    ratio = (sum(trainer) / len(trainer)) / (sum(pedals) / len(pedals))
    assert 0.94 < ratio < 1.06
    crank = [v for u, v in frames["Pod 1"] if u == 0x2A5B]
    turned = int.from_bytes(crank[-1][7:9], "little") - int.from_bytes(crank[-61][7:9], "little")
    shown = powers(frames["Trainer 1"], 0x2AD2, 4)[-240:]
    assert turned % 65536 == pytest.approx(sum(shown) / len(shown) / 2, abs=3)


def test_a_rider_follows_the_trainer() -> None:
    one = rider(text=SOUND.replace('name = "Trainer 1"', 'name = "Trainer 1", bias = 0.85'))
    trainer = one.sensors["Trainer 1"]
    assert isinstance(trainer, SmartTrainer)
    sent(one, 60_000)
    trainer.write(0x2AD9, b"\x00", 60_000)
    trainer.write(0x2AD9, b"\x05" + (240).to_bytes(2, "little"), 60_000)
    frames: list[tuple[int, bytes]] = []
    for now_ms in range(60_000, 90_000, 250):
        emissions = one.advance(now_ms)["Trainer 1"]
        frames += [(emission.uuid, emission.value) for emission in emissions]
    shown = powers(frames, 0x2AD2, 9)
    assert shown[0] < 230
    # ERG steers by the trainer's own reading, however wrong that is.
    assert sum(shown[-60:]) / 60 == pytest.approx(240, rel=0.03)
    assert one.body.power_w == pytest.approx(240 / 0.85, rel=0.06)


def test_a_plan_overrules_what_chance_would_give() -> None:
    plan = scenario.parse(SOUND.replace('name = "Strap 1"', 'name = "Strap 1", battery_pct = 7'))
    strap: Sensor = Rider(plan.riders[0], lambda purpose: random.Random(purpose)).sensors["Strap 1"]
    assert strap.battery.level_pct == 7
    assert (strap.identity.model, strap.identity.serial) == ("Strap", "1")


def test_spots_have_radios_and_the_ways_to_them_differ() -> None:
    plan = scenario.parse(places.scenarios()["flaky-20"].read_text())
    assert plan.radios == ["left/0", "left/1", "right/0", "right/1"]
    ways = [[floor.loss_db(r.at_m, spot.at_m) for spot in plan.spots] for r in plan.riders]
    assert max(max(way) for way in ways) < 25  # either gateway hears every sensor
    assert {left < right for left, right in ways} == {True, False}


def test_what_is_not_placed_is_near_everybody() -> None:
    assert floor.loss_db(None, (0.0, 0.0)) == floor.loss_db((3.0, 4.0), None) == 0
    assert floor.loss_db((0.0, 0.0), (0.0, 0.5)) == 0
    assert floor.loss_db((0.0, 0.0), (6.0, 8.0)) == 20
    assert floor.radio_at((1.0, 2.0), 2) == (5.0, 2.0)


def test_a_spot_has_a_socket_beside_the_airs_own() -> None:
    air = transport.parse("unix:/run/derny/air.sock")
    assert str(places.spot_air(air, 1, "left")) == "unix:/run/derny/air-left.sock"
    assert str(places.spot_air(transport.parse("tcp:127.0.0.1:9700"), 2, "x")).endswith(":9702")
    with pytest.raises(transport.TransportError):
        places.spot_air(transport.parse(f"unix:/{'x' * 95}.sock"), 1, "left")
