"""Faults change messages, loudness and links in the ways that their names say."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from firmware_sim import chaos, places, scenario
from firmware_sim.air.link import SENSITIVITY_DBM
from firmware_sim.devices.gatt import Emission
from firmware_sim.faults import (
    MAX_FAULTS_PER_SENSOR,
    RULES,
    Fault,
    FaultError,
    Interference,
    Kind,
    fault,
)

NEAR_DBM = -60


def interference(*faults: Fault) -> Interference:
    made = Interference(random.Random(5))
    for each in faults:
        made.add(each)
    return made


def frames(count: int) -> list[Emission]:
    return [Emission(0x2A37, bytes([0x16, number % 256])) for number in range(count)]


def test_without_faults_everything_passes_at_once() -> None:
    assert interference().pass_through(frames(3), 0) == [(0, each) for each in frames(3)]


def test_a_fault_ends() -> None:
    mute = interference(fault("mute", "strap", 1000, 10))
    assert len(mute.pass_through(frames(1), 999)) == 1
    assert mute.pass_through(frames(1), 1000) == []
    assert mute.pass_through(frames(1), 10_999) == []
    assert len(mute.pass_through(frames(1), 11_000)) == 1


def test_drop_loses_its_share() -> None:
    dropping = interference(fault("drop", "strap", 0, amount=0.3))
    assert 600 < len(dropping.pass_through(frames(1000), 10)) < 800
    nothing = interference(fault("drop", "strap", 0, amount=1.0))
    assert nothing.pass_through(frames(50), 10) == []


def test_delay_makes_messages_late_in_their_order() -> None:
    late = interference(fault("delay", "strap", 0, amount=700)).pass_through(frames(3), 10)
    assert late == [(700, each) for each in frames(3)]


def test_freeze_repeats_the_last_value_of_each_characteristic() -> None:
    frozen = interference(fault("freeze", "strap", 1000, 10))
    frozen.pass_through([Emission(1, b"a"), Emission(2, b"x")], 0)
    changed = [Emission(1, b"b"), Emission(2, b"y"), Emission(3, b"new")]
    assert frozen.pass_through(changed, 1500) == [
        (0, Emission(1, b"a")),
        (0, Emission(2, b"x")),
        (0, Emission(3, b"new")),
    ]
    assert frozen.pass_through([Emission(1, b"c")], 11_000) == [(0, Emission(1, b"c"))]


def test_corrupt_cuts_or_flips_one_bit() -> None:
    broken = interference(fault("corrupt", "strap", 0, amount=1.0))
    original = Emission(0x2A63, bytes.fromhex("2c0088007e6c080cdb52"))
    results = [broken.pass_through([original], 10)[0][1].value for _ in range(200)]
    assert original.value not in results
    assert any(len(result) < 10 for result in results)
    for flipped in (result for result in results if len(result) == 10):
        difference = int.from_bytes(flipped, "big") ^ int.from_bytes(original.value, "big")
        assert difference.bit_count() == 1
    assert broken.pass_through([Emission(1, b"")], 10)[0][1].value == b""


def test_disconnect_hides_the_sensor() -> None:
    off = interference(fault("disconnect", "strap", 0, 5))
    assert off.hidden(4999)
    assert not off.hidden(5000)


def test_walking_away_fades_out_of_range_and_comes_back() -> None:
    walk = interference(fault("walk_away", "strap", 0, 40))
    levels = [walk.level_dbm(NEAR_DBM, now_ms) for now_ms in range(0, 40_001, 1000)]
    middle = levels.index(min(levels))
    assert levels[0] == levels[-1] == NEAR_DBM
    assert levels[: middle + 1] == sorted(levels[: middle + 1], reverse=True)
    assert levels[20:] == sorted(levels[20:])
    assert min(levels) < SENSITIVITY_DBM


@pytest.mark.parametrize(
    ("kind", "for_s", "amount", "problem"),
    [
        ("explode", None, None, "no fault is called 'explode': choose one of drop"),
        ("drop", None, 1.5, "drop takes 0 to 1 share, not 1.5"),
        ("drop", float("nan"), None, "a fault lasts from 0"),
        ("delay", -1.0, None, "a fault lasts from 0"),
        ("mute", None, 3.0, "mute takes no amount"),
        ("battery_low", None, 101.0, "battery_low takes 0 to 100 %"),
    ],
)
def test_impossible_faults_say_what_is_possible(
    kind: str, for_s: float | None, amount: float | None, problem: str
) -> None:
    with pytest.raises(FaultError, match=problem):
        fault(kind, "strap", 0, for_s, amount)


def test_a_sensor_bears_only_so_many_faults_at_a_time() -> None:
    busy = interference(*(fault("drop", "strap", 0, 10) for _ in range(MAX_FAULTS_PER_SENSOR)))
    with pytest.raises(FaultError, match="wait until some end"):
        busy.add(fault("mute", "strap", 5000))
    busy.add(fault("mute", "strap", 10_000))


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(Kind)


def flaky() -> scenario.Scenario:
    return scenario.parse(Path(places.scenarios()["flaky"]).read_text())


def test_chaos_is_the_same_for_the_same_seed_and_in_order_of_time() -> None:
    first, again, other = (
        list(itertools.islice(chaos.schedule(flaky(), random.Random(seed)), 300))
        for seed in (1, 1, 2)
    )
    assert first == again != other
    times = [each.at_ms for each in first]
    assert times == sorted(times)
    assert {each.kind for each in first} >= set(flaky().chaos.kinds)  # type: ignore[union-attr]
    waits = [b - a for a, b in itertools.pairwise(times[10:])]
    assert 15_000 < sum(waits) / len(waits) < 25_000


def test_only_trainers_lose_control() -> None:
    trainers = {each.name for each in flaky().sensors if each.kind == "smart_trainer"}
    surprises = itertools.islice(chaos.schedule(flaky(), random.Random(1)), 500)
    hit = {each.sensor for each in surprises if each.kind == Kind.CONTROL_LOST}
    assert hit == trainers
