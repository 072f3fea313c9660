"""What fits on a watch: messages of at most WATCH_BYTES_MAX, made of a lane and of a row. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_views import LaneView
from hub.wire.live_watch import (
    NAME_BYTES_MAX,
    WATCH_BYTES_MAX,
    WatchCue,
    WatchCues,
    WatchNumbers,
    WatchSync,
)

_COLUMN = {name: i for i, name in enumerate(ROW_FIELDS)}
_ENCODE = msgspec.json.Encoder().encode

Cell = str | float | int | None


def short(name: str) -> str:
    """At most NAME_BYTES_MAX as the message has them: whole letters, and no escapes beside them."""
    plain = "".join(letter for letter in name if letter.isprintable() and letter not in '"\\')
    while len(plain.encode()) > NAME_BYTES_MAX:
        plain = plain[:-1]
    return plain.rstrip()


def sync(lane: LaneView, now: int) -> WatchSync:
    phases = dict(enumerate(lane.phases))
    here, after = phases.get(lane.phase), phases.get(lane.phase + 1)
    return WatchSync(
        rev=lane.rev,
        hub_ms=now,
        status=lane.status,
        name="" if here is None else short(here.name),
        begins_at_ms=None if here is None else here.begins_at_ms,
        ends_at_ms=None if here is None else here.ends_at_ms,
        next="" if after is None else short(after.name),
    )


def cues(lane: LaneView) -> WatchCues:
    """As many as fit: countdowns are short, so three to eight."""
    made = [WatchCue(cue.i, cue.kind, cue.at_ms, short(cue.name)) for cue in lane.cues]
    room = WATCH_BYTES_MAX - len(_ENCODE(WatchCues(lane.rev, (), False)))
    count = 0
    for cue in made:
        room -= len(_ENCODE(cue)) + 1
        if room < 0:
            break
        count += 1
    return WatchCues(lane.rev, tuple(made[:count]), more=count < len(made))


def numbers(row: Sequence[Cell], n: int) -> WatchNumbers:
    """`row` as hub.wire.live_rows has it, of the wearer."""

    def cell(name: str) -> Cell:
        return row[_COLUMN[name]]

    quality = cell("heart_rate_bpm.q")
    at_ms = [cell(f"{name}.at_ms") for name in ("heart_rate_bpm", "power_w", "cadence_rpm")]
    return msgspec.convert(
        {
            "t": "hr",
            "n": n,
            "at_ms": next((one for one in at_ms if one), 0),
            "q": QUALITIES[int(quality or 0)],
            "bpm": cell("heart_rate_bpm"),
            "zone": cell("heart_rate_zone"),
            "power_w": cell("power_w"),
            "cadence_rpm": cell("cadence_rpm"),
            "low": cell("target_low"),
            "high": cell("target_high"),
            "dimension": cell("target_dimension"),
        },
        WatchNumbers,
        strict=False,
    )
