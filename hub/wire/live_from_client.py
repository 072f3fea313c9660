"""Client -> hub: the messages of `/live`, tagged by `t`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from hub.wire.codec import Codec
from hub.wire.values import Metric, Target

FRAME_BYTES_MAX = 16 * 1024  # a client's largest honest message is far below
MESSAGE_CHARS_MAX = 200

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]  # idempotency key
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


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

    `rate_hz`, of the state lane: 1, 2, 4. `profile` "watch", of a session: the messages of
    `hub.wire.live_watch` instead of the others.
    """

    channel: Name
    rate_hz: Annotated[int, msgspec.Meta(ge=1, le=4)] = 2
    resume: Resume | None = None
    profile: Literal["", "watch"] = ""


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="t", tag="unsubscribe"):
    channel: Name


class Ack(msgspec.Struct, frozen=True, tag_field="t", tag="ack"):
    """The newest state frame seen; sent each ACK_MS while frames arrive."""

    n: Annotated[int, msgspec.Meta(ge=0)]


class Fired(msgspec.Struct, frozen=True, tag_field="t", tag="fired"):
    """The device has carried out a cue: so late by its own clock, early where negative.

    `bound_ms`: how far its clock may be wrong.
    """

    session: Name
    lane: Name
    i: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    late_ms: Annotated[float, msgspec.Meta(ge=-60_000, le=60_000)]
    bound_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)]


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
    TAKE_OVER = "take_over"  # be the coach from now on


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


FromClient = Hello | Subscribe | Unsubscribe | Ack | Fired | Clock | Refresh | Control | Prefer

FROM_CLIENT: Codec[FromClient] = Codec(FromClient, FRAME_BYTES_MAX)
