"""The lines of a recording: everything that crossed the port of `gateway.radio`. Pure.

`at_us` counts from the start of the recording; a call stands where it ended, `took_us` after it
began. Radios, devices and links are numbered within the file: no address is in it. A link is one
`Connection`, one attempt at one device.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hub.wire.uplink import Assignments, Command, Plan

FORMAT = 1
SECONDS_MAX = 86_400

Us = Annotated[int, msgspec.Meta(ge=0, le=SECONDS_MAX * 1_000_000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Char = Annotated[str, msgspec.Meta(max_length=8)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Data = Annotated[bytes, msgspec.Meta(max_length=512)]  # an attribute's length: Core 5.4 3.F.3.2.9


class Header(msgspec.Struct, frozen=True, rename={"format": "derny_recording"}):
    """The first line. What a later format adds to it is skipped."""

    format: int
    software: str = ""
    platform: str = ""


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """A RadioError."""

    failure: Text
    problem: Text
    cause: Text


CANCELLED = Fault("", "cancelled", "CancelledError")  # whoever called gave up waiting


class Line(msgspec.Struct, frozen=True, array_like=True):
    at_us: Us


class RadioSeen(msgspec.Struct, frozen=True, array_like=True):
    radio: Number
    name: Text
    simulated: bool


class Looked(Line, frozen=True, tag="look"):
    """Written when the adapters have changed."""

    radios: tuple[RadioSeen, ...]


class ServiceGone(Line, frozen=True, tag="service_gone"):
    pass


class AdaptersChanged(Line, frozen=True, tag="adapters_changed"):
    pass


class Scanned(Line, frozen=True, tag="scan"):
    took_us: Us
    radio: Number
    everything: bool
    fault: Fault | None = None


class Heard(Line, frozen=True, tag="adv"):
    radio: Number
    device: Number
    name: Text
    services: tuple[Char, ...]
    rssi_dbm: int | None


class Orphan(msgspec.Struct, frozen=True, array_like=True):
    device: Number
    name: Text
    services: tuple[Char, ...]


class Orphans(Line, frozen=True, tag="orphans"):
    took_us: Us
    radio: Number
    found: tuple[Orphan, ...]
    fault: Fault | None = None


class Cycled(Line, frozen=True, tag="power_cycle"):
    took_us: Us
    radio: Number
    fault: Fault | None = None


class Begun(Line, frozen=True, tag="begin"):
    """A connection was asked for."""

    link: Number
    radio: Number
    device: Number
    fault: Fault | None = None


class Opened(Line, frozen=True, tag="open"):
    took_us: Us
    link: Number
    chars: dict[Char, tuple[Text, ...]]
    fault: Fault | None = None


class Read(Line, frozen=True, tag="read"):
    took_us: Us
    link: Number
    char: Char
    data: Data
    fault: Fault | None = None


class Wrote(Line, frozen=True, tag="write"):
    took_us: Us
    link: Number
    char: Char
    data: Data
    fault: Fault | None = None


class Subscribed(Line, frozen=True, tag="subscribe"):
    took_us: Us
    link: Number
    char: Char
    fault: Fault | None = None


class Notified(Line, frozen=True, tag="n"):
    link: Number
    char: Char
    data: Data


class Gone(Line, frozen=True, tag="gone"):
    """The link was lost."""

    link: Number


class Closed(Line, frozen=True, tag="close"):
    took_us: Us
    link: Number
    well: bool


class Planned(Line, frozen=True, tag="plan"):
    """`hub_ms`: hub time then, as far as it was known. `plan.trainer` is a device's number."""

    hub_ms: int | None
    plan: Plan


class Assigned(Line, frozen=True, tag="assign"):
    """Sensors are devices' numbers; athletes are numbered within the file."""

    hub_ms: int | None
    assignments: Assignments


class Commanded(Line, frozen=True, tag="command"):
    command: Command


class Stopping(Line, frozen=True, tag="stopping"):
    """The gateway was told to stop: what follows is how it lets go."""


class Ended(Line, frozen=True, tag="end"):
    """The last line, unless the process was killed."""

    reason: Text


Record = (
    Looked
    | ServiceGone
    | AdaptersChanged
    | Scanned
    | Heard
    | Orphans
    | Cycled
    | Begun
    | Opened
    | Read
    | Wrote
    | Subscribed
    | Notified
    | Gone
    | Closed
    | Planned
    | Assigned
    | Commanded
    | Stopping
    | Ended
)
