"""Events: what a session's durable log tells its viewers, tagged by `e`."""

from __future__ import annotations

import msgspec

from hub.wire.codec import Codec
from hub.wire.live_views import AthleteView, LaneView, TrainerView
from hub.wire.values import Metric


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

EVENT: Codec[EventBody] = Codec(EventBody)
