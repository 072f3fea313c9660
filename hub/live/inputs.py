"""What is said in a session: the inputs, and the log entry that carries one. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.core.figures import Figures
from hub.core.target import TRIM_PCT_MAX, TRIM_PCT_MIN, Thresholds
from hub.core.workout import STEP_MS_MAX, StepKind, Workout
from hub.core.zone_schemes import ZoneChoice
from hub.wire.live_from_client import MESSAGE_CHARS_MAX
from hub.wire.values import Metric, Target


class Pace(StrEnum):
    GROUP = "group"  # one lane for everybody
    SELF = "self"  # a lane for each athlete


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
    lthr_bpm: int | None = None
    rest_hr_bpm: int | None = None
    threshold_kmh: float | None = None
    trims: dict[StepKind, int] = {}  # where a kind of step has an intensity of its own
    zones: ZoneChoice = ZoneChoice()

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            ftp_w=self.ftp_w,
            ftp_assumed=self.ftp_assumed,
            max_hr_bpm=self.max_hr_bpm,
            lthr_bpm=self.lthr_bpm,
            rest_hr_bpm=self.rest_hr_bpm,
            weight_kg=self.weight_kg,
            threshold_kmh=self.threshold_kmh,
        )

    @property
    def figures(self) -> Figures:
        return Figures(self.thresholds, self.zones)

    def trim_of(self, kind: StepKind) -> int:
        """The intensity of steps of this kind, in per cent."""
        return self.trims.get(kind, self.trim_pct)


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
    pace: Pace = Pace.GROUP
    auto_start: bool = False  # 3 s of pedalling start it
    auto_pause: bool = False  # it pauses while nobody pedals
    coach: str = ""  # login of who leads it; "": everybody rides for themselves
    coach_name: str = ""
    coach_role: str = ""  # "": of a log from before it was noted


class Join(msgspec.Struct, frozen=True, tag_field="t", tag="join"):
    """Comes in, or, already in, comes with a changed profile; trim and laps stay then."""

    rider: Rider


class Leave(msgspec.Struct, frozen=True, tag_field="t", tag="leave"):
    athlete: str


# What moves lanes. `athlete`, in a session of the riders' own pace: whose lane; "": all lanes.
# In a group it does not matter: there is one lane. `leaves`: the number of the phase that was
# meant, so that a late skip does not throw away the next one.


class Start(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="start"):
    """The first phase begins."""

    athlete: str = ""


class Pause(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="pause"):
    """Riding time stands still."""

    athlete: str = ""


class Resume(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="resume"):
    """Riding time goes on."""

    athlete: str = ""


class AutoStart(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="auto_start"):
    """The athlete has pedalled for long enough: what hub.core.auto said."""

    athlete: str = ""


class AutoPause(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="auto_pause"):
    """The athlete has stopped pedalling."""

    athlete: str = ""


class AutoResume(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="auto_resume"):
    """The athlete pedals again, in a pause that AutoPause began."""

    athlete: str = ""


class Lap(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="lap"):
    """`athlete` "": the coach. In a group or class a rider's lap only marks, for that rider."""

    athlete: str = ""


class Skip(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="skip"):
    """On to the next step."""

    leaves: int | None
    athlete: str = ""


class Met(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="met"):
    """The condition of a step came true at `at_ms`: what hub.core.conditions said."""

    athlete: str = ""
    leaves: int | None = None
    at_ms: int = 0


class Back(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="back"):
    """To the step before this one."""

    athlete: str = ""
    leaves: int | None = None


class Jump(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="jump"):
    """To the step `to`, counted from 0."""

    athlete: str = ""
    to: int = 0
    leaves: int | None = None


class Extend(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="extend"):
    """This step lasts so much longer; shorter when negative."""

    athlete: str = ""
    by_ms: Annotated[int, msgspec.Meta(ge=-STEP_MS_MAX, le=STEP_MS_MAX)] = 0
    leaves: int | None = None


class Repeat(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="repeat"):
    """This step comes once more when it has ended."""

    athlete: str = ""
    leaves: int | None = None


class CoolDown(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="cool_down"):
    """To the cool-down that ends the workout, or to one of ten minutes."""

    athlete: str = ""
    leaves: int | None = None


class Undo(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="undo"):
    """Takes back the last control of the lane, up to 10 s later."""

    athlete: str = ""


class Stop(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="stop"):
    """`athlete` "": the whole session ends."""

    athlete: str = ""


class Trim(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="trim"):
    """`athlete` "": everybody. `kind`: of steps of this kind only, apart from the rest."""

    athlete: str
    trim_pct: Annotated[int, msgspec.Meta(ge=TRIM_PCT_MIN, le=TRIM_PCT_MAX)]
    kind: StepKind | None = None


class Say(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="say"):
    """A message of the coach; `to` "": for everybody."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]
    to: str = ""


class TakeOver(msgspec.Struct, frozen=True, tag_field="t", tag="take_over"):
    """Another login leads the session from now on."""

    coach: str
    coach_name: str
    coach_role: str = ""


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


class Keep(msgspec.Struct, frozen=True, tag_field="t", tag="keep"):
    """What a rider whose own lane is over rode became this activity; the session goes on.

    `activity` "": there was nothing to keep.
    """

    athlete: str
    activity: str


class Close(msgspec.Struct, frozen=True, tag_field="t", tag="close"):
    """The finished session became these activities, by athlete, besides those kept before."""

    activities: dict[str, str]


class Reopen(msgspec.Struct, frozen=True, tag_field="t", tag="reopen"):
    """Back from an idle end, paused where the riders stopped pedalling."""


Move = Skip | Met | Back | Jump | Extend | Repeat | CoolDown
Input = (
    Create
    | Join
    | Leave
    | Start
    | AutoStart
    | Pause
    | AutoPause
    | Resume
    | AutoResume
    | Lap
    | Move
    | Undo
    | Stop
    | Trim
    | Say
    | TakeOver
    | Steer
    | Dial
    | Choose
    | Slept
    | Away
    | Idle
    | Keep
    | Close
    | Reopen
)

# Announced ahead, so that every device does it at the same instant. Undo acts at once: what it
# takes back may not have happened yet.
LEAD_MS: dict[type[Input], int] = dict.fromkeys(
    (
        Start,
        AutoStart,
        Resume,
        AutoResume,
        Skip,
        Met,
        Back,
        Jump,
        Extend,
        Repeat,
        CoolDown,
    ),
    500,
)


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
