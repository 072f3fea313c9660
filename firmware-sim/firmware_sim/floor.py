"""Where riders and radios are in a room, in metres, and what the way between them costs. Pure."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

ROOM_M_MAX = 200.0

Metres = Annotated[float, Meta(ge=-ROOM_M_MAX, le=ROOM_M_MAX)]
Point = tuple[Metres, Metres]

# A sensor's level is what a radio within arm's length hears; from there on, free space: 20 dB for
# ten times the way. People and bicycles in between cost more; that is what faults are for.
NEAR_M = 1.0
DECADE_DB = 20.0
# Two radios of one computer hang on cables: they hear a sensor differently well.
BESIDE_M = 2.0


def loss_db(a: Point | None, b: Point | None) -> int:
    """0 where either place is not known: everything is near."""
    if a is None or b is None:
        return 0
    return round(DECADE_DB * math.log10(max(math.dist(a, b), NEAR_M) / NEAR_M))


def radio_at(spot: Point, number: int) -> Point:
    """The place of a spot's radio; they are counted from 0."""
    return spot[0] + number * BESIDE_M, spot[1]
