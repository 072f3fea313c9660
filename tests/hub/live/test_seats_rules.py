"""The pure rules of who sits where: pedals, straps, hearts and legs."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_sim.athlete import Athlete, Physique
from hub.live.seats_pedal import Asking, Claim, Pedal, Which, decide, heard, is_moving
from hub.live.seats_rights import CONFLICT
from hub.live.seats_straps import Standing, Strap, merge, nearest, standing
from hub.live.seats_swaps import WINDOW_S, following, swapped
from hub.store.rows import KnownSensor
from hub.wire.uplink import SensorKind

REST, RIDE = (0, 0.0), (120, 85.0)


def ridden(*spans: tuple[int, int, tuple[int, float]]) -> Pedal:
    """A reading each second of `from … to` seconds."""
    pedal: Pedal | None = None
    for begins_s, ends_s, (power_w, cadence_rpm) in spans:
        for second in range(begins_s, ends_s):
            pedal = heard(pedal, second * 1000, power_w, cadence_rpm)
    assert pedal is not None
    return pedal


@pytest.mark.parametrize(
    ("spans", "moving_ms"),
    [
        ([(0, 5, REST), (5, 8, RIDE)], 5_000),
        ([(0, 2, REST), (2, 8, RIDE)], None),  # it had not rested: whoever rode goes on
        ([(0, 3, RIDE)], 0),  # woken by pedalling
        ([(0, 3, RIDE), (3, 4, REST), (4, 9, RIDE)], 0),  # a moment without power is no rest
        ([(0, 3, RIDE), (3, 5, REST), (5, 9, RIDE)], 0),
        ([(0, 3, RIDE), (20, 23, RIDE)], 20_000),  # fell asleep, and woke again
        ([(0, 5, REST), (5, 8, RIDE), (8, 11, REST)], None),
        ([(0, 5, REST), (5, 8, (20, 10.0))], None),  # somebody gets on
        ([(0, 5, REST), (5, 8, (0, 40.0))], 5_000),  # a pod without power
    ],
)
def test_when_a_bike_has_begun_to_turn(
    spans: list[tuple[int, int, tuple[int, float]]], moving_ms: int | None
) -> None:
    assert ridden(*spans).moving_ms == moving_ms


def test_what_tells_nothing_or_comes_late_changes_nothing() -> None:
    pedal = ridden((0, 5, REST), (5, 8, RIDE))
    assert heard(pedal, 9_000, None, None) == pedal
    assert heard(pedal, 6_000, 0, 0) == pedal
    assert is_moving(pedal, 9_000)
    assert not is_moving(pedal, 10_000)  # silent for 3 s


def turning(at_ms: int, now: int) -> Pedal:
    return Pedal(now, None, at_ms)


ONE = {"ann": Asking(0, 60_000)}
TWO = ONE | {"bob": Asking(0, 60_000)}


@pytest.mark.parametrize(
    ("asking", "begun", "now", "verdicts"),
    [
        (ONE, {"b1": 10_000}, 14_000, (Claim("ann", "b1"),)),
        (ONE, {"b1": 10_000}, 13_900, ()),  # another may begin yet
        (ONE, {"b1": 10_000, "b2": 13_000}, 14_000, (Which("ann", ("b1", "b2")),)),
        (ONE, {"b1": 10_000, "b2": 14_500}, 14_500, (Claim("ann", "b1"),)),
        (TWO, {"b1": 10_000}, 14_000, (Which("ann", ("b1",)), Which("bob", ("b1",)))),
        ({}, {"b1": 10_000}, 14_000, ()),
        ({"ann": Asking(14_900, 60_000)}, {"b1": 10_000}, 15_000, (Claim("ann", "b1"),)),
        ({"ann": Asking(15_100, 60_000)}, {"b1": 10_000}, 15_200, ()),  # long on the way
        ({"ann": Asking(0, 9_000)}, {"b1": 10_000}, 14_000, ()),
    ],
)
def test_whose_bike_it_is(
    asking: dict[str, Asking], begun: dict[str, int], now: int, verdicts: tuple[object, ...]
) -> None:
    pedals = {bike: turning(at_ms, now) for bike, at_ms in begun.items()}
    assert decide(asking, pedals, now) == verdicts


def strap(name: str, *levels_dbm: int, athlete: str = "") -> Strap:
    return Strap(name, name.upper(), athlete, levels_dbm)


@pytest.mark.parametrize(
    ("straps", "found"),
    [
        ([strap("a", -60)], "a"),
        ([strap("a", -90)], None),  # far
        ([strap("a", -60), strap("b", -64)], None),  # too much alike
        ([strap("a", -60), strap("b", -66)], "a"),
        ([strap("a", -50, athlete="bob"), strap("b", -66)], "b"),  # another's is foreign
        ([strap("a", -60, -61, -95), strap("b", -80)], "a"),  # one lost advertisement
        ([strap("r", -50), strap("b", -66)], "b"),  # refused before
        ([], None),
    ],
)
def test_the_strap_to_ask_about(straps: list[Strap], found: str | None) -> None:
    near = nearest(straps, "ann", {"r"})
    assert (near.sensor_id if near else None) == found


def test_what_a_strap_is_to_an_athlete() -> None:
    said = [standing(strap("a", dbm, athlete=whose), "ann") for dbm, whose in
            ((-50, "ann"), (-50, "bob"), (-50, ""), (-90, ""))]  # fmt: skip
    assert said == [Standing.OWN, Standing.ANOTHERS, Standing.NEAR, Standing.FAR]


def known(sensor_id: str, name: str = "H10 1F2A3B", **more: str) -> KnownSensor:
    return KnownSensor(sensor_id=sensor_id, name=name, kinds=(SensorKind.HEART_RATE,), **more)


OLD = known("old", serial_tag="t", model="H10")


@pytest.mark.parametrize(
    ("met", "before", "found"),
    [
        (known("new", "HRM", serial_tag="t", model="H10"), OLD, ("old", "ann", False)),
        (known("new", serial_tag="t", model="H9"), OLD, None),
        (known("new", serial_tag="u", model="H10"), OLD, None),  # the name is the same by chance
        (known("new"), OLD, ("old", "ann", False)),
        (known("new", "HRM"), known("old", "HRM"), None),  # a name that any strap has
        (known("new", alias_of="new"), OLD, None),  # answered: it is another one
        (
            known("new", serial_tag="t", model="H10"),
            known("old", serial_tag="t", model="H10", alias_of="first"),
            ("first", "ann", True),  # confirmed once
        ),
    ],
)
def test_a_strap_that_comes_back_under_another_name(
    met: KnownSensor, before: KnownSensor, found: tuple[str, str, bool] | None
) -> None:
    assert merge(met, [before], {"old": "ann"}, here={"new"}) == found
    assert merge(met, [before], {"old": "ann"}, here={"new", "old"}) is None
    assert merge(met, [before], {}, here={"new"}) is None


def test_nobody_is_moved_unasked_by_a_fellow_rider() -> None:
    assert {key for key, verdict in CONFLICT.items() if verdict.done} == {(True, True)}
    assert {key for key, verdict in CONFLICT.items() if verdict.asked} == {(False, True)}


# Hearts and legs, on simulated riders

RIDERS = 8
MINUTES = 12
EACH_MS = 1_000

Ridden = tuple[NDArray[np.float64], NDArray[np.float64]]


def class_of(seed: int, kind: str) -> Ridden:
    """Power and heart rate per second: each on their own intervals, all on the same, or at will."""
    power_w = np.zeros((RIDERS, MINUTES * 60))
    heart_bpm = np.zeros_like(power_w)
    for i in range(RIDERS):
        chance = random.Random(f"{seed}/{i}")
        body = Physique(
            ftp_w=150 + 200 * chance.random(),
            max_hr_bpm=170 + 25 * chance.random(),
            rest_hr_bpm=45 + 20 * chance.random(),
        )
        rider = Athlete(body, chance)
        for second in range(MINUTES * 60):
            at_s = second + (97 * i if kind == "own intervals" else 0)
            target_w = None if kind == "at will" else body.ftp_w * (1.1, 0.5)[at_s % 300 >= 120]
            now = rider.advance((second + 1) * EACH_MS, target_w)
            power_w[i, second] = round(now.power_w)
            heart_bpm[i, second] = round(now.heart_rate_bpm)
    return power_w, heart_bpm


@pytest.fixture(scope="module")
def classes() -> dict[str, list[Ridden]]:
    kinds = ("own intervals", "same intervals", "at will")
    return {kind: [class_of(seed, kind) for seed in range(2)] for kind in kinds}


def windows(ride: Ridden, order: list[int] | None = None) -> list[set[tuple[int, int]]]:
    power_w, heart_bpm = ride
    if order is not None:
        heart_bpm = heart_bpm[order]
    ends = range(WINDOW_S, power_w.shape[1] + 1, 60)
    return [
        {
            (pair.first, pair.second)
            for pair in swapped(power_w[:, e - WINDOW_S : e], heart_bpm[:, e - WINDOW_S : e])
        }
        for e in ends
    ]


@pytest.mark.parametrize("kind", ["own intervals", "same intervals", "at will"])
def test_nobody_is_accused_who_wears_their_own(classes: dict[str, list[Ridden]], kind: str) -> None:
    assert [found for ride in classes[kind] for found in windows(ride) if found] == []


def test_swapped_straps_of_self_paced_riders_are_found_and_nobody_else_is(
    classes: dict[str, list[Ridden]],
) -> None:
    order = [1, 0, 2, 3, 5, 4, 6, 7]
    for ride in classes["own intervals"]:
        found = windows(ride, order)
        assert set().union(*found) == {(0, 1), (4, 5)}


def test_riders_of_the_same_intervals_cannot_be_told_apart_and_nothing_is_said(
    classes: dict[str, list[Ridden]],
) -> None:
    order = [1, 0, 3, 2, 5, 4, 7, 6]
    assert not any(windows(classes["same intervals"][0], order))


def test_numbers_that_are_missing_accuse_nobody(classes: dict[str, list[Ridden]]) -> None:
    power_w, heart_bpm = (rows[:, :WINDOW_S].copy() for rows in classes["own intervals"][0])
    heart_bpm[0] = np.nan
    power_w[1, :60] = np.nan
    follows = following(power_w, heart_bpm)
    assert np.isnan(follows[0]).all() and np.isnan(follows[:, 1]).all()
    assert swapped(power_w, heart_bpm) == []
    flat = np.full_like(power_w, 200.0)
    assert swapped(flat, heart_bpm) == []
