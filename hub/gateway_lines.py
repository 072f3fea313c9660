"""Gateways that come over another transport than ZeroMQ: one line each, its key already proven.

Beside `GatewaySocket` and like it: frames in with the key's gateway, frames out without waiting.
Unlike a ROUTER's, such a connection can be ended, and is, once it is no gateway's any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from hub.gateway_socket import Take

# As long as a routing id of ours on ZeroMQ, and as random: nobody there can take one of these.
PEER_BYTES = 16


class Line(Protocol):
    """One connection."""

    def send(self, frame: bytes) -> str:
        """Hands a frame over: "", or why not: "stalled"."""

    def end(self) -> None:
        """What was sent may still leave."""


class GatewayLines:
    """As of `GatewaySocket`: `knows`, `take`, `refused`. `lost` hears of a line that broke.

    `name_of` is asked at each Hello, so that a key that is taken away is worth nothing at once.
    """

    def __init__(
        self,
        name_of: Callable[[str], str | None],
        knows: Callable[[bytes], bool],
        take: Take,
        refused: Callable[[bytes], None],
        lost: Callable[[bytes], None],
    ) -> None:
        self._name_of = name_of
        self._knows = knows
        self._take = take
        self._refused = refused
        self._lost = lost
        self._lines: dict[bytes, Line] = {}
        self._keys: dict[bytes, str] = {}
        self._greeted: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, peer: bytes) -> bool:
        return peer in self._lines

    def open(self, line: Line, key: str) -> bytes:
        """A line whose gateway has proven this public key; its peer."""
        peer = secrets.token_bytes(PEER_BYTES)
        self._lines[peer] = line
        self._keys[peer] = key
        return peer

    def heard(self, peer: bytes, frame: bytes) -> bool:
        """Takes a frame; whether the line is a gateway's connection now. If not, it has ended."""
        if peer not in self._lines:
            return False
        known = self._knows(peer)
        name = None if known else self._name_of(self._keys[peer])
        if known or name is not None:
            self._take(peer, frame, name)
        else:
            self._refused(peer)
        if self._knows(peer):
            self._greeted.add(peer)
            return True
        self._end(peer)
        return False

    def gone(self, peer: bytes) -> None:
        """The line broke."""
        if self._drop(peer) is not None:
            self._lost(peer)

    def send(self, peer: bytes, frame: bytes) -> str:
        """As `GatewaySocket.send`."""
        line = self._lines.get(peer)
        return "unreachable" if line is None else line.send(frame)

    def sweep(self) -> None:
        """Ends the lines of gateways that fell silent, were replaced or lost their key."""
        for peer in [peer for peer in self._greeted if not self._knows(peer)]:
            self._end(peer)

    def close(self) -> None:
        for peer in list(self._lines):
            self._end(peer)

    def _end(self, peer: bytes) -> None:
        line = self._drop(peer)
        if line is not None:
            line.end()

    def _drop(self, peer: bytes) -> Line | None:
        self._greeted.discard(peer)
        self._keys.pop(peer, None)
        return self._lines.pop(peer, None)
