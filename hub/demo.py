"""The demo room: simulated riders who are there before anybody comes, and who count for nobody.

The scenario that the simulator plays names its riders and their sensors. Each becomes an athlete
with the demo mark, gets those sensors as the gateway hears them, and rides in a class that begins
anew whenever it ends. The bike of the rider marked `guest` stays free: it is for who just came.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import msgspec
import structlog

from hub.auth.principal import HOUSE
from hub.core.errors import DernyError
from hub.library import Library
from hub.live.service import Live
from hub.people import People
from hub.settings import read, shaped
from hub.store.rows import Athlete
from hub.wire.live_from_client import Action, Control

TITLE = "Demo class"
WORKOUT = "threshold-4x8"
LOOK_S = 1.0

log = structlog.get_logger(__name__)


class Device(msgspec.Struct, frozen=True):
    """A simulated sensor, by the name that it advertises."""

    name: str


class Rider(msgspec.Struct, frozen=True):
    """What the hub reads of a scenario's rider; the simulator checks the rest."""

    name: str
    ftp_w: int
    max_hr_bpm: int
    weight_kg: float
    sensors: tuple[Device, ...]
    guest: bool = False


class Scenario(msgspec.Struct, frozen=True):
    riders: tuple[Rider, ...]


class DemoRoom:
    def __init__(self, scenario: Path, people: People, live: Live, library: Library) -> None:
        """Raises ConfigError when the scenario does not name its riders."""
        self._people = people
        self._live = live
        self._library = library
        self._athlete_of: dict[str, str] = {}  # sensor's advertised name -> athlete
        said = shaped(read(scenario), Scenario, str(scenario), "see config/scenarios/solo.toml")
        self._absent = [rider for rider in said.riders if not rider.guest]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._bring_riders()
                await self._hand_out_sensors()
                await self._keep_class()
            except DernyError as error:
                log.warning("demo_room", reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def _bring_riders(self) -> None:
        while self._absent:
            rider = self._absent[0]
            athlete = await self._people.store(_athlete(rider))
            for sensor in rider.sensors:
                self._athlete_of[sensor.name] = athlete.athlete_id
            del self._absent[0]

    async def _hand_out_sensors(self) -> None:
        for sensor in self._live.sensors_view(HOUSE).sensors:
            athlete = self._athlete_of.get(sensor.name)
            if athlete is not None and not sensor.athlete and sensor.simulated:
                await self._live.assign(HOUSE, sensor.sensor, athlete)

    async def _keep_class(self) -> None:
        athletes = list(dict.fromkeys(self._athlete_of.values()))
        if not athletes or any(view.demo for view in self._live.open_sessions(HOUSE)):
            return
        workout = self._library.built_in(WORKOUT)
        view = await self._live.create_session(
            HOUSE, workout=workout, workout_id=WORKOUT, title=TITLE, athletes=athletes, demo=True
        )
        await self._live.control(HOUSE, Control(secrets.token_hex(8), view.session, Action.START))


async def end_demo_sessions(live: Live) -> None:
    """What a demo left behind ends when the hub starts without one."""
    for view in live.open_sessions(HOUSE):
        if view.demo:
            stop = Control(secrets.token_hex(8), view.session, Action.STOP)
            reply = await live.control(HOUSE, stop)
            if not reply.ok:
                log.warning("demo_session_not_ended", reason=reply.detail)


def _athlete(rider: Rider) -> Athlete:
    return Athlete(
        athlete_id=f"demo-{rider.name.lower()}",
        name=rider.name,
        ftp_w=rider.ftp_w,
        max_hr_bpm=rider.max_hr_bpm,
        weight_kg=rider.weight_kg,
        demo=True,
    )
