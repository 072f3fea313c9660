"""Rides measured anew by figures that count from an earlier date: "recompute since".

What is asked for stands in the store until it is done, so that a hub that dies goes on with it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from hub.core.errors import NotFound, Unavailable
from hub.core.figures import BIKE, until
from hub.people import People
from hub.recorder import Recorder
from hub.store.activities import Activities
from hub.store.thresholds import ThresholdBook, Waiting

RETRY_S = 30.0
REST = 9  # times what a ride took: however many there are, nine tenths of the time are others'
FAR_MS = 1 << 52

log = structlog.get_logger(__name__)


class Remeasure:
    def __init__(
        self,
        book: ThresholdBook,
        activities: Activities,
        recorder: Recorder,
        people: People,
        *,
        rest: float = REST,
    ) -> None:
        self._book = book
        self._activities = activities
        self._recorder = recorder
        self._people = people
        self._rest = rest
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Something was stored that waits."""
        self._asked.set()

    async def run(self) -> None:
        """For ever, as a task."""
        self._asked.set()  # what an earlier hub left
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                for waiting in await self._book.waiting():
                    await self._carry_out(waiting)
            except Unavailable as error:
                log.warning("rides_not_measured", reason=str(error))
                await asyncio.sleep(RETRY_S)
                self._asked.set()

    async def _carry_out(self, waiting: Waiting) -> None:
        athlete_id, sport, since, _ = waiting
        ends = until(self._people.versions(athlete_id, sport), since)
        ids = await self._activities.begun_between(
            athlete_id, _midnight_ms(since), FAR_MS if ends is None else _midnight_ms(ends)
        )
        loop = asyncio.get_running_loop()
        changed = 0
        for activity_id in ids:
            began_s = loop.time()
            changed += await self._measure(activity_id, sport)
            await asyncio.sleep(self._rest * (loop.time() - began_s))
        await self._book.done(waiting)
        log.info("rides_measured", rides=changed)

    async def _measure(self, activity_id: str, sport: str) -> bool:
        """By what counts on the ride's own day now, whatever was said since it was asked for."""
        try:
            activity = await self._activities.get(activity_id)
        except NotFound:
            return False
        if (BIKE if activity.workout is None else activity.workout.sport) != sport:
            return False
        date = self._people.date_of(activity.started_unix_ms)
        figures = self._people.on(activity.athlete_id, sport, date)
        return await self._recorder.measure(activity_id, figures)


def _midnight_ms(date: str) -> int:
    """Unix time at which a day of this computer's calendar begins."""
    return int(datetime.fromisoformat(date).astimezone().timestamp() * 1000)
