"""What was heard and not yet taken. Events wait in order; of state only the newest does."""

from __future__ import annotations

import asyncio
from collections import deque

from hub.client.told import Told
from hub.wire.live_to_client import State

# Then reading stops until the caller has taken some; the hub sends a reader away that is slow with
# events, and it comes back with its offset. Nothing is lost.
WAITING_MAX = 1_024


class Inbox:
    def __init__(self) -> None:
        self._queue: deque[Told] = deque()
        self._states: dict[str, State] = {}  # by channel; their places are in the queue
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._over: Exception | None = None

    def put(self, told: Told) -> None:
        if isinstance(told, State):
            waits = told.channel in self._states
            self._states[told.channel] = told
            if waits:
                return
        self._queue.append(told)
        self._news.set()

    def end(self, how: Exception) -> None:
        """Nothing will come any more: who waits gets `how`, after all that is there."""
        self._over = how
        self._news.set()

    async def take(self) -> Told:
        """Raises what `end` said."""
        while not self._queue:
            if self._over is not None:
                raise self._over
            self._news.clear()
            await self._news.wait()
        told = self._queue.popleft()
        self._room.set()
        return self._states.pop(told.channel) if isinstance(told, State) else told

    async def room(self) -> None:
        """Until there is some."""
        while len(self._queue) >= WAITING_MAX:
            self._room.clear()
            await self._room.wait()
