"""Views: what the snapshots of a channel show."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.wire.uplink import AdapterState, LinkStatus, Mode, SensorKind, SpinDown, TrainerStatus
from hub.wire.values import Cue, Metric, Target

CUES_MAX = 64


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


class ZonesView(msgspec.Struct, frozen=True):
    """An athlete's zones: zone i + 1 is `names[i]`, from `lows[i]` up to the next one's low.

    A zone includes its lower bound; the top one is open.
    """

    names: tuple[str, ...]
    lows: tuple[float, ...]  # W or bpm


class AthleteView(msgspec.Struct, frozen=True, omit_defaults=True):
    athlete: str
    name: str
    trim_pct: int
    trims: dict[str, int] = {}  # per cent by kind of step, where it differs from `trim_pct`
    ftp_w: int | None = None
    ftp_assumed: bool = False
    max_hr_bpm: int | None = None
    power_zones: ZonesView | None = None  # None: a threshold that they rest on is not known
    heart_zones: ZonesView | None = None
    weight_kg: float | None = None  # only where granted
    demo: bool = False
    by_hand: Target | None = None  # held in phases that have no target of their own
    steered: bool = True  # False: the rider set the trainer free
    sources: dict[Metric, tuple[SourceView, ...]] = {}
    trainer: TrainerView | None = None
    activity: str = ""  # what was ridden, when the athlete's own lane is over before the session


class CoachView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who leads a session. `away_since_ms`: no device of theirs is connected; it runs on."""

    name: str  # "" where only the role is known
    away_since_ms: int | None = None
    you: bool = False
    role: str = ""  # "owner" sees everybody's numbers, "coach" what is granted; "": not known


class WatcherView(msgspec.Struct, frozen=True):
    """Somebody who may see the viewer's numbers and has them on a screen."""

    name: str  # "" where only the role is known
    role: str
    devices: int


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
