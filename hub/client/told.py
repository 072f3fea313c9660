"""What a client tells its caller: most of the hub's messages, and what becomes of the link."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.wire.live_to_client import (
    Bye,
    Error,
    Event,
    Gap,
    Presence,
    SeatsState,
    SensorsState,
    Snapshot,
    State,
    Welcome,
)


class Status(StrEnum):
    CONNECTING = "connecting"  # never had an answer
    LIVE = "live"
    AWAY = "away"  # lost, coming back by itself
    REFUSED = "refused"  # the hub said not to come back


class LinkChanged(msgspec.Struct, frozen=True):
    """`reason`: the hub's words, or the system's."""

    status: Status
    reason: str = ""


Told = (
    Welcome
    | State
    | Event
    | Snapshot
    | SensorsState
    | SeatsState
    | Presence
    | Gap
    | Error
    | Bye
    | LinkChanged
)
