"""Hub <-> clients: the messages of `/live`. One socket, many channels, two lanes.

State lane: `state` frames, newest wins, acknowledged once a second, never queued for a slow reader.
Event lane: `event` frames, numbered per channel by its durable log, never lost: a client comes back
with `(epoch, offset)` and gets what it missed, or `gap` and a fresh `snapshot`.
Times are hub time in ms; the client maps them with `clock`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.wire.codec import Codec
from hub.wire.uplink import AdapterState, LinkStatus, Mode, SensorKind, SpinDown, TrainerStatus
from hub.wire.values import Cue, Metric, Quality, Target

PROTOCOL_VERSION = 1
FRAME_BYTES_MAX = 16 * 1024  # from a client: its largest honest message is far below
MESSAGE_CHARS_MAX = 200
CHANNELS_MAX = 16  # per socket
ACK_MS = 1_000

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]  # idempotency key
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class CloseCode:
    """1001, 1006, 1012 and 4000–4499: come back after `retry_ms`. 4500–4999: do not."""

    SLOW = 4008
    TOO_MANY = 4029
    EXPIRED = 4500
    FORBIDDEN = 4503
    VERSION = 4510
    PROTOCOL = 4520


# What a `state` row holds, in this order; `fields` announces it, so that clients never guess.
# Each metric is value (null without a live number), measured at, quality (index in QUALITIES).
METRIC_FIELDS: tuple[str, ...] = tuple(
    f"{metric}{suffix}" for metric in Metric for suffix in ("", ".at_ms", ".q")
)
DERIVED_FIELDS = (
    "power_3s_w",
    "power_zone",  # 1-7
    "heart_rate_zone",  # 1-5
    "target_w",  # now, after trim; null when free
    "phase",  # number of the phase that the next columns are of; null before the start
    "target_dimension",  # hub.core.target.Dimension of the two after it; null: no target
    "target_low",  # what is asked of this athlete now, in watts, bpm, rpm ...
    "target_high",
    "next_dimension",  # the same of the phase after it, at its beginning
    "next_low",
    "next_high",
    "until_left",  # m, kJ or bpm until a phase that ends by them is over
    "interval_average_w",
    "weighted_power_w",
    "on_target_pct",  # of this interval's time
    "held_w",  # what the trainer is asked for so that it holds the heart rate; null: nothing is
    "held_why",  # and why, in words
    "work_kj",
    "distance_m",
)
ROW_FIELDS: tuple[str, ...] = ("athlete", *METRIC_FIELDS, *DERIVED_FIELDS)
QUALITIES: tuple[Quality, ...] = tuple(Quality)


# Views: what a snapshot shows


class TargetView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step asks for, in its author's unit. A ramp has another range at its end.

    `effort`: the share of FTP that it is about as hard as, at its begin and end, for heights and
    colours; none: nobody can tell (watts need the rider's FTP).
    """

    unit: str  # hub.core.target.Unit, "free" or "max"
    low: float | None = None
    high: float | None = None
    end_low: float | None = None
    end_high: float | None = None
    effort: tuple[float, float] | None = None


class TextView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the author, shown from `at_ms` of riding time into the phase on."""

    at_ms: int
    text: str
    say: bool = False


class PhaseView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One phase of a lane's timeline: one visit to step `i`, which may come again.

    `until`: "time" | "distance" | "work" | "lap" | "heart_rate". All but time are open-ended
    (`ends_at_ms` None), at the latest at `ends_by_at_ms`; `until_amount` is in m or kJ, and the
    lap button ends them too. `ramp_ms`: riding time over which the target goes to its end; a phase
    that was extended holds it then.
    Before the start, and while paused, times ahead are as if the lane went on now; `ridden_ms`
    counts riding time from the lane's start to this phase's beginning and does not move.
    """

    i: int
    name: str
    kind: str  # hub.core.workout.StepKind
    begins_at_ms: int
    ends_at_ms: int | None
    ridden_ms: int
    duration_ms: int | None
    target: TargetView
    ramp_ms: int = 0
    until: str = "time"
    until_amount: float | None = None
    ends_by_at_ms: int | None = None
    cadence_rpm: tuple[int, int] | None = None
    set_index: int = 0  # "interval 2 of 4": 1-based among like steps; 0 outside a set
    set_count: int = 0
    texts: tuple[TextView, ...] = ()


class LaneView(msgspec.Struct, frozen=True, omit_defaults=True):
    """`phase`: place in `phases` of the one under way, -1 before the start.

    `undo_until_at_ms`: up to then the last control of the lane can be taken back.
    """

    lane: str  # "group", or the athlete whose own lane it is
    status: str  # "ready" | "running" | "paused" | "finished"
    rev: int
    started_at_ms: int | None
    paused_at_ms: int | None
    ridden_ms: int  # riding time up to `as_of_ms`; grows with the clock while running
    as_of_ms: int
    phase: int
    phases: tuple[PhaseView, ...]
    cues: tuple[Cue, ...]  # ahead, at most CUES_MAX
    undo_until_at_ms: int | None = None
    auto_paused: bool = False  # goes on when somebody pedals


CUES_MAX = 64


class SourceView(msgspec.Struct, frozen=True):
    sensor_id: str
    name: str
    chosen: bool  # in use right now
    preferred: bool  # the athlete asked for this one


class TrainerView(msgspec.Struct, frozen=True, omit_defaults=True):
    sensor_id: str
    name: str
    status: TrainerStatus
    reason: str = ""
    follows_until_at_ms: int | None = None  # end of the plan that the gateway holds
    modes: tuple[Mode, ...] = ()  # kinds of target that it takes, as far as is known
    spin_down: SpinDown | None = None
    read_only: bool = False  # another app steers it


class AthleteView(msgspec.Struct, frozen=True, omit_defaults=True):
    athlete: str
    name: str
    trim_pct: int
    trims: dict[str, int] = {}  # per cent by kind of step, where it differs from `trim_pct`
    ftp_w: int | None = None
    ftp_assumed: bool = False
    max_hr_bpm: int | None = None
    weight_kg: float | None = None  # only where granted
    demo: bool = False
    by_hand: Target | None = None  # held in phases that have no target of their own
    steered: bool = True  # False: the rider set the trainer free
    sources: dict[Metric, tuple[SourceView, ...]] = {}
    trainer: TrainerView | None = None


class SessionView(msgspec.Struct, frozen=True, omit_defaults=True):
    session: str
    title: str
    workout: str  # workout id; "" for a free ride
    status: str  # of the lane that this view leads with
    lanes: tuple[LaneView, ...]
    athletes: tuple[AthleteView, ...]
    demo: bool = False
    activity: str = ""  # the viewer's own activity once finished
    open: bool = False  # a class: who takes a bike comes in
    pace: str = "group"  # "self": a lane for each athlete
    auto_start: bool = False
    auto_pause: bool = False


class SensorView(msgspec.Struct, frozen=True, omit_defaults=True):
    sensor: str
    name: str
    kinds: tuple[SensorKind, ...]
    link: LinkStatus
    gateway: str
    seen_at_ms: int
    rssi_dbm: int | None = None
    battery_pct: int | None = None
    model: str = ""
    athlete: str = ""
    athlete_name: str = ""
    problem: str = ""
    simulated: bool = False
    last: dict[Metric, float] = {}
    last_at_ms: int = 0
    trainer: TrainerStatus | None = None
    read_only: bool = False  # a trainer that another app steers
    spin_down: SpinDown | None = None
    adapter: str = ""


class GatewayView(msgspec.Struct, frozen=True):
    gateway: str
    up: bool
    since_at_ms: int
    adapters: tuple[AdapterState, ...]
    reason: str = ""


class SensorsView(msgspec.Struct, frozen=True):
    """Channel `sensors`: whole each time it changed, at most twice a second."""

    sensors: tuple[SensorView, ...]
    gateways: tuple[GatewayView, ...]
    free_slots: int | None = None  # so many more sensors fit; None: no radio has said


class BikeState(StrEnum):
    FREE = "free"
    TAKEN = "taken"
    YOURS = "yours"


class BikeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bike of the room, as one viewer may see it."""

    bike: str
    name: str
    state: BikeState
    here: bool = False  # a gateway hears its trainer
    moving: bool = False  # somebody pedals on it; told of bikes without a rider only
    athlete: str = ""  # who sits there, where the viewer may know
    athlete_name: str = ""
    sensors: tuple[str, ...] = ()  # fixed to it, for who names bikes


class AskKind(StrEnum):
    WHICH_BIKE = "which_bike"  # several began to turn at once
    STRAP = "strap"  # is the nearest strap yours?
    SAME_STRAP = "same_strap"  # is this the strap you had under another name?
    GIVE_UP = "give_up"  # somebody else says that they sit on your bike
    SWAPPED = "swapped"  # two straps follow each other's legs


class AskView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question to this viewer; answered by POST /api/asks/{ask}."""

    ask: str
    kind: AskKind
    bikes: tuple[str, ...] = ()  # which_bike: to choose from; give_up: the one
    name: str = ""  # of the strap
    other: str = ""  # same_strap: the name it had
    athletes: tuple[str, ...] = ()  # swapped: the others' names, "" for one not to be known
    answered: bool = False  # by this viewer; the other one has not said yet


class SeatsView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Channel `seats`: whole each time it changed, at most twice a second."""

    bikes: tuple[BikeView, ...]
    asks: tuple[AskView, ...] = ()
    session: str = ""  # the class that is open
    title: str = ""
    asking_until_ms: int | None = None  # the viewer waits for a bike that begins to turn
    wanted: str = ""  # the bike that its rider was asked to give up for the viewer


# Events: what a session's durable log tells its viewers, tagged by `e`


class Timeline(msgspec.Struct, frozen=True, tag_field="e", tag="timeline"):
    """The lane's whole timeline, announced ahead. A higher `rev` replaces the lower one."""

    lane: LaneView
    cause: str  # the input that moved the lane (docs/reference/live-protocol.md), or "phase"


class Lapped(msgspec.Struct, frozen=True, tag_field="e", tag="lap"):
    athlete: str
    at_ms: int
    number: int


class Trimmed(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="e", tag="trim"):
    """`athlete` "": everybody. `kind`: of steps of this kind only; "": of the others."""

    athlete: str
    trim_pct: int
    kind: str = ""


class Membership(msgspec.Struct, frozen=True, tag_field="e", tag="membership"):
    athletes: tuple[AthleteView, ...]


class SourceSwitched(msgspec.Struct, frozen=True, tag_field="e", tag="source"):
    """The metric's source changed in mid-ride: by choice, or because the old one fell silent."""

    athlete: str
    metric: Metric
    sensor_id: str
    name: str
    cause: str  # "chosen" | "lost" | "returned"
    at_ms: int


class TrainerChanged(msgspec.Struct, frozen=True, tag_field="e", tag="trainer"):
    athlete: str
    trainer: TrainerView


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="e", tag="message"):
    """What the coach says, shown and spoken; `to` an athlete goes to nobody else."""

    text: str
    at_ms: int
    to: str = ""  # athlete; "" for everybody


class Finished(msgspec.Struct, frozen=True, tag_field="e", tag="finished"):
    """The session ended; `activities` maps each athlete to the activity that it became."""

    at_ms: int
    cause: str  # "workout" | "stop" | "idle"
    activities: dict[str, str]


EventBody = (
    Timeline | Lapped | Trimmed | Membership | SourceSwitched | TrainerChanged | Message | Finished
)

# Client -> hub


class Resume(msgspec.Struct, frozen=True):
    epoch: str
    offset: int


class Hello(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="hello"):
    """First message. `token` where there is no cookie; never in the URL."""

    v: int
    client: Name
    token: Annotated[str, msgspec.Meta(max_length=2048)] = ""


class Subscribe(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="subscribe"):
    """`channel`: `session:ID`, `athlete:ID`, `sensors` or `seats`.

    `rate_hz`, of the state lane: 1, 2, 4.
    """

    channel: Name
    rate_hz: Annotated[int, msgspec.Meta(ge=1, le=4)] = 2
    resume: Resume | None = None


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="t", tag="unsubscribe"):
    channel: Name


class Ack(msgspec.Struct, frozen=True, tag_field="t", tag="ack"):
    """The newest state frame seen; sent each ACK_MS while frames arrive."""

    n: Annotated[int, msgspec.Meta(ge=0)]


class Clock(msgspec.Struct, frozen=True, tag_field="t", tag="clock"):
    sent_ms: float  # client's own clock, any origin


class Refresh(msgspec.Struct, frozen=True, tag_field="t", tag="refresh"):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class Action(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    LAP = "lap"
    SKIP = "skip"
    BACK = "back"  # to the step before this one
    JUMP = "jump"  # to the step `to`
    EXTEND = "extend"  # this step by `by_s`, or shorten it
    REPEAT = "repeat"  # this step once more after it
    COOL_DOWN = "cool_down"
    UNDO = "undo"  # the last control of the lane, up to 10 s later
    STOP = "stop"
    TRIM = "trim"
    RETRY_TRAINER = "retry_trainer"
    FREE_TRAINER = "free_trainer"
    DIAL = "dial"  # power, grade or resistance by hand
    MESSAGE = "message"  # the coach's, to one rider or all


class Control(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="control"):
    """One command to a session. The same `key` again gets the same reply and does nothing.

    `athlete`: whom it is about, "*" everybody. In a session of the riders' own pace a control of a
    lane moves that athlete's, and without one every lane.
    """

    key: Key
    session: Name
    action: Action
    athlete: Annotated[str, msgspec.Meta(max_length=80)] = ""
    trim_pct: Annotated[int, msgspec.Meta(ge=50, le=150)] | None = None
    target: Target | None = None  # of "dial"
    kind: Annotated[str, msgspec.Meta(max_length=16)] = ""  # of "trim": of such steps only
    to: Annotated[int, msgspec.Meta(ge=0, le=1_000)] | None = None  # of "jump", from 0
    by_s: Annotated[int, msgspec.Meta(ge=-3_600, le=3_600)] | None = None  # of "extend"
    text: Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)] = ""  # of "message"


class Prefer(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="prefer"):
    """Take this metric from this sensor; `sensor_id` "" returns to the order of precedence."""

    key: Key
    athlete: Name
    metric: Metric
    sensor_id: Annotated[str, msgspec.Meta(max_length=80)] = ""


FromClient = Hello | Subscribe | Unsubscribe | Ack | Clock | Refresh | Control | Prefer

# Hub -> client


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    v: int
    hub_ms: int
    build: str
    role: str
    athlete: str  # the viewer's own athlete id; "" for a display


class Fields(msgspec.Struct, frozen=True, tag_field="t", tag="fields"):
    """Once per subscription, before its first `state`: names of row columns and of qualities."""

    channel: str
    fields: tuple[str, ...]
    qualities: tuple[Quality, ...]


class State(msgspec.Struct, frozen=True, tag_field="t", tag="state"):
    """Rows that changed since the viewer's last frame (`whole`: every row). Encoded by fan-out."""

    channel: str
    n: int
    at_ms: int
    whole: bool
    rows: tuple[tuple[str | float | int | None, ...], ...]


class Event(msgspec.Struct, frozen=True, tag_field="t", tag="event"):
    """One line of the channel's log.

    An `offset` that the viewer has already is a refresh that is not in the log (a phase that
    began, with the cues behind it): applied as well, by its `rev`.
    """

    channel: str
    offset: int
    body: EventBody


class Snapshot(msgspec.Struct, frozen=True, tag_field="t", tag="snapshot"):
    """Where the channel stands; events go on from `offset`."""

    channel: str
    epoch: str
    offset: int
    session: SessionView


class SensorsState(msgspec.Struct, frozen=True, tag_field="t", tag="sensors"):
    at_ms: int
    view: SensorsView


class SeatsState(msgspec.Struct, frozen=True, tag_field="t", tag="seats"):
    at_ms: int
    view: SeatsView


class Gap(msgspec.Struct, frozen=True, tag_field="t", tag="gap"):
    """What the client missed can no longer be replayed; a snapshot follows."""

    channel: str


class ClockReply(msgspec.Struct, frozen=True, tag_field="t", tag="clock"):
    sent_ms: float
    received_ms: float
    answered_ms: float


class Reply(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="reply"):
    """Answer to `control` and `prefer`. `effect_at_ms`: when it happens on every device."""

    key: str
    ok: bool
    code: str = ""
    detail: str = ""
    effect_at_ms: int | None = None


class Error(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="error"):
    """A message was refused: whose fault, and what to do, in `detail`."""

    code: str
    detail: str
    channel: str = ""


class Bye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    reason: str
    retry_ms: int | None


ToClient = (
    Welcome
    | Fields
    | State
    | Event
    | Snapshot
    | SensorsState
    | SeatsState
    | Gap
    | ClockReply
    | Reply
    | Error
    | Bye
)

FROM_CLIENT: Codec[FromClient] = Codec(FromClient, FRAME_BYTES_MAX)
TO_CLIENT: Codec[ToClient] = Codec(ToClient)
EVENT: Codec[EventBody] = Codec(EventBody)
