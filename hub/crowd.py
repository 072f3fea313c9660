"""The riders of `derny-sim stress`: as simulated as its sensors, they count for nobody.

A rider a sensor, in sessions of RIDERS_MAX. All goes in steps of STEP, one a call, because who
asks at the admin socket waits for seconds, not for minutes.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence

from hub.auth.principal import HOUSE
from hub.core.errors import Conflict, Unavailable
from hub.core.lanes import Status
from hub.library import Library
from hub.live.service import Live
from hub.live.session import RIDERS_MAX
from hub.people import People
from hub.store.rows import Athlete
from hub.wire.live_from_client import Action, Control
from hub.wire.live_views import SensorView, SessionView

SENSOR = re.compile(r"stress-(\d{1,5})")  # the name of one of its sensors
ATHLETE = "demo-stress-"  # how a rider's id begins
TITLE = "Stress"
WORKOUT = "threshold-4x8"
STEP = 100


class Crowd:
    def __init__(self, people: People, live: Live, library: Library) -> None:
        self._people = people
        self._live = live
        self._library = library

    async def mount(self, wanted: int) -> int:
        """Bring some more of the `wanted` riders; how many ride. Call until all do.

        Raises Conflict while somebody rides who is no simulation, and Unavailable.
        """
        self._require_that_nobody_rides()
        free = [sensor for sensor in self._sensors() if not sensor.athlete]
        await asyncio.gather(*(self._seat(sensor) for sensor in free[:STEP]))
        seated = [sensor.athlete for sensor in self._sensors() if sensor.athlete]
        if len(seated) < wanted:
            return 0
        riding = {one.athlete for view in self._sessions() for one in view.athletes}
        waiting = [athlete for athlete in seated if athlete not in riding][:RIDERS_MAX]
        if waiting:
            await self._begin(waiting)
        return len(riding) + len(waiting)

    async def dismount(self) -> int:
        """End its sessions and take some of its sensors back; how many are left. Call until none.

        Raises Unavailable.
        """
        for view in self._sessions():
            await self._control(view, Action.STOP)
        held = [
            one.sensor_id
            for one in self._live.assignments(HOUSE)
            if one.athlete_id.startswith(ATHLETE)
        ]
        await asyncio.gather(*(self._live.unassign(HOUSE, sensor) for sensor in held[:STEP]))
        return len(held[STEP:])

    def _require_that_nobody_rides(self) -> None:
        for view in self._live.open_sessions(HOUSE):
            if not view.demo and view.status != Status.READY:
                raise Conflict(
                    f"somebody rides on this hub ({view.title!r})",
                    remedy="load a hub with a data folder of its own: DERNY_DATA",
                )

    def _sensors(self) -> list[SensorView]:
        return [
            sensor
            for sensor in self._live.sensors_view(HOUSE).sensors
            if sensor.simulated and SENSOR.fullmatch(sensor.name)
        ]

    def _sessions(self) -> list[SessionView]:
        return [
            view for view in self._live.open_sessions(HOUSE) if view.demo and view.title == TITLE
        ]

    async def _seat(self, sensor: SensorView) -> None:
        athlete = await self._people.store(_athlete(sensor.name))
        await self._live.assign(HOUSE, sensor.sensor, athlete.athlete_id)

    async def _begin(self, athletes: Sequence[str]) -> None:
        view = await self._live.create_session(
            HOUSE,
            workout=self._library.built_in(WORKOUT),
            workout_id=WORKOUT,
            title=TITLE,
            athletes=athletes,
            demo=True,
        )
        await self._control(view, Action.START)

    async def _control(self, view: SessionView, action: Action) -> None:
        reply = await self._live.control(HOUSE, Control(secrets.token_hex(8), view.session, action))
        if not reply.ok:
            raise Unavailable(f"{action} of {view.title!r}: {reply.detail}")


def _athlete(name: str) -> Athlete:
    number = name.rpartition("-")[2]
    return Athlete(
        athlete_id=ATHLETE + number,
        name=name,
        ftp_w=160 + int(number) % 16 * 10,
        max_hr_bpm=190,
        weight_kg=70.0,
        demo=True,
    )
