"""A bike that is taken: what may be done about it, and what is told. Pure, as a table."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hub.core.errors import Conflict


class Way(StrEnum):
    """What stands open to somebody who wants a bike that another sits on."""

    SWAP = "swap"  # at once: this login may move the other
    ASK = "ask"  # the other is asked, and decides


class Verdict(NamedTuple):
    """`done`: carry it out. `way`: what may be chosen, or, with `asked`, is under way."""

    done: bool
    asked: bool
    way: Way


# (may move the other, wants to swap) -> what happens. Nobody is moved unasked by a fellow rider.
CONFLICT: dict[tuple[bool, bool], Verdict] = {
    (True, False): Verdict(done=False, asked=False, way=Way.SWAP),
    (True, True): Verdict(done=True, asked=False, way=Way.SWAP),
    (False, False): Verdict(done=False, asked=False, way=Way.ASK),
    (False, True): Verdict(done=False, asked=True, way=Way.ASK),
}

REMEDY = {
    Way.SWAP: "swap, or choose another",
    Way.ASK: "ask to swap, or choose another",
}


class BikeTaken(Conflict):
    """`way` says what the caller may do; who sits there is not told."""

    code = "taken"

    def __init__(self, way: Way) -> None:
        super().__init__("This bike is taken", remedy=REMEDY[way])
        self.way = way
