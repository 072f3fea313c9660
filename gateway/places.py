"""The adapters as a sensor sees them: who gives it one to connect with, and when."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from gateway.link_events import Failure
from gateway.radio import Connection, Radio

if TYPE_CHECKING:
    from gateway.adapter_desk import AdapterDesk
    from gateway.sensor import Sensor


class Place(Protocol):
    """The adapter that one attempt was given."""

    adapter_id: str

    @property
    def name(self) -> str: ...

    @property
    def radio(self) -> Radio: ...

    def connecting(self) -> AbstractAsyncContextManager[None]:
        """Around the one connect that was granted. To be entered at once after `Places.turn`."""

    def take(self, connection: Connection) -> None:
        """Within `connecting`: this connection holds a slot until it is released."""

    def release(self, connection: Connection) -> None: ...

    def failed(self, failure: Failure) -> None:
        """An attempt failed: the adapter itself may be the reason."""


class Places(Protocol):
    """All adapters, shared by all sensors."""

    async def turn(self, sensor: Sensor) -> Place:
        """Waits until the planner gives `sensor` an adapter to connect with, now."""

    def begun(self, sensor: Sensor) -> None:
        """It connects: whoever listens need not expect to hear it."""

    def ended(self, sensor: Sensor, place: Place, well: bool) -> None:
        """A link or an attempt ended; not `well`: for a reason that may lie at the place."""


class Turn:
    """One sensor's wait for an adapter."""

    def __init__(self, asked_ms: int) -> None:
        self.asked_ms = asked_ms
        self._desk: AdapterDesk | None = None
        self._granted: asyncio.Future[AdapterDesk] = asyncio.get_running_loop().create_future()

    @property
    def waiting(self) -> bool:
        return not self._granted.done()

    def grant(self, desk: AdapterDesk) -> None:
        """Only while it is `waiting`."""
        self._desk = desk
        desk.grant()
        self._granted.set_result(desk)

    async def wait(self) -> AdapterDesk:
        try:
            return await self._granted
        except asyncio.CancelledError:
            if self._desk is not None:  # granted, and given up before it knew
                self._desk.revoke()
            raise
