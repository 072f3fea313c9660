"""What the hub's end of the uplink says: frames to send, and what the hub should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hub.wire.uplink import (
    Adapters,
    CommandReply,
    Hello,
    Sensors,
    StreamHeader,
    Trainers,
    UpBeat,
)
from hub.wire.uplink_stream import Token
from hub.wire.values import Reading


class PlacedReading(NamedTuple):
    """A reading on the hub's time line; `time_estimated` if the gateway's clock was unmeasured."""

    reading: Reading
    at_ms: int
    time_estimated: bool


@dataclass(frozen=True, slots=True)
class Send:
    peer: bytes
    frame: bytes


@dataclass(frozen=True, slots=True)
class GatewayUp:
    gateway: str
    hello: Hello


@dataclass(frozen=True, slots=True)
class GatewayDown:
    """`reason`: "silent", "replaced", "malformed", the gateway's own or the shell's."""

    gateway: str
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """State or an answer of a gateway; the newest state wins."""

    gateway: str
    message: Sensors | Trainers | Adapters | CommandReply | UpBeat


@dataclass(frozen=True, slots=True)
class Took:
    """Readings that arrived. `fresh`: not shown before, for fusion, at once.

    With a `token`, `readings` are the numbers `from_seq … to_seq` of the token and go to the
    journal; none of them and a `gap_reason` mean that they do not exist. Without one nothing is
    recorded: they will be sent again.
    """

    gateway: str
    header: StreamHeader
    readings: tuple[PlacedReading, ...]
    fresh: tuple[PlacedReading, ...]
    backfill: bool
    token: Token | None
    gap_reason: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """The stream is wholly committed: forget its number in the store, then call `retired`."""

    gateway: str
    epoch: str


Event = Send | GatewayUp | GatewayDown | Said | Took | Forget
