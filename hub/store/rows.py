"""What the repositories give back: frozen rows in domain words. Times are hub time in ms."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.core.figures import Figures
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric


class Athlete(msgspec.Struct, frozen=True, kw_only=True):
    """`owner`: the athlete of the hub's owner, at most one. `demo`: simulated.

    `guest`: came in by a bike's code, for one class. The figures are those that count now by bike;
    `by_sport` has all of them for each sport of which something is known.
    """

    athlete_id: str
    name: str
    ftp_w: int | None = None
    ftp_assumed: bool = False
    max_hr_bpm: int | None = None
    weight_kg: float | None = None
    demo: bool = False
    owner: bool = False
    guest: bool = False
    by_sport: dict[str, Figures] = {}  # newest version of each


class KnownSensor(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a sensor while it is away.

    `alias_of`: its athlete confirmed that it is that sensor; itself: that it is none of those known
    before; "": nobody has said.
    """

    sensor_id: str
    name: str
    kinds: tuple[SensorKind, ...] = ()
    manufacturer: str = ""
    model: str = ""
    serial_tag: str = ""
    battery_pct: int | None = None
    seen_at_ms: int = 0
    simulated: bool = False
    alias_of: str = ""

    @property
    def is_merged(self) -> bool:
        return self.alias_of not in ("", self.sensor_id)


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor is an athlete's from `from_ms` to `to_ms` (None: still).

    `lease` is the newest number issued in that interval, `gateway` who holds it ("": nobody yet).
    """

    sensor_id: str
    athlete_id: str
    lease: int
    gateway: str
    from_ms: int
    to_ms: int | None = None


class Bike(msgspec.Struct, frozen=True, kw_only=True):
    """A bike of the room, with the trainer and pods that are fixed to it.

    `code` stands in its QR code: who has it may take a seat in a class that is open.
    """

    bike_id: str
    name: str
    code: str
    sensors: tuple[str, ...] = ()


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """An athlete sits on a bike from `from_ms` to `to_ms` (None: still).

    `session_id` is the class it is for, "" before there is one; `by` the login that said so, `key`
    that of its command. `cleared`: the bike's sensors were given back after it ended.
    """

    athlete_id: str
    bike_id: str
    from_ms: int
    to_ms: int | None = None
    session_id: str = ""
    by: str = ""
    key: str = ""
    cleared: bool = False


class Preference(msgspec.Struct, frozen=True):
    metric: Metric
    sensor_id: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated account on a device. The token itself is stored nowhere."""

    login_id: str
    role: str
    athlete_id: str
    created_ms: int
    expires_ms: int


class SessionStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session's frame; what happened in it is its log.

    `workout` is the JSON of the workout as it was when the session was made (b"": a free ride).
    `owner_id` is the athlete who made it, or `SITE` for the house's own (the demo class).
    """

    session_id: str
    owner_id: str
    title: str
    workout_id: str
    workout: bytes
    athletes: tuple[str, ...]
    demo: bool
    created_ms: int
    status: SessionStatus = SessionStatus.OPEN
    closed_ms: int | None = None


SITE = "site"


class EntryKind(StrEnum):
    INPUT = "input"  # what people said: folded to get the session's state
    EVENT = "event"  # what viewers were told: replayed by /live


class NewEntry(msgspec.Struct, frozen=True):
    kind: EntryKind
    at_ms: int
    body: bytes


class Entry(msgspec.Struct, frozen=True):
    """`offset` is the position in the session's log, from 1, without holes."""

    offset: int
    kind: EntryKind
    at_ms: int
    body: bytes


class ClockAnchor(msgspec.Struct, frozen=True):
    """Hub time = CLOCK_BOOTTIME of `boot_id` + `offset_ms`; `last_ms` at the last commit."""

    boot_id: str
    offset_ms: int
    last_ms: int
    epoch: str  # clock epoch: changes when hub time is re-anchored
