"""What is said in a session: the inputs, and the log entry that carries one. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hub.core.target import TRIM_PCT_MAX, TRIM_PCT_MIN, Thresholds
from hub.core.workout import Workout
from hub.wire.values import Metric, Target


class Rider(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An athlete in this session, with the profile that its targets are resolved by."""

    athlete: str
    name: str
    ftp_w: int | None = None
    ftp_assumed: bool = False
    max_hr_bpm: int | None = None
    weight_kg: float | None = None
    demo: bool = False
    trim_pct: int = 100
    steered: bool = True  # False: the rider set the trainer free
    laps: int = 0
    by_hand: Target | None = None  # for phases that have no target of their own

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            ftp_w=self.ftp_w,
            ftp_assumed=self.ftp_assumed,
            max_hr_bpm=self.max_hr_bpm,
            weight_kg=self.weight_kg,
        )


# Inputs


class Create(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="create"):
    """First entry of every log. `epoch` is random: offsets of another one mean nothing here."""

    session: str
    title: str
    epoch: str
    workout_id: str = ""
    workout: Workout | None = None  # None: a free ride
    demo: bool = False
    open: bool = False  # a class: who takes a bike comes in


class Join(msgspec.Struct, frozen=True, tag_field="t", tag="join"):
    """Comes in, or, already in, comes with a changed profile; trim and laps stay then."""

    rider: Rider


class Leave(msgspec.Struct, frozen=True, tag_field="t", tag="leave"):
    athlete: str


class Start(msgspec.Struct, frozen=True, tag_field="t", tag="start"): ...


class Pause(msgspec.Struct, frozen=True, tag_field="t", tag="pause"): ...


class Resume(msgspec.Struct, frozen=True, tag_field="t", tag="resume"): ...


class Lap(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="lap"):
    """`athlete` "": the coach. In a group or class a rider's lap only marks, for that rider."""

    athlete: str = ""


class Skip(msgspec.Struct, frozen=True, tag_field="t", tag="skip"):
    """`leaves`: the phase that was meant, so that a late skip does not throw away the next one."""

    leaves: int


class Stop(msgspec.Struct, frozen=True, tag_field="t", tag="stop"): ...


class Trim(msgspec.Struct, frozen=True, tag_field="t", tag="trim"):
    athlete: str
    trim_pct: Annotated[int, msgspec.Meta(ge=TRIM_PCT_MIN, le=TRIM_PCT_MAX)]


class Steer(msgspec.Struct, frozen=True, tag_field="t", tag="steer"):
    """The rider sets the trainer free (`on` False) or lets the workout steer it again."""

    athlete: str
    on: bool


class Dial(msgspec.Struct, frozen=True, tag_field="t", tag="dial"):
    """The rider sets power, grade or resistance by hand; a free target takes it back."""

    athlete: str
    target: Target


class Choose(msgspec.Struct, frozen=True, tag_field="t", tag="choose"):
    """The athlete wants this metric from this sensor; "": by precedence again."""

    athlete: str
    metric: Metric
    sensor_id: str


class Slept(msgspec.Struct, frozen=True, tag_field="t", tag="slept"):
    """The computer slept from `from_ms` to the entry's time: the reason of the recording's gap."""

    from_ms: int


class Away(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="away"):
    """A gateway that holds riders' sensors is not heard any more (`on` False: it is back).

    `since_ms`: since when, where that was before the entry; a hub that was away itself says so.
    """

    gateway: str
    on: bool = True
    since_ms: int | None = None


class Idle(msgspec.Struct, frozen=True, tag_field="t", tag="idle"):
    """Nobody has turned a pedal since `since_ms`: the session ended then."""

    since_ms: int


class Close(msgspec.Struct, frozen=True, tag_field="t", tag="close"):
    """The finished session became these activities, by athlete."""

    activities: dict[str, str]


class Reopen(msgspec.Struct, frozen=True, tag_field="t", tag="reopen"):
    """Back from an idle end, paused where the riders stopped pedalling."""


Input = (
    Create
    | Join
    | Leave
    | Start
    | Pause
    | Resume
    | Lap
    | Skip
    | Stop
    | Trim
    | Steer
    | Dial
    | Choose
    | Slept
    | Away
    | Idle
    | Close
    | Reopen
)

LEAD_MS: dict[type[Input], int] = {Start: 500, Resume: 500, Skip: 500}


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the log. `by`: login of whoever said it; "" for the hub itself.

    `key`: of the command that it came from, so that a command repeated over a restart is known.
    """

    at_ms: int
    input: Input
    by: str = ""
    key: str = ""


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Entry).decode


def encode(entry: Entry) -> bytes:
    return _ENCODE(entry)


def decode(body: bytes) -> Entry:
    """Raises msgspec.DecodeError for what `encode` never wrote."""
    return _DECODE(body)


def encode_workout(workout: Workout) -> bytes:
    return _ENCODE(workout)
