"""What the live part needs from the rest of the hub, as far as it needs it.

`hub.app` hands over the real things: the store's repositories, the uplink, the activity builder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from hub.auth.grants import Grant
from hub.auth.policy import Act, Object
from hub.auth.principal import Principal
from hub.core.heart_model import Gain
from hub.live.session_state import Session
from hub.store.rows import (
    Assignment,
    Athlete,
    Bike,
    Entry,
    KnownSensor,
    NewEntry,
    Preference,
    Seat,
    SessionRow,
)
from hub.wire import uplink as wire
from hub.wire.uplink import Command, CommandReply, Plan
from hub.wire.values import Metric, Reading

May = Callable[[Principal, Act, Object], bool]

# Builds the activities of those whose ride is over, and not yet among the session's; athlete ->
# activity. Called again after a failure and after a reopened ride ended anew, so the same session
# must give the same ids.
OnFinished = Callable[[Session], Awaitable[Mapping[str, str]]]

# One reading on the hub's time line: reading, hub ms, whether that time is only estimated.
Placed = tuple[Reading, int, bool]


class Sessions(Protocol):
    """The durable sessions. Any method may raise hub.core.errors.Unavailable."""

    async def create(self, session: SessionRow, entries: Sequence[NewEntry] = ()) -> int: ...

    async def append(self, session_id: str, entries: Sequence[NewEntry]) -> int:
        """All or nothing, durable on return; the last offset."""

    async def log(self, session_id: str) -> list[Entry]: ...

    async def open_sessions(self) -> list[SessionRow]: ...

    async def get(self, session_id: str) -> SessionRow:
        """Raises NotFound."""

    async def close(self, session_id: str, now: int) -> None: ...

    async def reopen(self, session_id: str) -> None: ...


class Athletes(Protocol):
    async def list(self) -> list[Athlete]: ...

    async def preferences(self, athlete_id: str) -> Sequence[Preference]: ...

    async def prefer(self, athlete_id: str, metric: Metric, sensor_id: str) -> None:
        """`sensor_id` "" forgets the choice."""


class Assignments(Protocol):
    async def current(self) -> Sequence[Assignment]: ...

    async def assign(
        self, sensor_id: str, athlete_id: str, now: int, *, gateway: str = "", swap: bool = False
    ) -> Assignment:
        """Under a new lease. Raises a Conflict of code `taken`, unless `swap`."""

    async def hold(self, sensor_id: str, gateway: str) -> Assignment:
        """The gateway holds the sensor from now on, under a new lease unless it already does."""

    async def release(self, sensor_id: str, now: int) -> Assignment | None: ...


class Bikes(Protocol):
    """The bikes of the room and who sits on them. Any method may raise Unavailable."""

    async def list(self) -> Sequence[Bike]: ...

    async def put(self, bike: Bike) -> None:
        """Raises Conflict for a name or a sensor that another bike has."""

    async def remove(self, bike_id: str) -> None: ...

    async def open_seats(self) -> Sequence[Seat]:
        """Those that stand, and ended ones that are not cleared."""

    async def said(self, by: str, key: str) -> bool:
        """Whether this command of this login was carried out before."""

    async def change(self, ended: Sequence[Seat], begun: Sequence[Seat], now: int) -> None:
        """All or nothing, durable on return."""

    async def cleared(self, seat: Seat) -> None: ...

    async def bind(self, seat: Seat, session_id: str) -> None: ...


class Memory(Protocol):
    """What is remembered of sensors that are away."""

    def known(self, sensor_id: str) -> KnownSensor | None: ...

    async def alias(self, sensor_id: str, same_as: str) -> None:
        """Durable on return. Raises NotFound, Unavailable."""


class TrainerSettings(Protocol):
    """What is settled for trainers. Any method may raise Unavailable."""

    async def read_only(self) -> set[str]: ...

    async def leave_alone(self, sensor_id: str, on: bool) -> None: ...


class Gains(Protocol):
    """What athletes' hearts answer to power. Any method may raise Unavailable."""

    async def all(self) -> Mapping[str, Gain]: ...

    async def keep(self, athlete_id: str, gain: Gain, now: int) -> None: ...


class GrantStore(Protocol):
    """What athletes share. Any method may raise Unavailable."""

    async def all(self) -> Sequence[Grant]: ...

    async def put(self, grant: Grant, by: str, now: int) -> None: ...

    async def remove(self, athlete_id: str, grantee: str) -> None: ...


class Uplink(Protocol):
    """Down to the gateways. Sending to one that is away is no error: it is said again at HELLO."""

    def send_plan(self, gateway: str, plan: Plan) -> None: ...

    def send_assignments(self, gateway: str, assignments: wire.Assignments) -> None: ...

    def send_command(self, gateway: str, command: Command) -> Awaitable[CommandReply]:
        """The answer; it need not be waited for."""
