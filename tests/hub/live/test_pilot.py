"""Steps that ask for a heart rate, from the riders' sensors to the plans of their trainers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from clock import run
from live_fakes import ANN, NOON_MS, OWNER, World, announce, heart, power, sensor
from msgspec.structs import replace

from firmware_sim.athlete import Athlete as Legs
from firmware_sim.athlete import Kinetics, Physique
from gateway.plan import HeldPlan
from hub.core.target import FreeRide, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, UntilLap, Workout
from hub.live import inputs
from hub.live import session as log
from hub.live.inputs import Entry, Rider
from hub.live.pilot import asks_for_heart_rate
from hub.live.row_mask import FULL_MASK, METRICS
from hub.live.service import Live
from hub.live.session_state import Session
from hub.live.steering import HEART_HOLD_MS, course, heart_limits, heart_range
from hub.store.rows import Athlete
from hub.wire.live_from_client import Action, Control
from hub.wire.live_rows import ROW_FIELDS
from hub.wire.uplink import SensorKind
from hub.wire.values import FreeTarget, Metric, PlanStep, PowerTarget

T = NOON_MS
MINUTE_MS = 60_000
BY_HEART = Workout(
    "By heart",
    (
        Step("Warm up", StepKind.WARMUP, ForDuration(3 * MINUTE_MS), aim(Unit.FTP, 0.5)),
        Step("Tempo", StepKind.WORK, ForDuration(8 * MINUTE_MS), aim(Unit.BPM, 145)),
        Step("Cool down", StepKind.COOLDOWN, ForDuration(2 * MINUTE_MS), aim(Unit.FTP, 0.4)),
    ),
)
RIDER = Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190)
SAFE_W = 100


def going(workout: Workout = BY_HEART, rider: Rider = RIDER, *said: inputs.Input) -> Session:
    create = inputs.Create("s", "Class", "epoch", "w", workout)
    session = log.fold(Entry(T, event) for event in (create, inputs.Join(rider), *said))
    assert session is not None
    return session


def started(rider: Rider = RIDER, *said: inputs.Input, workout: Workout = BY_HEART) -> Session:
    return going(workout, rider, inputs.Start(), *said)


def begins(step: int) -> int:
    lengths_ms = (0, 3 * MINUTE_MS, 11 * MINUTE_MS, 13 * MINUTE_MS)
    return T + lengths_ms[step]


# The plan


def test_a_step_by_heart_rate_ahead_begins_with_what_is_safe_and_never_asks_a_heart_rate() -> None:
    assert course(started(), RIDER, T).steps == (
        PlanStep(T, PowerTarget(100)),
        PlanStep(begins(1), PowerTarget(SAFE_W)),
        PlanStep(begins(2), PowerTarget(80)),
        PlanStep(begins(3), FreeTarget()),
    )


def test_the_watts_that_hold_it_stand_for_a_minute_without_the_hub_then_fall() -> None:
    now = begins(1) + 90_000
    assert course(started(), RIDER, now, 163).steps == (
        PlanStep(begins(1), PowerTarget(163)),
        PlanStep(now + HEART_HOLD_MS, PowerTarget(SAFE_W)),
        PlanStep(begins(2), PowerTarget(80)),
        PlanStep(begins(3), FreeTarget()),
    )


def test_near_the_steps_end_and_below_what_is_safe_there_is_nothing_to_fall_to() -> None:
    late = course(started(), RIDER, begins(2) - 30_000, 163)
    assert [step.at_ms for step in late.steps] == [begins(1), begins(2), begins(3)]
    easy = course(started(), RIDER, begins(1) + 1_000, 90)
    assert [step.target for step in easy.steps[:2]] == [PowerTarget(90), PowerTarget(80)]


def test_an_open_step_falls_too() -> None:
    workout = Workout("Open", (Step("On", StepKind.WORK, UntilLap(), aim(Unit.BPM, 140)),))
    assert course(started(workout=workout), RIDER, T + 5_000, 150).steps == (
        PlanStep(T, PowerTarget(150)),
        PlanStep(T + 5_000 + HEART_HOLD_MS, PowerTarget(SAFE_W)),
    )


@pytest.mark.parametrize(
    ("rider", "target"),
    [
        (replace(RIDER, by_hand=PowerTarget(120)), PowerTarget(120)),
        (replace(RIDER, max_hr_bpm=None), FreeTarget()),
        (replace(RIDER, max_hr_bpm=None, lthr_bpm=170), PowerTarget(SAFE_W)),
    ],
)
def test_who_dials_or_whose_heart_is_not_known_is_not_steered_by_it(
    rider: Rider, target: object
) -> None:
    steps = course(started(rider), rider, begins(1) + 1_000).steps
    assert steps[0] == PlanStep(begins(1), target)


def test_an_ftp_that_nobody_measured_gives_no_limits() -> None:
    assert heart_limits(replace(RIDER, ftp_assumed=True)) is None
    assert heart_limits(replace(RIDER, ftp_w=None)) is None
    assert heart_limits(replace(RIDER, steered=False)) is None
    limits = heart_limits(RIDER)
    assert limits is not None
    assert limits.cap_w == 500


def test_the_range_is_that_of_the_instant() -> None:
    ramp = Step("Up", StepKind.WORK, ForDuration(MINUTE_MS), aim(Unit.MAX_HR, 0.5, 0.7))
    workout = Workout("Ramp", (ramp,))
    session = started(workout=workout)
    low, high = heart_range(session, RIDER, T + 30_000) or (0, 0)
    assert low == high == pytest.approx(114)
    assert heart_range(going(workout), RIDER, T) is None  # not started


def test_only_workouts_with_a_heart_rate_are_watched() -> None:
    assert asks_for_heart_rate(BY_HEART)
    assert not asks_for_heart_rate(
        Workout("Free", (Step("Free", StepKind.FREE, UntilLap(), FreeRide()),))
    )


# The whole way, on virtual time


class Bike:
    """Ann, her strap, and a gateway that does what its plan says."""

    def __init__(self, world: World, hub: Live) -> None:
        self.world, self.hub = world, hub
        kinetics = Kinetics(share_at_ftp=0.88)
        self.legs = Legs(Physique(200, 190, 55, kinetics=kinetics), random.Random(4))
        self.plan = HeldPlan()
        self.chance = random.Random(5)
        self.asked: list[int | None] = []
        self.bpms: list[float] = []
        self.strap_on = True
        self.lived_ms = 0

    async def ride(self, seconds: int, *, hub_lives: bool = True) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            now = self.hub.now_us() // 1000
            for _, plan in self.world.gateways.plans:
                assert self.plan.take(plan) is None
            self.world.gateways.plans.clear()
            target = self.plan.target_at(now)
            watts = target.power_w if isinstance(target, PowerTarget) else None
            self.lived_ms += 1000
            body = self.legs.advance(self.lived_ms, watts, resting=watts is None)
            self.asked.append(watts)
            self.bpms.append(body.heart_rate_bpm)
            if hub_lives:
                power(self.hub, "kickr", round(body.power_w), now)
                if self.strap_on:
                    shown = round(body.heart_rate_bpm + self.chance.gauss(0, 0.6))
                    heart(self.hub, "strap", shown, now, 2)

    def cells(self) -> dict[str, object]:
        gauges = self.hub._roster.gauges("ann")
        assert gauges is not None
        gauges.refresh(self.hub.now_us() // 1000)
        return dict(zip(ROW_FIELDS, msgspec.json.decode(gauges.fragment(FULL_MASK)), strict=True))


SENSORS = (sensor("kickr", SensorKind.TRAINER), sensor("strap", SensorKind.HEART_RATE))


def riding(
    test: Callable[[World, Live, Bike, str], Awaitable[None]], athlete: Athlete = ANN
) -> World:
    world = World()
    world.athletes.known = [athlete]

    async def scene() -> None:
        hub = world.hub()
        await hub.start()
        try:
            announce(hub, *SENSORS)
            await hub.assign(OWNER, "kickr", ANN.athlete_id)
            await hub.assign(OWNER, "strap", ANN.athlete_id)
            made = await hub.create_session(OWNER, workout=BY_HEART)
            await hub.control(OWNER, Control("start", made.session, Action.START))
            await test(world, hub, Bike(world, hub), made.session)
        finally:
            await hub.stop()

    run(scene())
    return world


def test_a_rider_is_brought_to_the_heart_rate_and_told_why() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180)
        assert bike.cells()["held_w"] is None
        await bike.ride(30)
        cells = bike.cells()
        assert cells["held_w"] == pytest.approx(bike.asked[-1], abs=2)
        assert "below" in str(cells["held_why"])
        await bike.ride(270)
        steady = bike.bpms[-120:]
        assert max(bike.bpms) <= 148
        assert all(abs(bpm - 145) <= 3 for bpm in steady)
        asked = [watts for watts in bike.asked if watts is not None]
        rise = max(b - a for a, b in zip(asked[185:], asked[186:], strict=False))
        assert rise <= 4  # 0.8 % of FTP a second, and a step of 2 W
        await bike.ride(200)
        cells = bike.cells()
        assert (cells["held_w"], cells["held_why"]) == (None, None)
        assert bike.asked[-1] == 80
        gain = world.gains.kept["ann"]
        assert gain.bpm_per_w == pytest.approx(0.501, rel=0.2)  # (0.88 * 190 - 67) / 200

    riding(ride)


def test_a_strap_that_falls_off_is_said_and_the_trainer_goes_easy() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180 + 150)
        before_w = bike.asked[-1]
        assert before_w is not None and before_w > SAFE_W
        bike.strap_on = False
        await bike.ride(20)
        assert "no heart rate, holding" in str(bike.cells()["held_why"])
        await bike.ride(150)
        assert "going easy" in str(bike.cells()["held_why"])
        assert bike.asked[-1] == SAFE_W
        assert max(watts or 0 for watts in bike.asked[-165:]) <= before_w + 2

    riding(ride)


def test_a_hub_that_dies_leaves_the_gateway_a_plan_that_goes_easy() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180 + 120)
        held_w = bike.asked[-1]
        await hub.stop()
        await bike.ride(40, hub_lives=False)
        assert bike.asked[-1] == held_w
        await bike.ride(60, hub_lives=False)
        assert bike.asked[-1] == SAFE_W
        await bike.ride(300, hub_lives=False)
        assert bike.asked[-1] == 80  # the cool-down, on time

    riding(ride)


def test_a_hub_that_comes_back_goes_on_from_what_is_ridden() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180 + 150)
        held_w = bike.asked[-1]
        assert held_w is not None and held_w > SAFE_W + 20
        await hub.stop()
        await bike.ride(10, hub_lives=False)
        bike.hub = again = world.hub()
        await again.start()
        try:
            announce(again, *SENSORS)
            await bike.ride(60)
            assert min(watts or 0 for watts in bike.asked[-70:]) >= held_w - 25
            assert "heart rate" in str(bike.cells()["held_why"])
        finally:
            await again.stop()

    riding(ride)


def test_watts_by_hand_are_the_riders_own_until_taken_back() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180 + 60)
        dial = Control("dial", session, Action.DIAL, target=PowerTarget(130))
        assert (await hub.control(OWNER, dial)).ok
        await bike.ride(10)
        assert bike.asked[-1] == 130
        assert bike.cells()["held_w"] is None
        back = Control("back", session, Action.DIAL, target=FreeTarget())
        assert (await hub.control(OWNER, back)).ok
        await bike.ride(10)
        assert bike.cells()["held_w"] is not None

    riding(ride)


def test_the_reason_needs_the_grant_of_the_heart_rate() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(200)
        gauges = hub._roster.gauges("ann")
        assert gauges is not None
        mask = FULL_MASK & ~(1 << METRICS.index(Metric.HEART_RATE_BPM))
        shown = dict(zip(ROW_FIELDS, msgspec.json.decode(gauges.fragment(mask)), strict=True))
        assert shown["held_why"] is None
        assert shown["held_w"] is not None

    riding(ride)


def test_an_athletes_gain_is_there_for_the_next_hub() -> None:
    async def ride(world: World, hub: Live, bike: Bike, session: str) -> None:
        await bike.ride(180 + 200)
        await hub.control(OWNER, Control("stop", session, Action.STOP))
        await bike.ride(5)

    assert riding(ride, replace(ANN, guest=True, owner=False)).gains.kept == {}
    world = riding(ride)
    assert set(world.gains.kept) == {"ann"}

    async def later() -> None:
        hub = world.hub()
        await hub.start()
        assert hub._pilot.kept == world.gains.kept
        await hub.stop()

    run(later())
