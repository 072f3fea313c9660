"""A ramp test under way: its end is found, eases the trainer, is told, and can be undone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from clock import run
from live_fakes import OWNER, World, announce, sensor
from msgspec.structs import replace

from hub.core.target import Aim, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.live.inputs import Pace
from hub.live.service import Live
from hub.live.session_state import Session, lane_of
from hub.store.rows import EntryKind
from hub.wire.live_events import EVENT, Message
from hub.wire.live_from_client import Action, Control
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Reading

METER = sensor("meter", SensorKind.POWER, name="Assioma")
BOBS = sensor("bobs", SensorKind.POWER, name="Vector")
WARM_UP_S = 30


def step(kind: StepKind, seconds: int, share: float) -> Step:
    return Step(kind.value, kind, ForDuration(seconds * 1000), aim(Unit.FTP, share))


RAMP = Workout(
    "Ramp",
    (
        step(StepKind.WARMUP, WARM_UP_S, 0.4),
        *(step(StepKind.WORK, 60, 0.5 + 0.1 * n) for n in range(10)),
        step(StepKind.COOLDOWN, 300, 0.4),
    ),
    test="ramp",
)
COOL_DOWN = len(RAMP.steps) - 1


FTP_W = {"ann": 200, "bob": 300}
METERS = {"ann": "meter", "bob": "bobs"}


class Ramp:
    """A session of the ramp. `failing`: whose legs give half of what is asked; others give it."""

    def __init__(self, world: World, hub: Live) -> None:
        self._world, self._hub = world, hub
        self._session = ""
        self.failing: set[str] = set()
        self.mute = False

    async def begin(self, *athletes: str, workout: Workout = RAMP, pace: Pace = Pace.GROUP) -> None:
        announce(self._hub, METER, BOBS)
        for athlete in athletes:
            await self._hub.assign(OWNER, METERS[athlete], athlete)
        view = await self._hub.create_session(OWNER, workout=workout, athletes=athletes, pace=pace)
        self._session = view.session
        await self.say(Action.START)

    async def ride(self, seconds: int) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            for athlete in self.session.riders:
                if not self.mute:
                    self._turn(athlete)

    def _turn(self, athlete: str) -> None:
        target = self.session.workout.steps[self.step(athlete)].target
        assert isinstance(target, Aim)
        share = target.low * (0.5 if athlete in self.failing else 1.0)
        at_ms = self._hub.now_us() // 1000
        told = Measurement(power_w=round(share * FTP_W[athlete]), cadence_rpm=80.0)
        lease = self._world.assignments.held[METERS[athlete]].lease
        reading = Reading(METERS[athlete], at_ms, "2a63", told, lease)
        self._hub.on_readings("gw", [(reading, at_ms, False)], False)

    @property
    def session(self) -> Session:
        return self._hub.room(self._session).now

    def step(self, athlete: str = "ann") -> int:
        return lane_of(self.session, athlete).index

    async def messages(self) -> list[tuple[str, str]]:
        log = await self._world.sessions.log(self._session)
        told = [EVENT.decode(entry.body) for entry in log if entry.kind is EntryKind.EVENT]
        return [(body.to, body.text) for body in told if isinstance(body, Message)]

    async def say(self, action: Action) -> None:
        at_us = self._hub.now_us()
        assert (await self._hub.control(OWNER, Control(f"k{at_us}", self._session, action))).ok


def on_a_ramp(test: Callable[[Ramp], Awaitable[None]]) -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        try:
            await test(Ramp(world, hub))
        finally:
            await hub.stop()

    run(scene())


def test_legs_that_fail_end_the_test_and_the_trainer_is_eased() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann")
        await ramp.ride(WARM_UP_S + 290)
        assert ramp.step() == 5
        ramp.failing.add("ann")
        await ramp.ride(20)
        assert ramp.step() == COOL_DOWN
        [(to, text)] = await ramp.messages()
        assert to == "ann"
        ended = re.match(r"Test ended at 4:(\d\d) of the ramp\.", text)
        assert ended is not None and 49 <= int(ended[1]) <= 53
        assert "Undo" in text

    on_a_ramp(ride)


def test_a_false_end_is_undone_and_a_true_one_found_again() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann")
        await ramp.ride(WARM_UP_S + 250)
        ramp.failing.add("ann")
        await ramp.ride(14)
        assert ramp.step() == COOL_DOWN
        await ramp.say(Action.UNDO)
        ramp.failing.clear()
        await ramp.ride(60)
        assert ramp.step() == 6
        assert len(await ramp.messages()) == 1
        ramp.failing.add("ann")
        await ramp.ride(20)
        assert ramp.step() == COOL_DOWN
        assert len(await ramp.messages()) == 2

    on_a_ramp(ride)


def test_an_undo_before_it_took_effect_is_not_overruled_at_once() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann")
        await ramp.ride(WARM_UP_S + 250)
        ramp.failing.add("ann")
        while not await ramp.messages():
            await ramp.ride(1)
        await ramp.say(Action.UNDO)
        await ramp.ride(10)
        assert ramp.step() != COOL_DOWN
        assert len(await ramp.messages()) == 1

    on_a_ramp(ride)


def test_whoever_stops_on_purpose_ends_it_with_the_button() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann")
        await ramp.ride(WARM_UP_S + 250)
        await ramp.say(Action.COOL_DOWN)
        ramp.failing.add("ann")
        await ramp.ride(30)
        assert ramp.step() == COOL_DOWN
        assert await ramp.messages() == []

    on_a_ramp(ride)


@pytest.mark.parametrize("what", ["another workout", "a lost power meter", "a pause"])
def test_what_is_no_end(what: str) -> None:
    async def ride(ramp: Ramp) -> None:
        workout = replace(RAMP, test="") if what == "another workout" else RAMP
        await ramp.begin("ann", workout=workout)
        await ramp.ride(WARM_UP_S + 250)
        if what == "a lost power meter":
            ramp.mute = True
        elif what == "a pause":
            await ramp.say(Action.PAUSE)
        if what != "a lost power meter":
            ramp.failing.add("ann")
        await ramp.ride(25)
        if what == "a pause":
            ramp.failing.clear()
            await ramp.say(Action.RESUME)
            await ramp.ride(25)
        assert ramp.step() in (5, 6)
        assert await ramp.messages() == []

    on_a_ramp(ride)


def test_at_their_own_pace_each_rider_has_an_end() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann", "bob", pace=Pace.SELF)
        await ramp.ride(WARM_UP_S + 250)
        ramp.failing.add("bob")
        await ramp.ride(30)
        assert (ramp.step("ann"), ramp.step("bob")) == (5, COOL_DOWN)
        assert [to for to, _ in await ramp.messages()] == ["bob"]

    on_a_ramp(ride)


def test_in_a_group_only_the_trainer_of_who_failed_is_set_free() -> None:
    async def ride(ramp: Ramp) -> None:
        await ramp.begin("ann", "bob")
        await ramp.ride(WARM_UP_S + 250)
        ramp.failing.add("bob")
        await ramp.ride(60)
        assert ramp.step() == 6
        riders = ramp.session.riders
        assert (riders["ann"].steered, riders["bob"].steered) == (True, False)
        [(to, text)] = await ramp.messages()
        assert to == "bob" and text.endswith("Your trainer is free.")

    on_a_ramp(ride)
