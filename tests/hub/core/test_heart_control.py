"""Heart rate held by steering power: what it never does, what it does, and what it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from bench.bench_heart_control import Derny
from bench.heart_fleet import Fleet
from bench.heart_riders import Worn, group, outcome, ride
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware_sim.athlete import Athlete, Physique
from hub.core import heart_control, heart_model
from hub.core.heart_control import (
    BACK_OFF_PER_S,
    CAP_SHARE,
    FALL_PER_S,
    HOLD_MS,
    LATE_S_MAX,
    PROBE_SHARE,
    RISE_PER_S,
    STILL_MS,
    Command,
    HeartControl,
    Limits,
    Trust,
    Why,
)
from hub.core.target import Thresholds
from hub.wire.values import MetricValue, Quality

BODY = Physique(ftp_w=250, max_hr_bpm=188, rest_hr_bpm=52)
KNOWN = heart_model.usual_gain(Thresholds(ftp_w=250, max_hr_bpm=188))
assert KNOWN is not None
USUAL = KNOWN
LIMITS = Limits(ftp_w=250, cap_w=625)
NONE = MetricValue(None, 0, "", Quality.NONE)


def heart(bpm: float, at_ms: int, quality: Quality = Quality.LIVE) -> MetricValue:
    return MetricValue(bpm, at_ms, "strap", quality)


class Trainer:
    """One rider on a trainer that does as it is told, a second at a time.

    `smooth`: a strap that means so long that its number stands still when the heart is steady.
    """

    def __init__(
        self, *, limits: Limits = LIMITS, warm_up_s: int = 240, smooth: bool = False
    ) -> None:
        self.body = Athlete(BODY, random.Random(1))
        self.chance = random.Random(2)
        self.noise_bpm = 0.0 if smooth else 0.7
        self.now_ms = 0
        self.limits = limits
        self.true_bpm = self.power_w = 0.0
        self.said: list[Command] = []
        self._sit(125)
        self.state = heart_control.begun(0, USUAL, heart(self.true_bpm, 0), 125)
        for _ in range(warm_up_s):
            self._sit(125)
            self.state = heart_control.observed(
                self.state, self.now_ms, heart(self.shown_bpm, self.now_ms), self.power_w
            )

    @property
    def shown_bpm(self) -> int:
        return round(self.true_bpm + self.chance.gauss(0, self.noise_bpm))

    def ride(
        self,
        seconds: int,
        goal_bpm: float,
        *,
        shown: MetricValue | None = None,
        frozen: bool = False,
        rides_w: float | None = None,
    ) -> list[Command]:
        """`shown`: what the hub has of the heart instead; `frozen`: the strap repeats itself."""
        said, stuck = [], self.shown_bpm
        for _ in range(seconds):
            bpm = stuck if frozen else self.shown_bpm
            felt = shown or heart(bpm, self.now_ms)
            self.state, command = heart_control.advance(
                self.state, self.now_ms, felt, self.power_w, (goal_bpm, goal_bpm), self.limits
            )
            said.append(command)
            self._sit(command.power_w if rides_w is None else rides_w)
        self.said += said
        return said

    def _sit(self, watts: float) -> None:
        self.now_ms += 1000
        felt = self.body.advance(self.now_ms, watts)
        self.true_bpm, self.power_w = felt.heart_rate_bpm, felt.power_w


def rises(said: list[Command]) -> int:
    """The furthest that watts rose above what they had been before."""
    watts = np.array([command.power_w for command in said])
    return int((watts - np.minimum.accumulate(watts)).max())


# What it never does


class Second(NamedTuple):
    late_ms: int
    bpm: float | None  # None: nothing new was heard
    quality: Quality
    power_w: float | None
    target: tuple[float, float]


QUALITIES = st.sampled_from([*[Quality.LIVE] * 6, Quality.AGED, Quality.GONE, Quality.SUSPECT])
TARGETS = st.tuples(st.floats(60, 200), st.floats(0, 20)).map(lambda t: (t[0], t[0] + t[1]))
SECONDS = st.builds(
    Second,
    st.sampled_from([0, 250, 1000, 1000, 1000, 1000, 5000, 120_000]),
    st.none() | st.integers(40, 200).map(float),
    QUALITIES,
    st.none() | st.floats(0, 600),
    TARGETS,
)
# Stretches of the same, so that freezes and dropouts last long enough to matter.
RIDES = st.lists(st.tuples(SECONDS, st.integers(1, 40)), min_size=1, max_size=12)
SOME_LIMITS = st.builds(Limits, st.integers(80, 450), st.integers(0, 900))


def played(
    rides: list[tuple[Second, int]], limits: Limits
) -> Iterator[tuple[Second, HeartControl, Command, int]]:
    """Each call's input, the state after it, its command, and the ms since the call before."""
    now_ms = 1_000_000
    state = heart_control.begun(now_ms, USUAL, NONE, None)
    heard = NONE
    for second, times in rides:
        for _ in range(times):
            now_ms += second.late_ms
            if second.bpm is not None:
                heard = heart(second.bpm, now_ms)
            felt = replace(heard, quality=second.quality)
            if second.quality in (Quality.GONE, Quality.NONE):
                felt = replace(felt, value=None)
            state, command = heart_control.advance(
                state, now_ms, felt, second.power_w, second.target, limits
            )
            yield second, state, command, second.late_ms


@given(RIDES, SOME_LIMITS)
def test_watts_are_never_above_the_cap_nor_below_nothing(
    rides: list[tuple[Second, int]], limits: Limits
) -> None:
    for _, _, command, _ in played(rides, limits):
        assert 0 <= command.power_w <= min(limits.cap_w, CAP_SHARE * limits.ftp_w)


@given(RIDES, SOME_LIMITS)
def test_watts_move_no_faster_than_the_slew(
    rides: list[tuple[Second, int]], limits: Limits
) -> None:
    before_w: float | None = None
    for _, state, _, late_ms in played(rides, limits):
        assert state.asked_w is not None
        if before_w is not None:
            seconds = min(late_ms / 1000, LATE_S_MAX)
            change_w = state.asked_w - before_w
            assert -limits.ftp_w * FALL_PER_S * seconds - 1e-6 <= change_w
            assert change_w <= limits.ftp_w * RISE_PER_S * seconds + 1e-6
        before_w = state.asked_w


@given(RIDES, SOME_LIMITS)
def test_without_a_heart_rate_that_is_trusted_watts_never_rise(
    rides: list[tuple[Second, int]], limits: Limits
) -> None:
    before_w: float | None = None
    for second, state, _, _ in played(rides, limits):
        blind = second.quality is not Quality.LIVE or state.trust is not Trust.GOOD
        if blind and before_w is not None:
            assert state.asked_w is not None
            assert state.asked_w <= before_w
        before_w = state.asked_w


@given(RIDES, SOME_LIMITS)
def test_a_number_that_stands_still_raises_watts_by_no_more_than_a_probe(
    rides: list[tuple[Second, int]], limits: Limits
) -> None:
    bpm, same_ms, least_w = None, 0, 0.0
    before_w: float | None = None
    for second, state, _, late_ms in played(rides, limits):
        assert state.asked_w is not None
        if second.bpm is not None and second.bpm != bpm:
            bpm, same_ms = second.bpm, 0
            least_w = state.asked_w if before_w is None else before_w
        else:
            same_ms += late_ms
            least_w = min(least_w, before_w or 0.0)
        if same_ms >= STILL_MS and before_w is not None and state.asked_w > before_w:
            assert state.asked_w <= least_w + PROBE_SHARE * limits.ftp_w + 1e-6
        before_w = state.asked_w


@given(RIDES, SOME_LIMITS)
def test_the_same_ride_is_steered_the_same(rides: list[tuple[Second, int]], limits: Limits) -> None:
    assert list(played(rides, limits)) == list(played(rides, limits))


@given(RIDES, SOME_LIMITS)
def test_whatever_is_heard_the_model_stays_one(
    rides: list[tuple[Second, int]], limits: Limits
) -> None:
    for _, state, command, _ in played(rides, limits):
        model = state.model
        assert model.gain > 0
        assert model.base_var > 0 and model.gain_var > 0
        assert model.cross_var**2 <= model.base_var * model.gain_var * (1 + 1e-6)
        assert heart_control.say(command)


def test_asking_twice_in_the_same_instant_changes_nothing() -> None:
    trainer = Trainer()
    once = trainer.ride(30, 140)[-1]
    again = heart_control.advance(
        trainer.state, trainer.state.model.at_ms, heart(120, 0), 200, (140, 140), LIMITS
    )[1]
    assert again.power_w == once.power_w


# What it does


def test_a_heart_is_brought_to_its_target_and_held_there() -> None:
    trainer = Trainer()
    bpms = []
    for _ in range(600):
        trainer.ride(1, 148)
        bpms.append(trainer.true_bpm)
    assert max(bpms) < 150
    assert all(abs(bpm - 148) <= 3 for bpm in bpms[120:])


def test_it_begins_at_what_the_rider_rides_and_leads_ahead_at_once() -> None:
    said = Trainer().ride(10, 150)
    assert abs(said[0].power_w - 125) < 8
    # By slew alone: a heart that answers late is not waited for.
    assert said[-1].power_w - said[0].power_w >= 9 * RISE_PER_S * 250 - 2


def test_the_cap_is_said() -> None:
    trainer = Trainer(limits=Limits(ftp_w=250, cap_w=160))
    said = trainer.ride(120, 170)
    assert said[-1].power_w == 160
    assert said[-1].why is Why.CAP


def test_a_lost_heart_rate_holds_then_falls_to_what_is_safe() -> None:
    trainer = Trainer()
    held_w = trainer.ride(300, 150)[-1].power_w
    assert held_w > 160
    lost = trainer.ride(240, 150, shown=replace(NONE, quality=Quality.GONE))
    assert lost[0].why is Why.HOLDS and lost[0].trust is Trust.MISSING
    hold_s = HOLD_MS // 1000
    assert {command.power_w for command in lost[:hold_s]} == {held_w}
    assert rises(lost) == 0
    after_s = 30
    fallen_w = held_w - lost[hold_s - 1 + after_s].power_w
    assert fallen_w == pytest.approx(after_s * BACK_OFF_PER_S * 250, abs=2)
    assert lost[-1].power_w == 125
    assert lost[-1].why is Why.BACKS_OFF


def test_who_rides_easier_than_safe_is_left_there() -> None:
    trainer = Trainer()
    easy_w = trainer.ride(300, 95)[-1].power_w
    assert easy_w < 125
    lost = trainer.ride(120, 95, shown=replace(NONE, quality=Quality.GONE))
    assert lost[-1].power_w == easy_w


def test_a_frozen_heart_rate_is_seen_by_what_power_should_have_done() -> None:
    trainer = Trainer()
    said = trainer.ride(180, 150, frozen=True)
    seen_s = [command.trust for command in said].index(Trust.FROZEN)
    assert seen_s <= 90
    assert rises(said[seen_s:]) == 0
    first_s = STILL_MS // 1000
    assert rises(said) <= (first_s + 1) * RISE_PER_S * 250
    assert said[-1].why is Why.BACKS_OFF


def test_a_steady_heart_behind_a_smooth_strap_is_not_taken_for_frozen() -> None:
    trainer = Trainer(smooth=True)
    said = trainer.ride(200, 148)
    assert Trust.FROZEN not in {command.trust for command in said}
    for _ in range(600):
        trainer.ride(1, 148)
        assert abs(trainer.true_bpm - 148) <= 3


def test_a_heart_rate_in_doubt_is_not_steered_by() -> None:
    trainer = Trainer()
    trainer.ride(60, 150)
    for _ in range(20):
        suspect = heart(100, trainer.now_ms, Quality.SUSPECT)
        said = trainer.ride(1, 150, shown=suspect)
    assert said[-1].trust is Trust.SUSPECT
    assert rises(trainer.said[-20:]) == 0


def test_a_heart_rate_that_comes_back_is_believed_after_some_good_values() -> None:
    trainer = Trainer()
    trainer.ride(200, 150)
    trainer.ride(60, 150, shown=replace(NONE, quality=Quality.GONE))
    back = trainer.ride(200, 150)
    assert back[0].why in (Why.HOLDS, Why.BACKS_OFF)
    assert back[5].why is Why.STEERS
    assert abs(trainer.true_bpm - 150) <= 3


def test_a_spike_of_the_strap_hardly_moves_the_watts() -> None:
    trainer = Trainer()
    before_w = trainer.ride(300, 150)[-1].power_w
    for _ in range(3):
        trainer.ride(1, 150, shown=heart(round(trainer.true_bpm) + 40, trainer.now_ms))
    after = [command.power_w for command in trainer.ride(30, 150)]
    assert all(abs(watts - before_w) < 0.2 * before_w for watts in after)
    assert abs(trainer.true_bpm - 150) <= 3


def test_nothing_winds_up_while_the_rider_does_not_follow() -> None:
    trainer = Trainer()
    trainer.ride(200, 150)
    slack = trainer.ride(60, 150, rides_w=60)
    assert rises(slack[10:]) == 0
    assert slack[-1].why is Why.NOT_FOLLOWED
    back = trainer.ride(300, 150)
    assert max(command.power_w for command in back) <= LIMITS.most_w
    assert abs(trainer.true_bpm - 150) <= 3


def test_a_ride_teaches_the_athletes_gain() -> None:
    trainer = Trainer()
    trainer.state = heart_control.begun(
        trainer.now_ms, replace(USUAL, bpm_per_w=0.3), heart(105, trainer.now_ms), 125
    )
    for goal_bpm in (140, 160, 130, 155):
        trainer.ride(400, goal_bpm)
    learned = trainer.state.model.learned
    assert learned.bpm_per_w == pytest.approx(0.421, rel=0.12)  # (0.9 * 188 - 64) / 250
    assert learned.variance < USUAL.variance / 4


# The model


@given(st.floats(60, 400), st.floats(80, 190), st.floats(5, 120))
def test_the_power_for_a_heart_rate_is_the_one_that_forecasts_it(
    ridden_w: float, bpm: float, ahead_s: float
) -> None:
    model = heart_model.passed(heart_model.begun(0, USUAL, ridden_w, 130.0), 20_000, 150.0)
    watts = heart_model.power_for(model, bpm, ahead_s)
    by_then = heart_model.passed(model, 20_000 + round(ahead_s * 1000), watts)
    assert by_then.bpm == pytest.approx(bpm, abs=0.05)


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=20))
def test_how_often_time_is_looked_at_changes_nothing(parts_ms: list[int]) -> None:
    start = heart_model.begun(0, USUAL, 100.0, 120.0)
    stepped = start
    for end_ms in np.cumsum(parts_ms):
        stepped = heart_model.passed(stepped, int(end_ms), 200.0)
    total_ms = sum(parts_ms)
    at_once = start
    for end_ms in range(1000, total_ms + 1000, 1000):
        at_once = heart_model.passed(at_once, min(end_ms, total_ms), 200.0)
    assert stepped.bpm == pytest.approx(at_once.bpm, abs=0.001)


@pytest.mark.parametrize(
    ("athlete", "bpm_at_ftp"),
    [
        (Thresholds(ftp_w=250, max_hr_bpm=188), 0.89 * 188),
        (Thresholds(ftp_w=250, max_hr_bpm=188, lthr_bpm=172), 172),
        (Thresholds(ftp_w=250, lthr_bpm=172), 172),
    ],
)
def test_the_usual_gain_is_that_of_the_thresholds(athlete: Thresholds, bpm_at_ftp: float) -> None:
    gain = heart_model.usual_gain(athlete)
    assert gain is not None
    assert 60 + 12 + 250 * gain.bpm_per_w == pytest.approx(bpm_at_ftp)


def test_nobody_is_guessed_without_a_threshold_of_legs_and_of_heart() -> None:
    assert heart_model.usual_gain(Thresholds(ftp_w=250)) is None
    assert heart_model.usual_gain(Thresholds(max_hr_bpm=188)) is None


# What it says


@pytest.mark.parametrize(
    ("command", "text", "brief"),
    [
        (
            Command(180, Why.STEERS, changed_w=-8, off_bpm=4, trend=1),
            "−8 W: heart rate 4 above and rising",
            "−8 W: HR +4 ↑",
        ),
        (
            Command(180, Why.STEERS, changed_w=12, off_bpm=-9, trend=-1),
            "+12 W: heart rate 9 below and falling",
            "+12 W: HR −9 ↓",
        ),
        (Command(180, Why.STEERS), "Steady: heart rate on target", "Steady: HR on target"),
        (
            Command(180, Why.HOLDS, Trust.MISSING),
            "Steady: no heart rate, holding",
            "Steady: no HR, holding",
        ),
        (
            Command(180, Why.HOLDS),
            "Steady: heart rate just back, holding",
            "Steady: HR back, holding",
        ),
        (
            Command(140, Why.BACKS_OFF, Trust.FROZEN, changed_w=-10),
            "−10 W: heart rate stands still, going easy",
            "−10 W: HR stands still, easy",
        ),
        (
            Command(262, Why.CAP, off_bpm=-6),
            "Steady: at your limit, heart rate below",
            "Steady: at your limit",
        ),
        (
            Command(200, Why.NOT_FOLLOWED),
            "Steady: below the watts asked for",
            "Steady: below target",
        ),
    ],
)
def test_a_command_says_why_in_plain_words(command: Command, text: str, brief: str) -> None:
    assert heart_control.say(command) == text
    assert heart_control.brief(command) == brief


def test_a_reason_stands_long_enough_to_be_read() -> None:
    said = Trainer().ride(60, 150)
    texts = [heart_control.say(command) for command in said]
    changes = [i for i in range(1, len(texts)) if texts[i] != texts[i - 1]]
    assert len(changes) <= 8
    assert said[45].changed_w != 0
    assert said[5].changed_w > 0  # at the step's begin it is not called steady for long


# The bench


def test_riders_whose_hearts_differ_are_held_though_straps_fail() -> None:
    riders = group(range(40, 44))
    became = outcome(ride(riders, Derny(riders), Worn.FAULTY))
    assert np.quantile(became.overshoot_bpm, 0.9) <= 3
    assert became.in_band.mean() > 0.8
    assert (became.blind_rise_w <= PROBE_SHARE * riders.ftp_w).all()


def test_the_fleet_that_the_peer_is_tuned_on_has_the_hearts_of_the_simulated_athlete() -> None:
    riders = group(range(3))
    fleet = Fleet(riders, copies=1, seed=1)
    bodies = [Athlete(body, random.Random(1)) for body in riders.physiques]
    for at_s in range(900):
        asked_w = (0.5 if at_s < 300 or at_s > 700 else 0.9) * riders.ftp_w
        fleet.second(asked_w)
        felt = [
            body.advance((at_s + 1) * 1000, float(watts))
            for body, watts in zip(bodies, asked_w, strict=True)
        ]
        if at_s > 30:
            true_bpm = [each.heart_rate_bpm for each in felt]
            assert fleet.true_bpm == pytest.approx(true_bpm, abs=2.5)
