"""What happens to one sensor's link, and what it asks of its shell. Pure; the rules: `link.py`.

Whatever belongs to one attempt at the sensor carries that attempt's generation number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.silence import Stream
from hub.wire.uplink import LinkStatus


class Failure(StrEnum):
    """Classes of what goes wrong with a radio; `radio_errors.classify` maps exceptions to them."""

    TRANSIENT = "transient"
    DEVICE_GONE = "gone"  # the operating system no longer knows it: a new advertisement is needed
    ADAPTER_DOWN = "adapter_down"
    OUT_OF_SLOTS = "no_free_slot"
    PROTOCOL = "protocol"  # the device breaks GATT or lacks what its services promise
    BUG = "bug"  # ours: retried slowly, so that one sensor's bug costs the others nothing


# Inputs


@dataclass(frozen=True, slots=True)
class Advertised:
    """Heard on the air, or found still connected to the operating system after a crash."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The connect policy asks for this sensor."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The connect policy lets it go."""


@dataclass(frozen=True, slots=True)
class AdapterDown:
    """The radio as a whole is unplugged, off, or its service is gone."""


@dataclass(frozen=True, slots=True)
class AdapterUp:
    """The radio scans again."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


@dataclass(frozen=True, slots=True)
class ConnectBegun:
    """The adapter's one connect at a time is now this sensor's."""

    generation: int


@dataclass(frozen=True, slots=True)
class ConnectOk:
    generation: int


@dataclass(frozen=True, slots=True)
class Discovered:
    """Device information and features are read."""

    generation: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    generation: int
    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True)
class Notified:
    generation: int
    char: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt ended in an error, at whatever step."""

    generation: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The radio's link-loss callback."""

    generation: int


@dataclass(frozen=True, slots=True)
class ProbeOk:
    generation: int


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    generation: int


Input = (
    Advertised
    | Wanted
    | Unwanted
    | AdapterDown
    | AdapterUp
    | Tick
    | ConnectBegun
    | ConnectOk
    | Discovered
    | Subscribed
    | Notified
    | Failed
    | Disconnected
    | ProbeOk
    | ProbeFailed
)


# Outputs


@dataclass(frozen=True, slots=True)
class Connect:
    """Wait for the adapter's turn, say ConnectBegun, and carry the attempt on to Subscribed."""

    generation: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Read the battery level, or anything readable, and say how it went."""

    generation: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Give the attempt up, queued or connected, in the background and within a bound."""

    generation: int


@dataclass(frozen=True, slots=True)
class Report:
    """The status, the problem or the time of the next try has changed."""

    status: LinkStatus
    problem: str
    retry_ms: int | None


Output = Connect | Probe | Disconnect | Report
