"""Hub -> watch: what a session tells a client that can take WATCH_BYTES_MAX at a time.

A watch subscribes to a session with the profile `watch` and gets these instead of snapshots, events
and rows: each whole, none of them needed twice. It fires cues by its own clock, link or no link.
"""

from __future__ import annotations

import msgspec

from hub.wire.values import CueKind, Quality

WATCH_BYTES_MAX = 512  # what a Bluetooth or phone bridge to a watch carries in one piece
NAME_BYTES_MAX = 16
CUES_AT_LEAST = 3  # that fit, whatever their names


class WatchSync(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="sync"):
    """Where the lane stands. After every change, when a phase begins, and every 10 s."""

    rev: int
    hub_ms: int
    status: str  # as of LaneView
    name: str = ""  # of the phase under way
    begins_at_ms: int | None = None
    ends_at_ms: int | None = None  # None: it does not end by time
    next: str = ""


class WatchCue(msgspec.Struct, frozen=True, array_like=True):
    i: int
    kind: CueKind
    at_ms: int
    name: str


class WatchCues(msgspec.Struct, frozen=True, tag_field="t", tag="cues"):
    """The next cues, soonest first, as many as fit. They replace all those of a lower `rev`."""

    rev: int
    cues: tuple[WatchCue, ...]
    more: bool  # the rest comes when these have passed


class WatchNumbers(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="hr"):
    """The wearer's own numbers, once a second while they change; acknowledged by `n`."""

    n: int
    at_ms: int  # of the heart rate; the newest of the others where there is none
    q: Quality  # of the heart rate
    bpm: int | None = None
    zone: int | None = None
    power_w: int | None = None
    cadence_rpm: float | None = None
    low: float | None = None  # what is asked of the wearer now
    high: float | None = None
    dimension: str | None = None
