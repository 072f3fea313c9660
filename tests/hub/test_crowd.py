"""Riders for the sensors of `derny-sim stress`: on virtual time, on a hub of memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from clock import run
from live_fakes import OWNER, STEADY, World, announce, sensor
from msgspec.structs import replace

from hub.auth.principal import HOUSE
from hub.core.errors import Conflict, Unavailable
from hub.crowd import STEP, Crowd
from hub.live.service import Live
from hub.live.session import RIDERS_MAX
from hub.store.rows import Athlete
from hub.wire.live_from_client import Action, Control
from hub.wire.uplink import SensorKind

LIBRARY: Any = SimpleNamespace(built_in=lambda name: STEADY)


class Hall:
    """A hub, the riders that were made on it, and the crowd's door."""

    def __init__(self, hub: Live) -> None:
        self.hub = hub
        self.made: list[str] = []
        people: Any = SimpleNamespace(store=self._store)
        self.crowd = Crowd(people, hub, LIBRARY)

    async def _store(self, athlete: Athlete) -> Athlete:
        self.made.append(athlete.athlete_id)
        await self.hub.athlete_changed(athlete)
        return athlete

    def bring(self, count: int) -> None:
        states = [
            replace(sensor(f"s{i}", SensorKind.TRAINER, name=f"stress-{i:04}"), simulated=True)
            for i in range(count)
        ]
        announce(self.hub, *states)

    async def mount(self, wanted: int) -> list[int]:
        """What each call says until all ride."""
        said = [await self.crowd.mount(wanted)]
        while said[-1] < wanted:
            assert len(said) < 100
            said.append(await self.crowd.mount(wanted))
        return said

    @property
    def titles(self) -> list[str]:
        return [view.title for view in self.hub.open_sessions(HOUSE)]


def in_hall(scene: Callable[[Hall], Awaitable[None]]) -> None:
    async def whole() -> None:
        hub = World().hub()
        await hub.start()
        try:
            await scene(Hall(hub))
        finally:
            await hub.stop()

    run(whole())


def test_all_get_a_rider_and_a_seat_step_by_step_and_lose_them_again() -> None:
    count = RIDERS_MAX + STEP

    async def scene(hall: Hall) -> None:
        hall.bring(count)
        said = await hall.mount(count)
        assert said == [0] * (count // STEP - 1) + [RIDERS_MAX, count]
        assert len(set(hall.made)) == len(hall.made) == count
        await asyncio.sleep(1)
        views = hall.hub.open_sessions(HOUSE)
        assert sorted(len(view.athletes) for view in views) == [STEP, RIDERS_MAX]
        assert {(view.status, view.demo) for view in views} == {("running", True)}
        assert len(hall.hub.assignments(HOUSE)) == count

        left = [await hall.crowd.dismount() for _ in range(count // STEP)]
        assert left == [count - STEP * (step + 1) for step in range(count // STEP)]
        assert hall.titles == [] and hall.hub.assignments(HOUSE) == ()

    in_hall(scene)


def test_nobody_rides_before_all_sensors_are_there() -> None:
    async def scene(hall: Hall) -> None:
        hall.bring(3)
        assert await hall.crowd.mount(4) == 0
        assert hall.titles == []
        hall.bring(4)
        assert await hall.crowd.mount(4) == 4
        assert await hall.crowd.mount(4) == 4  # asked once more: nobody rides twice
        assert hall.titles == ["Stress"]

    in_hall(scene)


def test_sensors_of_others_are_left_alone() -> None:
    async def scene(hall: Hall) -> None:
        strangers = [
            sensor("real", SensorKind.TRAINER, name="stress-0001"),
            replace(sensor("kickr", SensorKind.TRAINER), simulated=True),
            replace(sensor("odd", SensorKind.TRAINER, name="stress-1; --"), simulated=True),
        ]
        announce(hall.hub, *strangers)
        assert await hall.crowd.mount(1) == 0
        assert hall.hub.assignments(HOUSE) == () and hall.made == []

    in_hall(scene)


def test_who_rides_already_is_not_disturbed() -> None:
    async def scene(hall: Hall) -> None:
        hall.bring(2)
        view = await hall.hub.create_session(OWNER, workout=STEADY, athletes=["ann"])
        assert await hall.crowd.mount(2) == 2  # it has not begun
        while await hall.crowd.dismount():
            pass
        await hall.hub.control(OWNER, Control("k", view.session, Action.START))
        await asyncio.sleep(1)
        with pytest.raises(Conflict, match="somebody rides on this hub"):
            await hall.crowd.mount(2)
        assert hall.hub.assignments(HOUSE) == ()

    in_hall(scene)


def test_a_session_that_does_not_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hall: Hall) -> None:
        hall.bring(1)
        await hall.mount(1)

        async def refuse(principal: object, command: object) -> Any:
            return SimpleNamespace(ok=False, detail="the disk is full")

        monkeypatch.setattr(hall.hub, "control", refuse)
        with pytest.raises(Unavailable, match="the disk is full"):
            await hall.crowd.dismount()

    in_hall(scene)
