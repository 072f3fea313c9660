"""The way to the hub as the uplink sees it: one connection after another, frames without waiting.

Implementations: `uplink_zmq` (TCP with CURVE) and `uplink_ws` (WebSocket). tests/contract holds
both to one suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

UNKNOWN_KEY = (
    "this hub does not know this key: on the hub run `derny gateway add NAME` and bring the file"
    " it writes here"
)
WRONG_HUB = "the far side is no Derny hub, or not the one that this key was made for"


class UplinkError(ValueError):
    """The hub's address is none that can be connected to."""


class Fate(Enum):
    LOST = "lost"  # a connection that stood broke; the line connects again by itself
    TURNED_AWAY = "turned_away"  # this key does not come in: to be closed, and opened later
    FAILING = "failing"  # no connection came about, for a reason that people can mend; it tries on


@dataclass(frozen=True, slots=True)
class News:
    """What became of the connection. `code` is short and stable, `detail` for people."""

    fate: Fate
    code: str = ""
    detail: str = ""


class Line(Protocol):
    """From `open` to `close` it keeps trying to have a connection.

    `wake` is called in the loop, now and then for nothing, when there may be news, a frame to
    receive, or room for one to send. After `close` nothing of the old connection is heard again.
    """

    def open(self, wake: Callable[[], None]) -> None:
        """Raises UplinkError for an address that cannot be."""

    def close(self) -> None:
        """At once; what it still holds is worth nothing."""

    async def end(self) -> None:
        """For good: what was sent may still leave, for a tenth of a second."""

    def news(self) -> News | None:
        """The next that has not been told yet."""

    def receive(self) -> bytes | None:
        """The next frame, if one is there."""

    def waiting(self) -> bool:
        """Whether there is news or a frame."""

    def takes(self) -> bool:
        """Whether a connection stands that takes a frame now."""

    def send(self, frame: bytes) -> bool:
        """False: not now after all."""
