"""Hub -> client: the messages of `/live`, tagged by `t`."""

from __future__ import annotations

import msgspec

from hub.wire.codec import Codec
from hub.wire.live_events import EventBody
from hub.wire.live_views import CoachView, SeatsView, SensorsView, SessionView, WatcherView
from hub.wire.live_watch import WatchCues, WatchNumbers, WatchSync
from hub.wire.values import Quality

# A class of 200, each in a lane of their own, is about 1 MB as a snapshot.
FRAME_BYTES_MAX = 4 * 1024 * 1024


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    v: int
    hub_ms: int
    build: str
    role: str
    athlete: str  # the viewer's own athlete id; "" for a display
    expires_at_ms: int  # GRACE_MS later the connection ends, unless it is refreshed


class Refreshed(msgspec.Struct, frozen=True, tag_field="t", tag="refreshed"):
    """The connection goes on until then."""

    expires_at_ms: int


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


class Presence(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="presence"):
    """Who else looks at the session: whole, when it has changed, at most once a second.

    `watchers`: who sees the viewer's own numbers, the first fifty of `watching` devices.
    """

    channel: str
    at_ms: int
    coach: CoachView | None = None  # none: everybody is their own
    watchers: tuple[WatcherView, ...] = ()
    watching: int = 0


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
    | Refreshed
    | Fields
    | State
    | Event
    | Snapshot
    | SensorsState
    | SeatsState
    | Presence
    | WatchSync
    | WatchCues
    | WatchNumbers
    | Gap
    | ClockReply
    | Reply
    | Error
    | Bye
)

TO_CLIENT: Codec[ToClient] = Codec(ToClient, FRAME_BYTES_MAX)
